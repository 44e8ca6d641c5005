import math
import sys
from fractions import Fraction

import pytest
from flint import fmpq
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from samebits.errors import UserError
from samebits.exact.rational import exactly, nearest_float, nearest_sqrt
from tests.definitions import is_nearest, rational

FINITE = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
INTEGERS = st.integers(1, 2**200)
LARGEST = Fraction(sys.float_info.max)


def flint(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)


@st.composite
def positive_rationals(draw: st.DrawFn, powers: int) -> Fraction:
    return Fraction(draw(INTEGERS), draw(INTEGERS)) * Fraction(2) ** draw(st.integers(-powers, powers))


@st.composite
def halfway(draw: st.DrawFn) -> Fraction:
    """The middle of two neighbouring floats, or a little off it."""
    low = draw(st.floats(min_value=0, max_value=1e300))
    middle = (Fraction(low) + Fraction(math.nextafter(low, math.inf))) / 2
    return middle * (1 + draw(st.sampled_from([-1, 0, 1])) * Fraction(1, 2**300))


@given(FINITE)
def test_a_float_is_its_own_rational(value: float) -> None:
    assert rational(exactly(value)) == Fraction(value)
    assert nearest_float(exactly(value)) == value


@given(positive_rationals(1300) | halfway(), st.sampled_from([1, -1]))
@settings(max_examples=200, deadline=None)
def test_nearest_float_is_the_nearest(value: Fraction, sign: int) -> None:
    assume(value < LARGEST)
    rounded = nearest_float(flint(sign * value))
    assert is_nearest(rounded, value)
    assert rounded * sign >= 0


def test_nearest_float_overflows_halfway_beyond_the_largest() -> None:
    beyond = LARGEST + Fraction(2) ** 970
    assert nearest_float(flint(beyond - 1)) == sys.float_info.max
    for value in (beyond, -beyond):
        with pytest.raises(UserError, match=r"exceeds 1\.8e308"):
            nearest_float(flint(value))


@given(positive_rationals(2400))
@settings(max_examples=200, deadline=None)
def test_nearest_sqrt_is_the_nearest(value: Fraction) -> None:
    assume(value < LARGEST**2)
    assert is_nearest(nearest_sqrt(flint(value)), value, power=2)


@given(halfway())
@settings(max_examples=200, deadline=None)
def test_nearest_sqrt_decides_ties_and_near_ties(root: Fraction) -> None:
    assert is_nearest(nearest_sqrt(flint(root**2)), root)


@given(POSITIVE)
def test_nearest_sqrt_of_a_square_is_its_root(root: float) -> None:
    assert nearest_sqrt(flint(Fraction(root) ** 2)) == root


@given(POSITIVE)
def test_nearest_sqrt_of_a_float_is_that_of_the_processor(value: float) -> None:
    assert nearest_sqrt(exactly(value)) == math.sqrt(value)


def test_the_root_of_zero_is_zero() -> None:
    assert nearest_sqrt(fmpq(0)) == 0
