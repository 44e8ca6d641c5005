"""Double-double operations and the logistic function keep the bounds of their errors; flint knows the truth."""

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samebits.exact.precision import working_precision
from samebits.model import sigmoid
from samebits.model.double_double import DoubleDouble

UNIT = 2.0**-106
SIZES = st.floats(1e-30, 1e30) | st.floats(-1e30, -1e-30)


def pairs(elements: st.SearchStrategy[float]) -> st.SearchStrategy[DoubleDouble]:
    """Arrays of four numbers of two parts each."""
    low = arrays(float, 4, elements=st.floats(-0.499, 0.499))
    return st.builds(
        lambda high, share: DoubleDouble(high, np.spacing(high) * share), arrays(float, 4, elements=elements), low
    )


def exact(x: DoubleDouble) -> list[arb]:
    return [arb(high) + arb(low) for high, low in zip(x.high.tolist(), x.low.tolist(), strict=True)]


def worst(found: DoubleDouble, true: list[arb]) -> float:
    """The largest relative error."""
    return max(float((abs((a - b) / b) if b != 0 else abs(a)).upper()) for a, b in zip(exact(found), true, strict=True))


@given(pairs(SIZES), pairs(SIZES))
def test_operations_keep_their_bounds(a: DoubleDouble, b: DoubleDouble) -> None:
    with working_precision(1000):
        x, y = exact(a), exact(b)
        assert worst(a * b, [i * j for i, j in zip(x, y, strict=True)]) <= 5 * UNIT
        assert worst(a / b, [i / j for i, j in zip(x, y, strict=True)]) <= 15.1 * UNIT
        assert worst(a + b, [i + j for i, j in zip(x, y, strict=True)]) <= 3.1 * UNIT
        assert worst(a.times(b.high), [i * arb(j) for i, j in zip(x, b.high.tolist(), strict=True)]) <= 2 * UNIT


@given(pairs(st.floats(-740, 740)))
def test_probabilities_keep_their_bound(margin: DoubleDouble) -> None:
    found = sigmoid.logistic(margin)
    power = sigmoid.exp(margin.where(margin.high < 0, -margin))
    with working_precision(1000):
        m = exact(margin)
        for got, true, bound in (
            (power, [(-abs(each)).exp() for each in m], sigmoid.EXP_ERROR),
            (found.against, [1 / (1 + each.exp()) for each in m], sigmoid.ERROR),
            (found.spread, [each.exp() / (1 + each.exp()) ** 2 for each in m], sigmoid.ERROR),
            (found.growth, [1 + (-abs(each)).exp() for each in m], sigmoid.ERROR),
        ):
            for a, b in zip(exact(got), true, strict=True):
                assert abs(a - b) < b * bound + sigmoid.TINY


@pytest.mark.parametrize("margin", [-1e300, -1e4, -745.2, 0.0, 745.2, 1e4, 1e300])
def test_margins_without_a_probability_in_between_are_0_or_1(margin: float) -> None:
    found = sigmoid.logistic(DoubleDouble.of(np.array([margin])))
    assert abs(found.against.high[0] - {-1: 1, 0: 0.5, 1: 0}[np.sign(margin)]) < sigmoid.TINY
    assert 0 <= found.spread.high[0] <= 0.25
