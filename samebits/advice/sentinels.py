"""Repeated values at an end of a column, far from the rest: -9999, 999 and the like, which may stand for nothing."""

from collections.abc import Sequence

from samebits.advice.column import Cells
from samebits.advice.features import number

ENDS = 5  # different values at each end that are looked at
MOST = 3  # of them may stand for a missing value, as 777, 888 and 999
REPEATED = 3  # rows with the one negative value of a column

Value = tuple[float, int, int]  # with how many rows have it, and the first of them


def find(least: Sequence[Value], most: Sequence[Value]) -> tuple[Cells, ...]:
    """The values that are far from the rest, from the least and the most, each from the end inwards.

    Far is: a gap as wide as all the rest, for a whole number beside many others; a quarter of it for a number as 999 or
    -99; or below zero alone.
    """
    if not least or least[0][0] == most[0][0]:
        return ()
    many = len(most) == ENDS and least[-1][0] < most[-1][0]  # a column of few values, as doses or seats, has wide gaps
    return (*_at(least, 1, most[0][0], many), *_at(most, -1, least[0][0], many))


def _at(values: Sequence[Value], sign: int, other_end: float, many: bool) -> list[Cells]:
    for i in range(min(MOST, len(values) - 1)):
        outer, inner = values[i][0], values[i + 1][0]
        gap, rest = sign * (inner - outer), sign * (other_end - inner)
        rows = sum(count for _, count, _ in values[: i + 1])
        alone = sign > 0 and i == 0 and outer < 0 <= inner and outer == int(outer) and rows >= REPEATED
        is_far = (many and gap > rest and outer == int(outer)) or alone or (_is_code(outer) and gap > rest / 4)
        if rows > i + 1 and rest > 0 and is_far:
            return [Cells(number(value), count, first) for value, count, first in values[: i + 1]]
    return []


def _is_code(value: float) -> bool:
    """Whether a number is written as what stands for a missing value: 99, -999.0, 8888."""
    digits = number(abs(value)).replace(".", "")
    return len(digits) > 1 and set(digits) in ({"9"}, {"8"}, {"7"})
