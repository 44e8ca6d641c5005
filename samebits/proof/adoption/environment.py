"""What makes the environment of the stages, and whether the one that is active is theirs."""

import json
import os
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from samebits.proof.adoption import environments
from samebits.proof.adoption.clue import Code
from samebits.proof.adoption.need import Need
from samebits.proof.record import pins
from samebits.proof.running import system
from samebits.proof.running.system import Orders, Program
from samebits.proof.words import some

VENV, PIP = "python -m venv .venv", "python -m pip install --quiet"
# Files that say which packages there are, the most exact first, and what installs them into .venv
SETUPS = {
    "uv.lock": ["uv sync --frozen"],
    "poetry.lock": ["poetry install"],
    "pdm.lock": ["pdm sync"],
    "Pipfile.lock": ["PIPENV_VENV_IN_PROJECT=1 pipenv sync"],
    "*requirements*.txt": [VENV, f"{PIP} -r {{}}"],
    "environment*.y*ml": ["conda env create --quiet --prefix .venv --file {}"],
    "conda*.y*ml": ["conda env create --quiet --prefix .venv --file {}"],
    "pyproject.toml": [VENV, f"{PIP} ."],
    "setup.py": [VENV, f"{PIP} ."],
}
DEPTH = 2  # folders down to which such a file is looked for
ELSEWHERE = re.compile(r"^[^#\n]* @ file://", re.MULTILINE)
PACKAGE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^]]*\])?\s*(?:$|[=<>~!;#])", re.MULTILINE)
# Packages that have other names than their modules
OTHER_NAMES = {
    **{"sklearn": "scikit-learn", "yaml": "pyyaml", "PIL": "pillow", "cv2": "opencv-python", "skimage": "scikit-image"},
    **{"bs4": "beautifulsoup4", "dotenv": "python-dotenv", "ruamel": "ruamel.yaml"},
}
FIND = """
import sys
sys.path[:] = filter(None, sys.path)  # no module of the repository stands before one of Python
import importlib.util, json
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
print(json.dumps([name for name in sys.argv[1:] if not there(name)]))
"""


def needs(root: Path, tracked: Iterable[str], by_stage: Mapping[str, Code]) -> tuple[list[str], list[Need]]:
    """The commands that make the environments, and what there is to know of them."""
    tracked, codes = list(tracked), list(by_stage.values())
    path, setup, others = _declared(root, tracked, codes)
    found = []
    if others and not path:
        text = "none names most of what the code imports"
        found.append(Need("environment", some(others), text, "install the right ones in `setup`"))
    elif not path:
        found.append(Need("environment", "-", "no file names its packages", "a requirements.txt, with versions"))
    elif ELSEWHERE.search(text := _text(root / path)):
        do, setup = "write it anew, by `pip list --format=freeze`", []
        found.append(Need("environment", path, "names files of the machine where it was made", do))
    else:
        found.append(Need("environment", path, _versions(path, text), "`setup` installs it"))
    if not setup:
        absent = _absent(root, codes)
        has = f"lacks {some(absent)}" if absent else "has all that the code imports"
        found.append(Need("environment", "the active one", has, "activate that of the stages" if absent else ""))
    of_setup = [next(word for word in command.split() if "=" not in word) for command in setup]
    of_stages = [each for code in codes for each in code.programs if not (setup and each.startswith("python"))]
    for programs, do in (of_setup, "install it"), (of_stages, "install it, unless `setup` does"):
        if absent := [each for each in programs if not shutil.which(each)]:
            found.append(Need("environment", some(absent), "not found here", do if setup else "install it"))
    for (runner, name, folder), stages in environments.used(by_stage).items():
        made = environments.made_by(root, tracked, runner, name, folder)
        setup += [each for each in made if each not in setup]
        what = " ".join(filter(None, (runner, name)))
        found.append(Need("environment", what, f"runs {some(stages)}", "`setup` makes it" if made else ""))
    return setup, found


def _declared(root: Path, tracked: Iterable[str], codes: list[Code]) -> tuple[str | None, list[str], list[str]]:
    """The file that says best which packages there are, the commands that install them, and files that do not fit.

    One in a folder fits if it names most of what the code imports.
    """
    fitting: list[tuple[bool, int, int, int, str, list[str]]] = []
    others = []
    imports = {module.partition(".")[0] for code in codes for module in code.imports}
    for path in tracked:
        pure = PurePosixPath(path)
        for rank, (pattern, commands) in enumerate(SETUPS.items()):
            deepest = DEPTH if "{}" in commands[-1] else 0
            nested = len(pure.parts) > 1
            if len(pure.parts) - 1 <= deepest and fnmatchcase(pure.name, pattern) and _has_packages(root / path):
                lacking = sum(not _names(root / path, each) for each in imports)
                if nested and lacking > len(imports) / 2:
                    others.append(path)
                else:
                    setup = [each.format(shlex.quote(path)) for each in commands]
                    fitting.append((nested, rank, lacking, len(path), path, setup))
    if not fitting:
        return None, [], others
    *_, path, setup = min(fitting)
    return path, setup, others


def _names(path: Path, module: str) -> bool:
    """Whether a file names the package of a module."""
    name = re.escape(OTHER_NAMES.get(module, module)).replace("_", "[-_]")
    return bool(re.search(rf"(?<![\w-]){name}(?![\w-])", _text(path), re.IGNORECASE))


def _has_packages(path: Path) -> bool:
    """Whether a file that may name packages does."""
    text = _text(path)
    if path.name == "pyproject.toml":
        try:
            return bool(tomllib.loads(text).get("project", {}).get("dependencies"))
        except (ValueError, AttributeError):
            return False
    return bool(text.strip()) and (path.suffix not in (".yml", ".yaml") or "dependencies:" in text)


def _text(path: Path) -> str:
    """The text of a file; with a byte order mark, as PowerShell writes it, in the encoding that this says."""
    content = path.read_bytes() if os.path.isfile(path) else b""
    return content.decode("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "replace")


def _versions(path: str, text: str) -> str:
    """How many packages a file names, and how many of them with a version."""
    exact = len(pins.recorded(pins.pinned(path, text.encode())))
    of = max(exact, len(PACKAGE.findall(text))) if path.endswith(".txt") else exact
    if exact < of:
        has = f"{'have' if exact > 1 else 'has'} a version: pin {'the others' if exact else 'them'}"
        return f"{exact or 'none'} of its {of} packages {has}"
    if exact or path.endswith(".lock"):
        return f"{exact or 'its'} packages with their versions"
    return "names packages, without exact versions"


def _absent(root: Path, codes: list[Code]) -> list[str]:
    """Modules that the code of the stages imports and the `python` that stages find does not have."""
    names = sorted({module.partition(".")[0] for code in codes for module in code.imports})
    env, _ = system.environment([], {})
    program = next((each for code in codes for each in code.programs if each.startswith("python")), "python")
    try:
        found = Program([[program, "-c", FIND, *names]], env, Orders(str(root)), timeout=60)
        return list(map(str, json.loads(system.run(found).output.splitlines()[-1])))
    except (OSError, ValueError, IndexError):
        return names
