"""How names are told in a line."""

from collections.abc import Sequence

MOST = 5  # names that a line tells


def some(names: Sequence[str]) -> str:
    """The first few of some names."""
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - MOST} more" if len(distinct) > MOST else ""
    return ", ".join(distinct[:MOST]) + more
