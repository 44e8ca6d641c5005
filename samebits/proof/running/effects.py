"""What a stage changed that is not its own: files of the commit, sources, outputs of other stages."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from samebits.proof.repository.paths import Paths
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Stage
from samebits.proof.running.layers import Layers, Written

OF_DVC = (".dvc/tmp", ".dvc/cache")  # below its root, what DVC keeps for itself


@dataclass(frozen=True)
class Change:
    """A path that a stage wrote and that is not its own.

    path: from the root of DVC; name: from the top of the tree. maker: the stage or `.dvc` file that promises it, if
    any. of_source: whether that does not run. readers: other stages that read it. before, after: where the bytes lie;
    None where there are none.
    """

    path: str
    name: str
    maker: str | None
    of_source: bool
    readers: list[str]
    before: Path | None
    after: Path | None


def changes(pipeline: Pipeline, stage: Stage, top: Path, base: Layers, written: Written) -> Iterator[Change]:
    """What a stage changed of what others have or read. top: of the tree. base: the commit and its sources."""
    root = os.path.relpath(pipeline.root, top)
    own = Paths(stage.makes)
    read_by: dict[str, list[str]] = {}
    for other in pipeline.stages:
        for path in other.reads if other.name != stage.name else ():
            read_by.setdefault(path, []).append(other.name)
    reads = Paths(read_by)
    for name in sorted({*written.files, *written.deleted}):
        path = os.path.relpath(name, root).replace(os.sep, "/")
        if is_of_tools(path) or path in stage.makes or own.around(path):
            continue
        makers = [each for each in pipeline.makers(path) if each.name != stage.name]
        readers = list(dict.fromkeys(each for one in _at_or_around(reads, path) for each in read_by[one]))
        before, after = base.find(name), written.files.get(name)
        if makers or before or (readers and after):
            maker = makers[0].name if makers else None
            yield Change(path, name, maker, bool(makers) and not makers[0].runs, readers, before, after)


def is_of_tools(path: str) -> bool:
    """Whether git, DVC or Python keeps a path, from the root of DVC, for itself."""
    parts = path.split("/")
    if ".git" in parts or "__pycache__" in parts or path.endswith(".pyc"):
        return True
    return any(path == each or path.startswith(f"{each}/") for each in OF_DVC)


def _at_or_around(paths: Paths, path: str) -> list[str]:
    return [each for each in paths.overlapping(path) if path == each or path.startswith(f"{each}/") or each == "."]
