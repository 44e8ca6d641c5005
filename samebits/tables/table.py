"""A table, read through SQL with DuckDB, as blocks of float64 columns that are all finite numbers."""

import functools
import glob
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import duckdb
import nanoarrow
import numpy as np

from samebits.errors import UserError
from samebits.tables import diagnosis, remote
from samebits.tables.diagnosis import identifier, string

BLOCK_ROWS = 2**17  # fewer take longer for each row, more leave the cache of a core
FRAGMENT_ROWS = 2**18  # of a Parquet file: a fraction of a second for a worker
TYPES_OF_TEXT = ["BOOLEAN", "DOUBLE", "TIME", "DATE", "TIMESTAMP", "VARCHAR"]
NUMBERS = {"boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint"}
NUMBERS |= {"float", "double"}
ROW_BY_ROW = {"SEQ_SCAN", "PROJECTION", "FILTER", "CTE", "CTE_SCAN"}  # operators
WIDE_NUMBERS = {"hugeint", "uhugeint", "bignum", "decimal"}


@dataclass(frozen=True)
class Fragment:
    """Some of a table's rows: those of one file, or of its rows from `first` to before `last`; all if file is None."""

    file: str | None = None
    first: int = 0
    last: int | None = None


@dataclass(frozen=True)
class Table:
    """The rows that `query` gives over the table named source, with the names of the features and of the target.

    source: a path from the root, or a URL. files: the SQL of its files, with what DuckDB found out about them.
    fragments: one after the other they are the whole table; each can be read by itself, by any process. split: the
    column, if any, that says which rows are test rows; it is no feature.
    """

    source: str
    files: str
    query: str
    features: list[str]
    target: str
    fragments: list[Fragment]
    split: str | None = None

    @classmethod
    def of(cls, source: str, query: str, target: str, split: str | None = None) -> Self:
        """The table of CSV, Parquet or JSON files, also compressed, by a path, a glob or a URL.

        Raises UserError where the files or the query are wrong, a column is not of numbers, the target or the split is
        missing, or there are no features.
        """
        source = _absolute(source)
        files = _files(source)
        with _opened(source, files, Fragment()) as connection:
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
            table = cls(source, files, query, features, target, _fragments(connection, source, query), split)
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
        with _opened(self.source, self.files, fragment, threads) as connection:
            try:
                result = _result(connection, self.source, self.query)
                kinds = dict(zip(result.columns, result.types, strict=True))
                floats = [_as_float(name, kinds[name].id) for name in names]
                for chunk in nanoarrow.ArrayStream(result.project(", ".join(floats))).iter_chunks():
                    columns = [_values(chunk.child(i)) for i in range(len(floats))]
                    for start in range(0, len(chunk), BLOCK_ROWS):
                        block = np.empty((len(floats), min(BLOCK_ROWS, len(chunk) - start)))
                        for values, column in zip(block, columns, strict=True):
                            # Equal rows are equal bits: -0.0 becomes 0.0
                            np.add(column[start : start + BLOCK_ROWS], 0.0, out=values)
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
        with _opened(self.source, self.files, fragment, threads) as connection:
            try:
                [(rows,)] = _result(connection, self.source, self.query).count("*").fetchall()
            except duckdb.Error as error:
                raise _problem_of_query(connection, self.source, error) from None
            return int(rows)

    def _problem(self) -> UserError:
        """What is wrong with the first value that is not a finite number, or of the split is not 0 or 1."""
        with _opened(self.source, self.files, Fragment()) as connection:
            try:
                result = _result(connection, self.source, self.query)
                numeric = _numeric(result)
                return (
                    (diagnosis.no_side(result, self.split, numeric) if self.split else None)
                    or diagnosis.no_number(result, numeric)
                    or diagnosis.no_rows(_short(self.source))
                )
            except duckdb.Error as error:
                return _problem_of_query(connection, self.source, error)


@contextmanager
def reading(source: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which the view `source` is a whole table. Raises UserError where it cannot be read."""
    source = _absolute(source)
    with _opened(source, _files(source), Fragment()) as connection:
        try:
            yield connection
        except duckdb.Error as error:
            raise _problem_of_query(connection, source, error) from None


@contextmanager
def _opened(source: str, files: str, fragment: Fragment, threads: int = 1) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which the view `source` is the fragment of the files."""
    # One thread: sums in a query, and rows without ORDER BY, would otherwise depend on the number of cores. Of a file
    # that is a fragment, the query takes row by row, which DuckDB keeps in order.
    with _database().cursor() as connection:
        rows = f" WHERE filename = {string(fragment.file)}" if fragment.file else ""
        if fragment.last is not None:
            rows += f" AND file_row_number >= {fragment.first} AND file_row_number < {fragment.last}"
        remote.register(connection, source)
        try:
            connection.execute(f"SET threads = {threads if fragment.file else 1}")
            connection.execute("SET enable_progress_bar = false")  # there is one of ours
            connection.execute("SET python_enable_replacements = false")  # our variables are no tables
            connection.execute(f"CREATE TEMP VIEW source AS SELECT * FROM {files}{rows}")
        except (duckdb.Error, OSError) as error:
            raise UserError(f"data.source {_short(source)}: {_first_line(error)}") from None
        yield connection


def _files(source: str) -> str:
    """The SQL of the files. DuckDB looks at the first rows only, and would cast later 0.5 to the integers of these."""
    name = source.lower().removesuffix(".gz").removesuffix(".zst")
    if name.endswith((".csv", ".tsv")):
        return _csv(source)
    if name.endswith((".json", ".jsonl", ".ndjson")):
        return f"read_json({string(source)}, sample_size = -1)"
    return string(source)


def _csv(source: str) -> str:
    """The SQL of CSV files; of one file, with its dialect and types, for which DuckDB else looks at each use anew."""
    options = f"auto_type_candidates = {TYPES_OF_TEXT}, nullstr = {diagnosis.MISSING}"
    anew = f"read_csv({string(source)}, {options})"
    if "://" in source or glob.has_magic(source):
        return anew
    try:
        [(found, *dialect, columns)] = (
            _database()
            .execute(
                f"SELECT Prompt, Delimiter, Quote, Escape, Comment, Columns FROM sniff_csv({string(source)}, {options})"
            )
            .fetchall()
        )
    except duckdb.Error:
        return anew  # which tells what is wrong
    # DuckDB does not escape what it puts into the SQL that it suggests
    texts = [source, *dialect, *(column["name"] for column in columns)]
    return anew if "'" in "".join(texts) else str(found).removeprefix("FROM ").removesuffix(";")


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    database = duckdb.connect(config={"threads": 1})
    database.execute("SET parquet_metadata_cache = true")  # each fragment of a file needs it
    return database


def _result(connection: duckdb.DuckDBPyConnection, source: str, query: str) -> duckdb.DuckDBPyRelation:
    try:
        statements = connection.extract_statements(query)
        if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
            raise UserError("data.query must be one SELECT over the table source")
        return connection.sql(query)
    except duckdb.Error as error:
        raise _problem_of_query(connection, source, error) from None


def _fragments(connection: duckdb.DuckDBPyConnection, source: str, query: str) -> list[Fragment]:
    """The files, or some groups of rows of each Parquet file, if the query takes row by row, else the table whole."""
    table = connection.sql("FROM source")
    hidden = {"filename", "file_row_number"} & {name.lower() for name in table.columns}  # DuckDB's own, by others
    if hidden or not _takes_row_by_row(table, query):
        return [Fragment()]
    if _operators(connection, "FROM source") != ["PARQUET_SCAN"]:
        return [Fragment(file) for (file,) in connection.sql(f"FROM glob({string(source)}) ORDER BY file").fetchall()]
    mixed = f"""SELECT name FROM parquet_schema({string(source)}) GROUP BY name
                HAVING count(DISTINCT (type, coalesce(scale, 0))) > 1 ORDER BY name"""
    if found := connection.sql(mixed).fetchall():
        raise UserError(
            f"data.source {_short(source)}: column {found[0][0]} has different types in the files; rewrite them"
        )
    groups = connection.sql(
        f"""SELECT file_name, any_value(row_group_num_rows) FROM parquet_metadata({string(source)})
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


def _takes_row_by_row(source: duckdb.DuckDBPyRelation, query: str) -> bool:
    """Whether each row of the result is made of one row of the source: then the query can be asked of its fragments."""
    columns = [f"{identifier(name)} {kind}" for name, kind in zip(source.columns, source.types, strict=True)]
    with _database().cursor() as connection:  # in a plan, a table has a name, a file has none
        connection.execute(f"CREATE TEMP TABLE source ({', '.join(columns)})")
        connection.execute("PRAGMA disable_optimizer")  # it would see that there are no rows
        try:
            operators = _operators(connection, query)
        except duckdb.Error:  # it knows more of its files than of a table
            return False
    return operators.count("SEQ_SCAN") == 1 and set(operators) <= ROW_BY_ROW


def _operators(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    """The names of the operators in the plan of a query."""
    [(_, plan)] = connection.sql(f"EXPLAIN (FORMAT JSON) {query}").fetchall()
    nodes, names = json.loads(plan), []
    while nodes:
        node = nodes.pop()
        names.append(node["name"])
        nodes += node["children"]
    return names


def _numeric(result: duckdb.DuckDBPyRelation) -> list[bool]:
    return [kind.id in NUMBERS | WIDE_NUMBERS for kind in result.types]


def _as_float(name: str, kind: str) -> str:
    """The SQL of a column as DOUBLE, NULL as NaN. Text is rounded correctly, but not a number of more than 64 bits."""
    text = "::VARCHAR" if kind in WIDE_NUMBERS else ""
    return f"coalesce({identifier(name)}{text}::DOUBLE, 'nan')"


def _values(column: nanoarrow.Array) -> np.ndarray:
    return np.frombuffer(column.buffer(1), np.float64, len(column), 8 * column.offset)


def _problem_of_query(connection: duckdb.DuckDBPyConnection, source: str, error: Exception) -> UserError:
    found = diagnosis.text_among_numbers(connection, source)
    return UserError(f"data.source {_short(source)}, {found}" if found else f"data.query: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    # nanoarrow puts words of its own before DuckDB's
    message = str(error).replace(_folder(), "").rpartition("get_next() failed (5): ")[2]
    if "Traceback (most recent call last)" in message:  # of fsspec
        return message.strip().splitlines()[-1]
    return message.split("\n\n")[0].split("\n\tCandidate functions")[0]


def _absolute(source: str) -> str:
    return source if "://" in source else os.path.join(_folder(), source)


def _folder() -> str:
    """The working directory as the start of a glob."""
    return os.path.join(glob.escape(os.getcwd()), "")


def _short(source: str) -> str:
    """A source as the user names it."""
    return source.removeprefix(_folder())
