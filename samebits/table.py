"""A table, read through SQL with DuckDB, as float64 columns that are all finite numbers."""

import math
from dataclasses import dataclass

import duckdb
import numpy as np

from samebits.errors import UserError


@dataclass(frozen=True)
class Table:
    """The features X (n, p) and the target y (n,), float64, with the names of the features and of the target."""

    features: list[str]
    target: str
    X: np.ndarray
    y: np.ndarray


def read(source: str, query: str, target: str) -> Table:
    """Run `query` over the table named source: CSV, Parquet or JSON files, also compressed, by a path or a glob.

    Raises UserError where the files or the query are wrong, a value is not a finite number, the target is missing, or
    there are no rows or no features.
    """
    # One thread: sums in a query, and rows without ORDER BY, would otherwise depend on the number of cores.
    with duckdb.connect(config={"threads": 1}) as connection:
        try:
            connection.execute(f"CREATE VIEW source AS SELECT * FROM {_string(source)}")
        except duckdb.Error as error:
            raise UserError(f"data.source {source}: {_first_line(error)}") from None
        try:
            result = connection.execute(query)
            if result is None or not result.description:
                raise UserError("data.query gives no table; it must be a SELECT over the table source")
            names = [column[0] for column in result.description]
            columns = list(result.fetchnumpy().values())
        except duckdb.Error as error:
            raise UserError(_text_among_numbers(connection, source) or f"data.query: {_first_line(error)}") from None
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"data.query gives the column {twice} twice; name each column once with AS")
    if target not in names:
        raise UserError(f"data.target is {target!r}; the columns of data.query are {', '.join(names)}")
    if len(names) < 2:
        raise UserError(f"data.query gives only the target {target}; it must give at least one feature")
    if not len(columns[0]):
        raise UserError(f"data.query gives no rows from {source}")
    problems = [(_first_problem(column), name) for name, column in zip(names, columns, strict=True)]
    if found := [(*problem, name) for problem, name in problems if problem]:
        row, value, name = min(found)
        raise UserError(
            f"data.query, column {name}, row {row + 1}: {value}; every value must be a finite number: "
            "filter, cast or fill it in data.query"
        )
    values = {name: np.ma.getdata(column).astype(np.float64) for name, column in zip(names, columns, strict=True)}
    y = values.pop(target)
    return Table(list(values), target, np.column_stack(list(values.values())), y)


def _first_problem(column: np.ndarray) -> tuple[int, str] | None:
    """The index and the look of the first value that is not a finite number."""
    data, null = np.ma.getdata(column), np.ma.getmaskarray(column)
    numeric = data.dtype.kind in "fiub"
    bad = null | (~np.isfinite(data) if numeric else np.array([not _is_number(value) for value in data], bool))
    if numeric and not bad.any():
        return None
    row = int(bad.argmax())  # of text that could be cast throughout, the first row
    if null[row]:
        return row, "NULL"
    return row, str(data[row]) if numeric else f"{str(data[row])!r} is text"


def _is_number(value: object) -> bool:
    try:
        return math.isfinite(float(str(value)))
    except ValueError:
        return False


def _text_among_numbers(connection: duckdb.DuckDBPyConnection, source: str) -> str | None:
    """Where a column of CSV files, mostly numbers, holds text: the usual reason why a query over it fails."""
    try:
        cells = connection.sql(f"SELECT * FROM read_csv({_string(source)}, all_varchar = true)")
        found = []
        for name in cells.columns:
            [(row, value, numbers, texts)] = connection.sql(
                f"""SELECT min(row) FILTER (text), min_by(cell, row) FILTER (text), countif(NOT text), countif(text)
                    FROM (SELECT {_identifier(name)} AS cell, row_number() OVER () AS row,
                                 TRY_CAST(cell AS DOUBLE) IS NULL AS text FROM cells) WHERE cell IS NOT NULL"""
            ).fetchall()
            if 0 < texts <= numbers:
                found.append((row, name, value))
    except duckdb.Error:
        return None  # not CSV
    if not found:
        return None
    row, name, value = min(found)
    return f"data.source {source}, column {name}, row {row}: {value!r} is text"


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: duckdb.Error) -> str:
    return str(error).split("\n\n")[0].split("\n\tCandidate functions")[0]
