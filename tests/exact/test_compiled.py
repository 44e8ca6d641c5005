"""Moments by compiled C are those through numpy, bit for bit, whatever the table."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samebits import exact
from samebits.exact import compiled, slices, triangle
from samebits.exact.compiled import __main__ as compiler
from samebits.exact.moments import Moments
from tests import definitions

pytestmark = pytest.mark.skipif(compiled.library() is None, reason="no compiler made the library, or no AVX2 here")

PLANES = compiled.LIBRARY.with_suffix(".c")
LANES = sorted({4, compiled.lanes()} - {0})
Generator = np.random.Generator
TABLES: dict[str, Callable[[Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda random, shape: random.normal(size=shape),
    "counts": lambda random, shape: random.integers(0, 1000, shape).astype(float),
    "long integers": lambda random, shape: random.integers(-(2**53), 2**53, shape).astype(float),
    "decimals": lambda random, shape: random.normal(size=shape).round(2),
    "one-hot": lambda random, shape: (
        random.integers(0, max(1, shape[1]), (shape[0], 1)) == np.arange(shape[1])
    ).astype(float),
    "scales of columns": lambda random, shape: random.normal(size=shape) * 10.0 ** random.integers(-12, 13, shape[1]),
    "scales of rows": lambda random, shape: random.normal(size=shape) * 10.0 ** random.integers(-12, 13, (shape[0], 1)),
    "heavy tails": lambda random, shape: random.standard_cauchy(shape) ** 3,
    "subnormal": lambda random, shape: random.integers(-(2**40), 2**40, shape) * 5e-324,
    "a few subnormal": lambda random, shape: np.where(random.random(shape) < 0.01, 5e-324, random.normal(size=shape)),
    "huge": lambda random, shape: random.normal(size=shape) * 1e307,
    "huge and tiny": lambda random, shape: random.normal(size=shape) * random.choice([1e300, 1e-300, 1], shape),
    "zeros": lambda random, shape: random.choice([0.0, -0.0], shape),
    "float32": lambda random, shape: random.normal(size=shape).astype(np.float32),
    "int64": lambda random, shape: random.integers(-(2**62), 2**62, shape),
    "int32": lambda random, shape: random.integers(-(2**31), 2**31, shape, dtype=np.int32),
    "powers of two": lambda random, shape: np.ldexp(1.0, random.integers(-60, 60, shape)),
}


def wide(X: np.ndarray) -> np.ndarray:
    """Every second column of a larger table."""
    Z = np.zeros((len(X), 2 * X.shape[1] + 1), X.dtype)
    Z[:, 1::2] = X
    return Z[:, 1::2]


def unaligned(X: np.ndarray) -> np.ndarray:
    raw = np.zeros(X.nbytes + 1, np.uint8)[1:]
    Z = np.ndarray(X.shape, X.dtype, raw.data)
    Z[...] = X
    return Z


LAYOUTS: list[Callable[[np.ndarray], np.ndarray]] = [
    np.ascontiguousarray,
    np.asfortranarray,
    wide,
    unaligned,
    lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
]


def by_numpy(X: np.ndarray, y: np.ndarray) -> Moments:
    with mock.patch.object(compiled, "library", return_value=None):
        return Moments.of(np.array(X, dtype=np.float64), np.array(y, dtype=np.float64))


@given(
    st.sampled_from(list(TABLES)),
    st.sampled_from(list(TABLES)),
    st.sampled_from(LAYOUTS),
    st.sampled_from([33, 40, 511, 512, 513, 700, 1500]),
    st.integers(0, 14),
    st.integers(1, 3),
    st.sampled_from(LANES),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=300, deadline=None)
def test_both_kernels_give_the_same_moments(
    kind: str,
    other: str,
    layout: Callable[[np.ndarray], np.ndarray],
    n: int,
    p: int,
    threads: int,
    lanes: int,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        X, y = layout(TABLES[kind](random, (n, p))), TABLES[other](random, (n, 1))[:, 0]
    if np.isfinite(X).all() and np.isfinite(y).all():
        with mock.patch.object(slices, "SHORT", 0), mock.patch.object(compiled, "lanes", return_value=lanes):
            assert Moments.of(X, y, threads) == by_numpy(X, y)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(
    "kind", ["normal", "counts", "decimals", "one-hot", "heavy tails", "float32", "int64", "mixed"]
)
def test_many_columns_of_different_slices(kind: str, lanes: int) -> None:
    random = np.random.default_rng(0)
    n, p = 600, 60
    X = TABLES.get(kind, TABLES["normal"])(random, (n, p))
    if kind == "mixed":
        X[:, ::3], X[:, 1::3] = TABLES["counts"](random, (n, 20)), TABLES["float32"](random, (n, 20))
    y = random.normal(size=n)
    with mock.patch.object(compiled, "lanes", return_value=lanes):
        assert Moments.of(X, y) == by_numpy(X, y)


def test_the_compiled_kernel_computes() -> None:
    assert exact.kernel() == "planes"
    X = np.random.default_rng(0).normal(size=(100, 2))
    with mock.patch.object(slices, "_through_blas", side_effect=AssertionError):
        assert Moments.of(X, X[:, 0]).rows == 100


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 333])
def test_values_that_are_not_finite_are_refused(value: float, row: int) -> None:
    X = np.random.default_rng(0).normal(size=(1000, 3))
    X[row, 1] = value
    with pytest.raises(ValueError, match="finite"):
        Moments.of(X, X[:, 0])


@pytest.mark.parametrize("signs", [(1, 1), (1, -1)])
def test_the_largest_slices_of_the_most_rows_sum_exactly(signs: tuple[int, int]) -> None:
    largest = slices.LIMIT * (1 + 2.0**-slices.BITS - 2.0 ** (-2 * slices.BITS))  # t and m are 2^22, t + m is 2^23
    n = compiled.MOST_ROWS + 1
    X, y = np.full((n, 1), signs[0] * largest), np.full(n, signs[1] * largest)
    grid = slices.Grid(np.array([slices.BITS - 1] * 2), np.array([3, 3]))
    integers, exponent, left_out = slices.products(X, y, grid, 1)
    expected = definitions.moments(X[:1], y[:1])
    assert not left_out.size
    assert [[each * Fraction(2) ** exponent for each in row] for row in triangle.full(integers).tolist()] == [
        [n * each for each in row] for row in expected
    ]


def test_the_constants_keep_the_bounds_of_the_proof() -> None:
    source = PLANES.read_text() + PLANES.with_name("lanes.h").read_text()
    limit, plane = int(slices.LIMIT), 2 * int(slices.LIMIT)
    assert f"#define ROWS {compiled.ROWS}" in source
    assert f"#define LIMIT {slices.LIMIT}" in source
    assert f"#define STEP {2.0**slices.BITS}" in source
    assert compiled.ROWS // 4 * plane**2 <= 2**53  # Lane
    assert compiled.MOST_ROWS * plane**2 < 2**63  # Call
    assert compiled.MOST_ROWS % compiled.ROWS == 0
    assert 4 * 2**32 * 2**39 // compiled.MOST_ROWS < 2**62  # Together: low of 2^39 rows
    assert 3 * limit**2 <= slices.MAX_SLICES * limit**2  # Together: B


def test_without_a_compiler_numpy_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "LIBRARY", tmp_path / "planes.so")
    compiled.library.cache_clear()
    try:
        assert exact.kernel() == "numpy"
        X = np.random.default_rng(0).normal(size=(100, 2))
        assert Moments.of(X, X[:, 0]).rows == 100
    finally:
        compiled.library.cache_clear()


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sanitized")
    flags = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", *compiler.FLAGS[1:]]
    for source, its_own in compiler.SOURCES.items():
        command = ["cc", *flags, *its_own, "-o", str(folder / f"{source.stem}.so"), str(source)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no compiler with sanitizers")
    return folder


PROGRAM = """
import itertools
import sys
from pathlib import Path
import numpy as np
from samebits.exact import compiled, slices
from samebits.model import prediction
compiled.LIBRARY, prediction.LIBRARY = (Path(sys.argv[1], name) for name in ("planes.so", "dots.so"))
assert compiled.library() and prediction.library()
slices.SHORT = 0
random = np.random.default_rng(0)
for n, lanes in itertools.product((33, 511, 512, 513, 1000), {compiled.lanes(), 4}):
    compiled.lanes = lambda: lanes
    for p in (0, 1, 3, 4, 9, 55):
        for kind in (np.float64, np.float32, np.int64, np.int32):
            X = (random.normal(size=(n, p)) * 2.0 ** random.integers(0, 40)).clip(-2e9, 2e9).astype(kind)
            grid = slices.Grid.of(X, y := random.normal(size=n))
            slices.products(X, y, grid, 2)
            slices.products(np.full((n, p), 1e300), y, grid, 1)
            prediction.predict(X.astype(float), np.ones(p), 1.0)
            prediction.predict(np.asfortranarray(X, dtype=float)[::2, ::-1], np.ones(p), 1.0)
print("done")
"""


def test_sanitizers_find_nothing(sanitized: Path) -> None:
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    environment = {
        "LD_PRELOAD": runtime.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONPATH": ":".join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(sanitized)], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-2000:]
