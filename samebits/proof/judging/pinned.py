"""Which files of a commit pin the packages of a stage, and what they pin."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from samebits.proof.record import pins
from samebits.proof.repository.paths import lies_in
from samebits.proof.repository.stages import Stage

Pinned = Mapping[str, Mapping[str, SpecifierSet]]  # by file, from the root of DVC, and by package
INCLUDED = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[ =]?\s*([^\s#]+)", re.MULTILINE)
WORD = re.compile(r"[^\s'\"=]+")
LARGEST = 32 * 2**20  # bytes


@dataclass(frozen=True)
class Tree:
    """A commit on disk. root: of DVC; top: of git, root or a folder above it. setup: the commands of the settings."""

    root: Path
    top: Path
    setup: Sequence[str] = ()

    def of_stage(self, stage: Stage) -> Pinned:
        """What the files pin of which the environment of a stage is made.

        These lie in the root, beside what the stage reads, or above; it reads them, or `setup` names them; or one of
        these includes them.
        """
        reads = [Path(os.path.normpath(self.root / path)) for path in stage.reads]
        beside = (each if each.is_dir() else each.parent for each in reads)
        named = (self.root / word for command in self.setup for word in WORD.findall(command))
        listed = [*(each for folder in self._up([self.root, stage.wdir, *beside]) for each in sorted(folder.glob("*")))]
        return self._read([each for each in [*listed, *reads, *named] if pins.is_pins(each.name)])

    def anywhere(self) -> Pinned:
        """What any file pins. Of it, an environment may have been made."""
        names = ((parent, name) for parent, _, found in os.walk(self.top) for name in found if pins.is_pins(name))
        return self._read(sorted(Path(parent, name) for parent, name in names))

    def has(self, name: str) -> bool:
        """Whether a file of this name lies in the root, or above it."""
        return any((folder / name).is_file() for folder in self._up([self.root]))

    def _up(self, folders: Iterable[Path]) -> list[Path]:
        """Some folders and those above them, up to the top."""
        found = (each for folder in folders for each in (folder, *folder.parents))
        return [each for each in dict.fromkeys(found) if each.is_relative_to(self.top)]

    def _read(self, files: Sequence[Path]) -> Pinned:
        found: dict[str, Mapping[str, SpecifierSet]] = {}
        left = list(dict.fromkeys(files))
        for each in left:  # it grows by what these include
            if self._is_readable(each):
                content = each.read_bytes()
                found[os.path.relpath(each, self.root)] = pins.pinned(each.name, content)
                left += [path for path in _included(each, content) if path not in left]
        return found

    def _is_readable(self, path: Path) -> bool:
        inside = lies_in(path, self.top) and path.resolve().is_relative_to(self.top)
        return inside and path.is_file() and path.stat().st_size <= LARGEST


def _included(file: Path, content: bytes) -> Iterator[Path]:
    if file.suffix == ".txt":
        for name in INCLUDED.findall(content.decode(errors="replace")):
            yield Path(os.path.normpath(file.parent / name))
