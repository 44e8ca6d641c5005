from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samebits.model.linear import LinearModel
from tests import definitions

MODERATE = st.floats(-1e100, 1e100)


@given(arrays(np.float64, (5, 3), elements=MODERATE), arrays(np.float64, 3, elements=MODERATE), MODERATE)
@settings(max_examples=60, deadline=None)
def test_predictions_are_rounded_once(X: np.ndarray, coef: np.ndarray, intercept: float) -> None:
    expected = [float(each) for each in definitions.predictions(X, coef, intercept)]
    assert LinearModel(coef, intercept).predict(X).tolist() == expected


def test_predictions_of_integers_are_exact() -> None:
    X = np.random.default_rng(0).integers(-1000, 1000, size=(50, 4)).astype(float)
    coef = np.array([3.0, -0.5, 0.0, 1024.0])
    predicted = [Fraction(value) for value in LinearModel(coef, -7.25).predict(X).tolist()]
    assert predicted == definitions.predictions(X, coef, -7.25)


def test_the_order_in_memory_does_not_change_a_bit() -> None:
    X = np.random.default_rng(1).normal(size=(1000, 7))
    model = LinearModel(np.random.default_rng(2).normal(size=7), 0.1)
    expected = model.predict(X).tobytes()
    assert model.predict(np.asfortranarray(X)).tobytes() == expected
    assert np.concatenate([model.predict(row[None]) for row in X]).tobytes() == expected


def test_no_rows_give_no_predictions() -> None:
    assert LinearModel(np.ones(2), 1.0).predict(np.empty((0, 2))).shape == (0,)


def test_a_wrong_number_of_features_is_refused() -> None:
    with pytest.raises(ValueError, match="3 features, but the model has 2"):
        LinearModel(np.ones(2), 1.0).predict(np.ones((4, 3)))
