"""Raw rows of a table, after the model's query: the features, and why a row has none.

Cells become values of the types that they had in training, read with the same settings; then the same query makes
features of them in the same kind of database. So the features have the bits that they had in training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from samebits.errors import UserError
from samebits.model.schema import Column, Rows, Schema, Unseen
from samebits.tables import query
from samebits.tables.diagnosis import clean, identifier, string
from samebits.tables.query import ROW
from samebits.tables.source import database, first_line
from samebits.tables.table import NUMBERS, WIDE_NUMBERS, as_float

MOST_TOLD = 10  # rows of a block whose reasons are looked up
MOST_NAMED = 3  # columns in a reason
LONGEST = 60  # characters of a cell in a message
TEXT = "VARCHAR"
KINDS = {"DATE": "a date", "TIME": "a time of day", "BOOLEAN": "true or false", "TIMESTAMP": "a date with a time"}
KINDS |= dict.fromkeys(("FLOAT", "DOUBLE", "DECIMAL"), "a number")


@dataclass(frozen=True)
class Cell:
    """A column of the table in SQL over `cells`: its value, and what is read as such, NULL where it is missing."""

    name: str
    column: Column
    value: str
    known: str


@dataclass(frozen=True)
class Asked:
    """SQL over `cells` of certain types.

    features: those of the rows that the query keeps, and their places. wrong: the places of rows with a text that is no
    value of its column's type. unseen: for each of some columns, the rows with a level that is not in the table, the
    place of the first, and its level. why: for some places, by column, what is known and whether it is a value.
    """

    features: str
    wrong: str
    unseen: str
    columns: list[str]
    why: str


class Query:
    """The query of a model, to be asked of raw rows."""

    def __init__(self, schema: Schema, features: Sequence[str]) -> None:
        self.schema, self.features = schema, list(features)
        self._carrying = query.carrying(schema.query)
        self._connection = database().cursor()
        self._asked: dict[Any, Asked] = {}

    def rows(self, cells: Any, count: int, dialect: bool = False) -> Rows:
        """The `count` rows of `cells`: arrays by the names of columns, or what DuckDB takes as a table.

        A column is of text or of values; a value that is None or NaN is missing, and so are all of a column that is
        not there. dialect: whether the text is that of a CSV file, read as those of the training were. Raises UserError
        where the query fails.
        """
        connection = self._connection
        connection.register("cells", cells)
        try:
            return self._rows(connection, count, dialect)
        except duckdb.Error as error:
            raise UserError(f"the model's query: {first_line(error)}") from None
        finally:
            connection.unregister("cells")

    def _rows(self, connection: duckdb.DuckDBPyConnection, count: int, dialect: bool) -> Rows:
        given = {name: kind for name, kind, *_ in connection.execute("DESCRIBE cells").fetchall()}
        key = (tuple(given.items()), dialect)
        asked = self._asked[key] = self._asked.get(key) or self._of(connection, given, dialect)
        X = np.full((count, len(self.features)), np.nan)
        *columns, places = connection.execute(asked.features).fetchnumpy().values()
        kept = np.zeros(count, bool)
        kept[places] = True
        for j, column in enumerate(columns):
            X[places, j] = column + 0.0  # as in training: no -0.0
        if asked.wrong:
            X[[place for (place,) in connection.execute(asked.wrong).fetchall()]] = np.nan
        unseen = {}
        if asked.unseen:
            [found] = connection.execute(asked.unseen).fetchall()
            facts = zip(asked.columns, found[::3], found[1::3], found[2::3], strict=True)
            unseen = {name: Unseen(rows, place, clean(level)[:LONGEST]) for name, rows, place, level in facts if rows}
        lost = np.flatnonzero(~np.isfinite(X).all(axis=1))[:MOST_TOLD].tolist()
        told = connection.execute(asked.why, [lost]).fetchall() if lost else []
        return Rows(X, {place: self._why(X[place], bool(kept[place]), cells) for place, *cells in told}, unseen)

    def _of(self, connection: duckdb.DuckDBPyConnection, given: Mapping[str, str], dialect: bool) -> Asked:
        """The SQL for columns of the given types."""
        cells = [self._cell(name, of, given, dialect) for name, of in self.schema.columns.items()]
        values = ", ".join(f"{each.value} AS {identifier(each.name)}" for each in cells)
        source = f"WITH source AS (SELECT {values}, row_number() OVER () - 1 AS {identifier(ROW)} FROM cells)"
        result = connection.sql(f"{source} FROM ({self._carrying})")
        kinds = dict(zip(result.columns, result.types, strict=True))
        floats = ", ".join(f"{as_float(name, kinds[name].id)} AS x{j}" for j, name in enumerate(self.features))
        cells = [each for each in cells if each.column.needed]
        casts = [f"({each.known} IS NOT NULL AND {each.value} IS NULL)" for each in cells if each.known != each.value]
        numbered = "(SELECT *, row_number() OVER () - 1 AS place FROM cells)"
        levelled = [each for each in cells if each.column.levels]
        facts = ", ".join(f"[left({of.known}::VARCHAR, {LONGEST}), ({of.value} IS NOT NULL)::VARCHAR]" for of in cells)
        return Asked(
            features=f"{source} SELECT {floats}, {identifier(ROW)} AS place FROM ({self._carrying})",
            wrong=f"SELECT place FROM {numbered} WHERE {' OR '.join(casts)}" if casts else "",
            unseen=self._unseen(values, levelled) if levelled else "",
            columns=[each.name for each in levelled],
            why=f"SELECT place, {facts} FROM {numbered} WHERE list_contains(?, place)",
        )

    def _unseen(self, values: str, cells: list[Cell]) -> str:
        """The SQL of `Asked.unseen`, over the rows that the query keeps."""
        texts = ", ".join(f"c{i} := {each.value}::VARCHAR" for i, each in enumerate(cells))
        asked = []
        for i, each in enumerate(cells):
            new = f" FILTER (r.c{i} NOT IN ({', '.join(map(string, each.column.levels or ()))}))"
            asked += [f"count(*){new}", f"min(r.place){new}", f"arg_min(r.c{i}, r.place){new}"]
        row = f"struct_pack(place := row_number() OVER () - 1, {texts})"
        source = f"WITH source AS (SELECT {values}, {row} AS {identifier(ROW)} FROM cells)"
        return f"{source} SELECT {', '.join(asked)} FROM (SELECT {identifier(ROW)} AS r FROM ({self._carrying}))"

    def _cell(self, name: str, of: Column, given: Mapping[str, str], dialect: bool) -> Cell:
        if name not in given or not (of.needed or of.default is not None):
            known = value = f"NULL::{of.type}"
        elif given[name] != TEXT:
            known = identifier(name)
            value = known if given[name] == of.type else f"TRY_CAST({known} AS {of.type})"
        else:
            known = identifier(name)
            if missing := self.schema.options.get("nullstr"):
                known = f"CASE WHEN {known} NOT IN ({', '.join(map(string, missing))}) THEN {known} END"
            value = self._parsed(known, of.type, dialect)
        if of.default is not None:
            value = f"coalesce({value}, CAST({string(of.default)} AS {of.type}))"
        return Cell(name, of, value, known)

    def _parsed(self, text: str, kind: str, dialect: bool) -> str:
        """The SQL of a text as a value of a type, NULL where it is none."""
        options = self.schema.options
        if kind == TEXT:
            return text
        if dialect and _is_number(kind):
            for old, new in ((options.get("thousands"), ""), (options.get("decimal_separator", "."), ".")):
                if old and old != new:
                    text = f"replace({text}, {string(old)}, {string(new)})"
        cast = f"TRY_CAST({text} AS {kind})"
        if format_ := options.get({"DATE": "dateformat", "TIMESTAMP": "timestampformat"}.get(kind, "")):
            return f"coalesce(try_strptime({text}, {string(format_)})::{kind}, {cast})"
        return cast

    def _why(self, x: np.ndarray, kept: bool, cells: list[list[str | None]]) -> str:
        """Why a row has no prediction. x: its features (p,). kept: by the query. cells: as `Asked.why` gives them."""
        missing = []
        for name, (known, is_value) in zip(self.schema.needed, cells, strict=True):
            if known is None:
                missing.append(name)
            elif is_value == "false":
                return f"{name}: {clean(known)!r} is not {_described(self.schema.columns[name].type)}"
        if not kept:
            return "the query leaves it out" + (f"; missing: {', '.join(missing[:MOST_NAMED])}" if missing else "")
        bad = [self.features[j] for j in np.flatnonzero(~np.isfinite(x))]
        asked = {each for name in bad for each in self.schema.sources[name]}
        if missing := [name for name in missing if name in asked]:
            return f"missing: {', '.join(missing[:MOST_NAMED])}"
        return f"the query gives no finite number as {', '.join(bad[:MOST_NAMED])}"


def _is_number(kind: str) -> bool:
    return kind.lower().partition("(")[0] in (NUMBERS - {"boolean"}) | WIDE_NUMBERS


def _described(kind: str) -> str:
    name = kind.partition("(")[0]
    return KINDS.get(name) or ("a whole number" if _is_number(kind) else f"of type {name}")
