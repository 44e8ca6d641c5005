import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge

from samebits import ExactLinearRegression
from samebits.exact.moments import Moments
from samebits.frameworks import sklearn as sklearn_model
from tests import housing

ALPHAS = [0.0, 1e-3, 1.0, 1e6]
NAMES = ["a", "b", "c"]


def table(seed: int, rows: int = 60, features: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, features)) * [1.0, 10.0, 0.1][:features] + 5
    return X, X @ np.arange(1.0, features + 1) + random.normal(size=rows)


def exact_fit(X: np.ndarray, y: np.ndarray, alpha: float = 0.0) -> ExactLinearRegression:
    return ExactLinearRegression(alpha=alpha).fit(X, y)


def named(X: np.ndarray, y: np.ndarray, alpha: float = 0.0) -> ExactLinearRegression:
    return ExactLinearRegression(alpha=alpha).fit_moments(Moments.of(X, y), NAMES)


def fit(X: np.ndarray, y: np.ndarray, alpha: float) -> Any:
    return (Ridge(alpha=alpha) if alpha else LinearRegression()).fit(X, y)


def within_bound(X: np.ndarray, y: np.ndarray, alpha: float = 0.0) -> bool:
    comparison = sklearn_model.compare_with_fit(exact_fit(X, y, alpha), X, y)
    return comparison.distance <= comparison.bound


def wrong(exact: ExactLinearRegression, by: float) -> ExactLinearRegression:
    other = copy.copy(exact)
    other.coef_ = exact.coef_ + np.array([0.0] * (len(exact.coef_) - 1) + [by])
    return other


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_estimator_predicts_as_scikit_learn_does(alpha: float) -> None:
    X, y = table(0)
    model = sklearn_model.estimator(named(X, y, alpha))
    theirs = fit(X, y, alpha)
    assert type(model) is type(theirs)
    assert model.get_params() == theirs.get_params()
    assert model.feature_names_in_.tolist() == NAMES
    del model.feature_names_in_  # else it warns that X has no names
    np.testing.assert_allclose(model.predict(X), theirs.predict(X), rtol=1e-12)
    assert model.score(X, y) == pytest.approx(theirs.score(X, y), rel=1e-12)


@pytest.mark.parametrize(
    "alpha",
    [0.0, 1.0],
)
def test_the_estimator_has_the_attributes_of_a_fitted_one(alpha: float) -> None:
    X, y = table(1)
    model, theirs = sklearn_model.estimator(named(X, y, alpha)), fit(X, y, alpha)
    assert set(vars(model)) == (set(vars(theirs)) | {"feature_names_in_"}) - {"singular_"}
    for name in ("coef_", "intercept_", "n_features_in_"):
        ours, other = vars(model)[name], vars(theirs)[name]
        assert (type(ours), np.shape(ours)) == (type(other), np.shape(other))
    assert vars(model).get("rank_") == vars(theirs).get("rank_")


def test_a_pickled_estimator_works_where_there_is_only_scikit_learn(tmp_path: Path) -> None:
    X, y = table(2)
    models = [sklearn_model.estimator(named(X, y, alpha)) for alpha in (0.0, 1.0)]
    (tmp_path / "models.joblib").write_bytes(pickle.dumps(models))
    np.save(tmp_path / "X.npy", X)
    code = """
import json, sys, warnings
import joblib, numpy
warnings.filterwarnings("error")
warnings.filterwarnings("ignore", message="X does not have valid feature names")
sys.modules["samebits"] = None  # every import of it fails
models, X = joblib.load("models.joblib"), numpy.load("X.npy")
print(json.dumps([[type(each).__name__, each.feature_names_in_.tolist(), each.predict(X).tolist()] for each in models]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    for (name, features, predicted), alpha in zip(json.loads(done.stdout), (0.0, 1.0), strict=True):
        theirs = fit(X, y, alpha)
        assert (name, features) == (type(theirs).__name__, NAMES)
        np.testing.assert_allclose(predicted, theirs.predict(X), rtol=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(10, 100), st.integers(1, 3), st.sampled_from(ALPHAS))
@settings(max_examples=60, deadline=None)
def test_the_fit_of_random_data_is_within_the_bound(seed: int, rows: int, features: int, alpha: float) -> None:
    assert within_bound(*table(seed, rows, features), alpha)


@pytest.mark.parametrize("alpha", [0.0, 1e-3])
def test_the_fit_of_housing_data_is_within_the_bound(alpha: float) -> None:
    X, _, y, _ = housing.split()
    comparison = sklearn_model.compare_with_fit(exact_fit(X, y, alpha), X, y)
    assert 0 < comparison.distance <= comparison.bound
    assert comparison.rank == 8


@pytest.mark.filterwarnings("ignore:nearly collinear columns")
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 1.0])
@pytest.mark.parametrize("power", [2, 4, 9, 12, 15])
def test_the_fit_of_nearly_collinear_columns_is_within_the_bound(power: int, alpha: float) -> None:
    random = np.random.default_rng(power)
    X, y = random.normal(size=(200, 3)), random.normal(size=200)
    X[:, 2] = X[:, 0] + 10.0**-power * X[:, 2]
    assert within_bound(X, y, alpha)


@pytest.mark.parametrize("scale", [2e6, 3e6])
def test_the_fit_of_columns_of_different_units_is_within_the_bound(scale: float) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(1000, 2)) * [1, scale]
    assert within_bound(X, X[:, 0] + X[:, 1] / scale + random.normal(size=1000))


@pytest.mark.parametrize(
    "offset",
    [
        *(1e2, 1e5, 1e7),
        *(offset for offset in (1e10, 1e12)),
    ],
)
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_the_fit_of_columns_far_from_zero_is_within_the_bound(offset: float, alpha: float) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(1000, 3))
    y = X[:, 0] + random.normal(size=1000)
    assert within_bound(X + offset, y, alpha)


def test_the_fit_of_collinear_columns_is_within_the_bound() -> None:
    X, y = table(3)
    X[:, 2] = 2 * X[:, 0]
    model = exact_fit(X, y)
    comparison = sklearn_model.compare_with_fit(model, X, y)
    assert comparison.distance <= comparison.bound
    assert comparison.rank == model.rank_ == 2
    assert within_bound(X, y, 1.0)


@pytest.mark.parametrize(
    "value",
    [
        0.0,
        3.0,
        0.1,
    ],
)
def test_the_fit_of_constant_columns_is_within_the_bound(value: float) -> None:
    y = np.random.default_rng(4).normal(size=50)
    assert within_bound(np.full((50, 2), value), y)


def test_scikit_learn_s_own_rank_is_told() -> None:
    X, y = table(5)
    X[:, 2] = X[:, 0] + 1e-12 * X[:, 1] ** 2
    model = exact_fit(X, y)
    assert model.rank_ == 3
    assert sklearn_model.compare_with_fit(model, X, y).rank == LinearRegression().fit(X, y).rank_ == 2


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("by", [1e-3, -1e-3, 1e-8])
def test_a_wrong_solution_is_beyond_the_bound(alpha: float, by: float) -> None:
    X, y = table(6)
    comparison = sklearn_model.compare_with_fit(wrong(exact_fit(X, y, alpha), by), X, y)
    assert comparison.distance == pytest.approx(abs(by), rel=1e-3)
    assert comparison.distance > comparison.bound


def test_a_wrong_solution_of_the_housing_data_is_beyond_the_bound() -> None:
    X, _, y, _ = housing.split()
    comparison = sklearn_model.compare_with_fit(wrong(exact_fit(X, y), 1e-3), X, y)
    assert comparison.distance > comparison.bound
