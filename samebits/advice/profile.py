"""What is known of each column of a table: its kind, how often it is missing, its levels, its range; all exact.

DuckDB's SUMMARIZE is quick but guesses distinct values by a sketch; here the same table always gives the same answer.
"""

import contextlib
import functools
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import joblib
import numpy as np
from tqdm import tqdm

from samebits import params
from samebits.advice import sentinels, total
from samebits.advice.column import Column
from samebits.advice.grouped import Values, values
from samebits.advice.reader import AT_ONCE, KINDS, ROW, Asked, Reader, ask, fields_of
from samebits.errors import UserError
from samebits.exact.moments import Moments
from samebits.tables.diagnosis import check_width, clean, header_below, identifier, no_number, string
from samebits.tables.split import Hash, Shuffle
from samebits.tables.table import floats, reading

LATE = 0.8  # the share of rows before the date that the advice on a split by time names
CODES = 1000  # whole numbers of so many values or fewer may be codes of categories
HASH_ROWS = 5_000_000  # from here on the split is by hash, which reads the rows once and keeps no number of each
TRAIN = identifier("is a training row")
RANKED = 20_000  # training rows of which ranks and levels are compared with the target


class Profile:
    """The columns of the rows of a table whose target is known."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: str,
        cells: str,
        target: str,
        data: params.Data,
        asked: Asked,
    ) -> None:
        """source: the table, for people. cells: its SQL name; its column ROW counts its rows."""
        self._connection, self._used = connection, cells
        table = connection.sql(f"FROM {cells}")
        columns = [
            each
            for name, type_ in zip(table.columns, table.types, strict=True)
            if identifier(name) != ROW
            for each in fields_of(name, identifier(name), type_)
        ]
        target = _named(target, [column.name for column in columns], source)
        read = {column.name: column for column in Reader(connection, cells, asked).read(columns)}
        self.target = read[target]
        self.all_rows = _rows(connection, cells)
        self.total = total.find(self.asked, list(read.values()), ROW, self.all_rows)
        conditions = [f"({self.target.value}) IS NOT NULL", *([self.total.where] if self.total else [])]
        [self.without_target] = self.asked([f"countif(({self.target.value}) IS NULL)"])
        self.knows_training = self._choose(cells, " AND ".join(conditions), data)
        [self.target] = self._described([self.target])
        self.rows = self.target.rows
        self._others = [column for name, column in read.items() if name != target]

    @functools.cached_property
    def columns(self) -> list[Column]:
        """All columns but the target, in the order of the table."""
        found: list[Column] = []
        with tqdm(total=len(self._others), unit=" columns", desc="looking at", disable=None, leave=False) as progress:
            for start in range(0, len(self._others), AT_ONCE):
                found += self._described(self._others[start : start + AT_ONCE])
                progress.update(len(found) - progress.n)
        return found

    def asked(self, aggregates: Sequence[str | None], where: str = "true") -> list[Any]:
        """The values of aggregates over the rows, or those for which some SQL is true.

        TRAIN is the SQL of whether a row is a training row.
        """
        return ask(self._connection, f"{self._used} WHERE {where}", aggregates)

    def values_together(self, pairs: list[tuple[Column, Column]]) -> list[int]:
        """For each pair of columns, how many combinations of their values there are, missing values among them."""
        return self.asked([f"count(DISTINCT ({first.value}, {second.value}))" for first, second in pairs])

    def frequencies(self, column: Column) -> list[tuple[str, int]]:
        """The values of a column as text with how many rows have each, the most frequent first."""
        [levels] = self.asked([f"histogram(({column.value})::VARCHAR)"])
        return sorted(levels.items(), key=_most_first)

    def sample(self, columns: Sequence[Column], y: str) -> Iterator[tuple[Column, np.ndarray, np.ndarray]]:
        """Of some training rows, for each column its numbers and those of y, the SQL of the target, where known."""
        step = max(1, self.rows // RANKED)
        known = self.asked([f"count(*) FILTER ({TRAIN} AND {ROW} % {step} = 0)"])[0]
        for start in range(0, len(columns), AT_ONCE):
            some = columns[start : start + AT_ONCE]
            sql = [y, *(each.number for each in some)]
            numbers = ", ".join(f"coalesce(({each})::DOUBLE, 'nan') AS c{i}" for i, each in enumerate(sql))
            rows = f"SELECT {numbers} FROM {self._used} WHERE {TRAIN} AND {ROW} % {step} = 0"
            values = self._connection.execute(rows).fetchnumpy() if known else {}
            for i, each in enumerate(some, 1):
                x, target = (np.asarray(values.get(f"c{j}", [])) for j in (i, 0))
                both = np.isfinite(x) & np.isfinite(target)
                yield each, x[both], target[both]

    def serial(self) -> float:
        """The ratio of von Neumann of the target in the order of the table: 2 where its rows are in no order."""
        if self.target.kind != "number":
            return 2.0
        y = f"({self.target.number})::DOUBLE"
        rows = f"SELECT {y} AS y, {y} - lag({y}) OVER (ORDER BY {ROW}) AS d FROM {self._used}"
        [(ratio,)] = self._connection.execute(f"SELECT avg(d * d) / nullif(var_pop(y), 0) FROM ({rows})").fetchall()
        return 2.0 if ratio is None else float(ratio)

    def duplicates(self) -> int:
        """How many rows repeat one before them in all columns."""
        names = ", ".join(identifier(each) for each in dict.fromkeys(c.name for c in (self.target, *self._others)))
        if any(each.kind not in KINDS.values() for each in self._others):
            return 0
        [(distinct,)] = self._connection.execute(
            f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM {self._used})"
        ).fetchall()
        return self.rows - int(distinct)

    def moments(self, query: str, names: Sequence[str]) -> Moments:
        """The exact moments of the training rows of a query over the table, whose columns have these names, y last.

        Raises UserError where a value is no finite number.
        """
        rows = self._connection.sql(f"WITH source AS (FROM {self._used} WHERE {TRAIN}) FROM ({query})")
        found = Moments.zero(len(names) - 1)
        for block in floats(rows, names):
            if not np.isfinite(block).all() and (problem := no_number(rows, [True] * len(names))):
                raise problem
            X, y = block[:-1].T, block[-1]
            if not self.knows_training:
                train = ~self._hash.decide(0, X, y)[0]
                X, y = X[train], y[train]
            found += Moments.of(X, y)
        return found

    def _choose(self, cells: str, where: str, data: params.Data) -> bool:
        """Keep the rows that the query will have, and mark those of training; give whether these are known."""
        rows = _rows(self._connection, f"{cells} WHERE {where}")
        self._hash = Hash(data.test_size, data.seed)
        shuffled = data.split != "hash" and 0 < rows < HASH_ROWS
        self._used = "used"
        if not shuffled:
            self._connection.execute(f"CREATE TEMP VIEW used AS SELECT *, true AS {TRAIN} FROM {cells} WHERE {where}")
            return False
        places = self._connection.execute(f"SELECT {ROW} AS r FROM {cells} WHERE {where} ORDER BY r").fetchnumpy()["r"]
        split = Shuffle.of(rows, data.test_size, data.seed)
        train = np.zeros(self.all_rows, bool)
        train[places] = split.place >= split.test_rows
        self._connection.register("flags", {"train": train})
        self._connection.execute(f"CREATE TABLE scratch.flags AS SELECT train AS {TRAIN} FROM flags")
        self._connection.unregister("flags")
        self._connection.execute(
            f"CREATE TEMP VIEW used AS SELECT * FROM {cells} POSITIONAL JOIN scratch.flags WHERE {where}"
        )
        return True

    def _described(self, columns: list[Column]) -> list[Column]:
        columns = self._counted(columns)
        is_date = self.asked([_as_dates(each.value) if each.may_be_dates else None for each in columns])
        if any(is_date):
            as_dates = [
                replace(each, kind="date", value=f"try_strptime(({each.value})::BIGINT::VARCHAR, '%Y%m%d')::DATE")
                for each, yes in zip(columns, is_date, strict=True)
                if yes
            ]
            counted = {each.name: each for each in self._counted(as_dates)}
            columns = [counted.get(each.name, each) for each in columns]
        return self._stepped(self._with_values(self._detailed(columns)))

    def _counted(self, columns: list[Column]) -> list[Column]:
        """The columns with what is known of all their values."""
        ranges = "count(*), count({v}), count(DISTINCT {v}), min({v}), max({v})"
        sql = [
            ranges.format(v=each.value) if each.has_values else f"count(*), count({each.value}), 0, NULL, NULL"
            for each in columns
        ]
        whole = [
            f"bool_and({each.value} = trunc({each.value}))" if each.kind == "number" else "NULL" for each in columns
        ]
        answers = self.asked([f"({one}, {other})" for one, other in zip(sql, whole, strict=True)])
        return [
            replace(
                each, rows=rows, missing=rows - known, distinct=distinct, low=low, high=high, integral=bool(integral)
            )
            for each, (rows, known, distinct, low, high, integral) in zip(columns, answers, strict=True)
        ]

    def _detailed(self, columns: list[Column]) -> list[Column]:
        """The columns with their periods and, where they are wanted, their quantiles."""
        asked: list[str | None] = []
        for each in columns:
            periods = [
                f"histogram(({sql})::VARCHAR) FILTER ({TRAIN})" for sql in each.period_sql.values() if each.distinct
            ]
            number = each.has_values and each.kind not in ("text", "boolean") and each.distinct and each.missing
            asked += [
                f"[{', '.join(periods)}]" if periods else None,
                f"quantile_disc({each.value}, {LATE})" if each.kind == "date" and each.distinct else None,
                f"median(({each.number})::DOUBLE) FILTER ({TRAIN})" if number else None,
            ]
        answers = self.asked(asked)
        return [
            replace(each, periods=_periods(each, levels or ()), late=late, median=median)
            for each, levels, late, median in zip(columns, answers[::3], answers[1::3], answers[2::3], strict=True)
        ]

    def _with_values(self, columns: list[Column]) -> list[Column]:
        """The columns that may be categories with their levels, numbers with repeated values far from the rest."""
        levelled = {each.name for each in columns if each.distinct and _may_be_category(each)}
        numbers = [each for each in columns if each.kind == "number" and each.distinct > 3]
        ends = [f"(countif(({each.value}) = {each.low}), countif(({each.value}) = {each.high}))" for each in numbers]
        repeated = {each.name for each, of in zip(numbers, self.asked(ends), strict=True) if max(of) > 1}
        wanted = [each for each in columns if each.name in levelled | repeated]
        found = values(self._connection, self._used, ROW, TRAIN, wanted)
        done = []
        for each in columns:
            of = found.get(each.name, Values())
            if each.name in repeated:
                each = replace(each, sentinels=sentinels.find(of.least, of.most))
            if each.name in levelled:
                each = replace(each, levels=of.levels, seen_levels=of.seen_levels, seen_rows=of.seen_rows)
            done.append(each)
        return done

    def _stepped(self, columns: list[Column]) -> list[Column]:
        """The columns that count the rows with how many of their steps are of one."""
        found = []
        for each in columns:
            if each.is_each_once and each.high - each.low < 2 * each.rows:
                steps = f"SELECT {each.value} - lag({each.value}) OVER (ORDER BY {ROW}) AS step FROM {self._used}"
                [(ones,)] = self._connection.execute(f"SELECT countif(step = 1) FROM ({steps})").fetchall()
                each = replace(each, steps=ones)
            found.append(each)
        return found


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """How many there are."""
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(rows)


def _may_be_category(column: Column) -> bool:
    few = column.kind == "number" and column.distinct <= CODES and (column.integral or column.distinct <= 2)
    return few or column.kind in ("text", "boolean")


def _periods(column: Column, found: Sequence[dict[str, int] | None]) -> Any:
    """The levels of its periods, the most frequent first."""
    levels = (tuple(sorted((of or {}).items(), key=_most_first)) for of in found)
    return tuple(zip(column.period_sql, levels, strict=False))


def _as_dates(value: str) -> str:
    """The SQL that tells whether all numbers are dates as 20260131 is."""
    return f"coalesce(bool_and(try_strptime(({value})::BIGINT::VARCHAR, '%Y%m%d') IS NOT NULL), false)"


def _most_first(level: tuple[str, int]) -> tuple[int, str]:
    return -level[1], level[0]


def _named(target: str, names: Sequence[str], source: str) -> str:
    """The column that the person means; readers of CSV drop spaces around names. Raises UserError for none."""
    for each in (target, target.strip()):
        if each in names:
            return each
    line = header_below(source, target)
    hint = f"; line {line} has it: --skip {line - 1} takes that line as the header" if line else ""
    raise UserError(f"--target {clean(target)}: no such column; the columns are {clean(', '.join(names))}{hint}")


@contextlib.contextmanager
def profiled(source: str, target: str, data: params.Data, asked: Asked) -> Iterator[Profile]:
    """The profile of a table, as the pipeline will read it. Raises UserError where it cannot be read."""
    with tempfile.TemporaryDirectory() as folder, reading(source, Path(folder)) as connection:
        [(threads,)] = connection.execute("SELECT current_setting('threads')").fetchall()
        try:
            check_width(Path(source).name, len(connection.table("source").columns))
            connection.execute(f"ATTACH {string(str(Path(folder, 'cells.duckdb')))} AS scratch")
            numbered = f"SELECT *, row_number() OVER () - 1 AS {ROW} FROM source"
            if source.lower().endswith(".parquet") and _rows(connection, "source") >= HASH_ROWS:  # quick, and large
                cells = "numbered"
                connection.execute(f"CREATE TEMP VIEW {cells} AS {numbered}")
            else:
                cells = "scratch.cells"
                connection.execute(f"SET enable_progress_bar = {sys.stdout.isatty()}")  # it writes there
                connection.execute(f"CREATE TABLE {cells} AS {numbered}")
                connection.execute("SET enable_progress_bar = false")
            connection.execute(f"SET threads = {joblib.cpu_count()}")
            yield Profile(connection, source, cells, target, data, asked)
        finally:
            for view in ("used", "numbered"):
                connection.execute(f"DROP VIEW IF EXISTS {view}")
            connection.execute("DETACH DATABASE IF EXISTS scratch")
            connection.execute(f"SET threads = {threads}")
