"""What DVC answers of a repository, as plain data; its errors, and ours, in words."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samebits.errors import UserError
from samebits.git import is_committed
from samebits.params import read
from samebits.proof.repository.failures import Failure
from samebits.proof.repository.stages import Stage


@dataclass(frozen=True)
class Found:
    """What the pipelines of a repository hold.

    strangers: stages of a dvc.lock, by file and name, that its dvc.yaml does not have. at_top: the paths that stand
    among the metrics, plots, params and artifacts at the top of a dvc.yaml, from the root.
    """

    stages: list[Stage]
    strangers: list[tuple[str, str]]
    at_top: list[str]


@dataclass(frozen=True)
class Shown:
    """The values of a file of params or metrics; else why it has none, and whether it is only not here."""

    values: Any
    why: str | None = None
    absent: bool = False


class UnavailableError(Exception):
    """A remote, or the origin of an import, does not give data; failure: why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class NoRepositoryError(UserError):
    """There is no DVC repository in a folder, or around it."""


def broken_lock(file: Path, path: str, why: str) -> str:
    """Why a lock cannot be read, and what to do."""
    content = file.read_bytes()
    with suppress(UserError):
        found = read(content, path)
        if isinstance(found, dict) and found and "schema" not in found and "stages" not in found:
            return f"{path}: DVC 1 wrote it, before schema 2.0; delete it, then `dvc repro` writes it anew"
    if is_committed(file):
        return f"{path}: broken, as it was committed ({why}); delete it, then `dvc repro` writes it anew"
    return (
        f"{path}: broken, as after a run that was killed ({why}); "
        f"`git checkout {path}` restores the committed one, then `dvc repro` writes what is new"
    )


def told(error: Exception, root: Path, of_dvc: bool) -> str:
    """An error in a line, with paths from the root. of_dvc: whether it is one of DVC's own."""
    causes = (error, error.__cause__) if of_dvc else (error,)
    text = ": ".join(filter(None, (" ".join(str(each or "").split()) for each in causes))) or type(error).__name__
    text = text.replace(' in "<unicode string>",', " at")
    for around in (os.path.relpath(root), str(root)):
        if around != ".":
            text = text.replace(f"{around}{os.sep}", "")
    return text if of_dvc else f"{text} ({type(error).__name__})"


def first_line(error: Exception) -> str:
    """The first line of what an error says, else its kind."""
    return (str(error).splitlines() or [type(error).__name__])[0]
