"""Where a table holds what is no finite number: found when reading has failed, by reading it again."""

import itertools

import duckdb

from samebits.errors import UserError

# What R, spreadsheets and databases write into CSV where a value is missing, and pandas reads so; nan is a number
MISSING = ["", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "None"]
DELIMITERS = [",", ";", "\t"]
HEADER_WITHIN = 50  # lines
MOST_COLUMNS = 2000  # the time that the moments and the profile take grows with their square


def check_width(path: str, columns: int) -> None:
    """Raise UserError where a table is too wide."""
    if columns > MOST_COLUMNS:
        raise UserError(
            f"{path}: {columns:,} columns; samebits use takes at most {MOST_COLUMNS:,}: keep those that matter"
        )


def header_below(path: str, name: str) -> int | None:
    """The number, from 2, of the line of a text that names a column so, if one of the first lines does."""
    try:
        with open(path, encoding="utf-8") as file:
            first = list(itertools.islice(file, HEADER_WITHIN))
    except (OSError, UnicodeDecodeError):
        return None
    for number, line in enumerate(first[1:], 2):
        for delimiter in DELIMITERS:
            cells = [cell.strip().strip('"') for cell in line.split(delimiter)]
            if len(cells) > 1 and name in cells:
                return number
    return None


def no_rows(source: str) -> UserError:
    """There are none."""
    return UserError(f"data.query returns no rows from {source}")


def no_number(rows: duckdb.DuckDBPyRelation, numeric: list[bool]) -> UserError | None:
    """The first value of all columns that is not a finite number, by its row; `numeric` says of each column's type.

    Of a column of text, every value is none, but one that could not be cast to a number tells more.
    """
    asked = []
    for name, is_numeric in zip(rows.columns, numeric, strict=True):
        cell = identifier(name)
        number = f"{cell}::DOUBLE" if is_numeric else f"TRY_CAST({cell}::VARCHAR AS DOUBLE)"
        bad = f" FILTER (NOT coalesce(isfinite({number}), false))"
        for which in (bad,) if is_numeric else (bad, ""):
            asked.append((name, is_numeric, f"min({_ROW}){which}, arg_min_null({cell}::VARCHAR, {_ROW}){which}"))
    aggregates = ", ".join(each for *_, each in asked)
    [answer] = rows.project(f"*, row_number() OVER () AS {_ROW}").aggregate(aggregates).fetchall()
    found: dict[str, tuple[int, str | None]] = {}
    for (name, is_numeric, _), row, value in zip(asked, answer[::2], answer[1::2], strict=True):
        if row:
            found.setdefault(name, (row, value if is_numeric else f"{value!r} is text" if value else value))
    if not found:
        return None
    row, value, name = min((row, value or "NULL", name) for name, (row, value) in found.items())
    return UserError(
        f"data.query, column {name}, row {row}: {value}; every value must be a finite number: "
        "filter, cast or fill it in data.query"
    )


def no_side(rows: duckdb.DuckDBPyRelation, split: str, numeric: list[bool]) -> UserError | None:
    """The first value of the column `split` that is not 0 or 1; `numeric` says of each column's type."""
    cell, place = identifier(split), rows.columns.index(split)
    is_numeric = numeric[place]
    bad = f" FILTER (NOT coalesce({cell}::DOUBLE IN (0, 1), false))" if is_numeric else ""
    [(row, value)] = (
        rows.project(f"*, row_number() OVER () AS {_ROW}")
        .aggregate(f"min({_ROW}){bad}, arg_min_null({cell}::VARCHAR, {_ROW}){bad}")
        .fetchall()
    )
    if not row:
        return None
    what = "NULL" if value is None else value if is_numeric else f"{value!r} is of type {rows.types[place]}"
    return UserError(
        f"data.split, column {split}, row {row}: {what}; it must be 1 for a test row, 0 for a training row"
    )


def text_among_numbers(connection: duckdb.DuckDBPyConnection, source: str) -> str | None:
    """Where a column of CSV files, mostly numbers, holds text: the usual reason why a query over it fails."""
    try:
        connection.execute(
            f"CREATE TEMP VIEW cells AS FROM read_csv({string(source)}, all_varchar = true, nullstr = {MISSING})"
        )
        found = []
        for name in connection.table("cells").columns:
            [(row, value, numbers, texts)] = connection.sql(
                f"""SELECT min(row) FILTER (text), min_by(cell, row) FILTER (text), countif(NOT text), countif(text)
                    FROM (SELECT {identifier(name)} AS cell, row_number() OVER () AS row,
                                 TRY_CAST(cell AS DOUBLE) IS NULL AS text FROM cells) WHERE cell IS NOT NULL"""
            ).fetchall()
            if 0 < texts <= numbers:
                found.append((row, name, value))
    except duckdb.Error:
        return None  # not CSV
    if not found:
        return None
    row, name, value = min(found)
    return f"column {name}, row {row}: {value!r} is text"


def clean(text: str) -> str:
    """A text in one line that ends no comment and moves no cursor."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def string(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


_ROW = identifier("row of the table")
