"""Marks: comments and macros that name the value of the number beside them; they hold, or --write makes them hold."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from samebits.proof.claims import numbers
from samebits.proof.claims.numbers import Number, as_shown
from samebits.proof.claims.passages import Mark
from samebits.proof.claims.values import Value


class Marked(NamedTuple):
    """A mark; the number beside it, and the column at which that begins, if there is one; the value that it names."""

    mark: Mark
    number: Number | None
    column: int
    value: Value | None

    @property
    def right(self) -> str | None:
        """The number as it should stand, None where nothing tells."""
        if self.number is None or self.value is None:
            return None
        return as_shown(self.number, self.value.value * scale(self.number, self.value.value))

    @property
    def holds(self) -> bool:
        """Whether the number is the value that is named, at the digits shown."""
        if self.number is None or self.value is None:
            return False
        return self.number.rounds(self.value.value * scale(self.number, self.value.value))


def scale(number: Number, value: Decimal) -> Decimal:
    """100 where a number tells a share in percent, else 1."""
    as_percent = abs(number.value - value * 100) < abs(number.value - value)
    return Decimal(100) if abs(value) <= 1 and (number.percent or abs(number.value) > 1) and as_percent else Decimal(1)


def beside(lines: Sequence[str], marks: Iterable[Mark], values: Sequence[Value]) -> list[Marked]:
    """The number that each mark is for: the last before it in its line, else the first after it.

    lines: of the file. values: those that a name `FILE:KEY` may mean.
    """
    named = {str(each): each for each in values}
    found, taken = [], dict[int, int]()
    for mark in marks:
        line = lines[mark.line - 1] if mark.line <= len(lines) else ""
        written = re.escape(mark.name)
        place = re.compile(rf"<!--\s*samebits:\s*{written}\s*-->|\\samebits\{{{written}\}}").search(
            line, taken.get(mark.line, 0)
        )
        if place is None:  # in a notebook with escapes, or over several lines
            found.append(Marked(mark, None, 0, named.get(mark.name)))
            continue
        start = taken.get(mark.line, 0)
        before = [(start + at, each) for at, each in numbers.find(line[start : place.start()])]
        after = [(place.end() + at, each) for at, each in numbers.find(re.split("<!--", line[place.end() :])[0])]
        taken[mark.line] = place.end()
        macro = place[0].startswith("\\")
        nearest = after[:1] if macro or not before else before[-1:]
        at, number = nearest[0] if nearest else (0, None)
        found.append(Marked(mark, number, at, named.get(mark.name)))
    return found


def written(lines: Sequence[str], marked: Iterable[Marked]) -> str:
    """The file with each number that has a mark as the named value is, to the digits shown."""
    lines = list(lines)
    for each in sorted(marked, key=lambda each: -each.column):  # from the right, as lengths change
        if each.number and each.right is not None and not each.holds:
            line = lines[each.mark.line - 1]
            lines[each.mark.line - 1] = line[: each.column] + each.right + line[each.column + len(each.number.text) :]
    return "".join(lines)
