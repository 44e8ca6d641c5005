"""CSV and TSV: quotes and line ends do not count; the delimiter, the columns and their order do."""

import csv
import io
import math
import re
from collections.abc import Iterator
from typing import Any

from samebits.proof.comparators.readers import json
from samebits.proof.comparators.reading import LIMIT, Budget, UnreadableError
from samebits.proof.comparators.values import Digits, Table

DELIMITERS = ",;\t|"
NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]{1,6})?|[+-]?\.[0-9]+([eE][+-]?[0-9]{1,6})?")
csv.field_size_limit(LIMIT)  # for all readers in the process; what csv allows is less than what cells hold
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "+inf": math.inf, "-inf": -math.inf}


def read(content: bytes, name: str, budget: Budget) -> Table:
    """The table; without names of columns where the first row has a number in it."""
    text = content.decode("utf-8-sig")
    if "\0" in text:
        raise UnreadableError("it holds a NUL")
    first = text.split("\n", 1)[0]
    delimiter = "\t" if name.lower().endswith(".tsv") else max(DELIMITERS, key=first.count)
    rows = _rows(text, delimiter)
    header = next(rows, [])
    if any(number(cell) is not None for cell in header):
        rows, header = _rows(text, delimiter), []
    return Table(f"cells between {delimiter!r}", header, rows, number)


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from rows
    except csv.Error as error:
        raise UnreadableError(f"line {rows.line_num} is not CSV: {error}") from None


def number(cell: str) -> Any:
    """The number that a cell says, or None: a text such as 007 is none."""
    if not NUMBER.fullmatch(cell):
        return NOT_FINITE.get(cell.lower())
    if cell.lstrip("+-").isdigit():
        return json.integer(cell)
    value = float(cell)
    return value if math.isfinite(value) else Digits(cell)
