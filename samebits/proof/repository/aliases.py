"""A guard before DVC reads YAML and writes it out: what is nested too deeply, or aliases that stand for too much."""

import os
import re
from pathlib import Path
from typing import Any

from samebits.errors import UserError
from samebits.git import git
from samebits.params import check_depth, read

YAML_FILES = ("*.yaml", "*.yml", "*.dvc")
ALIAS = re.compile(rb"[\s\[,:]\*[^\s*,\]}]")
MOST_VALUES = 1_000_000


def refuse_in(root: Path) -> None:
    """Raise UserError where DVC would not survive to read a file, or to write it out."""
    try:
        listing = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *YAML_FILES, cwd=root)
    except UserError:
        return  # without git, DVC alone knows the files
    for name in filter(None, listing.decode(errors="surrogateescape").split("\0")):
        refuse((root / name).read_bytes() if os.path.isfile(root / name) else b"", name)


def refuse(content: bytes, name: str) -> None:
    """Raise UserError where YAML is nested too deeply, or its aliases stand for too many values to write them out."""
    check_depth(content, name)
    if ALIAS.search(content) and _values(content, name) > MOST_VALUES:
        raise UserError(f"{name}: its aliases stand for more than {MOST_VALUES:,} values")


def _values(content: bytes, name: str) -> int:
    """How many values a file of YAML stands for; 0 where it is none, which DVC tells better."""
    try:
        return _size(read(content, name), {})
    except (UserError, RecursionError):
        return 0


def _size(value: Any, known: dict[int, int]) -> int:
    """How many values a tree has, those that aliases share each time that they stand in it."""
    if id(value) not in known:
        children = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + (sum(_size(each, known) for each in children) if isinstance(value, dict | list) else 0)
    return known[id(value)]
