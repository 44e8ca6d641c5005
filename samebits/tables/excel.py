"""The first sheet of an Excel workbook as CSV, which DuckDB's own reader of Excel would have to download to read."""

import csv
import datetime
from pathlib import Path
from typing import Any

from samebits.errors import UserError, warn
from samebits.tables.profile import clean

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


def is_workbook(path: str) -> bool:
    """Whether a file is one, by its name."""
    return path.lower().endswith(SUFFIXES)


def to_csv(path: str, to: Path) -> None:
    """Write the first sheet of a workbook as CSV, values only. Raises UserError where it cannot be read."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise UserError(
            f"{path}: Excel needs python-calamine: pip install python-calamine, or save the sheet as CSV"
        ) from None
    try:
        book = CalamineWorkbook.from_path(path)
        names = book.sheet_names
        rows = book.get_sheet_by_index(0).to_python(skip_empty_area=True) if names else []
    except (CalamineError, OSError) as error:
        raise UserError(f"{path}: {error}") from None
    rows = [row for row in rows if any(cell != "" for cell in row)]
    if len(rows) < 2:
        raise UserError(f"{path}: the first sheet must have a header and at least one row")
    if len(names) > 1:
        warn(
            f"{clean(path)}: reading {clean(names[0])}, the first of {len(names)} sheets; save another as CSV to use it"
        )
    with to.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([[_text(cell) for cell in row] for row in rows])


def _text(cell: Any) -> str:
    """A cell as DuckDB reads it."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    return str(cell)
