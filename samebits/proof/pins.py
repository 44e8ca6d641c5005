"""Versions of packages: those that a file pins, and those that are installed where the stages run."""

import json
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from samebits.errors import UserError
from samebits.params import read
from samebits.proof import system

PATTERNS = ("requirements*.txt", "constraints*.txt", "uv.lock", "poetry.lock", "environment*.y*ml", "conda*.y*ml")
INSTALLED = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


def is_pins(path: str) -> bool:
    """Whether a file of this name pins packages."""
    return any(PurePosixPath(path).match(pattern) for pattern in PATTERNS)


def pinned(path: str, content: bytes) -> dict[str, str]:
    """The versions that a file pins, by the normal names of the packages; none where it cannot be read."""
    with suppress(UserError, ValueError, LookupError, TypeError, AttributeError):
        if path.endswith(".lock"):
            found = {each["name"]: each["version"] for each in tomllib.loads(content.decode())["package"]}
        elif path.endswith(".txt"):
            found = dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;#]+)", content.decode(), re.MULTILINE))
        else:
            lines = read(content, path)["dependencies"]
            pip = [line for each in lines if isinstance(each, dict) for line in each.get("pip", [])]
            texts = [line for line in [*lines, *pip] if isinstance(line, str)]
            split = (re.fullmatch(r"([A-Za-z0-9._-]+)={1,2}([^=]+)(?:=.*)?", text) for text in texts)
            found = {each[1]: each[2] for each in split if each}
        return {_normal(name): version for name, version in found.items()}
    return {}


def installed(env: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The versions of the packages of the `python` that stages find; none where there is none."""
    done = system.run(["python", "-c", INSTALLED], folder, env, network=False, timeout=60)
    with suppress(ValueError, IndexError):
        return {_normal(name): version for name, version in json.loads(done.output.splitlines()[-1]).items() if name}
    return {}


def differing(pins: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Where installed packages are not those that are pinned, of those that are installed."""
    return [
        f"{name} is pinned to {version} and {here[name]} is installed"
        for name, version in sorted(pins.items())
        if name in here and here[name].partition("+")[0] != version.partition("+")[0]
    ]


def _normal(name: str) -> str:
    """PyPI's normal form of a name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
