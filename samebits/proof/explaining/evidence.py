"""How likely one factor needs another: names of what is new in one that stand in the lines of the other."""

import posixpath
import re
from dataclasses import dataclass

from samebits.proof.explaining.attribution import Group
from samebits.proof.explaining.build import Builder
from samebits.proof.explaining.factors import Factor, value
from samebits.proof.explaining.side import Side
from samebits.proof.record.values import ABSENT

SHORTEST = 2  # characters of a name that tells something


@dataclass(frozen=True)
class Evidence:
    """Looks at the texts of both sides."""

    builder: Builder

    def likely(self, group: Group, other: Group, why: str) -> int:
        """How likely a group needs another, that it failed without; 0 where nothing tells. why: how it failed."""
        return max(self._one(one, two, why) for one in group for two in other)

    def _one(self, one: int, two: int, why: str) -> int:
        first, second = self.builder.factors[one], self.builder.factors[two]
        forth, back = self._names(second), self._names(first)
        found = 4 * _mentions(why, forth)
        found += 2 * _mentions(self._lines(first), forth) + 2 * _mentions(self._lines(second), back)
        found += _mentions(self._whole(first), forth)
        return found + self._is_one_sided(second) if found else 0

    def _whole(self, factor: Factor) -> str:
        """The text of the files of a factor, as at both sides."""
        paths = [each.path for each in factor.changes if not each.keys]
        return "\n".join(side.content(path).decode(errors="replace") for path in paths for side in self._sides)

    def _names(self, factor: Factor) -> set[str]:
        """Words by which others speak of a factor: the last key of a parameter, a file, a module, an output."""
        found = set[str]()
        for each in factor.changes:
            if each.keys and each.keys[0] == "stages":
                for side in (self.builder.base, self.builder.head):
                    for stage in side.stages_of(each.path, each.keys[1]):
                        found |= {posixpath.basename(path) for path in stage.makes}
            elif each.keys:
                found.add(str(each.keys[-1]))
            else:
                name = posixpath.basename(each.path)
                found |= {name, name.partition(".")[0]} - {"__init__"}
        return {each for each in found if len(each) >= SHORTEST}

    def _lines(self, factor: Factor) -> str:
        """The lines of a factor that only one side has."""
        texts = []
        for each in factor.changes:
            if each.keys:
                texts += [str(value(side.document(each.path) or {}, each.keys)) for side in self._sides]
            else:
                one, other = (side.content(each.path).decode(errors="replace").splitlines() for side in self._sides)
                texts += [*({*one} ^ {*other})]
        return "\n".join(texts)

    def _is_one_sided(self, factor: Factor) -> bool:
        base, head = self._sides
        for each in factor.changes:
            if each.keys and ABSENT not in [value(side.document(each.path) or {}, each.keys) for side in (base, head)]:
                return False
            if not each.keys and each.path in base.files and each.path in head.files:
                return False
        return True

    @property
    def _sides(self) -> tuple[Side, Side]:
        return self.builder.base, self.builder.head


def _mentions(text: str, names: set[str]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names)
