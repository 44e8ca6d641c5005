"""What a path holds where every output is as its `.dvc` file or `dvc.lock` promises: told by hashes."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path

from dvc.repo import Repo
from dvc_data.hashfile.hash import file_md5, fobj_md5

from samebits.git import git

LINE_ENDS = {b"\n": "Unix", b"\r\n": "Windows"}  # with which git may check out a text
DIR = ".dir"  # how DVC ends the hash of a folder, which is that of its manifest


@dataclass(frozen=True)
class Hash:
    """A hash as DVC writes it down.

    name: md5; md5-dos2unix, of DVC 2: of text with the line ends of Unix; or a cloud's, as etag.
    """

    name: str
    value: str

    @property
    def is_folder(self) -> bool:
        """Whether it is that of a folder's manifest."""
        return self.value.endswith(DIR)


Manifest = dict[str, Hash]  # the files of a folder, by their paths from it


@dataclass(frozen=True)
class Unknown:
    """Why it cannot be told here what a path holds; `pull` names what `dvc pull` would bring to tell it."""

    why: str
    pull: str | None = None


class Missing:
    """There is nothing at the path, and nothing promises it."""


Holds = Hash | Unknown | Missing


class Paths:
    """Paths that others may lie in or around. Each is found without a look at all."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = dict.fromkeys(paths)
        self._inside: dict[str, list[str]] = {}
        for path in self._paths:
            for folder in parents(path):
                self._inside.setdefault(folder, []).append(path)

    def within(self, folder: str) -> list[str]:
        """Those that lie in a folder, at any depth."""
        return self._inside.get(folder, [])

    def around(self, path: str) -> str | None:
        """The nearest that is a folder around a path."""
        return next((parent for parent in parents(path) if parent in self._paths), None)

    def overlapping(self, path: str) -> list[str]:
        """Those that lie at, in or around a path."""
        return [*(each for each in (path, *parents(path)) if each in self._paths), *self.within(path)]


@dataclass
class Contents:
    """Of a repository, what its paths hold; each file is read at most once.

    promised: the hashes of all outputs, by path from the root of DVC; None where one has none yet.
    manifest: gives the manifest of a folder, by its hash, where it is available. unchecked: files of git that a sparse
    checkout leaves out, with their objects. root: where the paths are read, if that is not the root of DVC.
    """

    repo: Repo
    promised: dict[str, Hash | None]
    manifest: Callable[[Hash], Manifest | None]
    unchecked: dict[str, str] = field(default_factory=dict)
    root: Path = Path()
    _read: dict[tuple[str, str, bytes], Holds] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._outputs = Paths(self.promised)
        self._unchecked = Paths(self.unchecked)
        self.root = Path(self.repo.root_dir) / self.root

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

    def files(self, path: str) -> Iterator[str]:
        """The files in a folder that DVC sees, by their paths from it."""
        ignored, here = self.repo.dvcignore, Path(self.repo.root_dir)
        for parent, folders, names in os.walk(self.root / path):
            inner = Path(parent).relative_to(self.root)
            folders[:], names = ignored(str(here / inner), folders, names)
            yield from ((inner / each).relative_to(path).as_posix() for each in sorted(names))
        inside = (each for each in self._unchecked.within(path) if not os.path.exists(Path(self.repo.root_dir, each)))
        for each in inside:
            if not self.repo.dvcignore.is_ignored_file(str(Path(self.repo.root_dir, each))):
                yield each if path == "." else each[len(path) + 1 :]

    def content(self, path: str) -> bytes | None:
        """The content of a file: of the working tree, else of git where a sparse checkout leaves it out; or None."""
        file = Path(self.repo.root_dir, path)
        if os.path.isfile(file):
            return file.read_bytes()
        return self._of_git(path) if path in self.unchecked else None

    def _of_git(self, path: str) -> bytes:
        return git("cat-file", "blob", self.unchecked[path], cwd=Path(self.repo.root_dir))

    def _hash(self, path: str, name: str, ends: bytes) -> Holds:
        file, outputs = self.root / path, self._outputs.within(path)
        if os.path.isfile(file):
            return hash_of(file, name, ends)
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


def read_manifest(content: bytes, name: str) -> Manifest | None:
    """What DVC wrote of the files of a folder, with hashes of the given name; None where it is no such text."""
    try:
        found = {each["relpath"]: Hash(name, each["md5"]) for each in json.loads(content)}
        parts = [part for path in found for part in path.split("/")]
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    if any(part in ("", ".", "..") or "\\" in part for part in parts):
        return None  # it would lead out of the folder
    return found


def folder_hash(files: Manifest, name: str) -> Hash:
    """The hash of a folder, of what DVC writes into its manifest."""
    entries = [{"md5": files[path].value, "relpath": path} for path in sorted(files)]
    text = json.dumps(entries, sort_keys=True)
    return Hash(name, hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + DIR)


def files_in(folder: Path, name: str) -> Manifest:
    """All files in a folder, as its manifest lists them."""
    files = (each for each in folder.rglob("*") if os.path.isfile(each))
    return {each.relative_to(folder).as_posix(): hash_of(each, name) for each in files}


def lies_in(path: Path, folder: Path) -> bool:
    """Whether a path, its links of folders followed, lies in a resolved folder, and is not that itself."""
    path = Path(os.path.normpath(path))
    return path != folder and (path.parent.resolve() / path.name).is_relative_to(folder)


def links_in(path: Path) -> Iterator[Path]:
    """The symbolic links at a path and, where it is a folder, in it."""
    if path.is_symlink():
        yield path
    for parent, folders, files in os.walk(path):
        yield from (Path(parent, name) for name in [*folders, *files] if os.path.islink(os.path.join(parent, name)))


def hash_of(file: Path, name: str, ends: bytes = b"") -> Hash:
    """The hash of a file; with given line ends, if any and if it is a text."""
    if ends and name == "md5":
        return Hash(name, hashlib.md5(with_line_ends(file.read_bytes(), ends), usedforsecurity=False).hexdigest())
    return Hash(name, file_md5(str(file), name=name))


def hash_of_bytes(content: bytes, name: str, ends: bytes = b"") -> Hash:
    """As `hash_of`, of the content of a file."""
    content = with_line_ends(content, ends) if ends and name == "md5" else content
    return Hash(name, fobj_md5(BytesIO(content), name=name))


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def with_line_ends(content: bytes, ends: bytes) -> bytes:
    """A text with all its line ends as given; what git takes for no text stays as it is."""
    return content if b"\0" in content else content.replace(b"\r\n", b"\n").replace(b"\n", ends)


def line_ends_of(recorded: Hash, read: Callable[[str, bytes], Holds]) -> str | None:
    """The system with whose line ends the texts here are those of a hash, where they are not so as they are.

    read: what is here, by a hash of a name, with given line ends, if any.
    """
    if read(recorded.name, b"") == recorded:
        return None
    return next((system for ends, system in LINE_ENDS.items() if read(recorded.name, ends) == recorded), None)


def with_own_line_ends(recorded: Hash | None, file: Path | None) -> Hash | None:
    """The hash of a text in git that is the recorded one but for its line ends; None of any other file."""
    if recorded and file and os.path.isfile(file) and line_ends_of(recorded, partial(hash_of, file)):
        return hash_of(file, recorded.name)
    return None


def parents(path: str) -> list[str]:
    """The folders around a path, the nearest first; the root is '.'."""
    parts = path.split("/")
    return [] if path == "." else [*("/".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)), "."]


def _no_hash(output: str) -> Unknown:
    return Unknown(f"{output} has no recorded hash")


def _no_manifest(output: str) -> Unknown:
    return Unknown(f"the list of files in {output} is not in the cache", output)
