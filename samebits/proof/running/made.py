"""What a stage made: its outputs, as DVC keeps them, and what it changed beside them."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from samebits.proof.repository.contents import Contents
from samebits.proof.repository.hashes import Hash
from samebits.proof.repository.paths import links_in
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Item, Stage
from samebits.proof.running.effects import Change, told_apart
from samebits.proof.running.layers import Layers, cleaned, copy_file
from samebits.proof.running.views import View

MOST_LINKS = 40  # that lead to one another, as the kernel's bound
HASHING = threading.Lock()  # DVC's .dvcignore is not for several threads


@dataclass(frozen=True)
class Failed:
    """How a stage failed: in words, by the exit status of its command, and the last of what that printed."""

    reason: str
    status: int
    output: str


@dataclass(frozen=True)
class Made:
    """A run of a stage that is over.

    failed: how, if it did. layer: a folder with what it wrote, for the stages after it; root: that of DVC in it.
    contents: of that root. hashes: of its outputs that are there, by path. links: outputs with a link to what no commit
    holds, and to what. changes: what it wrote that is not its own; same: paths from the top of the tree that it wrote
    as they were; undeclared: files that it made and that nothing declares. when: from when to when
    it ran, in seconds since 1970.
    """

    failed: Failed | None
    layer: Path
    root: Path
    contents: Contents
    hashes: dict[str, Hash]
    links: dict[str, str]
    changes: list[Change]
    same: list[str]
    undeclared: list[str]
    when: tuple[float, float]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return round(self.when[1] - self.when[0], 3)


def taken_up(
    pipeline: Pipeline,
    prefix: str,
    base: Layers,
    stage: Stage,
    view: View,
    failed: Failed | None,
    when: tuple[float, float],
) -> Made:
    """What a stage made in a view.

    prefix: of DVC's root from the top of the tree. base: the commit and its sources.
    """
    written = view.written()
    root = view.upper / prefix
    links = dict(_without_links(stage, view, root))
    found, undeclared = told_apart(pipeline, stage, prefix, base, written)
    changes = [_set_aside(view, each) for each in found]
    cleaned(view.upper, [])
    with HASHING:
        contents = pipeline.fresh(root, sha256=True)
        made = {out.path: contents.on_disk(out.path, _hash_name(out)) for out in stage.outs if out.here}
    hashes = {path: each for path, each in made.items() if isinstance(each, Hash)}
    return Made(failed, view.upper, root, contents, hashes, links, changes, written.same, undeclared, when)


def _without_links(stage: Stage, view: View, root: Path) -> Iterator[tuple[str, str]]:
    """Put what they lead to in the place of links in outputs, as DVC's cache does; tell of those that lead away."""
    for out in (each for each in stage.outs if each.here):
        for link in list(links_in(root / out.path)):
            target = _target(view, link.relative_to(view.upper).as_posix())
            if isinstance(target, str):
                yield out.path, target
            elif target is not None:
                link.unlink()
                if target.is_dir():
                    Layers((target,)).copied(link)
                else:
                    copy_file(target, link)


def _set_aside(view: View, change: Change) -> Change:
    """Take what is not the stage's own out of the layer that the stages after it get."""
    if change.after is None:
        return change
    kept = view.folder / "changed" / change.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    os.replace(change.after, kept)
    return replace(change, after=kept)


def _target(view: View, name: str) -> Path | str | None:
    """Where a link of a view, by its path from the top, leads in the end.

    A file or folder outside of the view that holds the bytes; a path of this machine, as text; None for nothing.
    """
    layers = view.layers.over(view.upper)
    for _ in range(MOST_LINKS):
        found = layers.find(name)
        if found is None or not found.is_symlink() or found.resolve() in view.shown.values():
            return found
        path = os.path.normpath(view.top / os.path.dirname(name) / os.readlink(found))
        if not Path(path).is_relative_to(view.top):
            return path
        name = os.path.relpath(path, view.top)
    return None


def _hash_name(out: Item) -> str:
    """By which kind of hash DVC tells an output."""
    return out.recorded.name if out.recorded else "md5"
