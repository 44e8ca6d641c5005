"""Hybrids as folders: the base's files by hard links, with those of the head, or put together, in their places."""

import hashlib
import os
import posixpath
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from samebits.errors import UserError
from samebits.proof.explaining.compose import composed
from samebits.proof.explaining.ends import read_pipeline
from samebits.proof.explaining.factors import Change, Factor
from samebits.proof.explaining.hybrid import Hybrid
from samebits.proof.explaining.side import Side
from samebits.proof.repository.export import Export
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import PIPELINE
from samebits.proof.repository.store import Store
from samebits.proof.running.layers import Layers

Taken = frozenset[int]  # the factors that a hybrid takes from the head, by number


@dataclass
class Builder:
    """Makes hybrids of a base and a head; each once.

    factors: all, those that no stage declares included; unsaid: the numbers of these. left_out: files of packages,
    which have no effect here. folder: for the trees.
    """

    base: Side
    head: Side
    factors: Sequence[Factor]
    left_out: Factor | None
    folder: Path
    user: Repository
    store: Store
    unsaid: Taken = frozenset()
    _made: dict[Taken, Hybrid | UserError] = field(default_factory=dict)

    @property
    def all(self) -> Taken:
        """The head: all factors."""
        return frozenset(range(len(self.factors)))

    def hybrid(self, taken: Taken) -> Hybrid:
        """The base with some factors as at the head. Raises UserError where DVC cannot read that."""
        if taken not in self._made:
            try:
                self._made[taken] = self._build(taken)
            except UserError as error:
                self._made[taken] = error
        found = self._made[taken]
        if isinstance(found, UserError):
            raise found
        return replace(found, unsaid=" ".join(map(str, sorted(taken & self.unsaid))))

    def _build(self, taken: Taken) -> Hybrid:
        absent = {**self.base.tree.absent, **self.head.tree.absent}
        tree, files = linked(self.base.tree, self.folder / f"h{len(self._made)}", absent), dict(self.base.files)
        for path, of_head in self._files(taken):
            if of_head is True:
                put(tree, path, self.head.tree.root / path if path in self.head.files else None)
                files[path] = self.head.files.get(path, "")
            elif of_head is not False:
                put(tree, path, of_head)
                files[path] = hashlib.sha256(of_head or b"").hexdigest() if of_head is not None else ""
        pipeline = read_pipeline(tree, self.user, self.store)
        self._without_outputs(tree, pipeline, files)
        packages = next((at for at, each in enumerate(self.factors) if each.kind == "packages"), None)
        return Hybrid(
            tree,
            {path: each for path, each in files.items() if each},
            pipeline,
            environment="head" if packages in taken else "base",
            not_told=frozenset(each.path for each in self.left_out.changes) if self.left_out else frozenset(),
            firm=self._firm,
        )

    def _files(self, taken: Taken) -> Iterable[tuple[str, bool | bytes | None]]:
        """What differs from the base, by path: True for the head's file, False for the base's; else the content."""
        changes = {change: number in taken for number, each in enumerate(self.factors) for change in each.changes}
        parts: dict[str, dict[Change, bool]] = {}
        for change, is_taken in changes.items():
            if change.keys:
                parts.setdefault(change.path, {})[change] = is_taken
            elif is_taken:
                yield change.path, True
        for path in self._pipelines:
            parts.setdefault(path, {})
        for path, each in parts.items():
            yield path, composed(path, self.base, self.head, [one for one, there in each.items() if there], list(each))

    @cached_property
    def _pipelines(self) -> list[str]:
        """The files dvc.yaml that differ."""
        names = {*self.base.files, *self.head.files}
        then, now = self.base.files, self.head.files
        return sorted(
            each for each in names if posixpath.basename(each) == PIPELINE and then.get(each) != now.get(each)
        )

    def _without_outputs(self, tree: Export, pipeline: Pipeline, files: dict[str, str]) -> None:
        """Take out what stages make: of this tree, and of a side, where it is no file of the other."""
        own = {path for stage in pipeline.stages if stage.runs for path in stage.makes}
        sides = [(side, side.made()) for side in (self.base, self.head)]
        for path in {*files, *self.head.files}:
            if not any(made.at_or_around(path) for _, made in sides) and not _is_in(path, own):
                continue
            keep = next((side for side, made in sides if path in side.files and not made.at_or_around(path)), None)
            if _is_in(path, own) or keep is None:
                put(tree, path, None)
                files.pop(path, None)
            else:
                put(tree, path, keep.tree.root / path)
                files[path] = keep.files[path]

    @cached_property
    def _firm(self) -> Mapping[str, frozenset[str]]:
        """Of each stage, the deps that both sides declare, or the only one that has it."""
        found: dict[str, frozenset[str]] = {}
        for side in (self.base, self.head):
            for stage in side.running:
                own = frozenset(dep.path for dep in stage.deps if dep.here)
                found[stage.name] = found.get(stage.name, own) & own
        return found


def linked(of: Export, folder: Path, absent: Mapping[str, str]) -> Export:
    """A tree that shares the files of another. folder: for it; absent: what it lacks."""
    top = folder / "commit"
    Layers((of.top,)).copied(top, links=True)
    inside = folder / "inside"
    if of.inside.is_dir():
        shutil.copytree(of.inside, inside, symlinks=True)
    root = top / of.root.relative_to(of.top)
    shutil.rmtree(root / ".dvc" / "tmp", ignore_errors=True)
    return Export(folder, top, root, inside, of.borrowed, dict(absent))


def put(tree: Export, path: str, what: Path | bytes | None) -> None:
    """Put a file of the head, some content or nothing in a place; never write into a file that others share."""
    place = tree.root / path
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    if what is None:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(what, bytes):
        place.write_bytes(what)
    elif what.is_dir() and not what.is_symlink():
        Layers((what,)).copied(place, links=True)
    elif what.is_symlink():
        place.symlink_to(os.readlink(what))
    elif what.exists():
        os.link(what, place)


def _is_in(path: str, outs: Iterable[str]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in outs)
