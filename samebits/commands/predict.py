"""samebits predict."""

import codecs
import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedReader, FileIO
from types import ModuleType

from samebits.commands import add_around, add_model
from samebits.errors import UserError
from samebits.model.predictor import Predictor
from samebits.model.schema import Form, Rows, Schema
from samebits.serving.predict import predict
from samebits.serving.rows import CHUNK, GZIP, Head, blocks

TABLES = (".parquet", ".json", ".zst")  # which DuckDB reads by itself
OTHERS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".zip", ".bz2", ".xz", ".txt", ".dat", ".data", ".tab")


def add_arguments(parser: ArgumentParser) -> None:
    """The rows and the model."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        default="-",
        help="rows of the table or of features: CSV with a header, JSON lines, Parquet, Excel (default: stdin)",
    )
    add_model(parser)
    add_around(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--raw", action="store_true", help="the rows are those of the table, where names do not tell")
    form.add_argument("--features", action="store_true", help="the rows are those of features, where names do not tell")
    parser.add_argument("--strict", action="store_true", help="stop at the first row that has no prediction")
    parser.add_argument(
        "--ranges",
        choices=("error", "warn", "off"),
        default="warn",
        help="what to do about values outside those of the training rows (default: %(default)s)",
    )
    parser.add_argument("--info", action="store_true", help="print what the model is and where it comes from")


def run(arguments: Namespace) -> int:
    """Print a prediction for each row, or a probability and a label."""
    if not sys.stdout:
        raise UserError("stdout is closed; the predictions need a place")
    predictor = Predictor.load(arguments.model)
    if arguments.info:
        print(json.dumps(predictor.info(), indent=2, ensure_ascii=False))
        return 0
    asked: Form | None = "raw" if arguments.raw else "features" if arguments.features else None
    with _rows_around(predictor, arguments, asked) as (form, rows):
        schema = predictor.schema if form == "raw" else None
        count = predict(predictor, rows, sys.stdout, schema, arguments.ranges, arguments.strict)
    of = "of the table, of which the model's query made features" if form == "raw" else "of features, as they are"
    print(f"{_told(arguments.file)}: {count:,} row{'s' if count != 1 else ''} {of}", file=sys.stderr)
    return 0


@contextmanager
def _rows_around(
    predictor: Predictor, arguments: Namespace, asked: Form | None
) -> Iterator[tuple[Form, Iterator[Rows]]]:
    """What the rows in a file are, and their features, without the lines around them that the user names."""
    path, above, below = arguments.file, arguments.skip, arguments.skip_footer
    if not (above or below):
        with _rows(predictor, path, asked) as found:
            yield found
    elif path == "-":
        raise UserError("stdin: its lines cannot be skipped; name a file")
    else:
        with _duckdb().converted(path, above, below) as copy, _rows(predictor, copy, asked) as found:
            yield found


@contextmanager
def _rows(predictor: Predictor, path: str, asked: Form | None) -> Iterator[tuple[Form, Iterator[Rows]]]:
    """What the rows in a file are, and their features, block by block; "-" is stdin."""
    features = predictor.features
    schema = predictor.schema or Schema.of_features(features)
    if path.lower().endswith(TABLES):
        with _duckdb().opened(path, schema, features, asked) as found:
            yield found
    elif path.lower().endswith(OTHERS) or "#" in path or not _is_utf8(path):
        with _duckdb().converted(path) as copy, _rows(predictor, copy, asked) as found:
            yield found
    else:
        with _opened(path) as file, _text(predictor, schema, path, file, asked) as found:
            yield found


@contextmanager
def _text(
    predictor: Predictor, schema: Schema, path: str, file: BufferedReader, asked: Form | None
) -> Iterator[tuple[Form, Iterator[Rows]]]:
    """The same of CSV or JSON lines."""
    skip = int(schema.options.get("skip", 0))
    head = Head.of(file, skip + 1, schema.options.get("encoding", "utf-8"))
    names, above = _header(head, schema, predictor.features, skip)
    try:
        form = schema.form(names, predictor.features, asked)
    except UserError as error:
        raise UserError(f"{_told(path)}: {error}") from None
    if form == "features":
        yield form, map(Rows, blocks(head.file, predictor.features))
        return
    query = _duckdb().Query(schema, predictor.features)
    name = None if path == "-" or head.is_gzip else path
    if head.is_json:
        yield form, _duckdb().of_json_lines(query, name, head.file)
    else:
        yield form, _duckdb().of_csv(query, name, head.file, names, above)


def _header(head: Head, schema: Schema, features: Sequence[str], skip: int) -> tuple[list[str], int | None]:
    """The names of the columns, and how many lines stand above them; None where the lines have no names.

    Features are in CSV with commas; rows of the table are written as it is, with or without the lines above its header.
    """
    names = head.names()
    if head.is_json or all(name in names for name in features):
        return names, 0
    dialect = schema.options.get("delim", ","), schema.options.get("quote") or '"'
    if schema.options.get("header") is False:
        return list(schema.columns), None
    for line in (0, skip):
        of_table = schema.named(head.names(line, *dialect))
        if all(name in of_table for name in schema.needed):
            return of_table, line
    return head.names(0, *dialect), 0


def _is_utf8(path: str) -> bool:
    """Whether a file is UTF-8; what can be read only once, or is compressed, counts as such."""
    if not os.path.isfile(path) or path.lower().endswith(".gz"):
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _opened(path) as file, suppress(UnicodeDecodeError):
        start = True
        while chunk := file.read(CHUNK):
            if start and (chunk.startswith(GZIP)):
                return True
            decoder.decode(chunk)
            if start and b"\0" in chunk:
                return False
            start = False
        return True
    return False


def _duckdb() -> ModuleType:
    """The module that reads raw rows, with DuckDB, which features do not need."""
    try:
        from samebits.tables import cells

        return cells
    except ModuleNotFoundError as error:
        raise UserError(
            f"rows of the table need {error.name}: install samebits with the extra [raw], or give rows of features"
        ) from None


def _told(path: str) -> str:
    return "stdin" if path == "-" else path


def _opened(path: str) -> BufferedReader:
    try:
        return BufferedReader(FileIO(0 if path == "-" else path), CHUNK)  # a smaller buffer would make smaller chunks
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
