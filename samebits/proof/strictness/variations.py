"""Environments in which a run must give the same bytes: BLAS kernels, threads, features of the CPU, locales."""

import platform
from importlib.util import find_spec

# OpenBLAS's kernels, with the CPU feature without which each stops at its first instruction
KERNELS = {
    "x86_64": {
        "Prescott": "SSE3",
        "Nehalem": "SSE42",
        "Sandybridge": "AVX",
        "Haswell": "AVX2",
        "Zen": "AVX2",
        "SkylakeX": "AVX512_SKX",
    },
    "aarch64": {"ARMV8": "NEON", "CORTEXA57": "NEON", "NEOVERSEN1": "ASIMDDP", "NEOVERSEV1": "SVE"},
}
MACHINES = {"AMD64": "x86_64", "arm64": "aarch64"}
AT_LEAST = 20


def variations() -> list[dict[str, str]]:
    """Environment variables of 20 or more environments that this machine can run and that must give the same bytes."""
    cpu_features, cpu_dispatch = _features_of_cpu()
    machine = MACHINES.get(platform.machine(), platform.machine())
    kernels = [kernel for kernel, feature in KERNELS.get(machine, {}).items() if cpu_features.get(feature)]
    optional = [feature for feature in cpu_dispatch if cpu_features.get(feature)]
    found = [{"OPENBLAS_CORETYPE": kernel, "OMP_NUM_THREADS": str(threads)} for kernel in kernels for threads in (1, 2)]
    found += [{"NPY_DISABLE_CPU_FEATURES": " ".join(optional[from_:])} for from_ in (0, len(optional) // 2) if optional]
    found += [
        {name: value}
        for name, values in {
            "ATEN_CPU_CAPABILITY": ("default", "avx2"),
            "PYTHONHASHSEED": ("0", "4294967295"),
            "TZ": ("UTC", "Asia/Kathmandu"),
            "LC_ALL": ("C", "tr_TR.UTF-8"),
        }.items()
        for value in values
    ]
    more_threads = [{"OMP_NUM_THREADS": str(threads)} for threads in range(1, AT_LEAST + 1)]
    return found + more_threads[: max(1, AT_LEAST - len(found))]


def _features_of_cpu() -> tuple[dict[str, bool], list[str]]:
    """What the CPU can do, and of that what numpy may do without; nothing where numpy is not there."""
    if not find_spec("numpy"):
        return {}, []
    from numpy._core import _multiarray_umath as of_numpy  # type: ignore[attr-defined]

    return of_numpy.__cpu_features__, of_numpy.__cpu_dispatch__
