"""One compressed file: gzip, bzip2, xz. Compression, time stamps and the name within do not count."""

import bz2
import gzip
import io
import lzma
from pathlib import PurePosixPath
from typing import IO, Any

from samebits.proof.comparators.formats import Budget
from samebits.proof.comparators.values import File

ENDS = {".gz": "", ".bz2": "", ".xz": "", ".tgz": ".tar"}


def read(content: bytes, name: str, budget: Budget) -> File:
    """The file, under its name without the end."""
    end = PurePosixPath(name).suffix
    inner = name.removesuffix(end) + ENDS[end] if end in ENDS else name
    return File(inner, bounded(_opened(content), budget))


def _opened(content: bytes) -> Any:
    if content.startswith(b"BZh"):
        return bz2.open(io.BytesIO(content))
    return lzma.open(io.BytesIO(content)) if content.startswith(b"\xfd") else gzip.open(io.BytesIO(content))


def bounded(file: IO[bytes], budget: Budget) -> bytes:
    """The content of a file, unpacked as long as the budget lasts."""
    content = file.read(budget.bytes + 1)
    budget.take(len(content))
    return content
