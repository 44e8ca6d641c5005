"""What becomes of each column of a table: no line of SQL, one, or several, each with its reason."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from samebits.tables.diagnosis import identifier, string
from samebits.tables.profile import LEVELS, ROWS_A_LEVEL, Column, Profile
from samebits.tables.table import WIDE_NUMBERS

MOSTLY_MISSING = 0.9  # a column of which a greater share is missing is left out
PAIRS = 500  # of columns are compared by their values; what others tell twice is found as combinations of columns
FEW = 8  # values of a column of numbers are listed
YEAR = 360  # days; over a shorter time, months and days tell the same
IDENTIFIERS = {"id", "index", "rowid", "rownames", "row", "key", "uuid", "guid", "unnamed: 0"}
IDENTIFIERS |= {"column0", "column00"}  # DuckDB's, where the header has none, as in what R and pandas write
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


def lines(profile: Profile) -> list[Line]:
    """The lines for all columns but the target, in the order of the table. No name stands twice, in any case."""
    decided = [(column, _left_out(column)) for column in profile.columns]
    if all(reason for _, reason in decided):  # x = 1, 2, 3 ... of a small example is what its y depends on
        decided = [
            (each, "" if _counts_rows(each) and not _named_as_identifier(each) else why) for each, why in decided
        ]
    kept = [column for column, reason in decided if not reason]
    same = _determined(profile, kept)
    taken = {each.name.lower() for each in (profile.target, *profile.columns)}
    found: list[Line] = []
    for column, reason in decided:
        if why := reason or same.get(column.name):
            found.append(Line(column.name, column.name, None, why))
        else:
            found += [_with_own_name(each, taken) for each in _features(column)]
    return found


def _left_out(column: Column) -> str:
    """Why a column can be no feature, seen by itself; empty where it can."""
    known = column.rows - column.missing
    if not known:
        return "no values"
    if not column.has_values:
        return f"{column.kind}, not a number"
    if column.distinct == 1 and not column.missing:
        return f"constant: {text(column.low)}"
    if known < (1 - MOSTLY_MISSING) * column.rows:
        return f"{_percent(column)} missing"
    if _counts_rows(column):
        return f"identifier: counts the rows from {column.low:.0f}"
    if column.integral and column.distinct > LEVELS and _named_as_identifier(column):
        return "identifier, by its name"
    if column.kind == "text" and not column.is_category:
        if column.distinct == known:
            return "text with a different value in each row"
        if column.distinct > LEVELS:
            return f"text with {column.distinct:,} values, as {_short(column.low)}; at most {LEVELS} can be categories"
        return f"text with {column.distinct} values, fewer than {ROWS_A_LEVEL} rows each"
    return ""


def _counts_rows(column: Column) -> bool:
    is_each_once = column.integral and column.distinct == column.rows
    return is_each_once and column.low in (0, 1) and column.high - column.low == column.rows - 1


def _named_as_identifier(column: Column) -> bool:
    name = column.name.lower()
    return name in IDENTIFIERS or name.endswith(("_id", " id", "-id")) or column.name.endswith(("Id", "ID"))


def _determined(profile: Profile, kept: list[Column]) -> dict[str, str]:
    """By its name, why a column tells nothing that the target or a category does not tell."""
    why: dict[str, str] = {}
    few = [column for column in kept if 1 < column.distinct + bool(column.missing) <= LEVELS and column.kind != "date"]
    counts = {column.name: column.distinct + bool(column.missing) for column in (*few, profile.target)}
    if profile.target.distinct * ROWS_A_LEVEL <= profile.rows:
        alike = [column for column in few if counts[column.name] == counts[profile.target.name]]
        together = profile.values_together([(column, profile.target) for column in alike])
        for column, values in zip(alike, together, strict=True):
            if values == counts[column.name]:
                why[column.name] = f"the target under another name: each value matches one of {profile.target.name}"
    few = [column for column in few if column.name not in why]
    pairs = [
        # what a column of numbers determines is no combination of it, unless the other is determined one to one
        (less, more)
        for i, first in enumerate(few)
        for other in few[i + 1 :]
        for less, more in [(first, other) if counts[first.name] < counts[other.name] else (other, first)]
        if more.is_category or (less.is_category and counts[less.name] == counts[more.name])
    ]
    pairs = pairs[:PAIRS]
    for (less, more), values in zip(pairs, profile.values_together(pairs), strict=True):
        if values == counts[more.name] and not {less.name, more.name} & why.keys():
            one_to_one = ", one to one" if counts[less.name] == counts[more.name] else ""
            why[less.name] = f"determined by {more.name}{one_to_one}"
    return why


def _features(column: Column) -> Iterator[Line]:
    """The features that a column becomes."""
    name, value = column.name, column.value
    missing = f"{_percent(column)} missing" if column.missing else ""
    if column.is_category:
        yield from _levels(column, [level for level, _ in column.levels], "{value} {equals} {level}", "")
    elif column.kind == "boolean":
        if missing:
            yield Line(name, name, f"({value} IS TRUE)::INT", f"boolean, {missing}: counted as 0")
        else:
            yield Line(name, name, value, "boolean", plain=True)
    else:
        what = _description(column)
        if missing:
            assert column.median is not None
            known = f"{column.number}::DOUBLE" if column.type in WIDE_NUMBERS else column.number
            filled = f"coalesce({known}, {number(column.median)})"
            yield Line(name, name, filled, f"{what}, {missing}: filled with the median")
        else:
            yield Line(name, name, column.number, what, plain=column.number == identifier(name))
        if column.kind == "date" and (column.high - column.low).days >= YEAR and len(column.levels) > 1:
            months = [month for month, _ in column.levels]
            yield from _levels(column, months, "month({value}) {equals} {level}", "month ")
    if missing:
        yield Line(name, f"{name} is missing", f"({value} IS NULL)::INT", f"missing in {count(column.missing, 'row')}")


def _levels(column: Column, levels: list[str], condition: str, what: str) -> Iterator[Line]:
    """All but the most frequent level as a column of 0 and 1."""
    equals = "IS NOT DISTINCT FROM" if column.missing else "="
    most, *others = levels
    counts = dict(column.levels)
    others = sorted(others, key=int) if what else others
    for level in others:
        sql = condition.format(value=column.value, equals=equals, level=level if what else string(level))
        note = count(counts[level], "row")
        if level == others[0]:
            note = f"category, {note}; all are 0 for {what}{_short(most)}, {count(counts[most], 'row')}"
        yield Line(column.name, f"{column.name} = {what}{_short(level)}", f"({sql})::INT", note)


def _description(column: Column) -> str:
    if column.kind == "date":
        return f"days since {column.low:%Y-%m-%d}"
    if column.kind == "time":
        return "hours since midnight"
    if column.integral and column.distinct <= FEW:
        values = ", ".join(f"{value:.0f}" for value in sorted(float(level) for level, _ in column.levels))
        return f"whole number, {column.distinct} values: {values}"
    if column.integral:
        return f"whole number, {column.low:.0f} to {column.high:.0f}"
    return "number"


def number(value: float) -> str:
    """A float64 in SQL, exactly."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)


def text(value: Any) -> str:
    """A value for a comment: 3.0 as 3."""
    return number(value) if isinstance(value, float) else str(value)


def count(how_many: int, what: str) -> str:
    """A number of things in words."""
    return f"{how_many:,} {what}{'s' if how_many != 1 else ''}"


def _percent(column: Column) -> str:
    share = 100 * column.missing / column.rows
    return f"{share:.0f} %" if 1 <= share <= 99 else f"{share:.2g} %" if share < 1 else f"{share:.4g} %"


def _short(level: str) -> str:
    return level if len(level) <= LONGEST else f"{level[: LONGEST - 1]}…"


def _with_own_name(line: Line, taken: set[str]) -> Line:
    """The same line under a name that no other has, in upper case or lower; its names are added to `taken`."""
    if line.name == line.of:
        return line
    name, count = line.name, 1
    while name.lower() in taken:
        count += 1
        name = f"{line.name} ({count})"
    taken.add(name.lower())
    return Line(line.of, name, line.sql, line.why)
