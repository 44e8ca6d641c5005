"""Files in canonical bytes, written whole or not at all."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from samebits.errors import UserError

LOCK = "dvc.lock"  # where DVC keeps the hashes of all that the pipeline read and wrote


def write_json(value: Mapping[str, Any] | list[Any], path: str | Path) -> None:
    """Write `value` as JSON in the order of its keys, with Python's shortest float repr and a final newline."""
    write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", path)


def write_text(value: str, path: str | Path) -> None:
    """Write text as UTF-8."""
    write_bytes(value.encode(), path)


def read_json(path: str | Path) -> Any:
    """Read a JSON file. Raises UserError if it is missing or not JSON."""
    return parse_json(read_bytes(path), path)


def parse_json(content: bytes, path: str | Path) -> Any:
    """As `read_json`, from the content of the file at `path`."""
    check_merged(content, path)
    try:
        return json.loads(content)
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error})") from None


def check_merged(content: bytes, path: str | Path) -> None:
    """Raise UserError if the content of the file at `path` holds the markers of a conflict that git left."""
    if re.search(rb"^<<<<<<< .*^>>>>>>> ", content, re.MULTILINE | re.DOTALL):
        raise UserError(
            f"{path}: has conflict markers of git; take one side whole, for example with `git checkout --ours {path}`, "
            "then run `dvc repro`"
        )


def read_bytes(path: str | Path) -> bytes:
    """The content of a file. Raises UserError if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; `dvc repro` writes the files of the pipeline") from None


def write_bytes(content: bytes, path: str | Path) -> None:
    """Write a file that appears whole or not at all, whenever the process dies."""
    with written(path) as file:
        file.write(content)


@contextlib.contextmanager
def written(path: str | Path) -> Iterator[IO[bytes]]:
    """A file to write to; its content appears at `path` when the block ends, or not at all.

    Raises UserError where no file can be written there.
    """
    path = check_writable(path)
    for left_by_a_killed_run in path.parent.glob(f"{glob.escape(path.name)}.*.tmp"):
        left_by_a_killed_run.unlink(missing_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".tmp")
    try:
        with open(descriptor, "wb") as file:
            yield file
            os.fchmod(file.fileno(), 0o644)  # mkstemp makes files private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def check_writable(path: str | Path) -> Path:
    """The path of a file that is to be written; makes its folder. Raises UserError where none can be written there."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file():  # a device, or a pipe, would be replaced
            raise OSError(errno.EINVAL, "exists and is not a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a writable file") from None
    return path


def md5(content: bytes) -> str:
    """The hash by which DVC knows a file."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
