"""TOML: the order of keys and the ways to write a table do not count."""

import tomllib
from typing import Any

from samebits.proof.comparators.reading import Budget


def read(content: bytes, name: str, budget: Budget) -> dict[str, Any]:
    """The document."""
    return tomllib.loads(content.decode())
