"""Bytes of any kind and size: where they first differ."""

import os
from typing import AnyStr, BinaryIO

from samebits.proof.comparators.findings import short

CHUNK = 2**20
PIECE = 2**12
AROUND = 200  # bytes of a line that are looked at


def describe(promised: BinaryIO, obtained: BinaryIO) -> str:
    """The first line of a text, or the first byte, that differs, with both; and both sizes."""
    at = lines = 0
    while True:
        one, other = promised.read(CHUNK), obtained.read(CHUNK)
        if one != other or not one:
            break
        at += len(one)
        lines += one.count(b"\n")
    same = first_difference(one, other)
    at, lines = at + same, lines + one[:same].count(b"\n")
    sizes = [each.seek(0, os.SEEK_END) for each in (promised, obtained)]
    size = f"{sizes[0]:,} bytes" + ("" if sizes[0] == sizes[1] else f" promised, {sizes[1]:,} obtained")
    texts = [_line(each, at) for each in (promised, obtained)]
    if texts[0] != texts[1] and None not in texts:
        return f"line {lines + 1:,}: {short(texts[0])} promised, {short(texts[1])} obtained; {size}"
    values = [_byte(each, at) for each in (promised, obtained)]
    return f"byte {at:,}: {values[0]} promised, {values[1]} obtained; {size}"


def first_difference(one: AnyStr, other: AnyStr) -> int:
    """The place of the first character that differs, or where the shorter text ends."""
    start, end = 0, min(len(one), len(other))
    while start < end and one[start : start + PIECE] == other[start : start + PIECE]:
        start += PIECE
    return next((at for at in range(start, end) if one[at] != other[at]), end)


def _line(file: BinaryIO, at: int) -> str | None:
    """The line in which a byte stands, from shortly before it on; None where it is no text."""
    start = max(at - AROUND, 0)
    file.seek(start)
    before, after = file.read(at - start), file.read(AROUND)
    if b"\0" in before + after:
        return None
    line = before[before.rfind(b"\n") + 1 :][-20:].lstrip(bytes(range(0x80, 0xC0))) + after.split(b"\n", 1)[0]
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        return line[: error.start].decode() if error.start >= len(line) - 3 and len(after) == AROUND else None


def _byte(file: BinaryIO, at: int) -> str:
    file.seek(at)
    found = file.read(1)
    return f"0x{found.hex()}" if found else "the end"
