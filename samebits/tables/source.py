"""The files of a table, as the view `source` of a database that can open nothing else and write nothing."""

import csv
import functools
import glob
import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

from samebits.errors import UserError, warn
from samebits.tables import diagnosis, remote
from samebits.tables.diagnosis import clean, identifier, string

TYPES_OF_TEXT = ["BOOLEAN", "INTEGER", "HUGEINT", "DOUBLE", "TIME", "DATE", "TIMESTAMP", "VARCHAR"]
WHOLE = 2**53  # from here on a float64 does not hold each integer: such numbers are identifiers, and stay text
LOOKED_AT = 100_000  # rows that show how a boolean is written
MAY_CHANGE = ["enable_optimizer", "enable_progress_bar", "threads"]  # settings
READS = {"SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE", "RECURSIVE_CTE_NODE"}  # in the syntax tree of a query
LONGEST = 600  # characters of a message: DuckDB repeats lines of a file
SHOWN = 60  # of a line that is wrong
TITLE = 20  # lines above the header; more are rows of another width
NOTES = 50  # lines after the last row, at most
MEMORY = "1GB"  # that a query over raw rows may take
REFUSED = " - file system operations are disabled by configuration"


@dataclass(frozen=True)
class Fragment:
    """Some of a table's rows: those of one file, or of its rows from `first` to before `last`; all if file is None."""

    file: str | None = None
    first: int = 0
    last: int | None = None


@dataclass(frozen=True)
class Source:
    """Files, by a path, a glob or a URL.

    name: as the user gives it. pattern: for DuckDB, from the root. paths: all that DuckDB may open, the pattern among
    them. sql: how it reads them, with what it found out about them.
    """

    name: str
    pattern: str
    paths: tuple[str, ...]
    sql: str

    @classmethod
    def of(cls, name: str) -> Self:
        """CSV, Parquet or JSON files, also compressed; a path that exists is that file, whatever else it may match.

        Raises UserError where they cannot be looked at.
        """
        pattern = name
        if "://" not in name:
            pattern = os.path.join(_folder(), glob.escape(name) if os.path.exists(name) else name)
        paths = [pattern]
        if "://" in pattern or glob.has_magic(pattern):
            with duckdb.connect() as connection:
                remote.register(connection, pattern)
                try:
                    files = connection.execute("SELECT file FROM glob(?)", [pattern]).fetchall()
                except (duckdb.Error, OSError) as error:
                    raise UserError(f"data.source {name}: {first_line(error)}") from None
            paths += [file for (file,) in files]
        return cls(name, pattern, tuple(paths), _sql(name, pattern, tuple(paths)))

    @contextmanager
    def opened(
        self, fragment: Fragment | None = None, threads: int = 1, folder: Path | None = None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection in which the view `source` is the fragment of the files, by default all of them.

        folder: where SQL of ours may write. Raises UserError where the files cannot be read.
        """
        # One thread: sums in a query, and rows without ORDER BY, would otherwise depend on the number of cores. Of a
        # file that is a fragment, the query takes row by row, which DuckDB keeps in order.
        fragment = fragment or Fragment()
        with _database(self.pattern, self.paths, folder).cursor() as connection:
            rows = f" WHERE filename = {string(fragment.file)}" if fragment.file else ""
            if fragment.last is not None:
                rows += f" AND file_row_number >= {fragment.first} AND file_row_number < {fragment.last}"
            try:
                connection.execute(f"SET threads = {threads if fragment.file else 1}")
                connection.execute("SET enable_progress_bar = false")  # there is one of ours
                connection.execute(f"CREATE TEMP VIEW source AS SELECT * FROM {self.sql}{rows}")
            except (duckdb.Error, OSError) as error:
                raise UserError(f"data.source {self.name}: {first_line(error)}") from None
            yield connection

    def words(self, column: str) -> dict[bool, str]:
        """The words of a column of text, such as yes and no, that are read as booleans; none where it is no such text.

        Some rows are looked at.
        """
        kind = f"{string(column)}: 'BOOLEAN'"
        if not self.sql.startswith("read_csv(") or kind not in self.sql:
            return {}
        cell, as_text = identifier(column), self.sql.replace(kind, f"{string(column)}: 'VARCHAR'")
        with _database(self.pattern, self.paths, None).cursor() as connection:
            rows = connection.execute(
                f"SELECT {cell}::BOOLEAN, mode({cell}) FROM (SELECT {cell} FROM {as_text} LIMIT {LOOKED_AT}) "
                f"WHERE {cell} IS NOT NULL GROUP BY ALL"
            ).fetchall()
        return dict(rows)


def is_a_select(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Whether a query is one SELECT that nowhere writes, as `WITH t AS (COPY ... TO ...) SELECT ...` does.

    Raises duckdb.Error where it cannot be parsed.
    """
    if [each.type for each in connection.extract_statements(query)] != [duckdb.StatementType.SELECT]:
        return False
    [(tree,)] = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()
    nodes: list[Any] = [json.loads(tree)]
    if nodes[0]["error"]:
        return False
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            if "cte_map" in node and node["type"] not in READS:
                return False
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node
    return True


def database(*paths: str) -> duckdb.DuckDBPyConnection:
    """A database in memory that opens these paths, by default none."""
    return _database("", paths, None)


def first_line(error: Exception) -> str:
    """What is wrong, of what DuckDB, or Python under it, says."""
    # nanoarrow puts words of its own before DuckDB's
    message = str(error).replace(_folder(), "").rpartition("get_next() failed (5): ")[2]
    if "Traceback (most recent call last)" in message:  # of fsspec
        return message.strip().splitlines()[-1]
    before, refused, _ = message.partition(REFUSED)
    if refused:
        return f"{before.partition(': ')[2]}: a query reads the table source alone"
    told = clean(message.split("\n\n")[0].split("\n\tCandidate functions")[0])
    return told if len(told) <= LONGEST else f"{told[: LONGEST // 2]} … {told[-LONGEST // 2 :]}"


def _sql(name: str, pattern: str, paths: tuple[str, ...]) -> str:
    """DuckDB looks at the first rows only, and would cast later 0.5 to the integers of these."""
    lower = pattern.lower().removesuffix(".gz").removesuffix(".zst")
    if lower.endswith((".csv", ".tsv")):
        return _csv(name, pattern, paths)
    if lower.endswith((".json", ".jsonl", ".ndjson")):
        return f"read_json({string(pattern)}, sample_size = -1)"
    return string(pattern)


def _csv(name: str, pattern: str, paths: tuple[str, ...]) -> str:
    """The SQL of CSV files, with the dialect and types of all their rows. What casting would change stays text.

    Raises UserError where the rows of a file have different numbers of fields.
    """
    options = f"auto_type_candidates = {TYPES_OF_TEXT}, nullstr = {diagnosis.MISSING}"
    anew = f"read_csv({string(pattern)}, {options})"
    files = paths[1:] or paths
    with _database(pattern, paths, None).cursor() as connection:
        try:
            first, *others = [_sniffed(connection, file, options) for file in files]
        except duckdb.Error:
            return anew  # which tells what is wrong
        if any(each.dialect != first.dialect or each.types.keys() != first.types.keys() for each in others):
            return anew
        names = list(first.types)
        if first.skipped > TITLE:
            _check_widths(connection, name, pattern, first.dialect["delim"])
        # a single column with a delimiter in its name is none
        if len(names) == 1 and (delimiter := next((each for each in diagnosis.DELIMITERS if each in names[0]), None)):
            _check_widths(connection, name, pattern, delimiter)
        types = {each: _common([one.types[each] for one in (first, *others)]) for each in names}
        if wide := [each for each, kind in types.items() if kind == "HUGEINT"]:
            largest = ", ".join(f"max(abs({identifier(each)}))" for each in wide)
            answers = connection.execute(f"SELECT {largest} FROM {first.reading(pattern, types)}").fetchone()
            too_large = [each for each, most in zip(wide, answers or (), strict=True) if most >= WHOLE]
            types |= dict.fromkeys(wide, "DOUBLE") | dict.fromkeys(too_large, "VARCHAR")
    types = {each: "DOUBLE" if kind == "INTEGER" else kind for each, kind in types.items()}
    if first.skipped:
        above = "line 1 is" if first.skipped == 1 else f"the first {first.skipped} lines are"
        _tell(f"{clean(name)}: {above} not read; the header is in line {first.skipped + 1}")
    return first.reading(pattern, types)


@dataclass(frozen=True)
class _Sniffed:
    """What DuckDB found of a CSV file. types: by the name of a column, in their order."""

    dialect: dict[str, str]
    skipped: int
    header: bool
    types: dict[str, str]

    def reading(self, pattern: str, types: dict[str, str]) -> str:
        """The SQL that reads files with these types."""
        options = [f"{key} = {string(text)}" for key, text in self.dialect.items()]
        columns = ", ".join(f"{string(name)}: {string(kind)}" for name, kind in types.items())
        options += [f"header = {self.header}", f"skip = {self.skipped}", f"nullstr = {diagnosis.MISSING}"]
        return f"read_csv({string(pattern)}, auto_detect = false, {', '.join(options)}, columns = {{{columns}}})"


def _sniffed(connection: duckdb.DuckDBPyConnection, file: str, options: str) -> _Sniffed:
    """The dialect and types of all rows of a file; dates that are not written from year to day stay text."""
    asked = "Delimiter, Quote, Escape, Comment, SkipRows, HasHeader, DateFormat, TimestampFormat, Columns"
    sniff = f"SELECT {asked} FROM sniff_csv({string(file)}, sample_size = -1, {options})"
    [(*texts, skipped, header, date, timestamp, columns)] = connection.execute(sniff).fetchall()
    keys = ("delim", "quote", "escape", "comment")
    dialect = {key: "" if text == "(empty)" else text for key, text in zip(keys, texts, strict=True)}
    formats = {"DATE": date, "TIMESTAMP": timestamp}
    local = {kind for kind, how in formats.items() if how and not str(how).startswith("%Y-%m-%d")}
    types = {each["name"]: "VARCHAR" if each["type"] in local else each["type"] for each in columns}
    return _Sniffed(dialect, skipped, header, types)


def _common(types: list[str]) -> str:
    """The type of a column of several files."""
    kinds = set(types)
    if len(kinds) == 1:
        return types[0]
    numbers = ["INTEGER", "HUGEINT", "DOUBLE"]
    return max(kinds, key=numbers.index) if kinds <= set(numbers) else "VARCHAR"


def _check_widths(connection: duckdb.DuckDBPyConnection, name: str, pattern: str, delimiter: str) -> None:
    """Raise UserError for the first line that has another number of fields than the header."""
    lines = f"read_csv({string(pattern)}, auto_detect = false, header = false, delim = '\x01', quote = '', columns = "
    rows = connection.execute(f"SELECT coalesce(line, '') FROM {lines}{{'line': 'VARCHAR'}})")
    header: list[str] = []
    reader = csv.reader(
        (f"{line}\n" for batch in iter(lambda: rows.fetchmany(10_000), []) for (line,) in batch), delimiter=delimiter
    )
    for row in reader:
        header = header or row
        if row and len(row) != len(header):
            at = reader.line_num
            rest = list(itertools.islice(reader, NOTES))
            footer = ""
            if len(rest) < NOTES and all(len(each) < len(header) for each in (row, *rest)):
                notes = reader.line_num - at + 1
                footer = f"; if it is a note after the last row: samebits use --skip-footer {notes}"
            raise UserError(
                f"data.source {name}, line {at}: {len(row)} field{'s' if len(row) != 1 else ''}; the "
                f"header has {len(header)}: {clean(', '.join(header))[:LONGEST]}; correct or delete the line: "
                f"{clean(delimiter.join(row))[:SHOWN]}{footer}"
            )


@functools.cache
def _tell(message: str) -> None:
    """Warn once."""
    warn(message)


@functools.lru_cache(maxsize=8)
def _database(pattern: str, paths: tuple[str, ...], folder: Path | None) -> duckdb.DuckDBPyConnection:
    """A database that opens these paths and no others, nor the network, and of which only MAY_CHANGE can be set.

    All fragments of a table share it, and what it noted of their files.
    """
    database = duckdb.connect(
        config={
            "threads": 1,
            "python_enable_replacements": False,  # our variables are no tables
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
        }
    )
    remote.register(database, pattern)
    if not pattern:  # rows from outside, some at a time
        database.execute(f"SET memory_limit = {string(MEMORY)}")
    for setting, value in {
        "parquet_metadata_cache": True,  # each fragment of a file needs it
        "allowed_paths": list(paths),
        "allowed_directories": [str(folder)] if folder else [],
        "allowed_configs": MAY_CHANGE,
        "enable_external_access": False,
        "lock_configuration": True,
    }.items():
        database.execute(f"SET {setting} = ?", [value])
    return database


def _folder() -> str:
    """The working directory as the start of a glob."""
    return os.path.join(glob.escape(os.getcwd()), "")
