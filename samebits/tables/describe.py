"""What a model needs to know of its table, so that it can take a raw row of it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import duckdb
import joblib
import numpy as np

from samebits.errors import warn
from samebits.model.schema import Column, Schema
from samebits.tables import query
from samebits.tables.diagnosis import identifier, string
from samebits.tables.query import ROW
from samebits.tables.source import Source
from samebits.tables.table import NUMBERS, WIDE_NUMBERS, Table, floats

MOST_LEVELS = 1000  # of a text; of one with more, none is kept
FEW = 20  # values of a feature; one with more is no code of a category
SAMPLE_ROWS, SAMPLE_VALUES = 2**15, 2**20  # of the first rows of a table, in which examples are looked for
EXAMPLES = 1000  # test rows
HALVES = 1000  # rows of which both halves are asked
TEXTS = {"varchar", "enum"}
TIMES = {"date", "timestamp", "timestamp with time zone", "timestamp_s", "timestamp_ms", "timestamp_ns"}
# The options of DuckDB's read_csv that say how a text is read; others say how a file is looked at
DIALECT = {"delim", "quote", "escape", "comment", "skip", "header", "nullstr", "dateformat", "timestampformat"}
DIALECT |= {"decimal_separator", "thousands", "encoding", "null_padding", "strict_mode", "allow_quoted_nulls"}


def schema(table: Table) -> Schema:
    """The schema of a table and its query. Warns where the query cannot be asked of single rows."""
    with table.source.opened() as connection:
        source = connection.table("source")
        types = {name: str(kind) for name, kind in zip(source.columns, source.types, strict=True)}
        kinds = {name: kind.id for name, kind in zip(source.columns, source.types, strict=True)}
        columns = {name: Column(kind) for name, kind in types.items()}
        found = Schema(table.query, False, False, _dialect(connection, table.source), columns)
        if why := _over_rows(connection, table, types):
            warn(f"data.query {why}: `samebits predict` and the server will take rows of features, not of the table")
            return found
        made_of = query.sources(types, table.query, connection.sql(table.query).columns)
        filters = set(query.filtered_by(types, table.query))
        of_features = {each for name in table.features for each in made_of[name]}
        of_target = set(made_of[table.target]) - of_features
        needed = of_features | (filters - of_target)
        facts = _facts(connection, table, {name: kinds[name] for name in types if name in needed})
        for name in _numbers(
            connection, table, made_of, [name for name in facts if len(facts[name]["levels"] or "") > FEW]
        ):
            facts[name]["levels"] = None
        defaults = _defaults(connection, table, [name for name in types if name in of_target & filters])
    columns |= {name: replace(columns[name], needed=True, **of) for name, of in facts.items()}
    columns |= {name: replace(columns[name], default=value) for name, value in defaults.items()}
    sources = {name: made_of[name] for name in table.features}
    as_they_are = query.columns_as_they_are(table.query)
    same = {name: as_they_are[name] for name in table.features if kinds.get(as_they_are.get(name, "")) in NUMBERS}
    plain = not filters and all(same.get(name) == name and kinds[name] != "boolean" for name in table.features)
    plain = plain and found.options.get("delim", ",") == "," and found.options.get("decimal_separator", ".") == "."
    return replace(found, by_row=True, plain=plain, columns=columns, sources=sources, same=same)


def examples(table: Table, of: Schema, X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Some rows with features X (n, p) and targets y (n,), and their values in the columns of the table.

    Plain containers: X, y and, by row, `raw`. They are those that are found among the first rows of the table. Where
    none is, or the query takes no single rows, they are the first of X and y, each with None.
    """
    wanted = np.ascontiguousarray(np.column_stack([X, y])[:EXAMPLES])
    raw = _as_in_table(table, of, wanted) if of.by_row else {}
    found = sorted(raw) or range(len(wanted))
    return {"X": wanted[found, :-1], "y": wanted[found, -1], "raw": [raw.get(i) for i in found]}


def _as_in_table(table: Table, of: Schema, wanted: np.ndarray) -> dict[int, list[Any]]:
    """By the place of a row of features and target in `wanted` (k, p + 1), its values in the needed columns."""
    with table.source.opened() as connection:
        _first_rows(connection, min(SAMPLE_ROWS, SAMPLE_VALUES // len(of.columns)))
        there = _rows(connection.sql(_carrying(table.query, "rowid")), [*table.features, table.target, ROW])
        keys = np.ascontiguousarray(there[:, :-1])
        at = {key.tobytes(): int(row) for key, row in zip(keys, there[:, -1], strict=True)}
        rows = {i: at[key.tobytes()] for i, key in enumerate(wanted) if key.tobytes() in at}
        values = ", ".join(["rowid", *(_plain(name, of.columns[name].type) for name in of.needed)])
        asked = f"SELECT {values} FROM cells WHERE list_contains(?, rowid)"
        raw = {
            row: list(map(_finite, cells)) for row, *cells in connection.execute(asked, [[*rows.values()]]).fetchall()
        }
    return {i: raw[row] for i, row in rows.items()}


def _over_rows(connection: duckdb.DuckDBPyConnection, table: Table, types: Mapping[str, str]) -> str | None:
    """Why the query cannot be asked of a row alone: by its plan, or as its answer changes with the rows around it."""
    if found := query.over_rows(types, table.query):
        return f"makes its rows of several rows of the table ({', '.join(found)})"
    _first_rows(connection, HALVES)
    names = [*table.features, table.target]
    carrying = query.carrying(table.query)
    parts = []
    for which, asked in (
        ("true", table.query),
        (f"rowid < {HALVES // 2}", carrying),
        (f"rowid >= {HALVES // 2}", carrying),
    ):
        source = f"SELECT *, rowid AS {identifier(ROW)} FROM cells WHERE {which}"
        parts.append(_rows(connection.sql(f"WITH source AS ({source}) FROM ({asked})"), names))
    whole, *halves = parts
    if np.concatenate(halves).tobytes() != whole.tobytes():
        return "gives other values for a part of the rows"
    return None


def _first_rows(connection: duckdb.DuckDBPyConnection, rows: int) -> None:
    """Make the first rows of the source a table, `cells`."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE cells AS SELECT * FROM source LIMIT {rows}")


def _carrying(asked: str, what: str) -> str:
    """The query over `cells`, with some SQL of each row of it as ROW."""
    source = f"SELECT *, {what} AS {identifier(ROW)} FROM cells"
    return f"WITH source AS ({source}) FROM ({query.carrying(asked)})"


def _rows(result: duckdb.DuckDBPyRelation, names: list[str]) -> np.ndarray:
    """Columns of a result as (n, k)."""
    return np.concatenate([np.empty((0, len(names))), *(block.T for block in floats(result, names))])


def _facts(connection: duckdb.DuckDBPyConnection, table: Table, kinds: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What is known of some columns, of these types, in the rows that the query keeps."""
    if not kinds:
        return {}
    columns = {name: f"r.{identifier(f'c{i}')}" for i, name in enumerate(kinds)}
    packed = ", ".join(f"c{i} := {identifier(name)}" for i, name in enumerate(kinds))
    asked = ", ".join(
        f"count(*) - count({columns[name]}), {_range(columns[name], kind)}" for name, kind in kinds.items()
    )
    try:
        connection.execute(f"SET threads = {joblib.cpu_count()}")  # none of what is asked depends on the order of rows
        connection.execute("DROP TABLE IF EXISTS cells")
        connection.execute("CREATE OR REPLACE TEMP VIEW cells AS FROM source")
        kept = f"(SELECT {identifier(ROW)} AS r FROM ({_carrying(table.query, f'struct_pack({packed})')}))"
        [answer] = connection.sql(f"SELECT {asked} FROM {kept}").fetchall()
        facts = {}
        for name, missing, low, high, levels in zip(
            kinds, answer[::4], answer[1::4], answer[2::4], answer[3::4], strict=True
        ):
            facts[name] = {"missing": missing, "min": low, "max": high, "levels": levels}
        few = [name for name, of in facts.items() if of["levels"] and of["levels"] <= 2 * MOST_LEVELS]
        counts: tuple[Any, ...] = ()
        if few:
            [counts] = connection.sql(
                f"SELECT {', '.join(f'histogram({columns[name]}::VARCHAR)' for name in few)} FROM {kept}"
            ).fetchall()
        for name in facts:
            facts[name]["levels"] = None
        for name, found in zip(few, counts, strict=True):
            if found and len(found) <= MOST_LEVELS:
                facts[name]["levels"] = sorted(found, key=lambda level: (-found[level], level))
    finally:
        connection.execute("DROP VIEW IF EXISTS cells")
        connection.execute("SET threads = 1")
    return facts


def _numbers(
    connection: duckdb.DuckDBPyConnection, table: Table, made_of: Mapping[str, list[str]], names: list[str]
) -> set[str]:
    """Which of some columns of text the query reads as numbers or dates: a feature of one alone has many values."""
    of = {name: made_of[name][0] for name in table.features if len(made_of[name]) == 1 and made_of[name][0] in names}
    if not of:
        return set()
    counts = ", ".join(f"approx_count_distinct({identifier(name)})" for name in of)
    [found] = connection.sql(f"SELECT {counts} FROM ({table.query})").fetchall()
    return {column for column, count in zip(of.values(), found, strict=True) if count > FEW}


def _range(cell: str, kind: str) -> str:
    """The SQL of the least and the greatest value, as JSON has them, and about how many texts there are."""
    if kind in NUMBERS | WIDE_NUMBERS and kind != "boolean":
        number = f"{cell}::DOUBLE" if kind in {"float", "decimal"} | WIDE_NUMBERS else cell
        finite = f" FILTER (isfinite({number}))" if kind in ("float", "double") else ""
        return f"min({number}){finite}, max({number}){finite}, NULL"
    if kind in TIMES:
        finite = f" FILTER (isfinite({cell}))"
        return f"min({cell}){finite}::VARCHAR, max({cell}){finite}::VARCHAR, NULL"
    if kind == "time":
        return f"min({cell})::VARCHAR, max({cell})::VARCHAR, NULL"
    if kind in TEXTS or kind == "boolean":
        return f"NULL, NULL, approx_count_distinct({cell}::VARCHAR)"  # exact counts of many texts would fill the memory
    return "NULL, NULL, NULL"


def _defaults(connection: duckdb.DuckDBPyConnection, table: Table, names: list[str]) -> dict[str, str]:
    """Values with which a row is kept, of columns that only the target and the filters ask for."""
    if not names:
        return {}
    packed = ", ".join(f"c{i} := {identifier(name)}" for i, name in enumerate(names))
    connection.execute("CREATE OR REPLACE TEMP VIEW cells AS FROM source")
    kept = _carrying(table.query, f"struct_pack({packed})")
    values = ", ".join(f"min(r.c{i})::VARCHAR" for i in range(len(names)))
    [answer] = connection.sql(f"SELECT {values} FROM (SELECT {identifier(ROW)} AS r FROM ({kept}))").fetchall()
    connection.execute("DROP VIEW cells")
    return {name: value for name, value in zip(names, answer, strict=True) if value is not None}


def _plain(name: str, kind: str) -> str:
    """The SQL of a value as JSON can have it: a number, or a text."""
    is_number = kind.lower() in NUMBERS - {"boolean"}
    wide = kind.lower().partition("(")[0] in WIDE_NUMBERS
    return identifier(name) if is_number else f"{identifier(name)}::{'DOUBLE' if wide else 'VARCHAR'}"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _dialect(connection: duckdb.DuckDBPyConnection, source: Source) -> dict[str, Any]:
    """How CSV files are read as text, by the names of read_csv's options; none where the files are no CSV."""
    options = _options(connection, source.sql)
    if options and options.get("auto_detect", True) is not False:
        given = ", ".join(f"{key} = {_literal(value)}" for key, value in options.items() if key != "filename")
        [(file,), *_] = connection.sql(f"SELECT file FROM glob({string(source.pattern)}) ORDER BY file").fetchall()
        asked = f"SELECT Prompt FROM sniff_csv({string(file)}, {given})"
        [(prompt,)] = connection.sql(asked).fetchall()
        options = _options(connection, str(prompt).removeprefix("FROM ").removesuffix(";"))
    return {key: value for key, value in options.items() if key in DIALECT}


def _options(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    """The options of the call of read_csv in some SQL of a table."""
    [(tree,)] = connection.execute("SELECT json_serialize_sql(?)", [f"FROM {sql}"]).fetchall()
    nodes: list[Any] = [json.loads(tree)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            if node.get("function_name") == "read_csv":
                given = (
                    each["expression"] for each in node["arguments"] if each["expression"]["type"] == "COMPARE_EQUAL"
                )
                return {each["left"]["column_names"][0]: _value(each["right"]) for each in given}
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node
    return {}


def _value(node: dict[str, Any]) -> Any:
    """What a literal in a syntax tree stands for."""
    if "literal" in node:
        kind, text = node["literal"]["kind"], node["literal"].get("text", "")
        return text == "true" if kind == "BOOLEAN" else int(text) if kind == "INTEGER" else text
    return [_value(each["expression"]) for each in node.get("arguments", ())]


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return string(value) if isinstance(value, str) else str(value)
