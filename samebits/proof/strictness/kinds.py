"""What a stage may read that no file declares: each kind, and how a run is put where it is otherwise."""

import functools
import glob
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from samebits.proof.running import system

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
TEMPORARY = ("TMPDIR", "TEMP", "TMP")
OPEN_TO_ALL = ("/tmp", "/var/tmp")  # noqa: S108 - what lies there is hidden
TUNING = ("OMP_*", "OPENBLAS_*", "MKL_*")
ZONES = ("Pacific/Kiritimati", "Etc/GMT+12")  # at any time, one of them has another date than here


@dataclass(frozen=True)
class Surroundings:
    """How the surroundings of a run are other than the usual ones.

    name: of the hidden input that it shows. variables: of the environment; None is without. unshare, launcher: options
    of system.run. moved: the tree stands at another path. aged: its files have another time. reordered: entries of its
    folders come in another order. hidden: folders of this machine of which nothing is there.
    """

    name: str = ""
    variables: Mapping[str, str | None] = field(default_factory=dict)
    unshare: Sequence[str] = ()
    launcher: Sequence[str] = ()
    moved: bool = False
    aged: bool = False
    reordered: bool = False
    hidden: Sequence[Path] = ()

    def applied(self, env: Mapping[str, str]) -> dict[str, str]:
        """An environment with its variables."""
        return {name: value for name, value in {**env, **self.variables}.items() if value is not None}


def together(kinds: Sequence[Surroundings]) -> Surroundings:
    """All of some surroundings at once."""
    return Surroundings(
        name=", ".join(each.name for each in kinds),
        variables={name: value for each in kinds for name, value in each.variables.items()},
        unshare=[word for each in kinds for word in each.unshare],
        launcher=[word for each in kinds for word in each.launcher],
        moved=any(each.moved for each in kinds),
        aged=any(each.aged for each in kinds),
        reordered=any(each.reordered for each in kinds),
        hidden=[path for each in kinds for path in each.hidden],
    )


def all_kinds(env: Mapping[str, str], pass_env: Sequence[str], home: Path) -> Iterator[Surroundings]:
    """What is varied, on a system that can do all of it. env: the usual environment. home: an empty folder."""
    yield Surroundings("HOME", _of_home(env, home), hidden=[_home(env)])
    yield _temporary(home)
    yield Surroundings("the time zone", {"TZ": _other_zone()})
    yield Surroundings("the locale", {"LC_ALL": _other_locale(env), "LANGUAGE": None})
    user = {"USER": USER, "LOGNAME": USER, "USERNAME": USER}
    yield Surroundings("the user's name", user, unshare=_other_user())
    yield Surroundings("the host's name", {}, unshare=["--uts"], launcher=["--host", HOST])
    yield Surroundings("the path of the folder", moved=True)
    yield Surroundings("the times of files", aged=True)
    yield Surroundings("the order of a folder's entries", reordered=True)
    if (cpus := len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1) > 1:
        yield Surroundings("the number of CPUs", launcher=["--cpus", str(cpus - 1)])
    yield Surroundings("the process's id", launcher=["--processes", "7"])
    yield Surroundings("the umask", launcher=["--umask", "027"])
    for name, value in {"TERM": "vt100", "SHELL": "/bin/false"}.items():
        yield Surroundings(f"the variable {name}", {name: value})
    for name in sorted(env):
        if any(fnmatchcase(name, each) for each in (*TUNING, *pass_env)):
            yield Surroundings(f"the variable {name}", {name: None})
    if library := next((path for pattern in FAKETIME for path in glob.glob(pattern)), None):
        yield Surroundings("the clock", faked(library, "+400d"))


def faked(library: str, clock: str) -> dict[str, str | None]:
    """The variables with which programs see another clock, by the library of faketime."""
    return {"LD_PRELOAD": library, "FAKETIME": clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}


def possible(kind: Surroundings) -> bool:
    """Whether this system can do it."""
    needs = bool(kind.reordered or kind.unshare or "--empty" in kind.launcher)
    if needs and not system.has_own_processes():
        return False
    return _tried(tuple(kind.unshare), tuple(kind.launcher), kind.reordered) if needs or kind.launcher else True


@functools.cache
def _tried(unshare: Sequence[str], launcher: Sequence[str], reordered: bool) -> bool:
    """Whether a program runs with these options of system.run, and in a folder whose entries are reordered."""
    keep = kept({"": sys.executable, "PATH": sys.prefix})
    with tempfile.TemporaryDirectory(prefix="samebits-") as name:
        folder = Path(name).resolve() / "tried"
        folder.mkdir()
        words = [*launcher, *(["--reorder", str(folder)] if reordered else [])]
        words += [word for path in (str(folder), *keep) for word in ("--keep", path)]
        python = [sys.executable, "-I", "-S", "-c", ""]
        return system.run(python, folder, os.environ, network=True, unshare=unshare, launcher=words).reason is None


def without_system(kind: Surroundings) -> Surroundings | None:
    """What is left of it on a system that cannot do all of it: its variables, if it has any."""
    if not kind.variables:
        return None
    return Surroundings(kind.name, kind.variables, hidden=kind.hidden)


def kept(env: Mapping[str, str]) -> list[str]:
    """Paths that variables name: programs, environments, settings; of a folder of programs, all that it stands in."""
    values = [value for name, value in env.items() if name not in TEMPORARY]
    paths = {part for value in values for part in value.split(os.pathsep) if os.path.isabs(part)}
    parents = {os.path.dirname(path) if os.path.basename(path) == "bin" else path for path in paths}
    return sorted(path for path in parents if os.path.exists(path))


def _of_home(env: Mapping[str, str], home: Path) -> dict[str, str | None]:
    before = _home(env)
    installed = {
        name: str(before / folder)
        for name, folder in INSTALLED.items()
        if name not in env and (before / folder.partition("/%")[0]).is_dir()
    }
    xdg: dict[str, str | None] = {name: None for name in env if name.startswith("XDG_")}
    windows = ("USERPROFILE", "APPDATA", "LOCALAPPDATA") if os.name == "nt" else ()
    return {**xdg, **installed, **dict.fromkeys(("HOME", *windows), str(home))}


def _home(env: Mapping[str, str]) -> Path:
    return Path(env.get("HOME") or env.get("USERPROFILE") or os.path.expanduser("~"))


def _temporary(home: Path) -> Surroundings:
    """An empty folder for temporary files."""
    folders = sorted({Path(each).resolve() for each in (*OPEN_TO_ALL, tempfile.gettempdir()) if Path(each).is_dir()})
    name = "the folder for temporary files"
    if system.has_own_processes():
        words = [word for each in folders for word in ("--empty", str(each))]
        return Surroundings(name, launcher=words, hidden=folders)
    return Surroundings(name, dict.fromkeys(TEMPORARY, str(home)), hidden=folders)


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
    now = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or "C"
    done = system.run(["locale", "-a"], Path.cwd(), env, network=True, timeout=60)
    names = done.output.split() if done.reason is None else []
    others = [each for each in names if each[:2].islower() and each[:2] != now[:2]]
    return others[0] if others else "C.UTF-8" if now in ("C", "POSIX") else "C"


def _other_user() -> list[str]:
    if os.name == "nt":
        return []
    import pwd

    try:
        found = pwd.getpwnam(USER)
    except KeyError:
        found = pwd.struct_passwd((USER, "", 1, 1, "", "", ""))
    return [f"--map-user={found.pw_uid}", f"--map-group={found.pw_gid}"]
