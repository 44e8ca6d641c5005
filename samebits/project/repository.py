"""The files of a new DVC repository, and the programs that make it one."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from samebits import __version__, artifacts, params
from samebits.errors import UserError
from samebits.git import OF_CALLER, git
from samebits.project import pins
from samebits.project.pins import Origin
from samebits.results.plots import TEMPLATES

TEMPLATE = Path(__file__).parent / "template"
# Files that git, docker and DVC would obey here, too
NAMES = {"gitignore": ".gitignore", "dockerignore": ".dockerignore", "pipeline.yaml": "dvc.yaml"}
PINS = "requirements.txt"
PLACEHOLDER = "OWNER/samebits@" + 40 * "0"
FIRST = "A {model} regression of {target}, by samebits new"
METRIC = {"linear": "r2", "logistic": "log_loss"}  # what the gate holds


def write(folder: Path, source: Origin, python: str) -> None:
    """Write all files but the table into a folder. python: the version that runs the stages, as `3.11`."""
    known = {"PYTHON": python, "VERSION": __version__, **({PLACEHOLDER: source.action} if source.action else {})}
    for file in sorted(TEMPLATE.rglob("*")):
        if file.is_file():
            name = file.relative_to(TEMPLATE).as_posix()
            workflow = known if name.startswith(".github/") else {}
            text = _filled(file.read_text("utf-8"), workflow)
            artifacts.write_text(text, folder / NAMES.get(name, name))
    head = "# Versions that `samebits new` found in its environment. Every stage depends on them"
    artifacts.write_text("\n".join([head, source.requirement, *pins.pins()]) + "\n", folder / PINS)


def name(folder: Path, project: str, options: params.Params) -> None:
    """Put into README.md and samebits.toml the names of a project, its table, its target, its model and its metric."""
    data, model = options.data, options.train.model
    texts = {"NAME": project, "TARGET": data.target, "TABLE": data.source, "MODEL": model, "METRIC": METRIC[model]}
    for file in (folder / "README.md", folder / "samebits.toml"):
        artifacts.write_text(_filled(file.read_text("utf-8"), texts), file)


def initialize(folder: Path, large: Iterable[Path]) -> None:
    """Make a folder a repository of git and DVC. large: files in it that git shall not hold."""
    git("init", "-q", "-b", "main", cwd=folder)
    dvc(folder, "init", "-q")
    for file in TEMPLATES.glob("*.json"):  # where DVC looks for them
        artifacts.write_bytes(file.read_bytes(), folder / ".dvc" / "plots" / file.name)
    for file in large:
        dvc(folder, "add", "-q", str(file))


def check_author() -> None:
    """Raise UserError where git does not know who commits."""
    try:
        git("var", "GIT_AUTHOR_IDENT")
    except UserError:
        raise UserError(
            "--run commits, and git does not know your name: git config --global user.name NAME, and user.email MAIL"
        ) from None


def first_run(folder: Path, options: params.Params) -> None:
    """Run the pipeline, write its results into README.md, and commit all of it."""
    dvc(folder, "repro", quiet=False)
    _program(folder, "samebits", "results", "--write", "README.md")
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", FIRST.format(model=options.train.model, target=options.data.target), cwd=folder)


def dvc(folder: Path, *arguments: str, quiet: bool = True) -> None:
    """Run DVC in a folder. Raises UserError where it fails."""
    _program(folder, "dvc", *arguments, quiet=quiet)


def _program(folder: Path, module: str, *arguments: str, quiet: bool = True) -> None:
    """Run a program of this environment; `python` is this one, whether the environment is activated or not."""
    env = {name: value for name, value in os.environ.items() if name not in OF_CALLER}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=quiet, text=True, check=False)
    if done.returncode:
        why = " ".join(f"{done.stdout or ''} {done.stderr or ''}".split())
        raise UserError(f"{module} {' '.join(arguments)}: failed in {folder}{why and f' ({why[-300:]})'}")


def _filled(text: str, values: Mapping[str, str]) -> str:
    """A template with texts in place of their names."""
    names = "|".join(map(re.escape, values))
    return re.sub(names, lambda name: values[name[0]], text) if values else text
