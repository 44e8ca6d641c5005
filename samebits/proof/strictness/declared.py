"""Which files of the tree that a stage saw it declares, and which not."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from samebits.proof.repository.stages import PIPELINE, Stage
from samebits.proof.running.execute import Run
from samebits.proof.running.layers import Layers, copy_file

OF_DVC = (".dvc/config", ".dvcignore")  # with which DVC's own programs know the root
NOT_LISTED = {".git", "__pycache__"}


@dataclass
class Declared:
    """Files of the tree that a stage saw, as paths from its top; what `setup` brought is none of them."""

    run: Run
    stage: Stage

    def __post_init__(self) -> None:
        self.pipeline, self.prefix = self.run.runner.pipeline, self.run.runner.prefix

    @cached_property
    def top(self) -> Path:
        """All that the stage saw, in a folder that nobody writes to."""
        runner = self.run.runner
        seen = [each for each in self.run.layers[self.stage.name].folders if each != runner.brought]
        return runner.whole(Layers(tuple(seen)))

    @property
    def root(self) -> Path:
        """The root of DVC in it."""
        return Path(os.path.normpath(self.top / self.prefix))

    @cached_property
    def files(self) -> list[str]:
        """What the stage declares, its dvc.yaml included."""
        paths = [*self.stage.reads, self.stage.file, PIPELINE, *OF_DVC]
        return list(dict.fromkeys(each for path in paths for each in self._at(self.root / path, set())))

    def others(self, known: Iterable[str]) -> list[str]:
        """What else the tree held."""
        left = set(known)
        return [each for each in self._in(self.top) if each not in left]

    @cached_property
    def folders(self) -> list[str]:
        """Where the stage runs and writes, as far as these folders were there."""
        made = self.run.made[self.stage.name]
        written = [os.path.dirname(each) for each in (*made.undeclared, *(change.name for change in made.changes))]
        outs = [os.path.relpath((self.root / path).parent, self.top) for path in self.stage.makes]
        runs = os.path.relpath(self.stage.wdir, self.run.runner.tree.top)
        return [each for each in dict.fromkeys((runs, *outs, *written)) if (self.top / each).is_dir()]

    def build(self, place: Path, files: Iterable[str]) -> None:
        """A tree with these files, as a layer that nobody writes to."""
        for folder in (".", *self.folders):
            (place / folder).mkdir(parents=True, exist_ok=True)
        for each in files:
            source, target = self.top / each, place / each
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir() and not source.is_symlink():
                target.mkdir(exist_ok=True)
            elif os.path.lexists(target):
                continue
            elif source.is_symlink():
                copy_file(source, target)
            else:
                os.link(source, target)

    def _at(self, path: Path, seen: set[str]) -> Iterator[str]:
        """What is at a path, the links on the way to it and what they lead to included."""
        path = Path(os.path.normpath(path))
        if not path.is_relative_to(self.top) or str(path) in seen:
            return
        seen.add(str(path))
        for each in [*reversed(path.parents), path]:
            if each.is_relative_to(self.top) and each != self.top and each.is_symlink():
                yield self._name(each)
                target = Path(os.path.normpath(each.parent / os.readlink(each)))
                yield from self._at(target / path.relative_to(each), seen)
                return
        if path.is_file():
            yield self._name(path)
        elif path.is_dir():
            yield self._name(path)
            repo = self.pipeline.repo
            for parent, folders, names in os.walk(path):
                inside = repo.root / Path(parent).relative_to(self.root)
                folders[:] = [each for each in folders if not self._passed_over(Path(parent, each))]
                folders[:], names = repo.not_ignored(inside, folders, names)
                for each in (Path(parent, name) for name in [*folders, *names]):
                    if each.is_symlink():
                        yield from self._at(each, seen)
                    elif not self._passed_over(each):
                        yield self._name(each)

    def _in(self, folder: Path) -> Iterator[str]:
        """All that is in a folder, at any depth."""
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                path = Path(entry.path)
                if self._passed_over(path):
                    continue
                yield self._name(path)
                if entry.is_dir(follow_symlinks=False):
                    yield from self._in(path)

    def _passed_over(self, path: Path) -> bool:
        """Whether it is no part of the tree, but of git, DVC or Python."""
        return path.name in NOT_LISTED or path in (self.root / ".dvc" / "tmp", self.root / ".dvc" / "cache")

    def _name(self, path: Path) -> str:
        return path.relative_to(self.top).as_posix()
