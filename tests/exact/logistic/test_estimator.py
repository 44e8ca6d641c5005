"""ExactLogisticRegression beside mpmath at 60 digits, and scikit-learn's contract."""

import math
import pickle

import mpmath
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

from samebits import ExactLogisticRegression
from samebits.exact.logistic.separation import SeparationError
from tests.exact.logistic import reference


def table(seed: int, n: int = 40, p: int = 2, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose classes overlap."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, p)) * 10.0 ** random.integers(-2, 3, size=p) + random.normal(size=p)
    y = (X / X.std(axis=0)).sum(axis=1) - (X / X.std(axis=0)).sum(axis=1).mean() + noise * random.logistic(size=n) > 0
    return X, y.astype(int)


@pytest.mark.parametrize("seed", range(100))
def test_coefficients_are_those_of_mpmath_rounded_once(seed: int) -> None:
    X, y = table(seed, n=30 + seed, p=1 + seed % 4)
    C = [np.inf, 1.0, 0.01][seed % 3]
    try:
        model = ExactLogisticRegression(C=C).fit(X, y)
    except SeparationError:
        pytest.fail("a table of the test is separated")
    true = reference.maximum(X, y, C)
    assert [*model.intercept_, *model.coef_[0]] == [float(each) for each in true]


@pytest.mark.parametrize("seed", range(10))
def test_the_summary_is_that_of_mpmath_rounded_once(seed: int) -> None:
    X, y = table(seed, n=60)
    summary = ExactLogisticRegression().fit(X, y).summary()
    for name, values in reference.statistics(X, y).items():
        found = [getattr(each, name) for each in summary.coefficients] if len(values) > 1 else [getattr(summary, name)]
        assert found == values, name
    assert not summary.undecided
    assert (summary.df_model, summary.df_residual, summary.rows) == (2, 57, 60)


def test_the_printed_summary() -> None:
    X, y = table(3, n=60)
    text = str(ExactLogisticRegression().fit(X, y).summary())
    assert text.startswith("y = 1: logistic regression, 60 rows\n\n")
    for word in ("std err", "P>|z|", "odds ratio", "residual deviance", "McFadden R2", "LR chi2(2)"):
        assert word in text


@pytest.mark.parametrize("seed", range(5))
def test_neither_order_nor_copies_of_rows_change_a_bit(seed: int) -> None:
    X, y = table(seed)
    order = np.random.default_rng(seed).permutation(len(X))
    copies = 1 + np.arange(len(X)) % 3
    weighted = ExactLogisticRegression().fit(X[order], y[order], copies[order])
    repeated = ExactLogisticRegression().fit(np.repeat(X, copies, axis=0), np.repeat(y, copies))
    assert weighted.coef_.tobytes() == repeated.coef_.tobytes()
    assert weighted.intercept_.tobytes() == repeated.intercept_.tobytes()
    assert weighted.summary() == repeated.summary()


@pytest.mark.parametrize("power", [-60, -20, 20, 60])
def test_a_scaled_column_has_a_scaled_coefficient(power: int) -> None:
    X, y = table(7)
    scaled = X * [2.0**power, 1]
    a, b = ExactLogisticRegression().fit(X, y), ExactLogisticRegression().fit(scaled, y)
    assert (b.coef_ * [[2.0**power, 1]]).tobytes() == a.coef_.tobytes()


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_units_change_the_coefficients_by_rounding_alone(factor: float) -> None:
    X, y = table(8)
    a, b = ExactLogisticRegression().fit(X, y), ExactLogisticRegression().fit(X * factor, y)
    np.testing.assert_allclose(b.coef_ * factor, a.coef_, rtol=1e-13)


def test_weights_need_not_be_whole() -> None:
    X, y = table(11)
    weight = np.random.default_rng(0).uniform(0.1, 2, size=len(y))
    model = ExactLogisticRegression().fit(X, y, weight)
    true = reference.maximum(X, y, weight=weight)
    assert [*model.intercept_, *model.coef_[0]] == [float(each) for each in true]
    with pytest.raises(ValueError, match="whole numbers as weights"):
        model.summary()


def test_collinear_columns_have_the_shortest_solution() -> None:
    random = np.random.default_rng(0)
    Z = random.integers(-20, 20, size=(200, 2)) / 4
    X = np.column_stack([Z, 2 * Z[:, 0] - 1, Z[:, 0] + Z[:, 1]])
    y = Z[:, 0] + 4 * random.logistic(size=200) > 0
    model = ExactLogisticRegression().fit(X, y)
    assert model.rank_ == 2
    assert len(model.relations_) == 2
    part = ExactLogisticRegression().fit(Z, y)
    # the shortest w with R w = u, where R has the columns in terms of the first two
    R = np.array([[1, 0, 2, 1], [0, 1, 0, 1]])
    np.testing.assert_allclose(model.coef_, part.coef_ @ np.linalg.pinv(R).T, rtol=1e-12)
    np.testing.assert_allclose(model.decision_function(X), part.decision_function(Z), rtol=1e-9, atol=1e-12)
    assert all(each.std_error is None for each in model.summary().coefficients)


def test_a_derived_column_that_rounding_made_independent_is_solved() -> None:
    X, y = table(5, n=100)
    X = np.column_stack([X, 2 * X[:, 0] - 1])  # collinear but for rounding
    model = ExactLogisticRegression().fit(X, y)
    true = reference.maximum(X, y)
    assert [*model.intercept_, *model.coef_[0]] == [float(each) for each in true]


def test_what_symmetry_makes_0_is_0() -> None:
    X = np.array([[-2.0, 1], [-1, 1], [1, 1], [2, 1], [-1, 3], [1, 3]])
    y = np.array([0, 1, 0, 1, 0, 1])
    model = ExactLogisticRegression().fit(np.vstack([X, X * [1, -1]]), np.tile(y, 2))
    assert model.coef_[0, 1] == 0
    assert model.intercept_[0] == 0
    assert model.coef_[0, 0] > 0
    first = model.summary().coefficients[0]
    assert (first.z, first.p_value, first.odds_ratio) == (0, 1, 1)


@pytest.mark.parametrize("C", [0.5, 1e6])
def test_standardize_is_a_pipeline_with_a_scaler(C: float) -> None:
    X, y = table(9, n=200)
    theirs = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10).fit((X - X.mean(axis=0)) / X.std(axis=0), y)
    ours = ExactLogisticRegression(C=C, standardize=True).fit(X, y)
    np.testing.assert_allclose(ours.coef_ * X.std(axis=0), theirs.coef_, rtol=1e-6)


def test_probabilities_and_log_odds_are_rounded_once() -> None:
    X, y = table(1, n=300, p=3)
    model = ExactLogisticRegression().fit(X, y)
    random = np.random.default_rng(1)
    rows = np.vstack([X, random.normal(size=(200, 3)) * 10.0 ** random.integers(-8, 9, size=(200, 1))])
    odds, proba = model.decision_function(rows), model.predict_proba(rows)
    with mpmath.workdps(400):
        for i, row in enumerate(rows.tolist()):
            true = mpmath.mpf(float(model.intercept_[0])) + mpmath.fsum(
                mpmath.mpf(a) * mpmath.mpf(float(b)) for a, b in zip(row, model.coef_[0], strict=True)
            )
            assert odds[i] == float(true)
            assert proba[i, 1] == float(1 / (1 + mpmath.exp(-true)))
            assert proba[i, 0] == float(1 / (1 + mpmath.exp(true)))
    assert (model.predict(rows) == (proba[:, 1] > proba[:, 0])).all()


def test_scikit_learns_contract() -> None:
    for each in check_estimator(ExactLogisticRegression(C=1.0), on_fail=None, on_skip=None):
        skipped = any(
            word in str(each["exception"]) for word in ("pandas is not installed", "SCIPY_ARRAY_API is not set")
        )
        assert each["status"] == "passed" or skipped, (each["check_name"], each["exception"])


def test_labels_of_any_kind_and_a_pickle() -> None:
    X, y = table(2)
    model = ExactLogisticRegression().fit(X, np.array(["no", "yes"])[y])
    again = pickle.loads(pickle.dumps(model))
    assert set(again.predict(X)) == {"no", "yes"}
    assert str(again.summary()).startswith("y = yes:")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1, 2, 0, 1, 2], "Only binary classification"),
        ([1] * 6, "one class"),
        ([0.5, 1.5, 2.5, 0.1, 0.2, 0.3], "Unknown label type"),
    ],
)
def test_a_target_of_other_than_two_classes_is_refused(y: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExactLogisticRegression().fit(np.arange(12.0).reshape(6, 2), np.array(y))


def test_a_fit_that_fails_leaves_the_model_as_it_was() -> None:
    X, y = table(4)
    model = ExactLogisticRegression().fit(X, y)
    before = model.coef_.copy()
    with pytest.raises(SeparationError):
        model.fit(X, X[:, 0] > 0)
    assert (model.coef_ == before).all()


def test_a_penalised_fit_has_no_summary() -> None:
    X, y = table(4)
    with pytest.raises(ValueError, match="without a penalty"):
        ExactLogisticRegression(C=1).fit(X, y).summary()


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_columns_that_say_nothing_leave_the_null_model(fit_intercept: bool) -> None:
    model = ExactLogisticRegression(fit_intercept=fit_intercept).fit(np.zeros((8, 2)), np.arange(8) % 4 == 0)
    summary = model.summary()
    assert (model.coef_ == 0).all()
    assert model.intercept_[0] == (-math.log(3) if fit_intercept else 0)
    assert summary.log_likelihood == summary.null_log_likelihood
    assert (summary.pseudo_r2, summary.lr, summary.df_model) == (0, None, 0)


@pytest.mark.parametrize("offset", [0, 1e8])
def test_hidden_separation_by_what_rounding_left_is_found(offset: float) -> None:
    random = np.random.default_rng(2)
    X = random.normal(size=(30, 5)) + offset
    X = np.column_stack([X, X.sum(axis=1)])  # its rounding is a column of its own, of 1e-16
    with pytest.raises(SeparationError):
        ExactLogisticRegression().fit(X, np.arange(30) == 7)


def test_exact_zeros_without_symmetry() -> None:
    model = ExactLogisticRegression(fit_intercept=False).fit(np.array([[2.0], [1], [1], [3], [3]]), [1, 0, 0, 0, 1])
    assert model.coef_[0, 0] == 0
    assert model.summary().lr_p_value == 1


@pytest.mark.parametrize("C", [1e15, 1e30])
def test_a_tiny_penalty_of_separated_classes_is_solved(C: float) -> None:
    random = np.random.default_rng(0)
    wide, tall = random.normal(size=(10, 20)), random.normal(size=(50, 2))
    for X, y in ((wide, np.arange(10) % 2 == 0), (tall, tall[:, 0] > 0)):
        model = ExactLogisticRegression(C=C).fit(X, y)
        with mpmath.workdps(60):  # the penalty balances the gradient
            odds = (mpmath.mpf(each) for each in model.decision_function(X).tolist())
            against = [(1 if s else -1) / (1 + mpmath.exp(m if s else -m)) for m, s in zip(odds, y, strict=True)]
            pull = [float(mpmath.fsum(x * q for x, q in zip(X[:, j].tolist(), against, strict=True))) for j in range(2)]
        np.testing.assert_allclose(pull, model.coef_[0, :2] / C, rtol=1e-9)


@pytest.mark.parametrize("features", [2, 20])
def test_a_penalty_next_to_nothing_is_refused_in_one_line(features: int) -> None:
    X = np.random.default_rng(0).normal(size=(10, features))
    with pytest.raises(ArithmeticError, match="give a larger penalty, which is a smaller C"):
        ExactLogisticRegression(C=1e300).fit(X, X[:, 0] > 0)
