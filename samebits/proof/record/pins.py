"""Versions of packages that a file pins."""

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePosixPath

from samebits.errors import UserError
from samebits.params import read

PATTERNS = ("requirements*.txt", "constraints*.txt", "uv.lock", "poetry.lock", "environment*.y*ml", "conda*.y*ml")


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


def differing(pins: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Where installed packages are not those that are pinned, of those that are installed."""
    here = {_normal(name): version for name, version in here.items()}
    return [
        f"{name} {here[name]} for {version}"
        for name, version in sorted(pins.items())
        if name in here and here[name].partition("+")[0] != version.partition("+")[0]
    ]


def _normal(name: str) -> str:
    """PyPI's normal form of a name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
