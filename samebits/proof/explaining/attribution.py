"""From the values of a metric at hybrids to what each factor did: rows that add up exactly.

Each factor is measured alone: from the base, v(i) - v(), and from the head, v(all) - v(all without i). If both are the
same, that is its effect, whatever the others are. If they differ, the factor does something only together with others.
Its own effect is then the one alone from the base, and the rest has a row of its own. Let e be the effects from the
base, d what the effects from the head have more, and r = v(all) - v() - sum(e).

- Two factors i, j interact: what they do together is r = d_i = d_j.
- Three interact: what i and j do together is r - d_k, as the hybrid without k has all that i and j do; and what only
  all three do is d_i + d_j + d_k - 2 r.
- More: their measurements do not tell the pairs apart, and r is one row.

Shapley's value (L. S. Shapley, A Value for n-Person Games, Contributions to the Theory of Games II, 1953) instead
shares what factors do together: a factor's effect is its mean over all orders in which factors can be taken.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import factorial, isfinite
from typing import Any, Literal

Group = frozenset[int]  # factors that are taken together, by number
ROUNDING = Fraction(1, 2**40)  # relative to the values: no more than sums of floats in another order
MOST_EXACT = 10  # groups of which all subsets are run


@dataclass(frozen=True)
class Part:
    """A row: what some groups did. how: alone; only together; or not told apart, as the budget was spent.

    rest: what no factor explains.
    """

    groups: tuple[Group, ...]
    effect: Fraction
    how: Literal["alone", "together", "not separated", "rest"]


def number(value: Any) -> Fraction | None:
    """A value of a metric as it is printed; None where it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


@dataclass(frozen=True)
class Measured:
    """A metric at base and head; first: what each group does alone from the base; last: alone from the head.

    noise: a difference that means nothing.
    """

    base: Fraction
    head: Fraction
    first: Mapping[Group, Fraction]
    last: Mapping[Group, Fraction]
    noise: Fraction = Fraction(0)

    @property
    def least(self) -> Fraction:
        """A difference that counts as none."""
        return max(self.noise, ROUNDING * max(abs(self.base), abs(self.head)))


def attributed(measured: Measured, groups: Collection[Group]) -> list[Part]:
    """What each group did, the largest effect first."""
    first, last, least = measured.first, measured.last, measured.least
    base, head, noise = measured.base, measured.head, measured.noise
    effects: dict[Group, Fraction] = {}
    together: list[Group] = []
    for each in groups:
        if each not in first and each not in last:
            continue
        one, other = first.get(each), last.get(each)
        if one is not None and other is not None and abs(one - other) <= least:
            effects[each] = (one + other) / 2 if noise else one
        else:
            effects[each] = one if one is not None else last[each]
            together.append(each)
    parts = [Part((each,), effect, "alone") for each, effect in effects.items()]
    left = [each for each in groups if each not in effects]
    rest = head - base - sum(effects.values())
    if left:
        parts.append(Part(tuple(left), rest, "not separated"))
    elif abs(rest) > least:
        parts += _together(together, rest, first, last, least)
    parts.append(Part((), head - base - sum((each.effect for each in parts), Fraction(0)), "rest"))
    return sorted((each for each in parts if each.groups or each.effect), key=lambda each: -abs(each.effect))


def _together(
    groups: list[Group],
    rest: Fraction,
    first: Mapping[Group, Fraction],
    last: Mapping[Group, Fraction],
    least: Fraction,
) -> list[Part]:
    """What groups do only together. rest: all of that."""
    if len(groups) < 2:
        return []
    if len(groups) != 3 or not all(each in first and each in last for each in groups):
        return [Part(tuple(groups), rest, "together")]
    more = {each: last[each] - first[each] for each in groups}
    pairs = [Part((one, other), rest - more[third], "together") for one, other in combinations(groups, 2)
             for third in groups if third not in (one, other)]  # fmt: skip
    pairs.append(Part(tuple(groups), sum(more.values(), -2 * rest), "together"))
    return [each for each in pairs if abs(each.effect) > least]


def shapley(values: Mapping[Group, Fraction], groups: Collection[Group]) -> list[Part]:
    """Shapley's value of each group, the largest first. values: of all unions of groups."""
    parts, count = [], len(groups)
    for each in groups:
        others = [other for other in groups if other != each]
        total = Fraction(0)
        for size in range(count):
            weight = Fraction(factorial(size) * factorial(count - size - 1), factorial(count))
            for some in combinations(others, size):
                before = frozenset[int]().union(*some)
                total += weight * (values[before | each] - values[before])
        parts.append(Part((each,), total, "alone"))
    return sorted(parts, key=lambda part: -abs(part.effect))


def noise_of(samples: Collection[Fraction]) -> Fraction:
    """How far an effect may lie from none by chance, at 95 %: of the values of runs that are the same.

    An effect is the mean of two differences of two values each, so it has the standard deviation of one value.
    Student's factor is for one degree of freedom less than there are samples.
    """
    distinct = list(samples)
    if len(set(distinct)) < 2:
        return Fraction(0)
    mean = sum(distinct) / len(distinct)
    variance = sum((each - mean) ** 2 for each in distinct) / (len(distinct) - 1)
    factor = STUDENT[min(len(distinct) - 1, len(STUDENT)) - 1]
    return Fraction(factor * float(variance) ** 0.5)


STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571)  # two-sided 95 %, by degrees of freedom from 1
