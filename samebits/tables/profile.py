"""What is known of each column of a table: its kind, how often it is missing, its levels, its range; all exact.

DuckDB's SUMMARIZE is quick but guesses distinct values by a sketch; here the same table always gives the same answer.
"""

import contextlib
import datetime
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import joblib
from tqdm import tqdm

from samebits.errors import UserError
from samebits.tables.diagnosis import identifier, string
from samebits.tables.table import MISSING, reading

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
WITH_ZONE = r"\d{4}-\d\d-\d\d[T ].*(Z|[+-]\d\d(:?\d\d)?)"  # a time that DuckDB leaves as text


@dataclass(frozen=True)
class Column:
    """A column, and what SQL gives its value, NULL where it is missing.

    type: DuckDB's. kind: number, text, boolean, date, time, or else the type. low, high: the range, of
    text None. levels: the values as text with how many rows have each, the most frequent first, if they are LEVELS or
    fewer; of a date, the months. median: of `number`, if a value is missing. late: the date before which LATE of all
    rows are.
    """

    name: str
    type: str
    kind: str
    value: str
    rows: int
    missing: int = 0
    distinct: int = 0
    low: Any = None
    high: Any = None
    integral: bool = False
    median: float | None = None
    levels: tuple[tuple[str, int], ...] = ()
    late: Any = None

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

    def __init__(self, connection: duckdb.DuckDBPyConnection, target: str) -> None:
        self._connection, table = connection, connection.table("cells")
        names = table.columns
        if target not in names:
            raise UserError(f"--target {target}: no such column; the columns are {', '.join(names)}")
        types = dict(zip(names, (each.id for each in table.types), strict=True))
        self.target = self._column(target, types[target])
        self.all_rows = self.target.rows
        known = f"{self.target.value} IS NOT NULL"
        if self.target.missing:
            connection.execute(f"CREATE OR REPLACE TEMP VIEW used AS FROM cells WHERE {known}")
        self.rows = self.all_rows - self.target.missing
        self.columns = [
            self._column(name, types[name])
            for name in tqdm(names, unit=" columns", desc="looking at", disable=None, leave=False)
            if name != target
        ]

    def values_together(self, *columns: Column) -> int:
        """How many combinations of the values of columns there are, missing values among them."""
        values = ", ".join(each.value for each in columns)
        return self._one(f"SELECT count(*) FROM (SELECT DISTINCT {values} FROM used)")[0]

    def _one(self, query: str) -> tuple[Any, ...]:
        [row] = self._connection.sql(query).fetchall()
        return row

    def _column(self, name: str, type_: str) -> Column:
        cell, kind = identifier(name), KINDS.get(type_, type_)
        value = {
            "timestamp with time zone": f"make_timestamp(epoch_us({cell}))",  # in UTC, wherever it is asked
            **dict.fromkeys(("timestamp_s", "timestamp_ms", "timestamp_ns"), f"{cell}::TIMESTAMP"),
        }.get(type_, cell)
        if kind == "text":
            kind, value = self._text(cell)
        if type_ in ("float", "double") or kind == "date" or value.startswith("TRY_CAST"):
            finite = f"isfinite({value})"
            [infinite] = self._one(f"SELECT countif(NOT {finite}) FROM used")
            value = f"CASE WHEN {finite} THEN {value} END" if infinite else value
        rows, known = self._one(f"SELECT count(*), count({value}) FROM used")
        column = Column(name, type_, kind, value, rows, rows - known)
        if kind not in ("number", "text", "boolean", "date", "time") or not known:
            return column
        distinct, low, high = self._one(f"SELECT count(DISTINCT {value}), min({value}), max({value}) FROM used")
        column = replace(column, distinct=distinct, low=low, high=high)
        if distinct <= LEVELS and kind != "date":
            levels = f"SELECT ({value})::VARCHAR AS level, count(*) AS n FROM used WHERE {value} IS NOT NULL GROUP BY 1"
            found = self._connection.sql(f"{levels} ORDER BY n DESC, level").fetchall()
            column = replace(column, levels=tuple(found))
        if kind == "number":
            [integral] = self._one(f"SELECT bool_and({value} = trunc({value})) FROM used")
            column = replace(column, integral=integral)
        if kind == "date":
            [late] = self._one(f"SELECT quantile_disc({value}, {LATE}) FROM used")
            months = f"SELECT month({value}) AS month, count(*) AS n FROM used WHERE {value} IS NOT NULL GROUP BY 1"
            found = self._connection.sql(f"{months} ORDER BY n DESC, month").fetchall()
            column = replace(column, late=late, levels=tuple((str(month), n) for month, n in found))
        if column.missing and kind in ("number", "date", "time"):
            [median] = self._one(f"SELECT median(({column.number})::DOUBLE) FROM used")
            column = replace(column, median=median)
        return column

    def _text(self, cell: str) -> tuple[str, str]:
        """Whether a text is numbers, or times, or is text; and the SQL of its value."""
        text = f"{cell}::VARCHAR"
        markers = ", ".join(map(string, MARKERS))
        blank, known, numbers, times = self._one(
            f"""SELECT countif({text} = ''), countif({text} NOT IN ({markers})),
                       countif({text} NOT IN ({markers}) AND isfinite(TRY_CAST({text} AS DOUBLE))),
                       countif(regexp_full_match({text}, {string(WITH_ZONE)})
                               AND TRY_CAST({text} AS TIMESTAMPTZ) IS NOT NULL) FROM used"""
        )
        if known and known == numbers:
            return "number", f"TRY_CAST({cell} AS DOUBLE)"
        if known and known == times:
            return "date", f"make_timestamp(epoch_us(TRY_CAST({cell} AS TIMESTAMPTZ)))"
        return "text", f"nullif({cell}, '')" if blank else cell


@contextlib.contextmanager
def profiled(source: str, target: str) -> Iterator[Profile]:
    """The profile of a table, as the pipeline will read it. Raises UserError where it cannot be read."""
    with reading(source) as connection, tempfile.TemporaryDirectory() as folder:
        [(threads,)] = connection.sql("SELECT current_setting('threads')").fetchall()
        try:
            connection.execute(f"SET threads = {joblib.cpu_count()}")
            if source.lower().endswith(".parquet"):
                connection.execute("CREATE TEMP VIEW cells AS FROM source")
            else:  # text is parsed once; on disk, for it may be larger than memory
                connection.execute(f"ATTACH {string(str(Path(folder, 'cells.duckdb')))} AS scratch")
                connection.execute("CREATE TABLE scratch.cells AS FROM source")
                connection.execute("CREATE TEMP VIEW cells AS FROM scratch.cells")
            connection.execute("CREATE TEMP VIEW used AS FROM cells")
            yield Profile(connection, target)
        finally:
            connection.execute("DROP VIEW IF EXISTS used")
            connection.execute("DROP VIEW IF EXISTS cells")
            connection.execute("DETACH DATABASE IF EXISTS scratch")
            connection.execute(f"SET threads = {threads}")
