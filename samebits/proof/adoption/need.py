"""A line of what the check of a repository will need."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Need:
    """Of what kind it is, what it is about, how it stands, and what to do, if anything."""

    kind: Literal["source", "environment", "network", "variable", "output"]
    what: str
    found: str
    do: str = ""
