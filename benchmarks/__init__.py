"""Measurements that the docs quote, each a program: python -m benchmarks.NAME."""

from pathlib import Path

from samebits.errors import UserError

OTHERS = Path(".venv/bench").absolute()  # what samebits is compared with; `make bench` installs it there


def others_python() -> str:
    """The Python that has pandas and MLServer. Raises UserError where there is none."""
    path = OTHERS / "bin" / "python"
    if not path.exists():
        raise UserError(f"{path}: not found; `make {path.parents[1].relative_to(Path.cwd())}/installed` makes it")
    return str(path)
