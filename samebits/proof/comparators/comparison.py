"""From two files and the rules to a verdict."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from samebits.proof.comparators import formats, reading, text
from samebits.proof.comparators.findings import Findings, Place, Scope, shown
from samebits.proof.comparators.formats import Format
from samebits.proof.comparators.reading import Budget, UnreadableError
from samebits.proof.comparators.values import File
from samebits.proof.comparators.walk import Walk
from samebits.proof.settings import Rule
from samebits.proof.verdict import Difference

CHUNK = 2**20


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    verdict: the strongest that holds as the rules read the file. same: the same bytes. equal: the same content in other
    bytes. close: all numbers within the tolerance of their rule. ignored: it differs only in what a rule ignores, or is
    close in the rest. differs: otherwise.
    allowed: whether the rules let it pass; without a rule, only `same` does.
    differences: what differs, the first of it; empty where the bytes are the same. more: how many more there are.
    rule: the rules that allowed it, where it is allowed and not the same.
    values: whether all that differs was compared by its values, not by bytes alone.
    """

    verdict: Literal["same", "equal", "close", "differs", "ignored"]
    allowed: bool
    differences: list[Difference]
    more: int
    rule: str | None
    values: bool


def compare(path: str, promised: Path, obtained: Path, rules: Sequence[Rule]) -> Comparison:
    """Compare two versions of an output.

    path: its name for people and for the rules, relative to their folder, with / between its parts. promised, obtained:
    the files, of any size. rules: the last one without a field that fits the path stands; the last one with a field
    stands for the keys and columns of that name, at any depth. Members of an archive have paths within it, as
    `out.zip/name`. Raises OSError where a file cannot be read.
    """
    if _same_bytes(promised, obtained):
        return Comparison("same", True, [], 0, None, True)
    findings = Findings(rules)
    scope = findings.scope(path)
    name = _Files(findings).compare(path, promised, obtained, scope)
    differences, more = findings.first()
    if findings.verdict == "differs":
        return Comparison("differs", False, differences, more, None, findings.values)
    allowed_by = list(findings.used)
    if scope.rule and scope.rule.compare != "bytes" and scope.rule not in allowed_by:
        allowed_by.append(scope.rule)
    return Comparison(
        verdict=findings.verdict,
        allowed=bool(allowed_by),
        differences=differences or [Difference(f"equal content in other bytes, read as {name}")],
        more=more,
        rule="; ".join(shown(str(rule), 300) for rule in allowed_by) or None,
        values=findings.values,
    )


def _same_bytes(promised: Path, obtained: Path) -> bool:
    if promised.stat().st_size != obtained.stat().st_size:
        return False
    with promised.open("rb") as one, obtained.open("rb") as other:
        while chunk := one.read(CHUNK):
            if chunk != other.read(CHUNK):
                return False
        return not other.read(1)


class _Files:
    """Compares files, those within others included."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.budgets = Budget(), Budget()

    def compare(self, name: str, promised: Path, obtained: Path, scope: Scope) -> str:
        """Compare two files; returns as what they were read."""
        with promised.open("rb") as one, obtained.open("rb") as other:
            largest = max(promised.stat().st_size, obtained.stat().st_size)
            if largest > reading.LIMIT:
                self._bytes(one, other, None, scope, f"only bytes compared: over {reading.LIMIT // 2**20} MB")
                return "bytes"
            return self._contents(name, one.read(), other.read(), None, scope)

    def _contents(self, name: str, promised: bytes, obtained: bytes, place: Place, scope: Scope) -> str:
        if promised == obtained:
            return "bytes"
        kind, other = formats.of(name, promised), formats.of(name, obtained)
        try:
            if kind is not other:
                raise UnreadableError(f"{_name(kind)} promised, {_name(other)} obtained")
            if kind is None:
                raise UnreadableError("")
            with self.budgets[0].deeper(), self.budgets[1].deeper():
                self._values(kind, name, (promised, obtained), place, scope)
        except UnreadableError as error:
            reason = f"only bytes compared: {error}" if str(error) else ""
            self._bytes(io.BytesIO(promised), io.BytesIO(obtained), place, scope, reason)
        return _name(kind)

    def _values(self, kind: Format, name: str, contents: tuple[bytes, bytes], place: Place, scope: Scope) -> None:
        values = []
        for content, budget, which in zip(contents, self.budgets, ("promised", "obtained"), strict=True):
            try:
                values.append(formats.read(kind, name, content, budget))
            except UnreadableError as error:
                raise UnreadableError(f"the {which} file is not read as {kind.name}: {error}") from None
        before = self.findings.copy()
        try:
            Walk(kind.one_number_type, self._member).compare(values[0], values[1], place, scope)
        except (UnreadableError, RecursionError, MemoryError) as error:
            self.findings.restore(before)  # what a part of the file showed is no verdict
            raise UnreadableError(str(error) or "nested too deeply, or too large") from None

    def _member(self, promised: File, obtained: File, place: Place, scope: Scope) -> None:
        self._contents(promised.name, promised.content, obtained.content, place, scope)

    def _bytes(self, promised: BinaryIO, obtained: BinaryIO, place: Place, scope: Scope, reason: str) -> None:
        scope.opaque(place, text.describe(promised, obtained, reason or None))


def _name(kind: Format | None) -> str:
    return kind.name if kind else "bytes"
