"""What readers of documents give: texts that stand together, and marks that name a value."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from samebits.proof.claims import numbers

MARK = re.compile(r"\s*samebits:\s*(?P<name>\S.*?)\s*")  # what an HTML comment says


class Cell(NamedTuple):
    """A cell of a table, and the line at which it begins."""

    text: str
    line: int


class Mark(NamedTuple):
    """A comment, or a macro, that names the value of the number beside it, and its line."""

    name: str
    line: int


@dataclass(frozen=True)
class Passage:
    """A paragraph, an item, a cell, or a line of output.

    line: of its first character; the first of a file is 1. block: which table, list or paragraph of the document it
    belongs to. labels: what names it from outside, as its row and its column, or the item above. headings: those above.
    """

    text: str
    line: int
    block: int
    labels: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()


@dataclass
class Document:
    """What a reader found in a file. headings: those that stand above what is added next."""

    passages: list[Passage] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    block: int = 0

    def heading(self, level: int, text: str) -> None:
        """Begin a section; level: 1 for the highest."""
        self.headings = [each for each in self.headings if each[0] < level] + [(level, text)]
        self.block += 1

    def add(self, text: str, line: int, *labels: str) -> None:
        """Add a passage of the present block."""
        if text.strip():
            above = tuple(each for _, each in self.headings)
            self.passages.append(Passage(text, line, self.block, tuple(filter(None, labels)), above))

    def comment(self, text: str, line: int) -> None:
        """Add a comment, which may be a mark."""
        if found := MARK.fullmatch(text):
            self.marks.append(Mark(found["name"], line))

    def table(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Add the cells of a table that have numbers, each under the names of its row and its column."""
        self.block += 1
        header = rows[0] if rows and not any(map(_has_number, rows[0])) else []
        for row in rows[1:] if header else rows:
            first = next((at for at, cell in enumerate(row) if _has_number(cell)), len(row))
            label = " ".join(cell.text for cell in row[: max(first, 1)])
            for at, cell in enumerate(row):
                column = header[at].text if at < len(header) else ""
                self.add(cell.text, cell.line, label if at else "", column)
        self.block += 1


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """The sentences of a passage, with the place at which each begins."""
    start = 0
    for end in re.finditer(r"[.!?;]\s+(?=[A-Z*_(\[])|\n(?=\s*[-*•])", text):
        yield start, text[start : end.end()]
        start = end.end()
    yield start, text[start:]


def _has_number(cell: Cell) -> bool:
    return any(each.digits >= numbers.LEAST_DIGITS for _, each in numbers.find(cell.text))
