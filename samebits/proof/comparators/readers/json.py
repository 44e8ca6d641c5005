"""JSON, as Python reads it, and JSON lines: spaces, escapes and the order of keys do not count; NaN is a number."""

import json
import math
from collections.abc import Iterator
from typing import Any

from samebits.proof.comparators.reading import Budget, UnreadableError
from samebits.proof.comparators.values import Digits, Lines, Parts

DIGITS = 4000  # Python reads integers of up to 4300


def read(content: bytes, name: str, budget: Budget) -> Any:
    """The document; of JSON lines, one a line."""
    if not name.lower().endswith((".jsonl", ".ndjson")):
        try:
            return _document(content)
        except json.JSONDecodeError as error:
            if error.msg != "Extra data":  # many write lines into .json
                raise
    return Lines(_lines(content.decode("utf-8-sig")))


def _document(content: bytes | str) -> Any:
    return json.loads(content, object_pairs_hook=_object, parse_float=_float, parse_int=integer)


def _lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip(" \t\r"):
            try:
                yield _document(line)
            except ValueError as error:
                raise UnreadableError(f"line {number} is not JSON: {error}") from None


def integer(text: str) -> int | Digits:
    """An integer with all its digits."""
    return int(text) if len(text) <= DIGITS else Digits(text)


def _float(text: str) -> float | Digits:
    value = float(text)
    return value if math.isfinite(value) else Digits(text)


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """A dict; where a key stands twice, which a dict would lose, its pairs in order."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else Parts("an object with a key twice", pairs)
