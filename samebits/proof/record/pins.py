"""Versions of packages that a file pins, as PEP 440 and 508 read them."""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from samebits.errors import UserError
from samebits.params import read

PATTERNS = ("requirements*.txt", "constraints*.txt", "uv.lock", "poetry.lock", "environment*.y*ml", "conda*.y*ml")
EXACT = ("==", "===")


def is_pins(path: str) -> bool:
    """Whether a file of this name pins packages."""
    return any(PurePosixPath(path).match(pattern) for pattern in PATTERNS)


def pinned(path: str, content: bytes) -> dict[str, SpecifierSet]:
    """Which versions a file allows, by the normal names of the packages; none where it cannot be read."""
    found: dict[str, SpecifierSet] = {}
    with suppress(UserError, ValueError, LookupError, TypeError, AttributeError):
        for each in _requirements(path, content):
            if not each.marker or each.marker.evaluate():
                name = normal(each.name)
                found[name] = found.get(name, SpecifierSet()) & each.specifier
    return {name: each for name, each in found.items() if each}


def recorded(pins: Mapping[str, SpecifierSet]) -> set[str]:
    """The packages of which exactly one version is allowed."""
    return {name for name, allowed in pins.items() if any(_is_exact(each.operator, each.version) for each in allowed)}


def differing(pins: Mapping[str, SpecifierSet], here: Mapping[str, str]) -> list[str]:
    """Where installed packages are not among those that are allowed, of those that are installed."""
    installed = {normal(name): version for name, version in here.items()}
    return [
        f"{name} {installed[name]} for {told(allowed)}"
        for name, allowed in sorted(pins.items())
        if name in installed and not _allows(allowed, installed[name])
    ]


def told(allowed: SpecifierSet | None) -> str:
    """The versions that a pin allows, in words."""
    return str(allowed).removeprefix("==") if allowed else "none"


def normal(name: str) -> str:
    """PyPI's normal form of a name (PEP 503)."""
    return canonicalize_name(name)


def _is_exact(operator: str, version: str) -> bool:
    return operator in EXACT and not version.endswith(".*")


def _allows(allowed: SpecifierSet, version: str) -> bool:
    """Whether a version is allowed; a local part, as +cpu of a build, counts only where the pin names one."""
    try:
        found = Version(version)
    except InvalidVersion:
        return any(each.version == version for each in allowed)
    return allowed.contains(found, prereleases=True) or allowed.contains(found.public, prereleases=True)


def _requirements(path: str, content: bytes) -> Iterator[Requirement]:
    if path.endswith(".lock"):
        for package in tomllib.loads(content.decode())["package"]:
            yield Requirement(f"{package['name']}=={package['version']}")
    elif path.endswith(".txt"):
        for line in _logical_lines(content.decode()):
            with suppress(InvalidRequirement):  # an option, a URL
                yield Requirement(line)
    else:
        yield from _of_conda(read(content, path)["dependencies"])


def _logical_lines(text: str) -> Iterator[str]:
    """The requirements of a file of pip: without comments and options, lines that go on put together."""
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        yield line.partition(" #")[0].partition(" --")[0].strip() if not line.lstrip().startswith(("#", "-")) else ""


def _of_conda(lines: list[Any]) -> Iterator[Requirement]:
    for line in lines:
        if isinstance(line, dict):
            for each in line.get("pip", []):
                with suppress(InvalidRequirement):
                    yield Requirement(each)
        elif isinstance(line, str) and any(sign in line for sign in "<>!~"):
            with suppress(InvalidRequirement):
                yield Requirement(line)
        elif isinstance(line, str) and "=" in line:
            name, _, rest = line.replace("==", "=").partition("=")
            version = rest.split("=")[0].strip()
            with suppress(InvalidRequirement, InvalidSpecifier):
                # in conda, one sign of equality allows whatever begins so
                exact = "==" in line or rest.count("=") > 0 or version.count(".") > 1
                yield Requirement(f"{name.strip()}=={version}" + ("" if exact or version.endswith("*") else ".*"))
