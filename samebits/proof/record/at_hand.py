"""Data that DVC keeps, as far as it lies here and its hash is cheap to know."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from samebits.proof.repository.contents import Missing, Unknown
from samebits.proof.repository.hashes import Hash, Manifest, folder_hash, hash_of
from samebits.proof.repository.pipeline import Pipeline

MOST_BYTES = 2**30  # of files that are read in one run, as DVC's state has no hash of them
MOST_FILES = 20_000  # of a folder, of each of which DVC's state is asked


@dataclass
class AtHand:
    """The data of a repository in its working tree and in its cache.

    read: bytes of files that were read for their hashes, so far.
    """

    pipeline: Pipeline
    read: int = 0
    _itself: dict[Path, bool] = field(default_factory=dict)
    _files: dict[tuple[Path, str], Hash | Unknown] = field(default_factory=dict)
    _outputs: dict[tuple[str, str], Hash | Unknown | Missing] = field(default_factory=dict)

    def in_tree(self, path: str, name: str) -> Hash | Unknown | Missing:
        """What lies in the working tree at the path of an output, by a hash of a name."""
        if (path, name) not in self._outputs:
            self._outputs[path, name] = self._in_tree(path, name)
        return self._outputs[path, name]

    def _in_tree(self, path: str, name: str) -> Hash | Unknown | Missing:
        place = Path(os.path.normpath(os.path.join(self._root, path)))
        if not self._is_itself(place.parent):
            return Missing()  # a link leads elsewhere, which is no part of the tree
        if os.path.isfile(place):
            return self._file(place, name)
        if not os.path.isdir(place):
            return Missing()
        found = Manifest()
        for number, relative in enumerate(self.pipeline.contents.files(path)):
            if number == MOST_FILES:
                return Unknown(f"more than {MOST_FILES:,} files; `dvc status` looks at them all")
            hash_ = self._file(place / relative, name)
            if isinstance(hash_, Unknown):
                return hash_
            found[relative] = hash_
        return folder_hash(found, name)

    @cached_property
    def _root(self) -> Path:
        return self.pipeline.root.resolve()

    def _is_itself(self, folder: Path) -> bool:
        """Whether a folder is reached through no link."""
        if folder not in self._itself:
            self._itself[folder] = folder.resolve() == folder
        return self._itself[folder]

    def by_another_hash(self, path: str, hash_: Hash, name: str) -> Hash | None:
        """The hash of another name of what has a hash: where it is in the cache, or lies at a path."""
        if not hash_.is_folder:
            file = self._with(path, hash_)
            found = self._file(file, name) if file else None
            return found if isinstance(found, Hash) else None
        manifest = self.pipeline.store.manifest(hash_, ask=False)
        if manifest is None:
            return None
        files = {each: self.by_another_hash(f"{path}/{each}", inner, name) for each, inner in manifest.items()}
        known = {each: found for each, found in files.items() if found}
        return folder_hash(known, name) if len(known) == len(files) else None

    def _with(self, path: str, hash_: Hash) -> Path | None:
        """A file that has a hash."""
        place = self.pipeline.root / path
        if os.path.isfile(place) and self._file(place, hash_.name) == hash_:
            return place
        return self.pipeline.store.get(hash_, ask=False)

    def _file(self, file: Path, name: str) -> Hash | Unknown:
        if (file, name) not in self._files:
            self._files[file, name] = self._hash(file, name)
        return self._files[file, name]

    def _hash(self, file: Path, name: str) -> Hash | Unknown:
        known = self.pipeline.repo.known(file)
        if known and known.name == name:
            return known
        self.read += file.stat().st_size
        if self.read > MOST_BYTES:
            return Unknown("it is large, and DVC has not hashed it here; `dvc status` does")
        return hash_of(file, name)
