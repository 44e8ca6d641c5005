"""A sheet of an Excel workbook as CSV, which DuckDB's own reader of Excel would have to download to read."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

from samebits.errors import UserError, warn
from samebits.tables.diagnosis import MOST_COLUMNS, check_width, clean

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
PROGRAM = Path(__file__).with_name("sheet.py")  # it bounds its memory, and imports nothing of samebits
TOO_LARGE = 3  # its exit status


def is_workbook(path: str) -> bool:
    """Whether a file is one, by its name."""
    return path.lower().endswith(SUFFIXES)


def to_csv(path: str, to: Path, sheet: str | None = None) -> None:
    """Write a sheet of a workbook, by default the first, as CSV, values only.

    Raises UserError where it cannot be read.
    """
    if not importlib.util.find_spec("python_calamine"):
        raise UserError(f"{path}: Excel needs python-calamine: pip install python-calamine, or save the sheet as CSV")
    which = f"the sheet {clean(sheet)}" if sheet else "the first sheet"
    command = [sys.executable, "-P", str(PROGRAM), path, str(to), str(MOST_COLUMNS), *([sheet] if sheet else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == TOO_LARGE or done.returncode < 0:
        raise UserError(
            f"{path}: {which} is too large to read; delete cells far from the table (in Excel, Ctrl+End goes "
            "to the last one), or save the table as CSV"
        )
    if done.returncode:
        raise UserError(f"{path}: not a readable workbook: {clean(done.stderr.strip().rpartition(chr(10))[2])}")
    found = json.loads(done.stdout)
    if "error" in found:
        raise UserError(f"{path}: {clean(found['error'])}")
    names = found["sheets"]
    if sheet and sheet not in names:
        raise UserError(f"{path}: no sheet {clean(sheet)}; the sheets are {clean(', '.join(names))}")
    check_width(path, found["columns"])
    if found["rows"] < 2:
        raise UserError(f"{path}: {which} must have a header and at least one row")
    if len(names) > 1 and not sheet:
        warn(
            f"{clean(path)}: reading {clean(names[0])}, the first of {len(names)} sheets; another one: "
            f"'{clean(path)}#{clean(names[1])}'"
        )
