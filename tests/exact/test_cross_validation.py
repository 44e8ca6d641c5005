"""The choice of the penalty against its definition in fractions, and against scikit-learn."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, LeaveOneOut, ShuffleSplit, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from samebits import ExactLinearRegression, ExactRidgeCV
from samebits.exact import cross_validation
from samebits.exact.cross_validation import CrossValidation, Fold
from samebits.exact.moments import Moments
from tests import definitions, housing

ALPHAS = [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]


def table(seed: int, rows: int = 53, features: int = 4, noise: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Columns of different units, some of which say nothing of y."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, features)) * [1.0, 5.0, 0.3, 2.0, 9.0, 1.0][:features] + 2
    return X, X[:, 0] - X[:, 1] / 4 + noise * random.normal(size=rows)


def parts(X: np.ndarray, y: np.ndarray, folds: int) -> list[Moments]:
    return [Moments.of(X[rows], y[rows]) for _, rows in KFold(folds).split(X)]


def solution(X: np.ndarray, y: np.ndarray, alpha: float, standardize: bool) -> tuple[list[Fraction], Fraction]:
    """By the definition: with `standardize`, of columns that are divided by the roots of their variances."""
    if not standardize:
        return definitions.least_squares(X, y, alpha)
    p = X.shape[1]
    normal = definitions.centred(X, y)[:p]
    for j in range(p):
        normal[j][j] += Fraction(alpha) * normal[j][j] / len(y)
    rows, pivots = definitions.echelon(normal)
    assert pivots == list(range(p))
    weights = [row[p] for row in rows]
    *mean, mean_y = definitions.means(X, y)
    return weights, mean_y - definitions.dot(mean, weights)


def error(fold: tuple[np.ndarray, ...], alpha: float, standardize: bool) -> Fraction:
    X, y, scored_X, scored_y = fold
    weights, intercept = solution(X, y, alpha, standardize)
    coef = np.array([float(each) for each in weights])  # Python rounds a fraction once
    predicted = definitions.predictions(scored_X, coef, float(intercept))
    squares = [(Fraction(z) - each) ** 2 for z, each in zip(scored_y.tolist(), predicted, strict=True)]
    return sum(squares, definitions.ZERO) / len(scored_y)


@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.booleans())
@settings(max_examples=15, deadline=None)
def test_the_errors_and_the_choice_are_those_of_the_definition(seed: int, folds: int, standardize: bool) -> None:
    X, y = table(seed, 13, 2)
    alphas = [0.0, 0.1, 3.0, 1e5]
    found = CrossValidation.of(Fold.each_of(parts(X, y, folds)), alphas, standardize=standardize)
    cuts = [(X[train], y[train], X[test], y[test]) for train, test in KFold(folds).split(X)]
    truth = [[error(cut, alpha, standardize) for cut in cuts] for alpha in alphas]
    assert [[definitions.rational(each) for each in errors] for errors in found.errors] == truth
    means = [sum(errors, definitions.ZERO) / folds for errors in truth]
    assert found.alpha == alphas[means.index(min(means))]
    for row, alpha, mean, errors in zip(found.curve(), alphas, means, truth, strict=True):
        assert (row["alpha"], row["error"], row["chosen"]) == (alpha, float(mean), alpha == found.alpha)
        variance = sum(((each - mean) ** 2 for each in errors), definitions.ZERO) / folds
        assert definitions.is_nearest(row["spread"], variance, power=2)


def grid_search(model: Any, name: str, cv: Any, alphas: list[float]) -> GridSearchCV:
    return GridSearchCV(model, {name: alphas}, cv=cv, scoring="neg_mean_squared_error")


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_choice_is_that_of_grid_search(seed: int, standardize: bool) -> None:
    X, y = table(seed)
    if standardize:
        theirs = grid_search(make_pipeline(StandardScaler(), Ridge()), "ridge__alpha", 5, ALPHAS).fit(X, y)
        chosen = theirs.best_params_["ridge__alpha"]
    else:
        theirs = grid_search(Ridge(), "alpha", 5, ALPHAS).fit(X, y)
        chosen = theirs.best_params_["alpha"]
        assert RidgeCV(ALPHAS, cv=5, scoring="neg_mean_squared_error").fit(X, y).alpha_ == chosen
    ours = ExactRidgeCV(alphas=ALPHAS, standardize=standardize).fit(X, y)
    assert ours.alpha_ == chosen
    assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=1e-9)
    splits = [theirs.cv_results_[f"split{fold}_test_score"] for fold in range(5)]
    np.testing.assert_allclose(ours.cv_errors_, -np.array(splits).T, rtol=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)


def test_the_seeds_choose_different_alphas() -> None:
    assert len({ExactRidgeCV(alphas=ALPHAS).fit(*table(seed)).alpha_ for seed in range(6)}) > 2


def test_the_choice_on_housing_data_is_that_of_grid_search() -> None:
    X, _, y, _ = housing.split()
    alphas = [0.1, 8.0, 100.0]
    theirs = grid_search(Ridge(solver="cholesky"), "alpha", 5, alphas).fit(X, y)
    ours = ExactRidgeCV(alphas=alphas).fit(X, y)
    assert ours.alpha_ == theirs.best_params_["alpha"] == 8.0
    np.testing.assert_allclose(-ours.cv_errors_.mean(axis=1), theirs.cv_results_["mean_test_score"], rtol=1e-9)


def test_leave_one_out_is_the_default_of_ridge_cv() -> None:
    for seed in range(4):
        X, y = table(seed, 30)
        theirs, ours = RidgeCV(ALPHAS).fit(X, y), ExactRidgeCV(alphas=ALPHAS, cv=LeaveOneOut()).fit(X, y)
        assert ours.alpha_ == theirs.alpha_
        assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=1e-9)


@pytest.mark.parametrize(
    "cv",
    [3, KFold(4, shuffle=True, random_state=1), TimeSeriesSplit(3), ShuffleSplit(3, random_state=0), GroupKFold(3)],
    ids=lambda cv: type(cv).__name__,
)
def test_folds_of_any_splitter_are_those_of_grid_search(cv: Any) -> None:
    X, y = table(9)
    groups = np.arange(len(y)) // 5 if isinstance(cv, GroupKFold) else None
    theirs = grid_search(Ridge(), "alpha", cv, ALPHAS).fit(X, y, groups=groups)
    ours = ExactRidgeCV(alphas=ALPHAS, cv=cv).fit(X, y, groups=groups)
    assert ours.alpha_ == theirs.best_params_["alpha"]
    assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=1e-9)


def test_folds_may_be_given_by_masks_and_repeat_rows() -> None:
    X, y = table(10)
    mask = np.arange(len(y)) % 3 == 0
    twice = np.array([*range(20), *range(20)])
    ours = ExactRidgeCV(alphas=[1.0], cv=[(~mask, mask), (twice, np.arange(20, 53))]).fit(X, y)
    for found, train, test in zip(ours.cv_errors_[0], (~mask, twice), (mask, np.arange(20, 53)), strict=True):
        model = Ridge(1.0).fit(X[train], y[train])
        assert found == pytest.approx(((y[test] - model.predict(X[test])) ** 2).mean(), rel=1e-9)


def test_the_model_is_that_of_the_chosen_alpha() -> None:
    X, y = table(11)
    ours = ExactRidgeCV(alphas=ALPHAS, cv=3).fit(X, y)
    model = ExactLinearRegression(alpha=ours.alpha_).fit(X, y)
    assert ours.coef_.tobytes() == model.coef_.tobytes()
    assert (ours.intercept_, ours.rank_, ours.relations_) == (model.intercept_, model.rank_, model.relations_)


def test_of_alphas_that_tie_the_largest_is_chosen() -> None:
    X = table(12)[0]
    found = ExactRidgeCV(alphas=[1.0, 100.0, 0.0, 10.0]).fit(X, np.full(len(X), 0.1))
    assert not found.cv_errors_.any()
    assert found.alpha_ == 100.0
    y = X[:, 0] + 0.5
    assert ExactRidgeCV(alphas=[1.0, 0.0, 0.0, 10.0]).fit(X, y).alpha_ == 0.0  # no tie: exact without a penalty


def test_what_float64_cannot_tell_apart_is_told_apart() -> None:
    """Neighbours of a float64: the errors of the models differ by less than a last bit."""
    X, y = table(13, 20, 2)
    alphas = [10.0 + ulps * 2.0**-49 for ulps in range(12)]
    found = CrossValidation.of(Fold.each_of(parts(X, y, 2)), alphas)
    cuts = [(X[train], y[train], X[test], y[test]) for train, test in KFold(2).split(X)]
    truth = [sum((error(cut, alpha, False) for cut in cuts), definitions.ZERO) for alpha in alphas]
    assert len({float(each) for each in truth}) < len(set(truth))
    assert found.alpha == max(alpha for alpha, each in zip(alphas, truth, strict=True) if each == min(truth))


def test_standardized_columns_may_have_any_unit() -> None:
    X, y = table(14)
    unit = 2.0 ** np.array([-30, 3, 0, 17])
    ours, scaled = (ExactRidgeCV(standardize=True).fit(each, y) for each in (X, X * unit))
    assert scaled.alpha_ == ours.alpha_
    assert (scaled.coef_ * unit).tobytes() == ours.coef_.tobytes()
    assert scaled.cv_errors_.tobytes() == ours.cv_errors_.tobytes()
    assert ExactRidgeCV().fit(X * unit, y).coef_.tobytes() != (ExactRidgeCV().fit(X, y).coef_ / unit).tobytes()


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_standardize_is_a_pipeline_with_a_scaler(fit_intercept: bool) -> None:
    X, y = table(15)
    X[:, 2] = 7.0  # a constant keeps its unit
    pipe = make_pipeline(StandardScaler(with_mean=fit_intercept), Ridge(2.5, fit_intercept=fit_intercept)).fit(X, y)
    ours = ExactLinearRegression(alpha=2.5, fit_intercept=fit_intercept, standardize=True).fit(X, y)
    np.testing.assert_allclose(ours.coef_, pipe[-1].coef_ / pipe[0].scale_, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(ours.predict(X), pipe.predict(X), rtol=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(-100, 100))
@settings(max_examples=30, deadline=None)
def test_the_grid_is_powers_of_two_that_follow_the_unit(seed: int, power: int) -> None:
    X, y = table(seed)
    moments, scaled = Moments.of(X, y), Moments.of(np.ldexp(X, power), y)
    grid = cross_validation.grid(moments)
    assert all(np.frexp(alpha)[0] == 0.5 for alpha in grid)
    assert 20 < len(grid) <= 60
    assert grid == sorted(grid)
    assert cross_validation.grid(scaled) == [alpha * 4.0**power for alpha in grid]
    assert cross_validation.grid(scaled, standardize=True) == cross_validation.grid(moments, standardize=True)


@pytest.mark.parametrize("unit", [1e-150, 1.0, 1e60])
@pytest.mark.parametrize("standardize", [True, False])
def test_the_grid_goes_from_almost_none_to_almost_all(standardize: bool, unit: float) -> None:
    X, y = table(16, noise=0.1)
    X = X * [unit, 1, 1, 1]
    grid = cross_validation.grid(Moments.of(X, y), standardize)
    assert len(grid) <= 60
    free = ExactLinearRegression().fit(X, y)
    for alpha, least, most in ((grid[0], 1 - 1e-4, 1 + 1e-4), (grid[-1], 0.0, 0.05)):
        model = ExactLinearRegression(alpha=alpha, standardize=standardize).fit(X, y)
        size = (model.coef_ @ (X - X.mean(axis=0)).T).std() / (free.coef_ @ (X - X.mean(axis=0)).T).std()
        assert least <= size <= most


def test_columns_that_do_not_vary_have_a_grid() -> None:
    X = np.ones((6, 2))
    found = ExactRidgeCV(cv=2).fit(X, np.arange(6.0))
    assert found.coef_.tolist() == [0, 0]
    assert found.alpha_ == 1


def test_moments_subtract_exactly() -> None:
    X, y = table(17)
    total, some = Moments.of(X, y), Moments.of(X[:20], y[:20])
    assert total - some == Moments.of(X[20:], y[20:])
    assert total - total == Moments.zero(4)
    assert (total - some).rows == 33


@pytest.mark.parametrize(
    ("alphas", "message"),
    [
        ([], r"alphas has the shape \(0,\); it must be a list of one number or more"),
        ([[1.0]], r"alphas has the shape \(1, 1\)"),
        ([1.0, -1.0], r"alphas\[1\] == -1.0, must be >= 0.0"),
        ([np.nan], "alphas has nan; each must be"),
        ([np.inf], "alphas has inf; each must be"),
        ("all", "The 'alphas' parameter of ExactRidgeCV must be .* Got 'all'"),
    ],
)
def test_alphas_out_of_range_are_refused(alphas: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExactRidgeCV(alphas=alphas).fit(*table(18))


def test_more_folds_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="n_splits=54"):
        ExactRidgeCV(cv=54).fit(*table(18))
