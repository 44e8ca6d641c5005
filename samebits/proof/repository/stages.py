"""What DVC's files say of stages, as plain data: commands, deps, outs and parameters, and the last recorded run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samebits.artifacts import LOCK
from samebits.proof.repository.hashes import Hash

PIPELINE = "dvc.yaml"


@dataclass(frozen=True)
class Item:
    """A dependency or an output of a stage.

    path: from the root of DVC, with / between its parts; of what lies elsewhere, its path or URL as the stage names it.
    name: as the stage names it. recorded: its hash in dvc.lock or in the `.dvc` file. here: whether it is a path of
    this machine. cached: whether DVC keeps it in its cache, not git. remote: the name of its own one, if it has one.
    size, nfiles, isexec: as DVC records them.
    """

    path: str
    name: str
    recorded: Hash | None
    here: bool
    cached: bool
    remote: str | None
    size: int | None
    nfiles: int | None
    isexec: bool


@dataclass(frozen=True)
class Params:
    """The parameters of a file that a stage reads.

    declared: their names in dvc.yaml; none for all in the file. recorded: what dvc.lock has of them.
    """

    path: str
    declared: list[str]
    recorded: dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """A stage: of a dvc.yaml, or a `.dvc` file, which is a source where it has no command.

    name: as DVC names it from the root. cmd: as in its file; commands: the same, one by one. wdir: where they run.
    entry: what dvc.lock records, if anything. in_pipeline: whether a dvc.yaml holds it. imported: whether it is data
    from another repository or a URL.
    """

    name: str
    file: str
    cmd: str | list[str] | None
    commands: list[str]
    wdir: Path
    deps: list[Item]
    outs: list[Item]
    params: list[Params]
    entry: dict[str, Any] | None
    frozen: bool
    in_pipeline: bool
    imported: bool

    @property
    def lock(self) -> str:
        """The file that records its run."""
        return lock_of(self.file) if self.in_pipeline else self.file

    @property
    def runs(self) -> bool:
        """Whether `dvc repro` runs it: it has a command and is not frozen."""
        return bool(self.commands) and not self.frozen

    @property
    def reads(self) -> list[str]:
        """The paths on this machine that it reads, the files of its parameters included."""
        return [*(dep.path for dep in self.deps if dep.here), *(each.path for each in self.params)]

    @property
    def makes(self) -> list[str]:
        """The paths on this machine that it makes."""
        return [out.path for out in self.outs if out.here]


def name_of(file: str, name: str) -> str:
    """How DVC names a stage of a dvc.yaml, from the root."""
    return name if file == PIPELINE else f"{file}:{name}"


def lock_of(file: str) -> str:
    """The dvc.lock beside a dvc.yaml."""
    return file.removesuffix(PIPELINE) + LOCK


def named_at_top(content: Any) -> Iterator[str]:
    """The paths in a part at the top: in a list, as names of plots, or as what a plot or an artifact reads."""
    if isinstance(content, list):
        for each in content:
            yield from named_at_top(each) if isinstance(each, dict) else [each] if isinstance(each, str) else []
    elif isinstance(content, dict):
        for name, each in content.items():
            axes = [each.get(axis) for axis in ("x", "y")] if isinstance(each, dict) else []
            files = [path for axis in axes if isinstance(axis, dict) for path in axis]
            if isinstance(each, dict) and isinstance(each.get("path"), str):
                files = [each["path"]]
            yield from files or [name]
