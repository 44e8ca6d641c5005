"""The frequent and the outermost values of many columns, by one query: a grouping set is a column."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from samebits.advice.column import LEVELS, Column
from samebits.advice.sentinels import ENDS, Value


@dataclass(frozen=True)
class Values:
    """The values of a column.

    levels: as text with how many training rows have each, the most frequent first, not all of many. seen_levels,
    seen_rows: how many values, and rows with one, training has. least, most: those of a number, from the ends inwards.
    """

    levels: tuple[tuple[str, int], ...] = ()
    seen_levels: int = 0
    seen_rows: int = 0
    least: Sequence[Value] = ()
    most: Sequence[Value] = ()


def values(
    connection: duckdb.DuckDBPyConnection, table: str, row: str, train: str, columns: Sequence[Column]
) -> dict[str, Values]:
    """The values of columns, by their names.

    row, train: the SQL of the number of a row, from 0, and of whether it is a training row.
    """
    if not columns:
        return {}
    cells = [f"c{i}" for i in range(len(columns))]
    named = list(zip(cells, columns, strict=True))
    of_each = ", ".join(f"({column.value}) AS {cell}" for cell, column in named)
    texts = ", ".join(f"{cell}::VARCHAR" for cell in cells)
    numbers = ", ".join(f"{cell}::DOUBLE" if column.kind == "number" else "NULL" for cell, column in named)
    groups = f"""
        SELECT GROUPING({", ".join(cells)}) AS which, coalesce({texts}, NULL) AS v, coalesce({numbers}, NULL) AS d,
               count(*) AS n, countif(train) AS t, min(r) + 1 AS r
        FROM (SELECT {of_each}, {train} AS train, {row} AS r FROM {table})
        GROUP BY GROUPING SETS ({", ".join(f"({cell})" for cell in cells)})"""
    asked = f"""
        SELECT which, list((v, t) ORDER BY t DESC, v) FILTER (t > 0)[:{LEVELS + 2}], countif(t > 0), sum(t),
               list((d, n, r) ORDER BY d) FILTER (d IS NOT NULL)[:{ENDS}],
               list((d, n, r) ORDER BY d DESC) FILTER (d IS NOT NULL)[:{ENDS}]
        FROM ({groups}) WHERE v IS NOT NULL GROUP BY which"""
    found = {}
    for which, levels, seen_levels, seen_rows, least, most in connection.execute(asked).fetchall():
        place = len(columns) - (~which & (1 << len(columns)) - 1).bit_length()  # of the bit that alone is 0
        found[columns[place].name] = Values(tuple(levels or ()), seen_levels, int(seen_rows), least or (), most or ())
    return found
