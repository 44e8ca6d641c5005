"""What is known of each column of a table: its kind, how often it is missing, its levels, its range; all exact.

DuckDB's SUMMARIZE is quick but guesses distinct values by a sketch; here the same table always gives the same answer.
"""

import contextlib
import datetime
import functools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import joblib
from tqdm import tqdm

from samebits.errors import UserError
from samebits.tables.diagnosis import MISSING, clean, identifier, string
from samebits.tables.table import reading

LEVELS = 20  # a text of so many values or fewer is a category
ROWS_A_LEVEL = 5  # on average; a category of fewer would learn its rows by heart
LATE = 0.8  # the share of rows before the date that the advice on a split by time names
MARKERS = [*MISSING, "?", ".", "-", "--", "NaN", "nan"]  # in a text of numbers, what is no number but missing
KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint", "hugeint"), "number"),
    **dict.fromkeys(("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint", "bignum", "decimal"), "number"),
    **dict.fromkeys(("float", "double"), "number"),
    **dict.fromkeys(("varchar", "enum", "uuid"), "text"),
    **dict.fromkeys(("date", "timestamp", "timestamp with time zone"), "date"),
    **dict.fromkeys(("timestamp_s", "timestamp_ms", "timestamp_ns"), "date"),
    "boolean": "boolean",
    "time": "time",
}
NOTHING = "any_value(NULL)"  # an aggregate where nothing is asked
MOST_COLUMNS = 2000  # the time that the moments and the profile take grows with their square
AT_ONCE = 16  # columns in a question; more take more memory at a time
WITH_ZONE = r"\d{4}-\d\d-\d\d[T ].*(Z|[+-]\d\d(:?\d\d)?)"  # a time that DuckDB leaves as text


@dataclass(frozen=True)
class Column:
    """A column, and what SQL gives its value, NULL where it is missing.

    type: DuckDB's. kind: number, text, boolean, date, time, or else the type. low, high: the range. levels: the values
    as text with how many rows have each, the most frequent first, if they are LEVELS or fewer; of a date, the months.
    median: of `number`, if a value is missing. late: the date before which LATE of all rows are.
    """

    name: str
    type: str
    kind: str = ""
    value: str = ""
    rows: int = 0
    missing: int = 0
    distinct: int = 0
    low: Any = None
    high: Any = None
    integral: bool = False
    median: float | None = None
    levels: tuple[tuple[str, int], ...] = ()
    late: Any = None

    @property
    def has_values(self) -> bool:
        """Whether its kind is one of those that have a place in a model."""
        return self.kind in ("number", "text", "boolean", "date", "time")

    @property
    def may_be_dates(self) -> bool:
        """Whether all values look as 20260131 does."""
        return self.integral and self.distinct > 1 and 17_000_101 <= self.low <= self.high <= 22_001_231

    @property
    def is_category(self) -> bool:
        """Whether it is text of few values."""
        return self.kind == "text" and 0 < self.distinct <= min(LEVELS, (self.rows - self.missing) // ROWS_A_LEVEL)

    @property
    def number(self) -> str:
        """The SQL of a value as a number: of a date the days since the first, of a time the hours since midnight."""
        if self.kind == "date" and isinstance(self.low, datetime.datetime):
            return f"date_diff('second', TIMESTAMP '{self.low:%Y-%m-%d}', {self.value}) / 86400"
        if self.kind == "date":
            return f"{self.value} - DATE '{self.low}'"
        return f"epoch({self.value}) / 3600" if self.kind == "time" else self.value


class Profile:
    """The columns of the rows of a table whose target is known."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, cells: str, target: str) -> None:
        """cells: the SQL name of the table."""
        self._connection, self._used = connection, cells
        table = connection.sql(f"FROM {cells}")
        columns = [Column(name, type_.id) for name, type_ in zip(table.columns, table.types, strict=True)]
        found = [column for column in columns if column.name == target]
        if not found:
            names = clean(", ".join(table.columns))
            raise UserError(f"--target {clean(target)}: no such column; the columns are {names}")
        [self.target] = self._described(found)
        self.all_rows = self.target.rows
        self.rows = self.all_rows - self.target.missing
        if self.target.missing:
            self._used = "used"
            known = f"SELECT * FROM {cells} WHERE {self.target.value} IS NOT NULL"
            connection.execute(f"CREATE TEMP VIEW used AS {known}")
        self._others = [column for column in columns if column.name != target]

    @functools.cached_property
    def columns(self) -> list[Column]:
        """All columns but the target, in the order of the table."""
        found: list[Column] = []
        with tqdm(total=len(self._others), unit=" columns", desc="looking at", disable=None, leave=False) as progress:
            for start in range(0, len(self._others), AT_ONCE):
                found += self._described(self._others[start : start + AT_ONCE])
                progress.update(len(found) - progress.n)
        return found

    def values_together(self, pairs: list[tuple[Column, Column]]) -> list[int]:
        """For each pair of columns, how many combinations of their values there are, missing values among them."""
        return self._asked([f"count(DISTINCT ({first.value}, {second.value}))" for first, second in pairs])

    def _asked(self, aggregates: list[str]) -> list[Any]:
        """The values of aggregates over the rows."""
        found: list[Any] = []
        for start in range(0, len(aggregates), 8 * AT_ONCE):
            sql = ", ".join(aggregates[start : start + 8 * AT_ONCE])
            found += self._connection.sql(f"SELECT {sql} FROM {self._used}").fetchall()[0]
        return found

    def _described(self, columns: list[Column]) -> list[Column]:
        columns = self._counted(self._with_values(columns))
        is_date = self._asked([_as_dates(each.value) if each.may_be_dates else NOTHING for each in columns])
        if any(is_date):
            as_dates = [
                replace(each, kind="date", value=f"try_strptime({each.value}::BIGINT::VARCHAR, '%Y%m%d')::DATE")
                for each, yes in zip(columns, is_date, strict=True)
                if yes
            ]
            counted = {each.name: each for each in self._counted(as_dates)}
            columns = [counted.get(each.name, each) for each in columns]
        return self._detailed(columns)

    def _with_values(self, columns: list[Column]) -> list[Column]:
        """The columns with their kinds and what SQL gives a value."""
        texts = [column for column in columns if KINDS.get(column.type) == "text"]
        asked = self._asked([_of_text(f"{identifier(column.name)}::VARCHAR") for column in texts])
        answers = {column.name: answer for column, answer in zip(texts, asked, strict=True)}
        found = []
        for column in columns:
            cell, kind = identifier(column.name), KINDS.get(column.type, column.type)
            value = cell
            if column.type == "timestamp with time zone":
                value = f"make_timestamp(epoch_us({cell}))"  # in UTC, wherever it is asked
            elif column.type in ("timestamp_s", "timestamp_ms", "timestamp_ns"):
                value = f"{cell}::TIMESTAMP"
            elif kind == "text":
                blank, known, numbers, times = answers[column.name]
                if known and known == numbers:
                    kind, value = "number", f"TRY_CAST({cell} AS DOUBLE)"
                elif known and known == times:
                    kind, value = "date", f"TRY_CAST({cell} AS TIMESTAMP)"  # local time
                elif blank:
                    value = f"nullif({cell}::VARCHAR, '')"
            found.append(replace(column, kind=kind, value=value))
        may = [
            each for each in found if each.type in ("float", "double") or each.kind == "date" or "TRY_" in each.value
        ]
        infinite = self._asked([f"countif(NOT isfinite({each.value}))" for each in may])
        bad = {each.name for each, count in zip(may, infinite, strict=True) if count}
        return [
            replace(each, value=f"CASE WHEN isfinite({each.value}) THEN {each.value} END") if each.name in bad else each
            for each in found
        ]

    def _counted(self, columns: list[Column]) -> list[Column]:
        """The columns with what is known of all their values."""
        ranges = "count(*), count({v}), count(DISTINCT {v}), min({v}), max({v})"
        sql = [
            ranges.format(v=each.value) if each.has_values else f"count(*), count({each.value}), 0, NULL, NULL"
            for each in columns
        ]
        whole = [
            f"bool_and({each.value} = trunc({each.value}))" if each.kind == "number" else NOTHING for each in columns
        ]
        answers = self._asked([f"({one}, {other})" for one, other in zip(sql, whole, strict=True)])
        return [
            replace(
                each, rows=rows, missing=rows - known, distinct=distinct, low=low, high=high, integral=bool(integral)
            )
            for each, (rows, known, distinct, low, high, integral) in zip(columns, answers, strict=True)
        ]

    def _detailed(self, columns: list[Column]) -> list[Column]:
        """The columns with their levels and, where they are wanted, their quantiles."""
        asked = []
        for each in columns:
            is_date, few = each.kind == "date", each.has_values and 0 < each.distinct <= LEVELS
            number = each.has_values and each.kind not in ("text", "boolean") and each.distinct and each.missing
            levels = f"histogram(month({each.value})::VARCHAR)" if is_date else f"histogram(({each.value})::VARCHAR)"
            asked += [
                levels if few or (is_date and each.distinct) else NOTHING,
                f"quantile_disc({each.value}, {LATE})" if is_date and each.distinct else NOTHING,
                f"median(({each.number})::DOUBLE)" if number else NOTHING,
            ]
        answers = self._asked(asked)
        return [
            replace(each, levels=tuple(sorted((levels or {}).items(), key=_most_first)), late=late, median=median)
            for each, levels, late, median in zip(columns, answers[::3], answers[1::3], answers[2::3], strict=True)
        ]


def _of_text(text: str) -> str:
    """The SQL that counts: empty texts; those that are no markers; of these, finite numbers; and times with a zone."""
    known = f"{text} NOT IN ({', '.join(map(string, MARKERS))})"
    is_time = f"regexp_full_match({text}, {string(WITH_ZONE)}) AND TRY_CAST({text} AS TIMESTAMP) IS NOT NULL"
    is_number = f"{known} AND isfinite(TRY_CAST({text} AS DOUBLE))"
    return f"(countif({text} = ''), countif({known}), countif({is_number}), countif({is_time}))"


def _as_dates(value: str) -> str:
    """The SQL that tells whether all numbers are dates as 20260131 is."""
    return f"coalesce(bool_and(try_strptime({value}::BIGINT::VARCHAR, '%Y%m%d') IS NOT NULL), false)"


def _most_first(level: tuple[str, int]) -> tuple[int, str]:
    return -level[1], level[0]


def check_width(path: str, columns: int) -> None:
    """Raise UserError where a table is too wide."""
    if columns > MOST_COLUMNS:
        raise UserError(
            f"{path}: {columns:,} columns; samebits use takes at most {MOST_COLUMNS:,}: keep those that matter"
        )


@contextlib.contextmanager
def profiled(source: str, target: str) -> Iterator[Profile]:
    """The profile of a table, as the pipeline will read it. Raises UserError where it cannot be read."""
    with tempfile.TemporaryDirectory() as folder, reading(source, Path(folder)) as connection:
        [(threads,)] = connection.sql("SELECT current_setting('threads')").fetchall()
        try:
            connection.execute(f"SET threads = {joblib.cpu_count()}")
            check_width(Path(source).name, len(connection.table("source").columns))
            cells = "source"
            if not source.lower().endswith(
                ".parquet"
            ):  # text is parsed once; on disk, for it may be larger than memory
                cells = "scratch.cells"
                connection.execute(f"ATTACH {string(str(Path(folder, 'cells.duckdb')))} AS scratch")
                connection.execute(f"SET enable_progress_bar = {sys.stdout.isatty()}")  # it writes there
                connection.execute(f"CREATE TABLE {cells} AS FROM source")
                connection.execute("SET enable_progress_bar = false")
            yield Profile(connection, cells, target)
        finally:
            connection.execute("DROP VIEW IF EXISTS used")
            connection.execute("DETACH DATABASE IF EXISTS scratch")
            connection.execute(f"SET threads = {threads}")
