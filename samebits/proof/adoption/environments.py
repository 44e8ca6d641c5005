"""The environments of their own in which commands run, and what makes them."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from samebits.proof.adoption.clue import Code

# The files of a project, and what makes its environment in their folder
PROJECTS = {
    "uv run": ("uv.lock", "uv sync --frozen", "--project"),
    "poetry run": ("poetry.lock", "poetry install", "-C"),
    "pdm run": ("pdm.lock", "pdm sync", "-p"),
    "pixi run": ("pixi.lock", "pixi install --frozen", "--manifest-path"),
}


def used(codes: Mapping[str, Code]) -> dict[tuple[str, str, Path], list[str]]:
    """The stages that run in each environment. codes: by the name of the stage."""
    found: dict[tuple[str, str, Path], list[str]] = {}
    for stage, code in codes.items():
        for each in code.environments:
            found.setdefault(each, []).append(stage)
    return found


def made_by(root: Path, tracked: Sequence[str], runner: str, name: str, folder: Path) -> list[str]:
    """The commands that make an environment; none where no file says what is in it.

    name: of it, as the command names it. folder: where the command runs.
    """
    if runner in PROJECTS:
        file, command, option = PROJECTS[runner]
        start = Path(os.path.normpath(folder / name)) if runner == "uv run" else folder
        for around in (start, *start.parents):
            inner = Path(os.path.relpath(around, root)).as_posix()
            if PurePosixPath(inner, file).as_posix() in tracked:
                return [command if inner == "." else f"{command} {option} {shlex.quote(inner)}"]
            if around == root:
                break
    if runner.endswith(("conda run", "mamba run")) and name:
        program = runner.partition(" ")[0]
        for path in tracked:
            if fnmatchcase(PurePosixPath(path).name, "*.y*ml") and _is_of_conda(root / path, name):
                prefix = f" --prefix {shlex.quote(name)}" if "/" in name else ""
                return [f"{program} env create --quiet{prefix} --file {shlex.quote(path)}"]
    return []


def _is_of_conda(file: Path, name: str) -> bool:
    """Whether a file describes the environment of conda with a name; a prefix is of any."""
    text = file.read_bytes().decode(errors="replace") if os.path.isfile(file) and file.stat().st_size < 2**20 else ""
    named = re.search(rf"^name:\s*[\"']?{re.escape(name)}[\"']?\s*$", text, re.MULTILINE) or "/" in name
    return "dependencies:" in text and bool(named)
