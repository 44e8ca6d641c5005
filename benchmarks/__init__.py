"""Measurements that the docs quote, each a program: python -m benchmarks.NAME."""

import os
import re
from pathlib import Path

from samebits import artifacts, markdown
from samebits.errors import UserError
from samebits.proof.running import machine as environment

PERFORMANCE = Path("docs/performance.md")

OTHERS = Path(".venv/bench").absolute()  # what samebits is compared with; `make bench` installs it there


def others_python() -> str:
    """The Python that has pandas and MLServer. Raises UserError where there is none."""
    path = OTHERS / "bin" / "python"
    if not path.exists():
        raise UserError(f"{path}: not found; `make {path.parents[1].relative_to(Path.cwd())}/installed` makes it")
    return str(path)


def publish(name: str, table: str) -> None:
    """Print a table with the machine that it was measured on, and put it between its markers in docs/performance.md."""
    text = f"{environment.cpu()}, {os.cpu_count()} cores.\n\n{table}"
    print(f"{name}: {text}\n")
    artifacts.write_text(markdown.between_markers(PERFORMANCE, name, text), PERFORMANCE)


def resident(key: str, process: int | str = "self") -> float:
    """VmRSS, the memory of a process, or VmHWM, its peak, in MB, from Linux; 0 for a process that has ended."""
    found = re.search(rf"{key}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1e3 if found else 0.0
