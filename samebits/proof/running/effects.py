"""What a stage changed that is not its own: files of the commit, sources, outputs of other stages."""

import os
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


def told_apart(
    pipeline: Pipeline, stage: Stage, prefix: str, base: Layers, written: Written
) -> tuple[list[Change], list[str]]:
    """What a stage changed of what others have or read; and the files that it made and nothing declares.

    prefix: of DVC's root from the top of the tree. base: the commit and its sources.
    """
    changes, undeclared = list[Change](), list[str]()
    own = Paths(stage.makes)
    for name in sorted({*written.files, *written.deleted}):
        path = os.path.relpath(name, prefix).replace(os.sep, "/")
        if is_of_tools(path) or own.at_or_around(path):
            continue
        makers = [each for each in pipeline.makers(path) if each.name != stage.name]
        readers = [each.name for each in pipeline.readers(path) if each.name != stage.name]
        before, after = base.find(name), written.files.get(name)
        if makers or before or (readers and after):
            maker, of_source = (makers[0].name, not makers[0].runs) if makers else (None, False)
            changes.append(Change(path, name, maker, of_source, readers, before, after))
        elif after:
            undeclared.append(name)
    return changes, undeclared


def is_of_tools(path: str) -> bool:
    """Whether git, DVC or Python keeps a path, from the root of DVC, for itself."""
    parts = path.split("/")
    if ".git" in parts or "__pycache__" in parts or path.endswith(".pyc"):
        return True
    return any(path == each or path.startswith(f"{each}/") for each in OF_DVC)
