"""What the code of a stage tells as text, never run: that it needs a network or a variable, that it draws numbers."""

import json
import os
import re
import shlex
from contextlib import suppress
from pathlib import Path

from samebits.proof.adoption import python, shell
from samebits.proof.adoption.clue import Clue, Code
from samebits.proof.repository.stages import Stage

MOST_FILES, MOST_BYTES = 300, 2**20
SCRIPTS = (".py", ".ipynb", ".sh", ".bash", ".r", ".jl", ".ps1")
# Commands that are there to use a network
ONLINE = re.compile(
    r"(?<![\w./-])(curl|wget|gsutil|gdown|kaggle|scp|ssh|git (?:clone|pull|fetch|push)|aws s3|gcloud|az storage|"
    r"dvc (?:get|get-url|import|import-url|pull|fetch|push|update)|docker (?:pull|run|build)|apt-get|"
    r"(?:pip|npm|conda|uv pip) install|huggingface-cli|hf download|ollama)\b(?!\.\w)"
)


def read(stage: Stage, root: Path) -> Code:
    """Read what a stage runs: its commands, the scripts that they name, and what these import of the repository."""
    code = Code()
    found: list[tuple[Path, list[Path], bool]] = []  # with where its imports are, and whether the stage runs it
    for command in stage.commands:
        _command(command, stage.file, None, code)
        words = _words(command)
        for each in shell.started(command):
            code.programs += [each.needed] if each.needed not in code.programs else []
            if each.runner:
                code.environments.append((each.runner, each.environment or each.named, stage.wdir))
            if each.fetches:
                code.clues.append(Clue("network", each.fetches, stage.file))
        elsewhere = "cd" in words or bool(code.environments)
        for program, before, word in zip(["", "", *words], ["", *words], words, strict=False):
            where = python.module(word, [stage.wdir, root / "src"]) if before == "-m" else [stage.wdir / word]
            if before == "-m" and not where and program.startswith("python") and not elsewhere:
                code.imports.add(word)
            found += [(each, [each.parent, stage.wdir, root, root / "src"], True) for each in where]
    found += [(root / dep.path, [stage.wdir, root, root / "src"], True) for dep in stage.deps if dep.here]
    seen: set[Path] = set()
    while found and len(seen) < MOST_FILES:
        file, folders, runs = found.pop(0)
        if not os.path.isfile(file):  # nor where no file can have such a name
            continue
        file = file.resolve()
        if file in seen or not _is_code(file, root):
            continue
        seen.add(file)
        text = file.read_bytes().decode(errors="replace")
        name = os.path.relpath(file, root)
        if file.suffix == ".py":
            found += [(each, folders, False) for each in python.read(text, name, file, folders, code, inner=runs)]
        elif file.suffix == ".ipynb":
            cells = _cells(text)
            found += [(each, folders, False) for each in python.read(cells, name, file, folders, code, lines=False)]
            for line in re.findall(r"^\s*[!%](.*)", cells, re.MULTILINE):
                _command(line, name, None, code)
        else:
            for number, line in enumerate(text.splitlines(), 1):
                _command(line.partition("#")[0], name, number, code)
    return code


def _is_code(file: Path, root: Path) -> bool:
    try:
        return (
            file.suffix.lower() in SCRIPTS and file.is_relative_to(root.resolve()) and file.stat().st_size <= MOST_BYTES
        )
    except OSError:
        return False


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _cells(text: str) -> str:
    """The code of a notebook."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        cells = json.loads(text)["cells"]
        return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return ""


def _command(line: str, file: str, number: int | None, code: Code) -> None:
    """What a line of a shell tells."""
    if found := ONLINE.search(line) or python.URL.search(line):
        code.clues.append(Clue("network", f"`{found[0]}`", file, number))
