"""What a stage declares, as files of the tree; and a tree that holds only these."""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from samebits.proof.repository.pipeline import PIPELINE, Pipeline, Stage
from samebits.proof.running.run import Runner
from samebits.proof.running.sources import LARGE

OF_DVC = (".dvc/config", ".dvcignore")  # with which DVC's own programs know the root
NOT_LISTED = {".git", "__pycache__"}
OLD = 1_000_000_000  # seconds since 1970


@dataclass
class Declared:
    """Files of the tree of a run, as paths from its top; what `setup` made and Python's caches are none of them."""

    runner: Runner

    def __post_init__(self) -> None:
        self.top, self.root = self.runner.tree.top, self.runner.tree.root
        self.pipeline: Pipeline = self.runner.pipeline

    def of(self, stage: Stage) -> list[str]:
        """What a stage declares, its dvc.yaml included."""
        paths = [*stage.reads, stage.file, PIPELINE, *OF_DVC]
        found = dict.fromkeys(each for path in paths for each in self._at(self.root / path, set()))
        return [each for each in found if not self._made_by(stage, each)]

    def elsewhere(self, stage: Stage) -> list[str]:
        """What a stage declares that lies outside of the tree."""
        paths = [os.path.normpath(self.root / path) for path in stage.reads]
        return [path for path in paths if not Path(path).is_relative_to(self.top) and os.path.exists(path)]

    def others(self, stage: Stage, declared: Iterable[str]) -> list[str]:
        """What else the tree held before the stage ran."""
        places, known = self.pipeline.places, set(declared)
        since = [each for each in self.pipeline.stages if each.runs and places[each.name] >= places[stage.name]]
        made = {os.path.normpath(self.root / path) for each in since for path in each.makes}
        return [each for each in self._in(self.top, made) if each not in known]

    def folders(self, stage: Stage) -> list[str]:
        """Where a stage runs and writes, as far as these folders are there."""
        paths = [stage.folder, *((self.root / path).parent for path in stage.makes)]
        return [os.path.relpath(path, self.top) for path in paths if path.is_dir() and path.is_relative_to(self.top)]

    def build(self, place: Path, files: Iterable[str], folders: Iterable[str], linked: set[Path]) -> None:
        """A tree with these files. linked: files that are not to be opened for writing, and large ones, are links."""
        for folder in folders:
            (place / folder).mkdir(parents=True, exist_ok=True)
        for each in files:
            source, target = self.top / each, place / each
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir() and not source.is_symlink():
                target.mkdir(exist_ok=True)
            elif not source.is_symlink() and (source in linked or source.stat().st_size >= LARGE):
                _link(source, target)
            elif not os.path.lexists(target):
                shutil.copy2(source, target, follow_symlinks=False)

    def _made_by(self, stage: Stage, path: str) -> bool:
        return any((self.top / path).is_relative_to(os.path.normpath(self.root / out)) for out in stage.makes)

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
            for parent, folders, names in repo.dvcignore.walk(repo.fs, str(path)):
                folders[:] = [name for name in folders if not self._passed_over(Path(parent, name))]
                for each in (Path(parent, name) for name in [*folders, *names]):
                    if each.is_symlink():
                        yield from self._at(each, seen)
                    elif not self._passed_over(each):
                        yield self._name(each)

    def _in(self, folder: Path, but: set[str]) -> Iterator[str]:
        """All that is in a folder, at any depth, but for some paths."""
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                path = Path(entry.path)
                if entry.path in but or self._passed_over(path):
                    continue
                yield self._name(path)
                if entry.is_dir(follow_symlinks=False):
                    yield from self._in(path, but)

    def _passed_over(self, path: Path) -> bool:
        """Whether it is no part of the tree, but of git, DVC, Python or the environment."""
        of_dvc = (self.root / ".dvc" / "tmp", self.root / ".dvc" / "cache")
        return path.name in NOT_LISTED or path in of_dvc or path in self.runner.made_by_setup

    def _name(self, path: Path) -> str:
        return path.relative_to(self.top).as_posix()


def age(place: Path, linked: set[str]) -> None:
    """Give all files of a tree, but for some, one old time."""
    for parent, folders, names in os.walk(place):
        for name in [*folders, *names]:
            path = os.path.join(parent, name)
            if os.path.relpath(path, place) not in linked and not os.path.islink(path):
                os.utime(path, (OLD, OLD))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
