"""Bytes of any kind and size: where they first differ."""

import difflib
import itertools
import os
from collections.abc import Iterator
from typing import AnyStr, BinaryIO

from samebits.proof.comparators.findings import short, shown
from samebits.proof.verdict import Difference, Row

CHUNK = 2**20
PIECE = 2**12
AROUND = 200  # bytes of a line that are looked at
WINDOW = 2**13  # bytes around what differs, of which lines are shown side by side
LINES = 40  # of them that are paired
ROWS = 12  # of them that are shown
CONTEXT = 2  # of them that are equal, before and after what differs
WIDTH = 120  # characters of a line


def describe(promised: BinaryIO, obtained: BinaryIO, note: str | None = None) -> Difference:
    """The first line of a text, or the first byte, that differs, with both, what is around it, and both sizes."""
    at = lines = 0
    while True:
        one, other = promised.read(CHUNK), obtained.read(CHUNK)
        if one != other or not one:
            break
        at += len(one)
        lines += one.count(b"\n")
    same = first_difference(one, other)
    at, lines = at + same, lines + one[:same].count(b"\n")
    sizes = promised.seek(0, os.SEEK_END), obtained.seek(0, os.SEEK_END)
    texts = [_line(each, at) for each in (promised, obtained)]
    if texts[0] != texts[1] and None not in texts:
        rows = list(_lines(promised, obtained, at, lines + 1))
        return Difference(f"line {lines + 1:,}:", short(texts[0]), short(texts[1]), sizes=sizes, rows=rows, note=note)
    values = [_byte(each, at) for each in (promised, obtained)]
    rows = list(_dump(promised, obtained, at))
    text = f"byte {at:,}:"
    return Difference(text, values[0], values[1], sizes=sizes, rows=rows, unit="byte", note=note)


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


def _lines(promised: BinaryIO, obtained: BinaryIO, at: int, number: int) -> Iterator[Row]:
    """Lines side by side, from shortly before the first that differs on. at: the byte, number: the line of that."""
    promised.seek(start := max(at - WINDOW, 0))
    before = promised.read(at - start).split(b"\n")  # the last one begins the line that differs
    lead = [_decoded(line) for line in before[:-1][-CONTEXT:]] if start == 0 or len(before) > CONTEXT + 1 else []
    for index, line in enumerate(lead, number - len(lead)):
        yield Row(index, *_around(line, line)[:1], index, *_around(line, line)[1:])
    sides = []
    for file in (promised, obtained):
        file.seek(at)
        lines = file.read(WINDOW).split(b"\n")
        whole = len(lines) - (not lines[-1] or file.read(1) != b"")  # the last line may be cut off
        sides.append([_decoded(line) for line in [before[-1] + lines[0], *lines[1:whole]][:LINES]])
    one, other = sides
    pairs = _pairs(one, other)
    for i, j in itertools.islice(pairs, ROWS - len(lead)):
        texts = _around(None if i is None else one[i], None if j is None else other[j])
        yield Row(None if i is None else number + i, texts[0], None if j is None else number + j, texts[1])


def _pairs(one: list[str], other: list[str]) -> Iterator[tuple[int | None, int | None]]:
    """Which lines stand side by side, without long runs of equal ones."""
    for group in difflib.SequenceMatcher(None, one, other, False).get_grouped_opcodes(CONTEXT):
        for _, start, end, other_start, other_end in group:
            yield from itertools.zip_longest(range(start, end), range(other_start, other_end))


def _around(one: str | None, other: str | None) -> tuple[str | None, str | None]:
    """Two lines, printable, of long ones the part around their first difference."""
    start = max(first_difference(one or "", other or "") - WIDTH // 3, 0) if one != other else 0
    cut = [None if each is None else shown("..." * (start > 0) + each[start:], WIDTH) for each in (one, other)]
    return cut[0], cut[1]


def _decoded(line: bytes) -> str:
    return line.decode(errors="replace")


def _dump(promised: BinaryIO, obtained: BinaryIO, at: int) -> Iterator[Row]:
    """Bytes side by side, 16 a row, from the row before the first that differs on."""
    for offset in range(max(at // 16 - 1, 0) * 16, at + 64, 16):
        pieces = []
        for file in (promised, obtained):
            file.seek(offset)
            pieces.append(file.read(16).hex(" ") or None)
        places = [None if piece is None else offset for piece in pieces]
        if any(pieces):
            yield Row(places[0], pieces[0], places[1], pieces[1])
