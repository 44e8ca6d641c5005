"""The first sheet of an Excel workbook as CSV, which DuckDB's own reader of Excel would have to download to read."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

from samebits.errors import UserError, warn
from samebits.tables.diagnosis import clean
from samebits.tables.profile import MOST_COLUMNS, check_width

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
PROGRAM = Path(__file__).with_name("sheet.py")  # it bounds its memory, and imports nothing of samebits
TOO_LARGE = 3  # its exit status


def is_workbook(path: str) -> bool:
    """Whether a file is one, by its name."""
    return path.lower().endswith(SUFFIXES)


def to_csv(path: str, to: Path) -> None:
    """Write the first sheet of a workbook as CSV, values only. Raises UserError where it cannot be read."""
    if not importlib.util.find_spec("python_calamine"):
        raise UserError(f"{path}: Excel needs python-calamine: pip install python-calamine, or save the sheet as CSV")
    command = [sys.executable, "-P", str(PROGRAM), path, str(to), str(MOST_COLUMNS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == TOO_LARGE or done.returncode < 0:
        raise UserError(
            f"{path}: the first sheet is too large to read; delete cells far from the table (in Excel, Ctrl+End goes "
            "to the last one), or save the table as CSV"
        )
    if done.returncode:
        raise UserError(f"{path}: not a readable workbook: {clean(done.stderr.strip().rpartition(chr(10))[2])}")
    found = json.loads(done.stdout)
    if "error" in found:
        raise UserError(f"{path}: {clean(found['error'])}")
    check_width(path, found["columns"])
    names = found["sheets"]
    if found["rows"] < 2:
        raise UserError(f"{path}: the first sheet must have a header and at least one row")
    if len(names) > 1:
        warn(
            f"{clean(path)}: reading {clean(names[0])}, the first of {len(names)} sheets; save another as CSV to use it"
        )
