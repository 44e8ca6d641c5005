"""What was found, as the rules read it."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, Union

import msgspec

from samebits.proof.settings import Rule
from samebits.proof.verdict import Difference

MOST = 5  # differences that are shown
LONGEST = 200  # characters of each of their texts

Place = Union["tuple[Place, Any]", None]  # from the last part to the first


class Findings:
    """Collects what differs.

    used: the rules that let something pass, in the order in which they did. values: whether no file differs in bytes
    that were not read.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.used: dict[Rule, None] = {}
        self.values = True
        self._counts = {"differs": 0, "ignored": 0, "close": 0}
        self._found: dict[str, list[Difference]] = {status: [] for status in self._counts}

    def scope(self, path: str) -> "Scope":
        """What the rules say of the file at `path`."""
        rule, fields = None, {}
        for index, each in enumerate(self.rules):
            if each.fits(path):
                if each.field is None:
                    rule = each
                else:
                    fields[each.field] = index, each
        return Scope(self, path, rule, -1, fields)

    def add(self, status: Literal["differs", "ignored", "close"], place: Place, difference: Difference) -> None:
        """Keep a difference."""
        self._counts[status] += 1
        if len(self._found[status]) < MOST:
            texts = {name: getattr(difference, name) for name in ("text", "promised", "obtained", "distance", "note")}
            bounded = {name: text and shown(text, LONGEST) for name, text in texts.items()}
            bounded["place"] = shown(rendered(place), LONGEST)
            kept = msgspec.structs.replace(difference, **bounded, allowed=None if status == "differs" else status)
            self._found[status].append(kept)

    @property
    def verdict(self) -> Literal["differs", "ignored", "close", "equal"]:
        """The strongest that holds."""
        if self._counts["differs"]:
            return "differs"
        if self._counts["ignored"]:
            return "ignored"
        return "close" if self._counts["close"] else "equal"

    def first(self) -> tuple[list[Difference], int]:
        """The first differences, those that no rule allows first, and how many more there are."""
        found = [each for status in ("differs", "ignored", "close") for each in self._found[status]][:MOST]
        return found, sum(self._counts.values()) - len(found)

    def copy(self) -> Self:
        """A copy, for `restore`."""
        kept = copy.copy(self)
        kept.used, kept._counts = dict(self.used), dict(self._counts)
        kept._found = {status: list(found) for status, found in self._found.items()}
        return kept

    def restore(self, kept: Self) -> None:
        """Forget what was found since `copy`."""
        self.__dict__ = kept.__dict__


@dataclass(frozen=True)
class Scope:
    """The rule that stands at a place of a file, and its number among the rules; the rules for fields, and theirs."""

    findings: Findings
    path: str
    rule: Rule | None
    index: int
    fields: dict[str, tuple[int, Rule]]

    def into(self, key: object) -> "Scope":
        """The scope of the value under a key."""
        found = self.fields.get(str(key)) if self.fields and isinstance(key, str) else None
        if not found or found[0] <= self.index:
            return self
        index, rule = found
        if rule.compare != "bytes":
            self.findings.used.setdefault(rule)
        return replace(self, rule=rule, index=index)

    def member(self, name: str) -> "Scope":
        """The scope of a member of an archive."""
        return self.findings.scope(f"{self.path}/{name}")

    @property
    def tolerance(self) -> Rule | None:
        """The rule, where it is one of tolerance."""
        return self.rule if self.rule and self.rule.compare == "close" else None

    def note(self, place: Place, difference: Difference, close: bool = False) -> None:
        """Something differs; `close`: within the tolerance of the rule."""
        ignored = self.rule is not None and self.rule.compare == "ignore"
        if self.rule and (ignored or close):
            self.findings.used.setdefault(self.rule)
        self.findings.add("ignored" if ignored else "close" if close else "differs", place, difference)

    def opaque(self, place: Place, difference: Difference) -> None:
        """A file differs in bytes that were not read: fields that a stricter rule is for may be among them."""
        self.findings.values = False
        stricter = any(rule.compare != "ignore" for _, rule in self.fields.values())
        (replace(self, rule=None) if stricter else self).note(place, difference)


def rendered(place: Place) -> str:
    """A place as people read it: `model.coef_[3]`, and `name: ` for a file in an archive."""
    parts: list[str] = []
    while place is not None:
        place, part = place
        name = part[-1] if isinstance(part, tuple) else part  # a tuple says of which type a key is
        parts.append(f"[{name}]" if isinstance(name, int) else f".{shown(str(name), 60)}")
        if len(parts) == 20:
            parts.append("...")
            break
    return "".join(reversed(parts)).lstrip(".").replace(":.", ": ")


def shown(text: str, longest: int) -> str:
    """A text with its control characters escaped, shortened."""
    if len(text) <= longest and text.isprintable():
        return text
    text = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text[: longest + 1])
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def short(value: object) -> str:
    """A value as Python writes it, shortened."""
    if isinstance(value, str | bytes) and len(value) > 60:
        value = value[:60]  # its repr may be large
        return f"{value!r}..."
    if isinstance(value, int) and value.bit_length() > 8192:
        return f"an integer of {value.bit_length():,} bits"  # Python writes no more than 4300 digits
    text = repr(value)
    return text if len(text) <= 70 else f"{text[:67]}..."
