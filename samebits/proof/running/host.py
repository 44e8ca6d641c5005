"""What of this machine views show or hide: temporary folders, HOME, programs and their environments."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from samebits.proof.running.layers import Layers

TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - each stage has its own
IN_MEMORY = {"/dev/shm": 0o1777, "/run": 0o755}  # noqa: S108 - the same
TEMPORARY_VARIABLES = ("TMPDIR", "TEMP", "TMP")
OF_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")  # in a folder, they say that it is an environment
ENVIRONMENTS = ("node_modules", "renv/library", ".pixi/envs")  # others, from a root


def environments(top: Path, root: Path, layers: Layers) -> dict[str, Path]:
    """The environments that lie in a repository and not in its commit, by path from the top."""
    found = {}
    for folder in dict.fromkeys((root, top)):
        with suppress(OSError):
            paths = [each for each in folder.iterdir() if any((each / name).exists() for name in OF_ENVIRONMENTS)]
            for path in [*paths, *(folder / name for name in ENVIRONMENTS)]:
                name = path.relative_to(top).as_posix()
                if path.is_dir() and layers.find(name) is None:
                    found[name] = path.resolve()
    return found


def temporary_folders() -> list[Path]:
    """Where this machine keeps temporary files."""
    paths = {Path(each).resolve() for each in (*TEMPORARY, tempfile.gettempdir()) if os.path.isdir(each)}
    return sorted(each for each in paths if not any(each != other and each.is_relative_to(other) for other in paths))


def kept(env: Mapping[str, str]) -> list[str]:
    """Paths that variables name: programs and environments; of a folder of programs, all that it stands in."""
    values = [value for name, value in env.items() if name not in (*TEMPORARY_VARIABLES, "HOME", "PYTHONUSERBASE")]
    paths = {part for value in values for part in value.split(os.pathsep) if os.path.isabs(part)}
    folders = {os.path.dirname(path) if os.path.basename(path) == "bin" else path for path in paths}
    if base := env.get("PYTHONUSERBASE"):
        folders = folders - {base} | {os.path.join(base, "bin"), os.path.join(base, "lib")}
    return sorted({*folders, *(each for path in folders for each in _interpreters(path))})


def _interpreters(environment: str) -> Iterable[str]:
    """Where the Python of an environment is installed."""
    for name in ("python", "python3"):
        real = os.path.realpath(os.path.join(environment, "bin", name))
        if os.path.isfile(real) and os.path.basename(os.path.dirname(real)) == "bin":
            yield os.path.dirname(os.path.dirname(real))


def home_in(env: Mapping[str, str]) -> Path | None:
    """The folder that is HOME in an environment, if it is one."""
    home = env.get("HOME")
    path = Path(home).resolve() if home and os.path.isabs(home) else None
    return path if path and path.is_dir() and path != Path("/") else None


def mounted_in(folder: Path) -> list[str]:
    """Where other file systems are mounted in a folder."""
    with suppress(OSError):
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
        return [each for each in points if each.startswith(f"{folder}/")]
    return []
