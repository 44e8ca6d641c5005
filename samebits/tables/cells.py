"""The cells of raw rows: of text as the table's was read, or of another file that the pipeline can read."""

import glob
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import duckdb
import nanoarrow

from samebits.errors import UserError
from samebits.model.schema import Form, Rows, Schema
from samebits.tables.diagnosis import MISSING, string
from samebits.tables.raw import Query
from samebits.tables.source import Source, database, first_line

USUAL = {"delim": ",", "quote": '"', "escape": '"', "nullstr": MISSING}  # CSV of a table of another format
OF_VALUES = {"dateformat", "timestampformat", "decimal_separator", "thousands", "header", "skip"}  # the cells are text
NESTED = ("STRUCT", "MAP", "UNION")


def of_csv(
    query: Query, path: str | None, file: BufferedIOBase, names: Sequence[str], skip: int | None
) -> Iterator[Rows]:
    """Rows of CSV with columns of these names, as they arrive, after the query. Raises UserError.

    path: of the file, if DuckDB can read it by itself. skip: the lines above the header; None where there is none.
    """
    options = {key: value for key, value in (query.schema.options or USUAL).items() if key not in OF_VALUES}
    options["quote"] = options.get("quote") or '"'  # where the table has no quotes, its rows may
    options["escape"] = options.get("escape") or options["quote"]
    options |= {"header": skip is not None, "skip": skip or 0, "auto_detect": False}
    columns = ", ".join(f"{string(name)}: 'VARCHAR'" for name in names)
    given = ", ".join(f"{key} = {literal(value)}" for key, value in options.items())
    with _readable(path, file) as pattern:
        sql = f"FROM read_csv({string(pattern)}, {given}, columns = {{{columns}}})"
        yield from _answers(query, database(pattern), sql, path, dialect=True)


def of_json_lines(query: Query, path: str | None, file: BufferedIOBase) -> Iterator[Rows]:
    """Rows of JSON, an object a line, as they arrive, after the query. Raises UserError."""
    kinds = {name: of.type for name, of in query.schema.columns.items() if of.needed or of.default is not None}
    as_read = {
        name: kind if kind.startswith(NESTED) or kind.endswith("]") else "VARCHAR" for name, kind in kinds.items()
    }
    columns = ", ".join(f"{string(name)}: {string(kind)}" for name, kind in as_read.items())
    with _readable(path, file) as pattern:
        sql = f"FROM read_json({string(pattern)}, format = 'newline_delimited', columns = {{{columns}}})"
        yield from _answers(query, database(pattern), sql, path)


@contextmanager
def converted(table: str, above: int = 0, below: int = 0) -> Iterator[str]:
    """The path of a text that a file of another kind becomes: a workbook, an archive, another encoding.

    above, below: lines around the rows, which are not read. Raises UserError.
    """
    convert = import_module("samebits.tables.convert")  # the image, which reads stdin, has not what this needs
    path, part = convert.split(table)
    if not Path(path).is_file():
        raise UserError(f"{path}: No such file or directory")
    with tempfile.TemporaryDirectory() as folder:
        yield str(convert.readable(Path(path), part, Path(folder), convert.Around(above, below)))


@contextmanager
def opened(
    path: str, schema: Schema, features: Sequence[str], asked: Form | None
) -> Iterator[tuple[Form, Iterator[Rows]]]:
    """What the rows in a file that DuckDB reads by itself are, and their features. Raises UserError."""
    with Source.of(path).opened() as connection:
        try:
            form = schema.form(connection.table("source").columns, features, asked)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        query = Query(schema if form == "raw" else Schema.of_features(features), features)
        yield form, _chunks(connection, query, "FROM source", path)


def literal(value: Any) -> str:
    """A value of an option in SQL."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return string(value) if isinstance(value, str) else str(value)


def _answers(
    query: Query, files: duckdb.DuckDBPyConnection, sql: str, name: str | None, dialect: bool = False
) -> Iterator[Rows]:
    with files.cursor() as connection:
        yield from _chunks(connection, query, sql, name, dialect)


def _chunks(
    connection: duckdb.DuckDBPyConnection, query: Query, sql: str, name: str | None, dialect: bool = False
) -> Iterator[Rows]:
    try:
        for chunk in nanoarrow.ArrayStream(connection.sql(sql)).iter_chunks():
            yield query.rows(chunk, len(chunk), dialect)
    except (duckdb.Error, RuntimeError) as error:  # the latter is nanoarrow's
        raise UserError(f"{name or 'stdin'}: {_told(first_line(error))}") from None


def _told(message: str) -> str:
    """What DuckDB says is wrong with a line of CSV, in our words where it is its width."""
    if found := re.search(r"CSV Error on Line: (\d+).*Expected Number of Columns: (\d+) Found: (\d+)", message):
        line, expected, there = found.groups()
        return f"line {line}: has {there} cells, the header {expected}"
    return message.partition(" Possible fixes")[0]


@contextmanager
def _readable(path: str | None, file: BufferedIOBase) -> Iterator[str]:
    """What DuckDB reads: the path, or, by a thread that writes it, a pipe with the rest of `file`."""
    if path:
        yield glob.escape(os.path.abspath(path))
    elif not os.path.isdir("/dev/fd"):  # Windows
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "rows")
            with copy.open("wb") as to:
                shutil.copyfileobj(file, to)
            yield str(copy)
    else:
        end, start = os.pipe()
        threading.Thread(target=_feed, args=(file, start), daemon=True).start()
        try:
            yield f"/dev/fd/{end}"
        finally:
            os.close(end)


def _feed(file: BufferedIOBase, start: int) -> None:
    with suppress(BrokenPipeError), os.fdopen(start, "wb") as to:
        shutil.copyfileobj(file, to)
