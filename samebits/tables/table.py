"""A table, read through SQL with DuckDB, as blocks of float64 columns that are all finite numbers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import duckdb
import nanoarrow
import numpy as np

from samebits.errors import UserError
from samebits.tables import diagnosis
from samebits.tables import query as queries
from samebits.tables.diagnosis import identifier, string
from samebits.tables.source import Fragment, Source, first_line, is_a_select

BLOCK_ROWS = 2**17  # fewer take longer for each row, more leave the cache of a core
FRAGMENT_ROWS = 2**18  # of a Parquet file: a fraction of a second for a worker
NUMBERS = {"boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint"}
NUMBERS |= {"float", "double"}
WIDE_NUMBERS = {"hugeint", "uhugeint", "bignum", "decimal"}


@dataclass(frozen=True)
class Table:
    """The rows that `query` gives over the table named source, with the names of the features and of the target.

    fragments: one after the other they are the whole table; each can be read by itself, by any process. split: the
    column, if any, that says which rows are test rows; it is no feature.
    """

    source: Source
    query: str
    features: list[str]
    target: str
    fragments: list[Fragment]
    split: str | None = None

    @classmethod
    def of(cls, name: str, query: str, target: str, split: str | None = None) -> Self:
        """The table of CSV, Parquet or JSON files, also compressed, by a path, a glob or a URL.

        Raises UserError where the files or the query are wrong, a column is not of numbers, the target or the split is
        missing, or there are no features.
        """
        source = Source.of(name)
        with source.opened() as connection:
            result = _result(connection, source, query)
            names = result.columns
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise UserError(f"data.query returns the column {twice} twice; name each column once with AS")
            if target not in names:
                raise UserError(f"data.target is {target!r}; the columns of data.query are {', '.join(names)}")
            if split == target or (split and split not in names):
                others = ", ".join(name for name in names if name != target)
                raise UserError(
                    f"data.split is {split!r}; it must be shuffle, hash, or a column of data.query that marks test "
                    f"rows; the columns besides the target are {others or 'none'}"
                )
            features = [name for name in names if name not in (target, split)]
            if not features:
                only = f"the target {target}" + (f" and the split {split}" if split else "")
                raise UserError(f"data.query returns only {only}; it must return at least one feature")
            table = cls(source, query, features, target, _fragments(connection, source, query), split)
            if not all(_numeric(result)):
                raise table._problem()
            return table

    def blocks(
        self, fragment: Fragment, threads: int = 1
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """The rows of a fragment in their order, up to BLOCK_ROWS at a time: X (n, p), by columns in memory, y (n,).

        The third is what the column `split` says: is it a test row? (n,), or None without such a column. Raises
        UserError where a value is not a finite number or cannot be read, or of the split is not 0 or 1.
        """
        names = [*self.features, self.target, *([self.split] if self.split else [])]
        target = len(self.features)
        with self.source.opened(fragment, threads) as connection:
            try:
                for block in floats(_result(connection, self.source, self.query), names):
                    if not np.isfinite(block).all():
                        raise self._problem()
                    test = block[target + 1] != 0 if self.split else None
                    if test is not None and (block[target + 1] != test).any():
                        raise self._problem()
                    yield block[:target].T, block[target], test
            except (duckdb.Error, RuntimeError) as error:  # the latter is nanoarrow's
                raise _problem_of_query(connection, self.source, error) from None

    def count(self, fragment: Fragment, threads: int = 1) -> int:
        """How many rows a fragment has."""
        with self.source.opened(fragment, threads) as connection:
            try:
                [(rows,)] = _result(connection, self.source, self.query).count("*").fetchall()
            except duckdb.Error as error:
                raise _problem_of_query(connection, self.source, error) from None
            return int(rows)

    def _problem(self) -> UserError:
        """What is wrong with the first value that is not a finite number, or of the split is not 0 or 1."""
        with self.source.opened() as connection:
            try:
                result = _result(connection, self.source, self.query)
                numeric = _numeric(result)
                return (
                    (diagnosis.no_side(result, self.split, numeric) if self.split else None)
                    or diagnosis.no_number(result, numeric)
                    or diagnosis.no_rows(self.source.name)
                )
            except duckdb.Error as error:
                return _problem_of_query(connection, self.source, error)


def floats(result: duckdb.DuckDBPyRelation, names: Sequence[str]) -> Iterator[np.ndarray]:
    """Columns of numbers as float64 (k, n), up to BLOCK_ROWS rows at a time; NaN for NULL."""
    kinds = dict(zip(result.columns, result.types, strict=True))
    sql = ", ".join(as_float(name, kinds[name].id) for name in names)
    for chunk in nanoarrow.ArrayStream(result.project(sql)).iter_chunks():
        columns = [_values(chunk.child(i)) for i in range(len(names))]
        for start in range(0, len(chunk), BLOCK_ROWS):
            block = np.empty((len(names), min(BLOCK_ROWS, len(chunk) - start)))
            for values, column in zip(block, columns, strict=True):
                np.add(column[start : start + BLOCK_ROWS], 0.0, out=values)  # equal rows are equal bits: no -0.0
            yield block


@contextmanager
def reading(name: str, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which the view `source` is a whole table, and which may write to the folder.

    Raises UserError where it cannot be read.
    """
    source = Source.of(name)
    with source.opened(folder=folder) as connection:
        try:
            yield connection
        except duckdb.Error as error:
            raise _problem_of_query(connection, source, error) from None


def _result(connection: duckdb.DuckDBPyConnection, source: Source, query: str) -> duckdb.DuckDBPyRelation:
    try:
        if not is_a_select(connection, query):
            raise UserError("data.query must be one SELECT over the table source")
        return connection.sql(query)
    except duckdb.Error as error:
        raise _problem_of_query(connection, source, error) from None


def _fragments(connection: duckdb.DuckDBPyConnection, source: Source, query: str) -> list[Fragment]:
    """The files, or some groups of rows of each Parquet file, if the query takes row by row, else the table whole."""
    table = connection.sql("FROM source")
    hidden = {"filename", "file_row_number"} & {name.lower() for name in table.columns}  # DuckDB's own, by others
    types = {name: str(kind) for name, kind in zip(table.columns, table.types, strict=True)}
    if hidden or queries.over_rows(types, query):
        return [Fragment()]
    if queries.operators(connection, "FROM source") != ["PARQUET_SCAN"]:
        return [
            Fragment(file)
            for (file,) in connection.sql(f"FROM glob({string(source.pattern)}) ORDER BY file").fetchall()
        ]
    mixed = f"""SELECT name FROM parquet_schema({string(source.pattern)}) GROUP BY name
                HAVING count(DISTINCT (type, coalesce(scale, 0))) > 1 ORDER BY name"""
    if found := connection.sql(mixed).fetchall():
        raise UserError(
            f"data.source {source.name}: column {found[0][0]} has different types in the files; rewrite them"
        )
    groups = connection.sql(
        f"""SELECT file_name, any_value(row_group_num_rows) FROM parquet_metadata({string(source.pattern)})
            GROUP BY file_name, row_group_id ORDER BY file_name, row_group_id"""
    ).fetchall()
    fragments: list[Fragment] = []
    for file, rows in groups:
        before = fragments[-1] if fragments and fragments[-1].file == file else Fragment(file, 0, 0)
        assert before.last is not None
        if 0 < before.last <= before.first + FRAGMENT_ROWS - rows:
            fragments[-1] = Fragment(file, before.first, before.last + rows)
        else:
            fragments.append(Fragment(file, before.last, before.last + rows))
    return fragments


def _numeric(result: duckdb.DuckDBPyRelation) -> list[bool]:
    return [kind.id in NUMBERS | WIDE_NUMBERS for kind in result.types]


def as_float(name: str, kind: str) -> str:
    """The SQL of a column as DOUBLE, NULL as NaN. Text is rounded correctly, but not a number of more than 64 bits."""
    text = "::VARCHAR" if kind in WIDE_NUMBERS else ""
    return f"coalesce({identifier(name)}{text}::DOUBLE, 'nan')"


def _values(column: nanoarrow.Array) -> np.ndarray:
    return np.frombuffer(column.buffer(1), np.float64, len(column), 8 * column.offset)


def _problem_of_query(connection: duckdb.DuckDBPyConnection, source: Source, error: Exception) -> UserError:
    found = diagnosis.text_among_numbers(connection, source.pattern)
    return UserError(f"data.source {source.name}, {found}" if found else f"data.query: {first_line(error)}")
