"""The versions that a project pins: those here that the pipeline and the server need, and samebits itself."""

import json
import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from samebits import __version__

EXTRAS = ("pipeline", "serve")
NAME = "samebits"


class Origin(NamedTuple):
    """Where pip got samebits from: what a requirements file says of it, and what GitHub's Actions do.

    action: `OWNER/REPOSITORY@COMMIT`, None where it is not on GitHub. elsewhere: whether others can install it so.
    """

    requirement: str
    action: str | None
    elsewhere: bool


def origin() -> Origin:
    """Where samebits itself is from, as pip recorded it (PEP 610)."""
    name = f"{NAME}[{','.join(EXTRAS)}]"
    text = distribution(NAME).read_text("direct_url.json")
    if text is None:  # from a package index
        return Origin(f"{name}=={__version__}", None, True)
    about = json.loads(text)
    url, commit = str(about["url"]), about.get("vcs_info", {}).get("commit_id")
    if url.startswith("file:"):
        return Origin(f"{name}=={__version__}", None, False)
    if commit is None:
        return Origin(f"{name} @ {url}", None, True)
    on_github = re.fullmatch(r"https://(?:[^@/]*@)?github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", url)
    action = f"{on_github[1]}@{commit}" if on_github else None
    if on_github:  # needs no git
        return Origin(f"{name} @ https://github.com/{on_github[1]}/archive/{commit}.tar.gz", action, True)
    return Origin(f"{name} @ {about['vcs_info']['vcs']}+{url}@{commit}", None, True)


def pins() -> list[str]:
    """`NAME==VERSION` of all packages that samebits needs, directly or not, as this platform needs them.

    A version of a build, as `+cpu` of PyTorch, is not told: an index may have others.
    """
    found: dict[str, str] = {}
    waiting, seen = [Requirement(f"{NAME}[{','.join(EXTRAS)}]")], set[tuple[str, str]]()
    while waiting:
        wanted = waiting.pop()
        try:
            there = distribution(wanted.name)
        except PackageNotFoundError:  # the environment does without; its own programs tell if they need it
            continue
        key = canonicalize_name(wanted.name)
        if key != NAME:
            found[key] = f"{there.metadata['Name']}=={there.version.partition('+')[0]}"
        for extra in ("", *wanted.extras):
            if (key, extra) not in seen:
                seen.add((key, extra))
                waiting += _needs(there, extra)
    return [found[key] for key in sorted(found)]


def _needs(package: Distribution, extra: str) -> list[Requirement]:
    """What a package needs here, with an extra of its own."""
    needs = [Requirement(each) for each in package.requires or []]
    return [each for each in needs if each.marker is None or each.marker.evaluate({"extra": extra})]
