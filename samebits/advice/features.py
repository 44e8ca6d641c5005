"""What a column becomes: the lines of SQL of its features, each with what it is for a comment."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from samebits.advice.column import Column
from samebits.tables.diagnosis import identifier, string
from samebits.tables.table import WIDE_NUMBERS

FEW = 8  # values of a column of numbers are listed
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
LONGEST = 40  # characters of a level, in the name of its column


@dataclass(frozen=True)
class Line:
    """A line of the query: a feature, or, where sql is None, what is left out; `of` is the column that it is made of.

    name: of the feature. plain: whether it is the column itself, under its own name. why: for the comment.
    """

    of: str
    name: str
    sql: str | None
    why: str
    plain: bool = False


def lines(column: Column, as_category: bool, periods: Sequence[str] = ()) -> Iterator[Line]:
    """The features that a column becomes. periods: those of a date or a time that are categories."""
    name, value = column.name, column.value
    missing = told_missing(column)
    if as_category:
        yield from _category(column)
    elif column.kind == "boolean":
        if missing:
            yield Line(name, name, f"({value} IS TRUE)::INT", f"boolean, {missing}: counted as 0")
        else:
            yield Line(name, name, value, "boolean", plain=column.plain)
    else:
        what = _description(column)
        if missing and column.median is not None:
            known = f"{column.number}::DOUBLE" if column.type in WIDE_NUMBERS else column.number
            filled = f"coalesce({known}, {number(column.median)})"
            yield Line(name, name, filled, f"{what}, {missing}: filled with the median")
        else:
            yield Line(name, name, column.number, what, plain=column.number == identifier(name))
        for period in periods:
            yield from _period(column, period)
    if missing:
        yield Line(name, f"{name} is missing", f"({value} IS NULL)::INT", f"missing in {count(column.missing, 'row')}")


def unique(lines: Iterable[Line], taken: set[str]) -> Iterator[Line]:
    """The same lines under names that no other has, in upper case or lower; they are added to `taken`."""
    for line in lines:
        if line.name == line.of:
            yield line
            continue
        name, how_many = line.name, 1
        while name.lower() in taken:
            how_many += 1
            name = f"{line.name} ({how_many})"
        taken.add(name.lower())
        yield Line(line.of, name, line.sql, line.why)


def told_missing(column: Column) -> str:
    """How much is missing, and what stands for it; empty where nothing is."""
    if not column.missing:
        return ""
    markers = " and ".join(map(repr, column.markers))
    return f"{percent(column)} missing{f', some as {markers}' if markers else ''}"


def percent(column: Column) -> str:
    """The share of the rows in which a column is missing."""
    share = 100 * column.missing / column.rows
    return f"{share:.0f} %" if 1 <= share <= 99 else f"{share:.2g} %" if share < 1 else f"{share:.4g} %"


def number(value: float) -> str:
    """A float64 in SQL, exactly."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)


def text(value: Any) -> str:
    """A value for a comment: 3.0 as 3."""
    return number(value) if isinstance(value, float) else str(value)


def count(how_many: int, what: str) -> str:
    """A number of things in words."""
    return f"{how_many:,} {what}{'s' if how_many != 1 else ''}"


def short(level: str) -> str:
    """A text that is not too long for a name."""
    return level if len(level) <= LONGEST else f"{level[: LONGEST - 1]}…"


def named(period: str, level: str) -> str:
    """A level of a period for people."""
    return WEEKDAYS[int(level) - 1] if period == "weekday" else f"{period} {level}"


def _category(column: Column) -> Iterator[Line]:
    """All levels but the most frequent as columns of 0 and 1; those of few rows as one column."""
    is_number = column.kind == "number"
    shown = [(number(float(level)) if is_number else level, rows) for level, rows in column.own]
    sql = [level if is_number else string(level) for level, _ in shown]
    equals = "IS NOT DISTINCT FROM" if column.missing else "="
    (most, rows_of_most), *others = shown
    others = sorted(others, key=lambda level: float(level[0])) if is_number else others
    features = [
        (f"{column.value} {equals} {of}", short(level), count(rows, "row"))
        for level, rows in others
        for of in [level if is_number else string(level)]
    ]
    pooled, rows = column.pooled
    if pooled:
        unless = f" AND {column.value} IS NOT NULL" if column.missing else ""
        told = f"other: {count(pooled, 'level')} of few training rows, {count(rows, 'row')}"
        features.append((f"{column.value} NOT IN ({', '.join(sql)}){unless}", "other", told))
    for i, (condition, level, told) in enumerate(features):
        first = f"category{_because(column)}, {told}; all are 0 for {short(most)}, {count(rows_of_most, 'row')}"
        yield Line(column.name, f"{column.name} = {level}", f"({condition})::INT", told if i else first)


def _because(column: Column) -> str:
    if column.codes:
        return f", text as {column.codes}"
    return " of codes" if column.kind == "number" else ""


def _period(column: Column, period: str) -> Iterator[Line]:
    """All months, weekdays or hours of a date but the most frequent as columns of 0 and 1."""
    equals = "IS NOT DISTINCT FROM" if column.missing else "="
    (most, rows_of_most), *others = dict(column.periods)[period]
    of = column.period_sql[period]
    for i, (level, rows) in enumerate(sorted(others, key=lambda level: int(level[0]))):
        told = count(rows, "row")
        first = f"category, {told}; all are 0 for {named(period, most)}, {count(rows_of_most, 'row')}"
        yield Line(
            column.name,
            f"{column.name} = {named(period, level)}",
            f"({of} {equals} {level})::INT",
            told if i else first,
        )


def _description(column: Column) -> str:
    read = f", {column.read}" if column.read else ""
    if column.kind == "date":
        return f"days since {column.low:%Y-%m-%d}{read}"
    if column.kind == "time":
        return f"hours since midnight{read}"
    if column.integral and column.distinct <= FEW and column.seen_levels == len(column.levels) == column.distinct:
        values = ", ".join(f"{value:.0f}" for value in sorted(float(level) for level, _ in column.levels))
        return f"whole number, {column.distinct} values: {values}{read}"
    if column.integral:
        return f"whole number, {column.low:.0f} to {column.high:.0f}{read}"
    return f"number{read}"
