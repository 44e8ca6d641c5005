"""The numbers in files of metrics, parameters and results, by their names."""

import os
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from samebits.proof.claims.numbers import decimal
from samebits.proof.comparators import formats, numbers
from samebits.proof.comparators.reading import Budget, UnreadableError
from samebits.proof.comparators.values import Lines, Parts, Table

SUFFIXES = (".json", ".yaml", ".yml", ".toml", ".csv", ".tsv", ".jsonl")
MOST_BYTES = 2**20  # of a file that is read
MOST_IN_A_LIST = 100  # numbers; a longer list is a curve, or one number a row
MOST_NUMBERS = 2000  # in a file; one with more holds data, of which some number equals whatever a text says


class Value(NamedTuple):
    """A number in a file, by the name that leads to it."""

    file: str
    name: str
    value: Decimal

    @property
    def key(self) -> tuple[str, str]:
        """What stays where the number changes."""
        return self.file, self.name

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"


def read(file: str, content: bytes) -> list[Value]:
    """The numbers in a file; none where it cannot be read, is large or holds many."""
    kind = formats.of(file, content)
    if kind is None or len(content) > MOST_BYTES or not file.lower().endswith(SUFFIXES):
        return []
    try:
        found = list(islice(_leaves(formats.read(kind, file, content, Budget()), ""), MOST_NUMBERS + 1))
    except (UnreadableError, ValueError, RecursionError):
        return []
    return [Value(file, name, decimal(value)) for name, value in found] if len(found) <= MOST_NUMBERS else []


def of_file(root: Path, file: str) -> list[Value]:
    """As `read`, of a file by its path from a root; none where it is not there."""
    with suppress(OSError):
        if os.stat(root / file).st_size <= MOST_BYTES:
            return read(file, (root / file).read_bytes())
    return []


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The numbers in a value, by their names."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, f"{name}.{key[-1] if isinstance(key, tuple) else key}".lstrip("."))
    elif isinstance(value, list | Lines):
        if isinstance(value, list) and len(value) > MOST_IN_A_LIST and all(map(numbers.is_number, value)):
            return
        items = list(islice(value.values, MOST_NUMBERS) if isinstance(value, Lines) else value)
        for label, each in zip(_labels([_text_in(each) for each in items]), items, strict=True):
            yield from _leaves(each, f"{name}{label}".lstrip("."))
    elif isinstance(value, Parts):
        for label, each in value.entries:
            yield from _leaves(each, f"{name}.{label}".strip("."))
    elif isinstance(value, Table):
        rows = list(islice(value.rows, MOST_NUMBERS))
        for label, row in zip(_labels([row[0] if row else None for row in rows]), rows, strict=True):
            for at, cell in enumerate(row):
                column = value.columns[at] if at < len(value.columns) else f"[{at}]"
                yield from _leaves(value.number(cell), f"{label}.{column}".lstrip("."))
    elif numbers.is_number(value) and isinstance(value, int | float) and value == value and abs(value) < 1e300:
        yield name, value


def _labels(texts: list[str | None]) -> list[str]:
    """What tells the items of a list: a text of each, where all have one of their own; else their numbers."""
    told = [each for each in texts if each]
    unique = len(texts) > 1 and len(set(told)) == len(texts)
    return [f".{each}" if unique else f"[{index}]" for index, each in enumerate(texts)]


def _text_in(item: Any) -> str | None:
    """The first text in an object, as the name of a model is."""
    texts = item.values() if isinstance(item, dict) else ()
    return next((each for each in texts if isinstance(each, str)), None)
