"""Hashes as DVC writes them, of files, of folders, and of texts with other line ends."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BufferedReader, BytesIO
from pathlib import Path

LINE_ENDS = {b"\n": "Unix", b"\r\n": "Windows"}  # with which git may check out a text
DIR = ".dir"  # how DVC ends the hash of a folder, which is that of its manifest
OLD = "md5-dos2unix"  # of DVC 2: the same for all line ends of a text
BLOCK = 2**20  # bytes that DVC 2 read at a time, of which it looked at
BEGINNING = 512
OF_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"


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


def hash_of(file: Path, name: str, ends: bytes = b"") -> Hash:
    """The hash of a file; with given line ends, if any and if it is a text."""
    if ends and name == "md5":
        return hash_of_bytes(file.read_bytes(), name, ends)
    with file.open("rb") as content:
        return Hash(name, _digest(content, name))


def hash_of_bytes(content: bytes, name: str, ends: bytes = b"") -> Hash:
    """As `hash_of`, of the content of a file."""
    content = with_line_ends(content, ends) if ends and name == "md5" else content
    return Hash(name, _digest(BytesIO(content), name))


def _digest(content: BytesIO | BufferedReader, name: str) -> str:
    if name != OLD:
        return hashlib.file_digest(content, lambda: hashlib.new(name, usedforsecurity=False)).hexdigest()
    found = hashlib.md5(usedforsecurity=False)
    while block := content.read(BLOCK):
        found.update(block.replace(b"\r\n", b"\n") if _is_text(block[:BEGINNING]) else block)
    return found.hexdigest()


def _is_text(block: bytes) -> bool:
    """Whether DVC 2 took a block for text: without zero bytes, and at most 30 % of it no letters, digits or signs."""
    return b"\0" not in block and len(block.translate(None, OF_TEXT)) <= 0.30 * len(block)


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def hash_and_sha256_of(file: Path, name: str) -> tuple[Hash, str]:
    """The hash of a file and its SHA-256; it is read once."""
    if name == OLD:
        return hash_of(file, name), sha256_of(file)
    sums = hashlib.new(name, usedforsecurity=False), hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(BLOCK):
            for each in sums:
                each.update(block)
    return Hash(name, sums[0].hexdigest()), sums[1].hexdigest()


def folder_hash(files: Manifest, name: str) -> Hash:
    """The hash of a folder, of what DVC writes into its manifest."""
    entries = [{"md5": files[path].value, "relpath": path} for path in sorted(files)]
    text = json.dumps(entries, sort_keys=True)
    return Hash(name, hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + DIR)


def files_in(folder: Path, name: str) -> Manifest:
    """All files in a folder, as its manifest lists them."""
    files = (each for each in folder.rglob("*") if os.path.isfile(each))
    return {each.relative_to(folder).as_posix(): hash_of(each, name) for each in files}


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


def line_ends_of(recorded: Hash, read: Callable[[str, bytes], object]) -> str | None:
    """The system with whose line ends the texts here are those of a hash, where they are not so as they are.

    read: what is here, by a hash of a name, with given line ends, if any.
    """
    if read(recorded.name, b"") == recorded:
        return None
    return next((system for ends, system in LINE_ENDS.items() if read(recorded.name, ends) == recorded), None)


def line_ends_of_file(recorded: Hash, file: Path) -> str | None:
    """As `line_ends_of`, of a file."""
    return line_ends_of(recorded, partial(hash_of, file))


def with_own_line_ends(recorded: Hash | None, file: Path | None) -> Hash | None:
    """The hash of a text in git that is the recorded one but for its line ends; None of any other file."""
    if recorded and file and os.path.isfile(file) and line_ends_of_file(recorded, file):
        return hash_of(file, recorded.name)
    return None


def with_line_ends(content: bytes, ends: bytes) -> bytes:
    """A text with all its line ends as given; what git takes for no text stays as it is."""
    return content if b"\0" in content else content.replace(b"\r\n", b"\n").replace(b"\n", ends)
