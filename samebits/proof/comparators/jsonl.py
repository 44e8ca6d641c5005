"""JSON lines: a JSON document a line; empty lines do not count."""

from collections.abc import Iterator
from typing import Any

from samebits.proof.comparators import json
from samebits.proof.comparators.formats import Budget, UnreadableError
from samebits.proof.comparators.values import Lines


def read(content: bytes, name: str, budget: Budget) -> Lines:
    """The documents."""
    return Lines(_documents(content, name, budget))


def _documents(content: bytes, name: str, budget: Budget) -> Iterator[Any]:
    for number, line in enumerate(content.decode().split("\n"), 1):
        if line.strip(" \t\r"):
            try:
                yield json.read(line.encode(), name, budget)
            except ValueError as error:
                raise UnreadableError(f"line {number} is not JSON: {error}") from None
