"""Probabilities against their definition in mpmath: each is the nearest float64, however near it is to a tie."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samebits.model.probability import FEW, probabilities
from tests.model.test_prediction import KINDS, rows

DIGITS = 2000  # so that log odds from 1e-300 to 1e300 are exact


def truth(X: np.ndarray, coef: np.ndarray, intercept: float) -> list[float]:
    with mpmath.workdps(DIGITS):
        odds = [
            mpmath.fsum([intercept, *(mpmath.mpf(x) * w for x, w in zip(row, coef.tolist(), strict=True))])
            for row in X.tolist()
        ]
    with mpmath.workdps(60):
        return [_nearest(1 / (1 + mpmath.exp(-max(min(each, 2000), -2000)))) for each in odds]


def _nearest(value: mpmath.mpf) -> float:
    """mpmath's own conversion rounds subnormal numbers twice."""
    return float(mpmath.nstr(value, 50))


@given(st.sampled_from(KINDS), st.integers(0, 2**32 - 1), st.integers(2, 9))
@settings(max_examples=20, deadline=None)
def test_each_probability_is_the_nearest_number(kind: str, seed: int, p: int) -> None:
    X, coef, intercept = rows(kind, np.random.default_rng(seed), 2 * FEW, p)
    expected = truth(X, coef, intercept)
    assert probabilities(X, coef, intercept).tolist() == expected
    assert [probabilities(row[None], coef, intercept)[0] for row in X[:5]] == expected[:5]


def test_tails_and_subnormal_probabilities() -> None:
    X = np.linspace(-746, 746, 4 * FEW)[:, None]
    assert probabilities(X, np.ones(1), 0.0).tolist() == truth(X, np.ones(1), 0.0)
    assert probabilities(np.zeros((FEW + 1, 1)), np.ones(1), 0.0).tolist() == [0.5] * (FEW + 1)


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_log_odds_next_to_a_tie(parts: int) -> None:
    """Log odds of so many float64 numbers; their probability is next to the middle of two float64 numbers."""
    random, X = np.random.default_rng(parts), np.zeros((2 * FEW, parts))
    with mpmath.workdps(200):
        for row in X:
            low = float(random.uniform())
            middle = (mpmath.mpf(low) + mpmath.mpf(float(np.nextafter(low, 1)))) / 2
            rest = mpmath.log(middle / (1 - middle))
            for j in range(parts):
                row[j] = float(rest)
                rest -= row[j]
        expected = [float(1 / (1 + mpmath.exp(-mpmath.fsum(map(mpmath.mpf, row))))) for row in X.tolist()]
    assert probabilities(X, np.ones(parts), 0.0).tolist() == expected
    assert [probabilities(row[None], np.ones(parts), 0.0)[0] for row in X] == expected


def test_a_row_without_a_finite_value_has_none() -> None:
    X = np.array([[1.0, 2.0], [np.nan, 1.0], [np.inf, 1.0]])
    found = probabilities(np.vstack([X] * FEW), np.array([1.0, 0.0]), 0.0).reshape(FEW, 3)
    assert (found[:, 0] == truth(X[:1], np.array([1.0, 0.0]), 0.0)[0]).all()
    assert np.isnan(found[:, 1:]).all()
