"""Where results come from: the commit, what the tree has beside it, and the files that dvc.lock promises."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

from samebits import artifacts
from samebits.errors import UserError
from samebits.git import commit_of, git

PINS = "requirements.txt"


class Output(NamedTuple):
    """An output as dvc.lock has it; here: whether the file has these bytes, None where there is none to read."""

    stage: str
    path: str
    md5: str
    size: int
    here: bool | None


def commit() -> str | None:
    """The commit that is checked out, if any."""
    try:
        return commit_of("HEAD")
    except UserError:
        return None


def changed() -> list[str]:
    """The files of git that are not as in the commit."""
    try:
        status = git("status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames")
    except UserError:
        return []
    return [each[3:] for each in status.decode(errors="replace").split("\0") if each]


def outputs() -> Iterator[Output]:
    """The outputs that dvc.lock promises, in its order, which is that of the stages."""
    for stage, entry in YAML(typ="safe").load(artifacts.read_bytes(artifacts.LOCK))["stages"].items():
        for out in entry.get("outs", []):
            path = Path(out["path"])
            here = artifacts.md5(path.read_bytes()) == out["md5"] if path.is_file() else None
            yield Output(stage, out["path"], out["md5"], out["size"], here)


def sha256(path: str) -> str:
    """Of a file, as `sha256sum` tells it."""
    return hashlib.sha256(artifacts.read_bytes(path)).hexdigest()


def pins() -> list[str]:
    """The versions that the stages run with, such as `numpy 2.4.6`."""
    found = re.findall(r"^([\w.-]+)==([\w.+!-]+)", artifacts.read_bytes(PINS).decode(), re.MULTILINE)
    return [f"{name} {version}" for name, version in found]
