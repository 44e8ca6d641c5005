"""A last row that sums up the others, as offices of statistics and spreadsheets add it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from samebits.advice.column import Column
from samebits.advice.features import number
from samebits.tables.diagnosis import string

NAMED = re.compile(r"\W*(grand |sub)?(totals?|sum|summe|gesamt|insgesamt|overall|all|average|mean)\b.*")  # a sum
SURE = re.compile(r"\W*(grand |sub)?(totals?|sum|summe|gesamt|insgesamt)\b.*")  # also where no number tells
MOST = 128  # columns that are asked


@dataclass(frozen=True)
class Total:
    """A row that sums up the others. where: the SQL of all other rows. told: for people."""

    row: int
    where: str
    told: str


def find(asked: Callable[..., list[Any]], columns: Sequence[Column], row: str, rows: int) -> Total | None:
    """The last of some rows, if it sums up the others, or is named so and sums up none.

    asked: gives the values of aggregates over the rows, or those for which some SQL is true. row: that of a row's
    number, from 0.
    """
    if rows < 4:
        return None
    at, before = f"{row} = {rows - 1}", f"{row} < {rows - 1}"
    numbers = [each for each in columns if each.kind == "number"][:MOST]
    texts = [each for each in columns if each.kind == "text"][:MOST]
    values = [f"(({each.value})::DOUBLE)" for each in numbers]
    lasts = asked([f"any_value{v}" for v in values], at)
    found = asked(
        [f"(sum{v}, avg{v}, max(abs{v}))" if last else None for v, last in zip(values, lasts, strict=True)], before
    )
    labels = asked([f"any_value({each.value})" for each in texts], at)
    labelled = [(each, label) for each, label in zip(texts, labels, strict=True) if label and _matches(NAMED, label)]
    others = asked([f"countif({each.value} = {string(label)})" for each, label in labelled])
    named = [each for each, count in zip(labelled, others, strict=True) if count == 1]
    told = [
        (each, last, *facts)
        for each, last, facts in zip(numbers, lasts, found, strict=True)
        if facts and facts[0] is not None
    ]
    sums = [(each, last) for each, last, all_of, _, most in told if _near(all_of, last) and abs(last) > most]
    if not sums and named:
        sums = [(each, last) for each, last, _, mean, _ in told if _near(mean, last)]
    by_numbers = len(sums) >= 2 and 2 * len(sums) >= len(told)
    by_name = any(_matches(SURE, label) for _, label in named) or (named and sums)
    if not by_numbers and not by_name:
        return None
    names = ", ".join(each.name for each, _ in sums[:3])
    if named:
        column, label = named[0]
        where, what = f"{column.value} IS DISTINCT FROM {string(label)}", f"{column.name} is {label!r}"
    else:
        equal = " AND ".join(f"{each.value} = {number(last)}" for each, last in sums[:3])
        where, what = f"({equal}) IS NOT TRUE", "it has no label"
    of = f" of the rows above in {names}" if names else ""
    return Total(rows, where, f"row {rows}, the last, is a total{of}: {what}")


def _matches(pattern: re.Pattern[str], label: str) -> bool:
    return bool(pattern.fullmatch(label.lower()))


def _near(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= 1e-6 * abs(other)
