"""Rows from outside, CSV or JSON lines, as blocks of float64: parsed as data, bounded, in flat memory."""

import csv
import gzip
import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedIOBase, BufferedReader, RawIOBase
from itertools import chain
from operator import methodcaller
from typing import Any, Protocol

import numpy as np

from samebits.errors import UserError

CHUNK = 2**18  # bytes read at once
MAX_LINE = 2**20  # bytes
GZIP, BLANK = b"\x1f\x8b", b"\xef\xbb\xbf \t"  # how a file of gzip begins; what may stand before a line
MANY = 2**14  # rows: from here on, a faster way saves more time than its import takes
NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)


@dataclass(frozen=True)
class Head:
    """The first lines of a file of rows, and the file as it was before they were read.

    lines: without their ends; only one, if it is that of a JSON object. is_gzip: whether the file is compressed so.
    """

    lines: list[str]
    file: BufferedIOBase
    is_gzip: bool

    @classmethod
    def of(cls, file: BufferedIOBase, count: int, encoding: str = "utf-8") -> "Head":
        """Read up to `count` lines of a file, gunzipped where it is compressed so."""
        if is_gzip := isinstance(file, BufferedReader) and file.peek(2).startswith(GZIP):
            file = BufferedReader(gzip.GzipFile(fileobj=file))
        read: list[bytes] = []
        while len(read) < count and (line := file.readline(MAX_LINE)):
            read.append(line)
            if line.lstrip(BLANK).startswith(b"{"):
                break
        text = b"".join(read).decode(encoding, "replace").removeprefix("\ufeff")
        return cls(text.splitlines() or [""], BufferedReader(_Again(b"".join(read), file), CHUNK), is_gzip)

    @property
    def is_json(self) -> bool:
        """Whether it is JSON, an object a line."""
        return self.lines[0].lstrip().startswith("{")

    def names(self, line: int = 0, delimiter: str = ",", quote: str = '"') -> list[str]:
        """The names of the columns, from a line of CSV, or of the first object; none where there are none."""
        if self.is_json:
            with suppress(ValueError, RecursionError):
                values = json.loads(self.lines[0])
                return list(values) if isinstance(values, dict) else []
        with suppress(csv.Error, IndexError):
            reader = csv.reader([self.lines[line]], delimiter=delimiter, quotechar=quote)
            return [name.strip() for name in next(reader, [])]
        return []


class _Again(RawIOBase):
    """A file, after what was read of it."""

    def __init__(self, before: bytes, file: BufferedIOBase) -> None:
        self._before, self._file = before, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._before[: len(buffer)] or self._file.read1(len(buffer))
        self._before = self._before[len(buffer) :]
        buffer[: len(content)] = content
        return len(content)


def blocks(file: BufferedIOBase, features: Sequence[str]) -> Iterator[np.ndarray]:
    """The columns `features` of CSV with a header, or of JSON lines, as float64 blocks (n, p), as they arrive.

    Columns come in any order, others are ignored; a row is one line; the file may end in blank lines. A missing value,
    an empty cell or null, is NaN. Raises UserError that names row and column at the first value that is neither this
    nor a finite number, after all rows before it were yielded.
    """
    chunks = _without_blank_end(_chunks(file))
    first, *rest = next(chunks, [""])
    first = first.removeprefix("\ufeff")  # what some programs write before UTF-8
    if not first.strip():
        raise UserError(f"no rows; the first line must name the columns {', '.join(features)}, or be a JSON object")
    if first.lstrip().startswith("{"):
        parser: _Parser = _JsonLines(features)
        rest = [first, *rest]
    else:
        parser = _Csv(first, features)
    row = 1
    for lines in chain([rest], chunks):
        try:
            yield parser.block(lines, row)
        except ValueError:
            right, problem = _right_rows(parser, lines, row)
            if right:
                yield np.array(right)
            if problem:
                raise problem from None
        row += len(lines)


def _right_rows(parser: "_Parser", lines: list[str], first: int) -> tuple[list[list[float]], UserError | None]:
    """The rows up to the first wrong one, and what is wrong with it."""
    rows: list[list[float]] = []
    try:
        for row, line in enumerate(lines, first):
            rows.append(parser.row(line, row))
    except UserError as error:
        return rows, error
    return rows, None


def _chunks(file: BufferedIOBase) -> Iterator[list[str]]:
    """Lines, as many as have arrived; those before an error come before the error."""
    number = 1
    while content := file.read1(CHUNK):
        if not content.endswith(b"\n"):
            content += file.readline(MAX_LINE)
        problem, right = "", len(content)
        if right - content.rfind(b"\n") > MAX_LINE:
            problem, right = f"longer than {MAX_LINE} bytes; a row is one line", content.rfind(b"\n") + 1
        try:
            text = content[:right].decode()
        except UnicodeDecodeError as error:
            problem, right = "not UTF-8; save the file as UTF-8", content.rfind(b"\n", 0, error.start) + 1
            text = content[:right].decode()
        lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
        if lines:
            yield lines
        number += len(lines)
        if problem:
            raise UserError(f"line {number}: {problem}")


def _without_blank_end(chunks: Iterator[list[str]]) -> Iterator[list[str]]:
    """The same lines, except for the blank ones at the end; of those before another line the first: it is wrong."""
    blank: list[str] = []
    for lines in chunks:
        right = next((place for place in range(len(lines), 0, -1) if lines[place - 1].strip()), 0)
        if right:
            yield blank + lines[:right]
            blank = []
        blank = (blank or lines[right:])[:1]


class _Parser(Protocol):
    def block(self, lines: list[str], first: int) -> np.ndarray:
        """All rows from number `first` at once, which is faster. Raises ValueError where each has to be looked at."""

    def row(self, line: str, row: int) -> list[float]:
        """The values of row number `row`. Raises UserError where one is not a finite number."""


class _JsonLines:
    def __init__(self, features: Sequence[str]) -> None:
        self.features = features

    def block(self, lines: list[str], first: int) -> np.ndarray:
        if first <= MANY:
            raise ValueError("few rows")
        from samebits.serving import floats

        return floats.read_objects(lines, self.features)

    def row(self, line: str, row: int) -> list[float]:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"row {row}: not JSON ({error}); one object a line") from None
        if not isinstance(values, dict):
            raise UserError(f"row {row}: not a JSON object; one object a line, with a key for each column")
        return [self._number(values, name, row) for name in self.features]

    @staticmethod
    def _number(values: dict[str, Any], name: str, row: int) -> float:
        if (value := values.get(name)) is None:
            return math.nan
        if type(value) is float and math.isfinite(value):
            return value
        if type(value) is int and abs(value) <= sys.float_info.max:
            return float(value)
        raise _wrong(row, name, repr(value))


class _Csv:
    def __init__(self, header: str, features: Sequence[str]) -> None:
        names = [name.strip() for name in self._cells(header, "header")]
        if missing := [name for name in features if name not in names]:
            raise UserError(f"header: no column {', '.join(missing)}; it names {_shortened(', '.join(names))}")
        if twice := next((name for name in features if names.count(name) > 1), None):
            raise UserError(f"header: names the column {twice} twice")
        self.width, self.places = len(names), {name: names.index(name) for name in features}

    def block(self, lines: list[str], first: int) -> np.ndarray:
        if set(map(methodcaller("count", ","), lines)) != {self.width - 1}:
            raise ValueError("commas in cells, or rows of wrong width")
        if first > MANY:
            with suppress(ValueError):  # numpy takes more ways to write a number
                return self._many(",".join(lines), len(lines))
        X = np.loadtxt(lines, delimiter=",", comments=None, usecols=tuple(self.places.values()), ndmin=2)
        if len(X) != len(lines) or not np.isfinite(X).all():
            raise ValueError("empty rows, or values that are not finite")
        return X

    def _many(self, text: str, rows: int) -> np.ndarray:
        """`rows` rows from their cells with commas between them. Raises ValueError where JSON differs from CSV."""
        from samebits.serving import floats

        if "\r" in text:
            raise ValueError("a space in JSON, the end of a row in CSV")
        places = list(self.places.values())
        if self.width == len(places):
            return floats.read(text).reshape(rows, self.width)[:, places]
        cells = text.split(",")  # the other columns may hold anything
        return np.column_stack([floats.read(",".join(cells[place :: self.width])) for place in places])

    def row(self, line: str, row: int) -> list[float]:
        cells = self._cells(line, f"row {row}")
        if len(cells) != self.width:
            raise UserError(f"row {row}: has {len(cells)} cells, the header {self.width}")
        return [self._number(cells[place], name, row) for name, place in self.places.items()]

    @staticmethod
    def _cells(line: str, place: str) -> list[str]:
        try:
            return next(csv.reader([line], strict=True))
        except csv.Error as error:
            raise UserError(f"{place}: not CSV ({error}); a row is one line") from None

    @staticmethod
    def _number(text: str, name: str, row: int) -> float:
        if NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
            return number
        if not text.strip():
            return math.nan
        raise _wrong(row, name, repr(text))


def _wrong(row: int, column: str, value: str) -> UserError:
    return UserError(f"row {row}, column {column}: {_shortened(value)} is not a finite number")


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}..."
