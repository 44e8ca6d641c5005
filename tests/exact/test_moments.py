import json
import math
import sys
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samebits.exact.moments import Moments
from tests import definitions

FINITE = st.floats(allow_nan=False, allow_infinity=False)
EXTREMES = st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 2.0**-1022, 1e-300, 1.0, -1e300, sys.float_info.max])
SIMILAR = st.integers(-(2**53), 2**53).map(lambda integer: math.ldexp(integer, -40))
COLUMNS = {"finite": FINITE, "extremes": EXTREMES, "similar": SIMILAR, "mixed": FINITE | EXTREMES | SIMILAR}

Rows = tuple[np.ndarray, np.ndarray]


@st.composite
def tables(draw: st.DrawFn, most_rows: int = 8) -> Rows:
    """X and y with columns of different kinds."""
    rows, kinds = (
        draw(st.integers(0, most_rows)),
        draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=2, max_size=4)),
    )
    columns = [draw(arrays(np.float64, rows, elements=COLUMNS[kind])) for kind in kinds]
    return np.column_stack(columns[1:]), columns[0]


def matrix(moments: Moments) -> definitions.Matrix:
    unit = Fraction(2) ** moments.exponent
    return [[int(entry) * unit for entry in row] for row in moments.integers.tolist()]


@given(tables())
@settings(max_examples=200, deadline=None)
def test_moments_are_those_of_the_definition(rows: Rows) -> None:
    assert matrix(Moments.of(*rows)) == definitions.moments(*rows)


@given(tables())
@settings(max_examples=50, deadline=None)
def test_means_and_centred_moments_are_those_of_the_definition(rows: Rows) -> None:
    X, y = rows
    if len(y):
        moments = Moments.of(X, y)
        assert [definitions.rational(mean) for mean in moments.means().entries()] == definitions.means(X, y)
        assert [
            [definitions.rational(entry) for entry in row] for row in moments.centred().tolist()
        ] == definitions.centred(X, y)


@given(st.data(), tables())
@settings(max_examples=60, deadline=None)
def test_sum_depends_neither_on_order_nor_on_partition(data: st.DataObject, rows: Rows) -> None:
    X, y = rows
    order = data.draw(st.permutations(range(len(y))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(y)), max_size=4)))
    parts = data.draw(st.permutations(np.split(np.array(order, int), cuts)))
    total = Moments.zero(X.shape[1])
    for part in parts:
        total += Moments.of(X[part], y[part])
    assert total == Moments.of(X, y)


@given(tables(), tables(), tables())
@settings(max_examples=50, deadline=None)
def test_addition_is_associative_and_commutative(one: Rows, two: Rows, three: Rows) -> None:
    a, b, c = (Moments.of(X[:, :1], y) for X, y in (one, two, three))
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Moments.zero(1) == a


@given(tables())
@settings(max_examples=50, deadline=None)
def test_plain_containers_give_the_same_moments_back(rows: Rows) -> None:
    moments = Moments.of(*rows)
    plain = moments.to_plain()
    assert json.loads(json.dumps(plain)) == plain
    assert Moments.from_plain(plain) == moments


@given(tables(), st.sampled_from([-1.0, 0.5, 1.0]), st.sampled_from([-1, 1]))
@settings(max_examples=60, deadline=None)
def test_moments_are_equal_where_their_numbers_are(rows: Rows, scale: float, step: int) -> None:
    X, y = rows
    a, b = Moments.of(X, y), Moments.of(scale * X[::step], y[::step])
    assert (a == b) == (matrix(a) == matrix(b))


@pytest.mark.parametrize("scale", [0, -1000, 900])
def test_any_span_of_powers_of_two_is_exact(scale: int) -> None:
    for span in range(0, 2098, 13):
        values = [math.ldexp(1.0, scale), math.ldexp(-1.5, max(scale - span, -1073)), math.ldexp(1 - 2.0**-53, scale)]
        X, y = np.array([values]).T, np.array([3.0, -0.1, 7.0])
        assert matrix(Moments.of(X, y)) == definitions.moments(X, y)


@pytest.mark.parametrize("rows", [1, 4096, 4097, 10001])
def test_tables_of_many_blocks_are_exact(rows: int) -> None:
    random = np.random.default_rng(rows)
    X = random.normal(size=(rows, 2)) * [1.0, 1e9]
    y = random.normal(size=rows)
    y[::1000] *= 1e-5
    assert matrix(Moments.of(X, y)) == definitions.moments(X, y)


def test_sums_of_products_near_their_limit_are_exact() -> None:
    random = np.random.default_rng(0)
    X = 1 - random.random((4096, 3)) * [2.0**-8, 2.0**-20, 2.0**-21]
    y = -1 + random.random(4096) * 2.0**-12
    assert matrix(Moments.of(X, y)) == definitions.moments(X, y)


def test_a_block_outside_the_common_range_of_exponents_is_exact() -> None:
    X = np.random.default_rng(0).normal(size=(9000, 1))
    X[5000:5010, 0] = [1e300, 1e-300, 5e-324, -5e-324, 0.0, -0.0, 1e-160, -1e-300, 1e150, 3.0]
    y = X[::-1, 0].copy()
    assert matrix(Moments.of(X, y)) == definitions.moments(X, y)


def test_rows_of_different_magnitudes_are_exact() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(300, 3))
    rows[200:260] *= 2.0**-200  # these have a grid of their own, of another exponent,
    rows[260:] *= 2.0**-400  # and so have these
    X, y = rows[:, 1:], rows[:, 0]
    assert matrix(Moments.of(X, y)) == definitions.moments(X, y)


@pytest.mark.parametrize("value", [math.nextafter(1, 0), -math.nextafter(1, 0), 2 / 3, 1 - 2.0**-21, 0.5 + 2.0**-21])
def test_sums_over_a_million_rows_do_not_overflow(value: float) -> None:
    rows = 2**20 + 4097
    moments = matrix(Moments.of(np.full((rows, 1), value), np.full(rows, -value)))
    v = Fraction(value)
    assert moments == [[rows * a * b for b in (1, v, -v)] for a in (1, v, -v)]


@pytest.mark.parametrize("value", [0.0, -0.0, 0.1, -5e-324, sys.float_info.max])
def test_constant_columns_have_no_centred_moments(value: float) -> None:
    X, y = np.full((5, 2), value), np.arange(5.0)
    centred = Moments.of(X, y).centred().tolist()
    assert [[entry == 0 for entry in row] for row in centred] == [[True] * 3, [True] * 3, [True, True, False]]


def test_negative_zero_is_zero() -> None:
    assert Moments.of(np.array([[-0.0], [1.0]]), np.ones(2)) == Moments.of(np.array([[0.0], [1.0]]), np.ones(2))


@pytest.mark.parametrize("rows", [1, 31, 33, 511, 512, 513, 40_000])
@pytest.mark.parametrize("threads", [1, 2, 3, None])
def test_the_number_of_threads_does_not_matter(rows: int, threads: int | None) -> None:
    X = np.random.default_rng(rows).normal(size=(rows, 12))
    assert Moments.of(X, X[:, 3], threads=threads) == by_blocks(X, X[:, 3], 512)


def by_blocks(X: np.ndarray, y: np.ndarray, size: int) -> Moments:
    total = Moments.zero(X.shape[1])
    for start in range(0, len(y), size):
        total += Moments.of(X[start : start + size], y[start : start + size], threads=1)
    return total


KINDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "counts": lambda random: random.integers(0, 50, 3000).astype(float),
    "large integers": lambda random: random.integers(-(2**62), 2**62, 3000).astype(float),
    "constant": lambda random: np.full(3000, 0.1),
    "almost zero": lambda random: np.where(np.arange(3000) == 1234, 0.1, 0.0),
    "heavy tails": lambda random: random.standard_cauchy(3000) ** 5,
    "sorted": lambda random: np.sort(np.exp(20 * random.normal(size=3000))),
    "any exponent": lambda random: np.ldexp(random.random(3000), random.integers(-1074, 1024, 3000)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_any_kind_are_exact_in_any_order_and_blocks(kind: str) -> None:
    random = np.random.default_rng(0)
    X, y = np.column_stack([KINDS[kind](random), random.normal(size=3000)]), KINDS[kind](random)
    moments = Moments.of(X, y)
    assert matrix(moments) == definitions.moments(X, y)
    order = random.permutation(3000)
    assert Moments.of(X[order], y[order]) == moments
    for size in (7, 1000, 2999):
        assert by_blocks(X, y, size) == moments


def test_the_input_is_only_read() -> None:
    X = np.random.default_rng(0).normal(size=(5000, 6))
    X.flags.writeable = False
    assert Moments.of(X[::2, ::3], X[::2, 1]) == Moments.of(X[::2, ::3].copy(order="F"), X[::2, 1].copy())


@given(tables(), st.lists(st.sampled_from([0.0, 1.0, 3.0, 0.1, 2.5e-10, 1e300]), min_size=8, max_size=8))
@settings(max_examples=50, deadline=None)
def test_weighted_moments_are_those_of_the_definition(rows: Rows, weights: list[float]) -> None:
    X, y = rows
    definition = [[definitions.ZERO] * (X.shape[1] + 2)] * (X.shape[1] + 2)
    for i, weight in enumerate(weights[: len(y)]):
        row = definitions.moments(X[i : i + 1], y[i : i + 1])
        definition = [
            [a + Fraction(weight) * b for a, b in zip(*each, strict=True)] for each in zip(definition, row, strict=True)
        ]
    assert matrix(Moments.weighted(X, y, np.array(weights[: len(y)]))) == definition


def test_no_rows_are_the_zero() -> None:
    assert Moments.of(np.empty((0, 3)), np.empty(0)) == Moments.zero(3)
    assert Moments.zero(3).rows == 0


@pytest.mark.parametrize("rows", [1, 2, 4096, 5000])
def test_rows_are_counted(rows: int) -> None:
    moments = Moments.of(np.full((rows, 1), 1e-200), np.full(rows, 1e200))
    assert moments.rows == rows
    assert (moments + moments).rows == 2 * rows


def test_the_order_in_memory_does_not_matter() -> None:
    X = np.random.default_rng(1).normal(size=(5000, 3))
    y = X[:, 1].copy()
    assert Moments.of(np.asfortranarray(X), X[:, 1]) == Moments.of(X, y)
    assert Moments.of(X[::-1], y[::-1]) == Moments.of(X, y)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("row", [0, 777, 4999])
def test_values_that_are_not_finite_are_refused(value: float, row: int) -> None:
    good = np.ones(5000)
    bad = good.copy()
    bad[row] = value
    with pytest.raises(ValueError, match="finite"):
        Moments.of(bad[:, None], good)
    with pytest.raises(ValueError, match="finite"):
        Moments.of(good[:, None], bad)
