"""One compressed file: gzip, bzip2, xz. Compression, time stamps and the name within do not count."""

import zlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from samebits.proof.comparators.reading import Budget, UnreadableError
from samebits.proof.comparators.values import File

ENDS = {".gz": "", ".bz2": "", ".xz": "", ".tgz": ".tar"}
CHUNK = 2**16


def _bzip2() -> Any:
    import bz2  # which some Pythons lack, as the next

    return bz2.BZ2Decompressor()


def _xz() -> Any:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=2**28)


STREAMS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(31),
    b"BZh": _bzip2,
    b"\xfd7zXZ\0": _xz,
    b"\x78": zlib.decompressobj,
}


def read(content: bytes, name: str, budget: Budget) -> File:
    """The file, under its name without the end."""
    end = PurePosixPath(name).suffix
    return File(name.removesuffix(end) + ENDS[end] if end in ENDS else name, unpack(content, budget))


def unpack(content: bytes, budget: Budget) -> bytes:
    """All streams in a file, which begin as the first does. Raises UnreadableError where there is anything else."""
    start = next((stream for magic, stream in STREAMS.items() if content.startswith(magic)), None)
    if start is None:
        raise UnreadableError("it does not begin as such a file")
    unpacked, at = [], 0
    while at < len(content):  # the modules' own files take what follows the first stream for no part of the file
        stream = start()
        while not stream.eof:
            piece = content[at : at + CHUNK]
            if not piece:
                raise UnreadableError("it is cut off")
            unpacked.append(stream.decompress(piece, budget.bytes + 1))
            budget.take(len(unpacked[-1]), members=0)
            at += len(piece)
        at -= len(stream.unused_data)
        budget.take(0)
    return b"".join(unpacked)
