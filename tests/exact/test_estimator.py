import pickle
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks

import samebits
from samebits import ExactLinearRegression, ExactRidgeCV
from samebits.exact import least_squares
from samebits.exact.rows import check_finite
from tests import definitions

# what the checks need that is not installed
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")


ESTIMATORS = [ExactLinearRegression(), ExactLinearRegression(alpha=1.0, fit_intercept=False)]
ESTIMATORS += [ExactLinearRegression(alpha=1.0, standardize=True), ExactRidgeCV(), ExactRidgeCV(alphas=[1.0], cv=2)]


@parametrize_with_checks(ESTIMATORS)  # type: ignore[untyped-decorator]
def test_it_keeps_the_contract_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def table(seed: int, rows: int = 30, features: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, features)) * [1.0, 10.0, 0.1][:features] + 2
    return X, X.sum(axis=1) + random.normal(size=rows)


def weighted_solution(X: np.ndarray, y: np.ndarray, weights: np.ndarray, alpha: float) -> list[Fraction]:
    """[b, w] by the definition, where it is the only one."""
    rows = [[Fraction(1), *map(Fraction, x), Fraction(last)] for x, last in zip(X.tolist(), y.tolist(), strict=True)]
    columns = range(len(rows[0]))
    scales = [Fraction(weight) for weight in weights.tolist()]
    normal = [
        [sum((w * row[i] * row[j] for w, row in zip(scales, rows, strict=True)), definitions.ZERO) for j in columns]
        for i in columns[:-1]
    ]
    for i in columns[1:-1]:
        normal[i][i] += Fraction(alpha)
    return [row[-1] for row in definitions.echelon(normal)[0]]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_it_agrees_with_scikit_learn(alpha: float, fit_intercept: bool) -> None:
    X, y = table(0)
    plain = LinearRegression(fit_intercept=fit_intercept)
    theirs = (Ridge(alpha=alpha, fit_intercept=fit_intercept) if alpha else plain).fit(X, y)
    ours = ExactLinearRegression(alpha=alpha, fit_intercept=fit_intercept).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-6, abs=1e-12)
    assert ours.rank_ == 3


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 1e6]))
@settings(max_examples=20, deadline=None)
def test_weighted_parameters_are_nearest_to_the_true_ones(seed: int, alpha: float) -> None:
    X, y = table(seed, 8, 2)
    weights = np.random.default_rng(seed).choice([0.0, 1.0, 3.0, 0.1, 1e-20, 7e10, 2 / 3], size=8)
    weights[:3] = 1.0
    model = ExactLinearRegression(alpha=alpha).fit(X, y, weights)
    found = [model.intercept_, *model.coef_.tolist()]
    for number, truth in zip(found, weighted_solution(X, y, weights, alpha), strict=True):
        assert definitions.is_nearest(number, abs(truth))
        assert (number < 0) == (truth < 0)


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
@pytest.mark.parametrize("weighted", [True, False])
def test_batches_do_not_change_a_bit(size: int, weighted: bool) -> None:
    X, y = table(1, 200)
    weights = np.random.default_rng(1).integers(1, 100, 200) / 4 if weighted else np.ones(200)
    whole = ExactLinearRegression().fit(X, y, weights)
    batches = ExactLinearRegression()
    for start in range(0, 200, size):
        rows = slice(start, start + size)
        batches.partial_fit(X[rows], y[rows], weights[rows] if weighted else None)
    assert batches.moments_ == whole.moments_
    assert batches.coef_.tobytes() == whole.coef_.tobytes()
    assert batches.intercept_ == whole.intercept_


def test_an_integer_weight_is_so_many_copies_of_the_row() -> None:
    X, y = table(2)
    weights = np.arange(30) % 5
    whole = ExactLinearRegression().fit(X.repeat(weights, axis=0), y.repeat(weights))
    assert ExactLinearRegression().fit(X, y, weights).moments_ == whole.moments_


def test_collinear_columns_without_an_intercept_give_the_minimum_norm() -> None:
    X, y = table(3)
    X[:, 2] = 2 * X[:, 0]
    model = ExactLinearRegression(fit_intercept=False).fit(X, y)
    np.testing.assert_allclose(model.coef_, LinearRegression(fit_intercept=False).fit(X, y).coef_, rtol=1e-6)
    assert (model.rank_, model.intercept_) == (2, 0)
    assert model.coef_[2] == 2 * model.coef_[0]


def test_a_pickled_estimator_goes_on_where_it_was() -> None:
    X, y = table(4)
    model = pickle.loads(pickle.dumps(ExactLinearRegression().fit(X[:20], y[:20])))
    assert model.partial_fit(X[20:], y[20:]).moments_ == ExactLinearRegression().fit(X, y).moments_


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": -1.0},
        {"alpha": np.nan},
        {"alpha": np.inf},
        {"alpha": "1"},
        {"fit_intercept": 2},
        {"standardize": "no"},
    ],
)
def test_parameters_out_of_range_are_refused_in_the_words_of_scikit_learn(wrong: dict[str, Any]) -> None:
    [name] = wrong
    for estimator in (ExactLinearRegression, ExactRidgeCV):
        if name in estimator().get_params():
            with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of {estimator.__name__} must be"):
                estimator(**wrong).fit(*table(5))


@pytest.mark.parametrize("estimator", [ExactLinearRegression, ExactRidgeCV])
@pytest.mark.parametrize("fit_intercept", [np.True_, np.False_])
def test_numbers_of_numpy_are_parameters(estimator: Any, fit_intercept: np.bool_) -> None:
    X, y = table(7)
    more = {"alpha": np.float32(0.5)} if estimator is ExactLinearRegression else {"alphas": np.array([0.5, 1.0])}
    ours = estimator(fit_intercept=fit_intercept, **more).fit(X, y)
    plain = {name: value.tolist() for name, value in more.items()}
    theirs = estimator(fit_intercept=bool(fit_intercept), **plain).fit(X, y)
    assert ours.coef_.tobytes() == theirs.coef_.tobytes()
    if estimator is ExactLinearRegression:
        assert ours.summary() == theirs.summary()


def test_a_batch_that_cannot_be_leaves_the_model_as_it_was() -> None:
    one, two, three = (([[1e-320]], [2e-320]), ([[1e-320]], [1e300]), ([[3e-320]], [5e-320]))
    model = ExactLinearRegression(fit_intercept=False).partial_fit(*map(np.array, one))
    before = vars(model).copy()
    with pytest.raises(ValueError, match=r"beyond 1\.8e308, the range of float64; rescale X or y"):
        model.partial_fit(*map(np.array, two))
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(np.array([[np.nan]]), np.array([1.0]))
    assert vars(model) == before
    both = ExactLinearRegression(fit_intercept=False).fit(np.array([[1e-320], [3e-320]]), np.array([2e-320, 5e-320]))
    assert model.partial_fit(*map(np.array, three)).coef_ == both.coef_


def test_an_interrupted_fit_leaves_the_model_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    X, y = table(8)
    models: list[Any] = [ExactLinearRegression().fit(X, y), ExactRidgeCV().fit(X, y)]
    before = [vars(model).copy() for model in models]
    monkeypatch.setattr(least_squares.Problem, "solve", interrupted)
    for model in models:
        for fit in (model.fit, getattr(model, "partial_fit", model.fit)):
            with pytest.raises(KeyboardInterrupt):
                fit(X[:10, :2] if fit == model.fit else X[:10], y[:10])
    assert [vars(model) for model in models] == before


def test_a_summary_is_that_of_the_fit() -> None:
    model = ExactLinearRegression(standardize=True).fit(*table(9))
    before = model.summary()
    model.set_params(alpha=3.0, fit_intercept=False, standardize=False)
    assert model.summary() == before
    assert model.fit(*table(9)).summary() != before


def test_moments_without_names_have_none() -> None:
    model = ExactLinearRegression().fit(*table(10))
    model.feature_names_in_ = np.array(["a", "b", "c"], dtype=object)
    assert not hasattr(model.fit_moments(model.moments_), "feature_names_in_")
    assert list(model.fit_moments(model.moments_, ["d", "e", "f"]).feature_names_in_) == ["d", "e", "f"]
    with pytest.raises(ValueError, match="feature_names has 1 names; X has 3 columns"):
        model.fit_moments(model.moments_, np.array(["d"]))


@pytest.mark.parametrize("estimator", [ExactLinearRegression(), ExactRidgeCV()])
@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (-np.inf, "infinity")])
def test_the_first_value_that_is_not_finite_is_named(estimator: Any, value: float, word: str) -> None:
    X, y = table(11)
    X[17, 1] = X[20, 0] = value
    with pytest.raises(ValueError, match=rf"Input X contains {word}: X\[17, 1\]; every"):
        estimator.fit(X, y)
    with pytest.raises(ValueError, match=rf"Input X contains {word}: X\[17, 1\], column rooms; every"):
        check_finite(X, np.array(["area", "rooms", "floor"]))
    y[25] = value
    with pytest.raises(ValueError, match=f"Input y contains {word}"):
        estimator.fit(table(11)[0], y)


def test_the_third_argument_weighs_the_rows() -> None:
    X, y = table(12)
    weights = np.arange(30) % 4 + 1.0
    search = ExactRidgeCV(alphas=[0.5], cv=3).fit(X, y, weights)
    assert search.coef_.tobytes() == ExactLinearRegression(alpha=0.5).fit(X, y, weights).coef_.tobytes()


@pytest.mark.parametrize(("weight", "message"), [(-1.0, "[Nn]egative"), (0.0, "one non-zero"), (np.nan, "NaN")])
def test_weights_that_mean_nothing_are_refused(weight: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExactLinearRegression().fit(*table(6), np.full(30, weight))


def test_importing_samebits_does_not_import_scikit_learn() -> None:
    for name in samebits.__all__:
        code = f"import sys, samebits; assert 'sklearn' not in sys.modules; samebits.{name}.__doc__"
        subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'Linear'"):
        _ = samebits.Linear
