"""What is known of a column of a table, as plain values; DuckDB found it (profile.py), nothing here asks."""

import datetime
from dataclasses import dataclass
from typing import Any

from samebits.tables.diagnosis import identifier

LEVEL_ROWS = 5  # training rows that a level needs to be a column of its own; fewer would be learnt by heart
LEVELS = 100  # of a category are columns at most
COVERED = 0.5  # the share of the rows that such levels must have for a text to be a category
PERIODS = {"month": "month({})", "weekday": "isodow({})", "hour": "hour({})"}


@dataclass(frozen=True)
class Cells:
    """Cells of a column that hold one value, or are odd in one way: an example, how many rows, the first (from 1).

    of: how many values were looked at, missing ones not counted.
    """

    example: str
    rows: int
    first: int
    of: int = 0


@dataclass(frozen=True)
class Column:
    """A column, and what SQL gives its value, NULL where it is missing.

    type: DuckDB's. kind: number, text, boolean, date, time, or else the type. read: how its text is read, for people.
    also: another way that fits as well. codes: why its numbers are text. strays: what is of another form, and taken as
    missing; mixed: the same, where it is too much, and the column stays text. padded: rows with spaces around a text.
    markers: what stands for a missing value. asked: how many cells are missing because the person said so.

    low, high: the range. median: of `number`, in the training rows, if a value is missing. late: the date before which
    most rows are. steps: of whole numbers that differ in all rows, how many are one more than in the row before.
    sentinels: repeated values far from the rest.

    levels: if it may be a category, the values as text with how many training rows have each, the most frequent first,
    not all of many. periods: the same of the months, weekdays and hours of a date or a time. seen_levels, seen_rows:
    how many values, and rows with one, training has.
    level_rows: training rows that a level needs.
    """

    name: str
    type: str
    cell: str = ""
    kind: str = ""
    value: str = ""
    read: str = ""
    also: str = ""
    codes: str = ""
    strays: Cells | None = None
    mixed: Cells | None = None
    padded: int = 0
    markers: tuple[str, ...] = ()
    asked: int = 0
    rows: int = 0
    missing: int = 0
    distinct: int = 0
    low: Any = None
    high: Any = None
    integral: bool = False
    median: float | None = None
    levels: tuple[tuple[str, int], ...] = ()
    periods: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()
    seen_levels: int = 0
    seen_rows: int = 0
    late: Any = None
    steps: int = 0
    sentinels: tuple[Cells, ...] = ()
    level_rows: int = LEVEL_ROWS

    @property
    def known(self) -> int:
        """How many rows have a value."""
        return self.rows - self.missing

    @property
    def has_values(self) -> bool:
        """Whether its kind is one of those that have a place in a model."""
        return self.kind in ("number", "text", "boolean", "date", "time")

    @property
    def may_be_dates(self) -> bool:
        """Whether all values look as 20260131 does."""
        return self.integral and self.distinct > 1 and 17_000_101 <= self.low <= self.high <= 22_001_231

    @property
    def is_each_once(self) -> bool:
        """Whether it is a whole number that is another in each row."""
        return self.integral and self.distinct == self.rows > 1

    @property
    def own(self) -> tuple[tuple[str, int], ...]:
        """The levels that may be columns, the most frequent first."""
        many = [level for level in self.levels[:LEVELS] if level[1] >= self.level_rows]
        return self.levels[: len(many) + 1] if self.seen_levels == len(many) + 1 else tuple(many)

    @property
    def pooled(self) -> tuple[int, int]:
        """How many levels are *other*, for they have too few training rows or there are too many, and their rows."""
        return self.seen_levels - len(self.own), self.seen_rows - sum(rows for _, rows in self.own)

    @property
    def may_be_category(self) -> bool:
        """Whether it has levels to tell apart; no value may be the other one."""
        return len(self.own) > 1 or (len(self.own) == 1 and self.missing >= self.level_rows)

    @property
    def is_category(self) -> bool:
        """Whether enough training rows have one of few values."""
        return self.may_be_category and self.pooled[1] <= (1 - COVERED) * self.seen_rows

    @property
    def number(self) -> str:
        """The SQL of a value as a number: of a date the days since the first, of a time the hours since midnight."""
        if self.kind == "date" and isinstance(self.low, datetime.datetime):
            return f"date_diff('second', TIMESTAMP '{self.low:%Y-%m-%d}', {self.value}) / 86400"
        if self.kind == "date":
            return f"{self.value} - DATE '{self.low}'"
        return f"epoch({self.value}) / 3600" if self.kind == "time" else self.value

    @property
    def period_sql(self) -> dict[str, str]:
        """What comes round in a date or a time, by its name: the SQL of its levels, which are whole numbers."""
        names = {"date": ["month", "weekday"], "time": ["hour"]}.get(self.kind, [])
        if self.kind == "date" and isinstance(self.low, datetime.datetime):
            names = [*names, "hour"]
        return {name: PERIODS[name].format(self.value) for name in names}

    @property
    def plain(self) -> bool:
        """Whether its value is what the table holds under its name."""
        return self.value == identifier(self.name)
