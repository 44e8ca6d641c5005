"""One end of an explanation: the files of a tree, and the pipelines that it holds."""

import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samebits.errors import UserError
from samebits.git import git
from samebits.proof.record.values import parsed
from samebits.proof.repository.export import Export
from samebits.proof.repository.paths import Paths
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import PIPELINE, Stage


@dataclass(frozen=True)
class Side:
    """A tree and its pipelines. Paths are from the root of DVC, with ../ in what lies above it.

    files: of each file in git, its mode and its object. tree: where the files lie.
    """

    tree: Export
    files: Mapping[str, str]
    pipeline: Pipeline
    _documents: dict[str, dict[str, Any] | None] = field(default_factory=dict)

    def content(self, path: str) -> bytes:
        """The content of a file; empty where there is none."""
        place = self.tree.root / path
        return place.read_bytes() if path in self.files and place.is_file() else b""

    def document(self, path: str) -> dict[str, Any] | None:
        """A file of parameters or a dvc.yaml as plain data; None where it is none, or is not there."""
        if path not in self._documents:
            try:
                self._documents[path] = _apart(parsed(self.content(path), path)) if path in self.files else None
            except UserError:
                self._documents[path] = None
        return self._documents[path]

    @property
    def running(self) -> list[Stage]:
        """The stages that `dvc repro` runs, in their order."""
        return [stage for stage in self.pipeline.stages if stage.runs]

    def made(self) -> Paths:
        """The outputs of the stages that run."""
        return Paths([path for stage in self.running for path in stage.makes])

    def stages_of(self, file: str, name: str) -> list[Stage]:
        """The stages that a name in a dvc.yaml stands for: one, or those of a `foreach` or `matrix`."""
        return [stage for stage in self.pipeline.stages if stage.file == file and raw_name(stage) == name]


def _apart(value: Any) -> Any:
    """A value in which nothing stands in two places, as an alias of YAML does."""
    if isinstance(value, Mapping):
        return {key: _apart(each) for key, each in value.items()}
    return [_apart(each) for each in value] if isinstance(value, list) else value


def raw_name(stage: Stage) -> str:
    """The name of a stage as its dvc.yaml has it."""
    own = stage.name if stage.file == PIPELINE else stage.name.removeprefix(f"{stage.file}:")
    return own.partition("@")[0]


def listed(commit: str, tree: Export, repository: Path) -> dict[str, str]:
    """The files of a commit with their modes and objects, by path from the root of DVC. repository: of git."""
    listing = os.fsdecode(git("ls-tree", "-r", "-z", "--full-tree", commit, cwd=repository))
    root = tree.root.relative_to(tree.top).as_posix()
    return dict(_entries(listing, root))


def _entries(listing: str, root: str) -> Iterator[tuple[str, str]]:
    for line in filter(None, listing.split("\0")):
        about, _, name = line.partition("\t")
        mode, _, object_ = about.split()
        yield posixpath.relpath(name, root), f"{mode} {object_}"
