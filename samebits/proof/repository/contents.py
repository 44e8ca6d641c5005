"""What a path holds where every output is as its `.dvc` file or `dvc.lock` promises: told by hashes."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from samebits.git import git
from samebits.proof.repository.hashes import (
    Hash,
    Manifest,
    folder_hash,
    hash_and_sha256_of,
    hash_of,
    hash_of_bytes,
    line_ends_of,
)
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.paths import Paths, parents


@dataclass(frozen=True)
class Unknown:
    """Why it cannot be told here what a path holds; `pull` names what `dvc pull` would bring to tell it."""

    why: str
    pull: str | None = None


class Missing:
    """There is nothing at the path, and nothing promises it."""


Holds = Hash | Unknown | Missing


@dataclass
class Contents:
    """Of a repository, what its paths hold; each file is read at most once.

    promised: the hashes of all outputs, by path from the root of DVC; None where one has none yet.
    manifest: gives the manifest of a folder, by its hash, where it is available. unchecked: files of git that a sparse
    checkout leaves out, with their objects. root: where the paths are read, if that is not the root of DVC.
    sha256: of each file that was read, by path; None where nobody asks for it.
    """

    repo: Repository
    promised: dict[str, Hash | None]
    manifest: Callable[[Hash], Manifest | None]
    unchecked: dict[str, str] = field(default_factory=dict)
    root: Path = Path()
    sha256: dict[str, str] | None = None
    _read: dict[tuple[str, str, bytes], Holds] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._outputs = Paths(self.promised)
        self._unchecked = Paths(self.unchecked)
        self.root = self.repo.root / self.root

    def of(self, path: str, name: str = "md5", ends: bytes = b"") -> Holds:
        """What a path holds, by a hash of the given name; with given line ends of the texts on disk, if any."""
        if path in self.promised:
            return self.promised[path] or _no_hash(path)
        if around := self._outputs.around(path):
            return self._within(around, path)
        return self.on_disk(path, name, ends)

    def on_disk(self, path: str, name: str = "md5", ends: bytes = b"") -> Holds:
        """As `of`, but the path itself is read from the working tree, whatever promises it."""
        key = path, name, ends
        if key not in self._read:
            self._read[key] = self._hash(path, name, ends)
        return self._read[key]

    def line_ends_of(self, path: str, recorded: Hash) -> str | None:
        """As the function of this name, of the texts on disk at a path."""
        return line_ends_of(recorded, partial(self.on_disk, path))

    def files(self, path: str) -> Iterator[str]:
        """The files in a folder that DVC sees, by their paths from it."""
        for parent, folders, names in os.walk(self.root / path):
            inner = Path(parent).relative_to(self.root)
            folders[:], names = self.repo.not_ignored(self.repo.root / inner, folders, names)
            yield from ((inner / each).relative_to(path).as_posix() for each in sorted(names))
        inside = (each for each in self._unchecked.within(path) if not os.path.exists(self.repo.root / each))
        for each in inside:
            if not self.repo.ignores(self.repo.root / each):
                yield each if path == "." else each[len(path) + 1 :]

    def content(self, path: str) -> bytes | None:
        """The content of a file: of the working tree, else of git where a sparse checkout leaves it out; or None."""
        file = self.repo.root / path
        if os.path.isfile(file):
            return file.read_bytes()
        return self._of_git(path) if path in self.unchecked else None

    def _of_git(self, path: str) -> bytes:
        return git("cat-file", "blob", self.unchecked[path], cwd=self.repo.root)

    def _hash(self, path: str, name: str, ends: bytes) -> Holds:
        file, outputs = self.root / path, self._outputs.within(path)
        if os.path.isfile(file):
            if self.sha256 is None or ends:
                return hash_of(file, name, ends)
            hash_, self.sha256[path] = hash_and_sha256_of(file, name)
            return hash_
        if not os.path.exists(file) and path in self.unchecked:
            return hash_of_bytes(self._of_git(path), name, ends)
        if not os.path.isdir(file) and not outputs and not self._unchecked.within(path):
            return Missing()
        found, inside = Manifest(), set(outputs)
        for output in outputs:
            held = self._held(output, name)
            if isinstance(held, Unknown):
                return held
            within = output if path == "." else output[len(path) + 1 :]
            found |= {f"{within}/{each}" if each else within: hash_ for each, hash_ in held.items()}
        for relative in self.files(path):
            whole = relative if path == "." else f"{path}/{relative}"
            if not inside.intersection((whole, *parents(whole))):
                read = self.on_disk(whole, name, ends)
                if isinstance(read, Hash):
                    found[relative] = read
        return folder_hash(found, name)

    def _held(self, output: str, name: str) -> Manifest | Unknown:
        """The files that an output holds, by their paths from it; '' for an output that is a file."""
        hash_ = self.promised[output]
        if hash_ is None:
            return _no_hash(output)
        if hash_.is_folder:
            manifest = self.manifest(hash_)
            return _no_manifest(output) if manifest is None else manifest
        return {"": hash_} if hash_.name == name else Unknown(f"{output} is recorded by its {hash_.name}", output)

    def _within(self, output: str, path: str) -> Holds:
        """What a path within an output holds, by the manifest of the output."""
        hash_ = self.promised[output]
        if hash_ is None:
            return _no_hash(output)
        if not hash_.is_folder:
            return Missing()
        manifest = self.manifest(hash_)
        if manifest is None:
            return _no_manifest(output)
        relative = path[len(output) + 1 :]
        if relative in manifest:
            return manifest[relative]
        part = {each[len(relative) + 1 :]: found for each, found in manifest.items() if each.startswith(f"{relative}/")}
        return folder_hash(part, hash_.name) if part else Missing()


def _no_hash(output: str) -> Unknown:
    return Unknown(f"{output} has no recorded hash")


def _no_manifest(output: str) -> Unknown:
    return Unknown(f"the list of files in {output} is not in the cache", output)
