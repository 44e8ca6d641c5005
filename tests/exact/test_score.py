import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from samebits.errors import UserError
from samebits.exact import score
from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float
from samebits.model.linear import LinearModel
from tests import definitions, housing

MODERATE = st.floats(-1e6, 1e6).map(lambda value: value if abs(value) > 1e-100 else 0.0) | st.integers(-3, 3).map(float)

Case = tuple[np.ndarray, np.ndarray, LinearModel]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rows, features = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    X, y, coef = (draw(arrays(np.float64, shape, elements=MODERATE)) for shape in ((rows, features), rows, features))
    return X, y, LinearModel(coef, draw(MODERATE))


def residuals(case: Case) -> list[Fraction]:
    X, y, model = case
    predicted = definitions.predictions(X, model.coef, model.intercept)
    return [Fraction(value) - each for value, each in zip(y.tolist(), predicted, strict=True)]


def r2_by_definition(case: Case) -> Fraction:
    remaining = sum(residual**2 for residual in residuals(case))
    total = definitions.centred(case[0], case[1])[-1][-1]
    return 1 - remaining / total if total else Fraction(not remaining)


@given(cases())
@settings(max_examples=80, deadline=None)
def test_r2_is_exact_and_rounded_once(case: Case) -> None:
    X, y, model = case
    moments, expected = Moments.of(X, y), r2_by_definition(case)
    assert definitions.rational(score.r2(moments, model)) == expected
    assert score.scores(moments, model)["r2"] == float(expected)


@given(cases())
@settings(max_examples=80, deadline=None)
def test_rmse_is_rounded_once(case: Case) -> None:
    X, y, model = case
    moments = Moments.of(X, y)
    mean_square = sum((residual**2 for residual in residuals(case)), Fraction(0)) / len(y)
    assert definitions.is_nearest(score.rmse(moments, model), mean_square, power=2)
    assert score.scores(moments, model)["rmse"] == score.rmse(moments, model)


def test_an_r2_beyond_float64_is_a_mistake_of_the_user() -> None:
    moments = Moments.of(np.zeros((2, 1)), np.array([0.0, 1e-200]))
    with pytest.raises(UserError):
        score.scores(moments, LinearModel(np.zeros(1), 1.0))


@given(cases())
@settings(max_examples=60, deadline=None)
def test_mae_is_that_of_the_definition_but_for_rounding(case: Case) -> None:
    X, y, model = case
    expected = sum(map(abs, residuals(case)), Fraction(0)) / len(y)
    size = np.abs(y).max() + abs(model.intercept) + (np.abs(X) @ np.abs(model.coef)).max()
    assert abs(Fraction(score.mae(X, y, model)) - expected) <= Fraction(8 * 2.0**-53) * Fraction(size)


def test_mae_is_summed_without_error() -> None:
    y = np.array([2.0**53] + [1.0] * 15)
    mae = score.mae(np.zeros((16, 1)), y, LinearModel(np.zeros(1), 0.0))
    assert mae == float(Fraction(2**53 + 15)) / 16


def test_mae_of_integers_is_the_nearest_float() -> None:
    random = np.random.default_rng(0)
    X = random.integers(-100, 100, size=(999, 3)).astype(float)
    y = random.integers(-1000, 1000, size=999).astype(float)
    case = X, y, LinearModel(np.array([3.0, -7.0, 0.5]), 11.0)
    assert score.mae(*case) == float(sum(map(abs, residuals(case)), Fraction(0)) / 999)


@pytest.mark.parametrize(("weight", "intercept"), [(0.0, 0.1), (0.0, 0.2), (1.0, 0.1)])
def test_a_constant_target_scores_as_in_scikit_learn(weight: float, intercept: float) -> None:
    X, y, model = np.arange(4.0)[:, None], np.full(4, 0.1), LinearModel(np.array([weight]), intercept)
    expected = r2_score(y, model.predict(X))
    assert nearest_float(score.r2(Moments.of(X, y), model)) == expected
    assert score.r2_of_predictions(y, model.predict(X)) == expected


@pytest.mark.parametrize("rows", [3, 6, 12, 41])
def test_predictions_of_a_constant_target_score_zero(rows: int) -> None:
    y = np.full(rows, 0.1)
    assert score.r2_of_predictions(y, y + 0.5) == 0
    assert score.r2_of_predictions(y, y) == 1


@given(arrays(np.float64, st.integers(2, 20), elements=st.integers(-1000, 1000).map(float)), st.data())
@settings(max_examples=60, deadline=None)
def test_r2_of_predictions_is_that_of_scikit_learn(y: np.ndarray, data: st.DataObject) -> None:
    predicted = data.draw(arrays(np.float64, len(y), elements=st.integers(-1000, 1000).map(float)))
    if len(set(y.tolist())) > 1:
        assert score.r2_of_predictions(y, predicted) == pytest.approx(r2_score(y, predicted), rel=1e-12, abs=1e-12)


def test_the_mean_scores_zero_and_the_truth_one() -> None:
    X, y = np.array([[1.0], [2.0], [4.0], [5.0]]), np.array([2.0, 4.0, 8.0, 10.0])
    moments = Moments.of(X, y)
    assert score.scores(moments, LinearModel(np.array([0.0]), 6.0)) == {"r2": 0.0, "rmse": math.sqrt(10)}
    assert score.scores(moments, LinearModel(np.array([2.0]), 0.0)) == {"r2": 1.0, "rmse": 0.0}


def test_housing_scores_are_those_of_scikit_learn() -> None:
    _, X, _, y = housing.split()
    model = housing.MODEL
    predicted = model.predict(X)
    scores = score.scores(Moments.of(X, y), model)
    assert scores["r2"] == 0.575787706032451
    assert scores["r2"] == pytest.approx(r2_score(y, predicted), rel=1e-12)
    assert scores["rmse"] == pytest.approx(root_mean_squared_error(y, predicted), rel=1e-12)
    assert score.mae(X, y, model) == pytest.approx(mean_absolute_error(y, predicted), rel=1e-12)
    assert score.r2_of_predictions(y, predicted) == pytest.approx(scores["r2"], rel=1e-13)


def test_an_rmse_beyond_float64_is_a_mistake_of_the_table() -> None:
    moments = Moments.of(np.array([[1.0], [1.0]]), np.array([1.7e308, -1.7e308]))
    with pytest.raises(UserError, match=r"a result exceeds 1\.8e308"):
        score.rmse(moments, LinearModel(np.array([1.7e308]), 1.7e308))
