"""A program: `sheet FROM TO COLUMNS [SHEET]` writes a sheet of a workbook as CSV, and says in JSON what is in it.

Without SHEET it is the first. Each cell of a merged range has the value of the range.

It writes nothing if more than COLUMNS columns hold something. It bounds its own memory and time: a cell far from the
table makes a sheet of a few bytes enormous.
"""

import csv
import datetime
import json
import sys
from collections.abc import Iterator
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

MEMORY = 4 * 2**30  # bytes
SECONDS = 40  # of a processor
CELLS = 2**25
TOO_LARGE = 3  # the exit status


def main(path: str, to: str, most_columns: int, name: str | None = None) -> int:
    """Give the exit status: 0, or TOO_LARGE; some systems end the program by a signal instead."""
    _bound()
    try:
        book = CalamineWorkbook.from_path(path)
        names = book.sheet_names
        sheet = book.get_sheet_by_name(name) if name in names else book.get_sheet_by_index(0) if names else None
        if sheet and sheet.height * sheet.width > CELLS:
            return TOO_LARGE
        columns, with_time = _columns(sheet) if sheet else ([], set())
        rows = _write(sheet, to, columns, with_time) if sheet and len(columns) <= most_columns else 0
    except MemoryError:
        return TOO_LARGE
    except (CalamineError, OSError) as error:
        print(json.dumps({"error": str(error)}))
        return 0
    print(json.dumps({"sheets": names, "columns": len(columns), "rows": rows}))
    return 0


def _bound() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    for which, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(which)
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (soft, hard))


def _rows(sheet: CalamineSheet) -> Iterator[list[Any]]:
    """The rows, in which a merged range repeats its value downwards: it is the label of all its rows."""
    # Of ranges to the right, a title as a rule, the other cells stay empty
    below = [(top, left, bottom) for (top, left), (bottom, right) in sheet.merged_cell_ranges or [] if left == right]
    first = sheet.start[0] if sheet.start else 0
    labels: dict[int, tuple[int, Any]] = {}
    starts: dict[int, list[tuple[int, int]]] = {}
    for top, left, bottom in below:
        starts.setdefault(top - first, []).append((left, bottom - first))
    left_edge = sheet.start[1] if sheet.start else 0
    for i, row in enumerate(sheet.iter_rows()):
        for left, bottom in starts.get(i, []):
            labels[left - left_edge] = bottom, row[left - left_edge]
        for j, (bottom, value) in labels.items():
            if i <= bottom:
                row[j] = value
        yield row


def _columns(sheet: CalamineSheet) -> tuple[list[int], set[int]]:
    """The columns that hold something, and those that hold a time of a day other than midnight."""
    filled, with_time = set(), set()
    for row in _rows(sheet):
        for j, cell in enumerate(row):
            if cell != "":
                filled.add(j)
                if isinstance(cell, datetime.datetime) and cell.time() != datetime.time():
                    with_time.add(j)
    return sorted(filled), with_time


def _write(sheet: CalamineSheet, to: str, columns: list[int], with_time: set[int]) -> int:
    """Write the rows that are not empty, and count them."""
    count = 0
    with open(to, "w", newline="", encoding="utf-8") as file:
        write = csv.writer(file, lineterminator="\n").writerow
        for row in _rows(sheet):
            if any(cell != "" for cell in row):
                write([_text(row[j], j in with_time) for j in columns])
                count += 1
    return count


def _text(cell: Any, with_time: bool) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime.datetime):
        return str(cell) if with_time else str(cell.date())
    if isinstance(cell, datetime.date):  # midnight
        return f"{cell} 00:00:00" if with_time else str(cell)
    return str(cell)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:]))
