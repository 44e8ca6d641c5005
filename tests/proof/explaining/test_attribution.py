"""From values of hybrids to rows: exact sums, effects and interactions, for any function of the factors."""

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samebits.proof.explaining.attribution import Group, Measured, attributed, noise_of, number, shapley
from samebits.proof.explaining.rows import metric_of

Values = Callable[[Group], Fraction]
effect = st.fractions(min_value=-1000, max_value=1000, max_denominator=1000)


def measured(count: int, values: Values, noise: Fraction = Fraction(0)) -> tuple[Measured, list[Group]]:
    groups = [frozenset((each,)) for each in range(count)]
    every = frozenset(range(count))
    base, head = values(frozenset()), values(every)
    first = {each: values(each) - base for each in groups}
    return Measured(base, head, first, {each: head - values(every - each) for each in groups}, noise), groups


def rows(found: Measured, groups: list[Group]) -> dict[Group, Fraction]:
    parts = attributed(found, groups)
    assert sum((each.effect for each in parts), Fraction(0)) == found.head - found.base
    assert [abs(each.effect) for each in parts] == sorted((abs(each.effect) for each in parts), reverse=True)
    return {frozenset[int]().union(*each.groups): each.effect for each in parts if each.groups}


@given(st.lists(effect, min_size=1, max_size=8))
def test_additive_effects_are_found_exactly(effects: list[Fraction]) -> None:
    found = rows(*measured(len(effects), lambda taken: Fraction(7) + sum(effects[each] for each in taken)))
    assert found == {frozenset((at,)): each for at, each in enumerate(effects)}


@given(
    st.lists(effect, min_size=3, max_size=6),
    st.lists(st.fractions(min_value=1, max_value=99), min_size=4, max_size=4),
    st.sampled_from([2, 3]),
)
def test_what_two_or_three_do_only_together_is_found_exactly(
    alone: list[Fraction], together: list[Fraction], interacting: int
) -> None:
    """The first two or three factors interact in each pair, and all three at once, by amounts that no sum hides."""
    sets = [frozenset(each) for size in (2, 3) for each in combinations(range(interacting), size)]
    amounts = dict(zip(sets, (each * 1000**at for at, each in enumerate(together)), strict=False))

    def values(taken: Group) -> Fraction:
        return sum((alone[each] for each in taken), sum((a for s, a in amounts.items() if s <= taken), Fraction(0)))

    found = rows(*measured(len(alone), values))
    assert found == {**{frozenset((at,)): each for at, each in enumerate(alone)}, **amounts}


@given(st.integers(2, 5), st.randoms(use_true_random=False))
def test_rows_add_up_whatever_the_factors_do(count: int, random: "object") -> None:
    table: dict[Group, Fraction] = {}

    def values(taken: Group) -> Fraction:
        return table.setdefault(taken, Fraction(random.randint(-50, 50)))  # type: ignore[attr-defined]

    found, groups = measured(count, values)
    rows(found, groups)
    for size in range(count + 1):
        for each in combinations(range(count), size):
            values(frozenset(each))
    parts = shapley(table, groups)
    assert sum((each.effect for each in parts), Fraction(0)) == found.head - found.base


@settings(max_examples=300)
@given(st.floats(-1e9, 1e9), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), st.integers(0, 12))
def test_the_printed_numbers_add_up(base: float, effects: list[float], scale: int) -> None:
    amounts = [Fraction(repr(each)) / 10**scale for each in effects]
    start = Fraction(repr(base)) / 10**scale
    found, groups = measured(len(amounts), lambda taken: start + sum(amounts[each] for each in taken))
    places = {group: at for at, group in enumerate(groups)}
    metric = metric_of("m", 0, 1, found, attributed(found, groups), places)
    assert sum(Fraction(row.shown) for row in metric.rows) == Fraction(metric.shown)
    assert Fraction(metric.shown_head) - Fraction(metric.shown_base) == Fraction(metric.shown)
    unit = Fraction(1, 10 ** len(metric.shown_base.partition(".")[2]))
    for row in metric.rows:
        assert abs(Fraction(row.shown) - Fraction(row.exact or 0)) <= 2 * unit


def test_an_effect_within_the_noise_does_not_count_as_an_interaction() -> None:
    values = {(): 0.0, (0,): 5.01, (1,): 0.02, (0, 1): 5.0}
    found, groups = measured(2, lambda taken: Fraction(repr(values[tuple(sorted(taken))])), Fraction(1, 10))
    assert {len(each) for each in rows(found, groups)} == {1}


@pytest.mark.parametrize(
    ("samples", "noise"), [([1, 1, 1], 0), ([], 0), ([1, 2], 12.706 * 0.5**0.5), ([1, 2, 3], 4.303)]
)
def test_noise_is_students_bound(samples: list[int], noise: float) -> None:
    assert float(noise_of([Fraction(each) for each in samples])) == pytest.approx(noise)


@pytest.mark.parametrize(("value", "found"), [(0.1, Fraction(1, 10)), (3, 3), (True, None), ("x", None), (1e999, None)])
def test_numbers_are_taken_as_printed(value: object, found: Fraction | None) -> None:
    assert number(value) == found
