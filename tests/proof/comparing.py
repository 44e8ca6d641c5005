"""Two versions of a file, compared, for tests."""

import tempfile
from pathlib import Path
from typing import Any

from samebits.proof.comparators import Comparison, compare
from samebits.proof.settings import Rule
from samebits.proof.verdict import Row

EQUAL = Rule(path="**", compare="equal")


def close(**limits: Any) -> Rule:
    return Rule(path="**", compare="close", **limits)


def compared(name: str, promised: bytes | str, obtained: bytes | str, *rules: Rule) -> Comparison:
    """What `compare` says of two contents; checks what holds for all comparisons."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "promised", Path(folder) / "obtained"
        for file, content in zip(files, (promised, obtained), strict=True):
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        comparison = compare(name, *files, rules)
    assert (comparison.verdict == "same") == (not comparison.differences)
    assert len(comparison.differences) <= 5
    for each in comparison.differences:
        assert len(each.sentence()) <= 1000
        assert each.sentence().isprintable()
        assert len(each.rows) <= 12
        assert all(len(text) <= 120 and text.isprintable() for row in each.rows for text in sides(row))
    assert comparison.allowed or comparison.rule is None
    assert not (comparison.allowed and comparison.verdict == "differs")
    return comparison


def verdict(name: str, promised: bytes | str, obtained: bytes | str, *rules: Any) -> str:
    return compared(name, promised, obtained, *(rules or (EQUAL,))).verdict


def said(name: str, promised: bytes | str, obtained: bytes | str, *rules: Any) -> str:
    found = compared(name, promised, obtained, *rules)
    more = [f"and {found.more:,} more"] if found.more else []
    return " | ".join([*(each.sentence() for each in found.differences), *more])


def sides(row: Row) -> list[str]:
    return [each for each in (row.promised, row.obtained) if each is not None]
