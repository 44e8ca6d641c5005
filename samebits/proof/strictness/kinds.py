"""What a stage may read that no file declares: each kind, and how a run is put where it is otherwise."""

import glob
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from samebits.proof.running import host, system
from samebits.proof.running.surroundings import Surroundings

HOST, USER = "elsewhere", "daemon"
FAKETIME = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")
# Where programs that a user installed lie in HOME: they are the environment, whatever HOME is
INSTALLED = {
    "PYTHONUSERBASE": ".local",
    "PYENV_ROOT": ".pyenv",
    "POETRY_CACHE_DIR": ".cache/pypoetry",
    "WORKON_HOME": ".local/share/virtualenvs",
    "UV_CACHE_DIR": ".cache/uv",
    "UV_PYTHON_INSTALL_DIR": ".local/share/uv/python",
    "CONDA_ENVS_PATH": ".conda/envs",
    "PIXI_HOME": ".pixi",
    "ASDF_DATA_DIR": ".asdf",
    "MISE_DATA_DIR": ".local/share/mise",
    "R_LIBS_USER": "R/%p-library/%v",
    "RENV_PATHS_ROOT": ".cache/R/renv",
    "JULIA_DEPOT_PATH": ".julia",
    "CARGO_HOME": ".cargo",
    "RUSTUP_HOME": ".rustup",
}
CACHES = (".cache/pip", ".cache/uv", ".conda/pkgs", ".cache/pypoetry", "micromamba/pkgs")
TUNING = ("OMP_*", "OPENBLAS_*", "MKL_*")
ZONES = ("Pacific/Kiritimati", "Etc/GMT+12")  # at any time, one of them has another date than here


def all_kinds(env: Mapping[str, str], pass_env: Sequence[str], home: Path) -> Iterator[Surroundings]:
    """What is varied, on a system that can do all of it. env: the usual environment. home: an empty folder."""
    if system.can_isolate():
        yield Surroundings("HOME", _installed(env), hidden=homes(env))
        yield Surroundings("the path of HOME", {"HOME": tempfile.gettempdir()})
    else:  # in a view, the folder for temporary files is empty from the start
        yield Surroundings("HOME", {**_installed(env), **_no_home(env, home)}, hidden=[_home(env)])
        variables = dict.fromkeys(host.TEMPORARY_VARIABLES, str(home))
        yield Surroundings("the folder for temporary files", variables, hidden=host.temporary_folders())
    yield Surroundings("the time zone", {"TZ": _other_zone()})
    yield Surroundings("the locale", {"LC_ALL": _other_locale(env), "LANGUAGE": None})
    yield _other_user()
    yield Surroundings("the host's name", host=HOST)
    yield Surroundings("the path of the folder", moved=True)
    yield Surroundings("the times of files", aged=True)
    yield Surroundings("the order of a folder's entries", reordered=True)
    if (cpus := len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1) > 1:
        yield Surroundings("the number of CPUs", cpus=cpus - 1)
    yield Surroundings("the process's id", processes=7)
    yield Surroundings("the umask", umask=0o027)
    for name, value in {"TERM": "vt100", "SHELL": "/bin/false"}.items():
        yield Surroundings(f"the variable {name}", {name: value})
    for name in sorted(env):
        if any(fnmatchcase(name, each) for each in (*TUNING, *pass_env)):
            yield Surroundings(f"the variable {name}", {name: None})
    if library := next((path for pattern in FAKETIME for path in glob.glob(pattern)), None):
        yield Surroundings("the clock", faked(library, "+400d"))


def homes(env: Mapping[str, str]) -> list[Path]:
    """The homes of users, by whatever path a stage finds them."""
    found = [_home(env), Path("/root"), Path("/home")]
    if os.name == "posix":
        import pwd

        with suppress(KeyError):
            found.append(Path(pwd.getpwuid(os.getuid()).pw_dir))
    paths = {path.resolve() for path in found if path.is_dir()}
    return sorted(path for path in paths if path != Path("/"))


def faked(library: str, clock: str) -> dict[str, str | None]:
    """The variables with which programs see another clock, by the library of faketime."""
    return {"LD_PRELOAD": library, "FAKETIME": clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}


def possible(kind: Surroundings) -> bool:
    """Whether this system can do it."""
    return not kind.needs_system or system.can_isolate()


def caches(env: Mapping[str, str]) -> list[Path]:
    """Where programs that set up an environment keep what they downloaded."""
    return [path for name in CACHES if (path := _home(env) / name).is_dir()]


def _installed(env: Mapping[str, str]) -> dict[str, str | None]:
    """Variables that name what a user installed in HOME."""
    found: dict[str, str | None] = {
        name: str(_home(env) / folder)
        for name, folder in INSTALLED.items()
        if name not in env and (_home(env) / folder.partition("/%")[0]).is_dir()
    }
    return {**dict.fromkeys(name for name in env if name.startswith("XDG_")), **found}


def _no_home(env: Mapping[str, str], home: Path) -> dict[str, str | None]:
    windows = ("USERPROFILE", "APPDATA", "LOCALAPPDATA") if os.name == "nt" else ()
    return dict.fromkeys(("HOME", *windows), str(home))


def _home(env: Mapping[str, str]) -> Path:
    return Path(env.get("HOME") or env.get("USERPROFILE") or os.path.expanduser("~"))


def _other_zone() -> str:
    """A time zone in which it is another day."""
    now = time.time()
    east = time.gmtime(now + 14 * 3600)[:3] != time.localtime(now)[:3]
    name, posix = (ZONES[0], "XXX-14") if east else (ZONES[1], "XXX+12")
    return name if Path("/usr/share/zoneinfo", name).exists() else posix


def _other_locale(env: Mapping[str, str]) -> str:
    """A locale that is installed, of another language if there is one."""
    if os.name == "nt":
        return "tr_TR.UTF-8"
    names: list[str] = []
    now = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or "C"
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(["locale", "-a"], env=dict(env), capture_output=True, timeout=60, check=True)
        names = done.stdout.decode(errors="replace").split()
    others = [each for each in names if each[:2].islower() and each[:2] != now[:2]]
    return others[0] if others else "C.UTF-8" if now in ("C", "POSIX") else "C"


def _other_user() -> Surroundings:
    names = {"USER": USER, "LOGNAME": USER, "USERNAME": USER}
    if os.name == "nt":
        return Surroundings("the user's name", names)
    import pwd

    try:
        found = pwd.getpwnam(USER)
    except KeyError:
        found = pwd.struct_passwd((USER, "", 1, 1, "", "", ""))
    return Surroundings("the user's name", names, user=found.pw_uid, group=found.pw_gid)
