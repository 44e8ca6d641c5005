"""Which hybrids run, in which order: each factor alone; factors that cannot be separated become one group."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from samebits.errors import UserError
from samebits.proof.explaining.attribution import Group
from samebits.proof.explaining.runs import Outcome, SpentError


@dataclass
class Search:
    """Measures groups of factors.

    measure: the outcome of the base with some factors as at the head. likely: of two groups, how likely one needs the
    other. groups: as far as they are known to be separable. spare: factors that no stage declares, which a group may
    need all the same. merged: why groups became one.
    """

    measure: Callable[[Group], Outcome]
    complete: Callable[[Outcome], bool]
    likely: Callable[[Group, Group, str], int]
    groups: list[Group]
    every: Group
    spare: Group = frozenset()
    outcomes: dict[Group, Outcome] = field(default_factory=dict)
    merged: list[tuple[list[Group], str]] = field(default_factory=list)
    spent: bool = False

    def run(self) -> None:
        """Measure each group alone from the base, then from the head, as far as the budget goes."""
        try:
            for from_head in (False, True):
                done: set[Group] = set()
                while left := [each for each in self.groups if each not in done]:
                    done.add(left[0])
                    self._one(left[0], from_head)
        except SpentError:
            self.spent = True

    def all_subsets(self) -> None:
        """Measure all unions of groups."""
        self.run()
        unions: list[Group] = [frozenset()]
        for each in self.groups:
            unions += [one | each for one in unions]
        try:
            for each in unions:
                outcome = self.of(each)
                if not self.complete(outcome):
                    raise UserError(f"--exact: a hybrid cannot run: {outcome.failed}; leave --exact out")
        except SpentError:
            self.spent = True

    def of(self, taken: Group) -> Outcome:
        """The outcome of a hybrid."""
        if taken not in self.outcomes:
            self.outcomes[taken] = self.measure(taken)
        return self.outcomes[taken]

    def works(self, taken: Group) -> bool:
        """Whether a hybrid runs and has its metrics."""
        return self.complete(self.of(taken))

    def _one(self, group: Group, from_head: bool) -> None:
        """Measure a group alone; where that fails, find what it needs, and make that one group with it."""
        taken = self._taken(group, from_head)
        if self.works(taken):
            return
        why = self.outcomes[taken].failed or "it does not make the metric"
        others = [each for each in self.groups if each != group]
        single = [frozenset((each,)) for each in sorted(self.spare)]
        others += [each for each in single if self.likely(group, each, why)]
        rest = self.spare.difference(*others)
        others.sort(key=lambda each: -self.likely(group, each, why))
        evidence = self.likely(group, others[0], why) if others else 0
        try:
            needed = self._needed(group, [*others, *([rest] if rest else [])], from_head, evidence)
        except SpentError:
            self._merge(group, others, f"{why}; the budget does not allow to find out which it needs")
            raise
        self._merge(group, needed, why)

    def _needed(self, group: Group, others: Sequence[Group], from_head: bool, evidence: int) -> Sequence[Group]:
        """The smallest part of others with which a group can be measured, the likeliest first."""
        if evidence:
            for each in others[:2]:
                if self.works(self._taken(group | each, from_head)):
                    return [each]
        return self._halved(group, others, from_head)

    def _halved(self, group: Group, others: Sequence[Group], from_head: bool) -> Sequence[Group]:
        if len(others) <= 1:
            return others
        half = len(others) // 2
        for part in (others[:half], others[half:]):
            if self.works(self._taken(group.union(*part), from_head)):
                return self._halved(group, part, from_head)
        first, second = others[:half], others[half:]
        one = self._halved(group.union(*second), first, from_head)
        other = self._halved(group.union(*one), second, from_head)
        return [*one, *other]

    def _taken(self, group: Group, from_head: bool) -> Group:
        return self.every - group if from_head else group

    def _merge(self, group: Group, others: Iterable[Group], why: str) -> None:
        parts = [group, *others]
        self.merged.append((parts, why))
        at = self.groups.index(group)
        self.groups = [each for each in self.groups if each not in parts]
        self.spare = self.spare.difference(*parts)
        self.groups.insert(min(at, len(self.groups)), frozenset[int]().union(*parts))
