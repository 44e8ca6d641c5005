"""The penalty of the least held-out log loss, beside scikit-learn and by its definition."""

import mpmath
import numpy as np
import pytest
from flint import fmpq
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

from samebits import ExactLogisticRegression, ExactLogisticRegressionCV
from samebits.exact.logistic.cross_validation import LogisticValidation, Rows
from samebits.exact.logistic.separation import SeparationError

CS = [0.01, 0.1, 1.0, 10.0]


def table(seed: int, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 4)) * [1, 10, 0.1, 1]
    return X, (X @ [1, 0.1, 5, 0] + 3 * random.logistic(size=n) > 0).astype(int)


@pytest.mark.parametrize("standardize", [False, True])
def test_losses_are_those_of_models_of_the_folds(standardize: bool) -> None:
    X, y = table(0)
    found = ExactLogisticRegressionCV(Cs=CS, cv=3, standardize=standardize).fit(X, y)
    for i, C in enumerate(CS):
        for k, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
            model = ExactLogisticRegression(C=C, standardize=standardize).fit(X[train], y[train])
            with mpmath.workdps(60):
                margins = (mpmath.mpf(m) for m in (model.decision_function(X[test]) * (2 * y[test] - 1)).tolist())
                mean = mpmath.fsum(mpmath.log1p(mpmath.exp(-m)) for m in margins) / len(test)
                assert found.cv_losses_[i, k] == float(mean)
    means = found.cv_losses_.mean(axis=1)
    assert CS[int(np.argmin(means))] == found.C_
    assert found.best_score_ == pytest.approx(-means.min(), rel=1e-15)
    whole = ExactLogisticRegression(C=found.C_, standardize=standardize).fit(X, y)
    assert (found.coef_ == whole.coef_).all()
    assert (found.predict_proba(X) == whole.predict_proba(X)).all()


@pytest.mark.parametrize("seed", range(5))
def test_scikit_learn_finds_the_same_losses(seed: int) -> None:
    X, y = table(seed)
    found = ExactLogisticRegressionCV(Cs=CS).fit(X, y)
    for C, losses in zip(CS, found.cv_losses_, strict=True):
        theirs = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000)
        scores = cross_val_score(theirs, X, y, cv=5, scoring="neg_log_loss")
        np.testing.assert_allclose(losses, -scores, rtol=1e-9)


def test_the_order_of_rows_within_folds_and_of_candidates_changes_nothing() -> None:
    X, y = table(1)
    groups = np.arange(len(y)) % 4
    order = np.random.default_rng(0).permutation(len(y))
    a = ExactLogisticRegressionCV(Cs=CS, cv=GroupKFold(4)).fit(X, y, groups=groups)
    b = ExactLogisticRegressionCV(Cs=a.Cs_[::-1], cv=GroupKFold(4)).fit(X[order], y[order], groups=groups[order])
    assert a.C_ == b.C_
    assert a.coef_.tobytes() == b.coef_.tobytes()
    assert np.sort(a.cv_losses_[:, 0]).tobytes() == np.sort(b.cv_losses_[:, 0]).tobytes()


def test_a_tie_takes_the_largest_penalty() -> None:
    found = ExactLogisticRegressionCV(Cs=[1.0, 0.25, 4.0], cv=2).fit(np.zeros((12, 1)), np.arange(12) % 3 == 0)
    assert found.C_ == 0.25


def test_separated_folds_without_a_penalty_have_an_infinite_loss() -> None:
    X = np.array([[1.0], [2], [3], [4], [5], [6], [7], [8]])
    y = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    found = ExactLogisticRegressionCV(Cs=[1.0, np.inf], cv=[(np.r_[0:4, 5:8], [4]), (np.arange(7), [7])]).fit(X, y)
    assert found.C_ == 1.0
    assert np.isinf(found.cv_losses_[1]).all()
    with pytest.raises(SeparationError):
        ExactLogisticRegressionCV(Cs=[np.inf], cv=[(np.r_[0:4, 5:8], [4])]).fit(X, y)


def test_weights_count_rows_where_they_train_and_where_they_score() -> None:
    X, y = table(2, 60)
    weight = np.arange(60) % 3
    kept = weight > 0
    groups = np.arange(60) % 3
    a = ExactLogisticRegressionCV(Cs=CS, cv=GroupKFold(2)).fit(X, y, weight, groups=groups)
    repeated = np.repeat(np.flatnonzero(kept), weight[kept])
    b = ExactLogisticRegressionCV(Cs=CS, cv=GroupKFold(2)).fit(X[repeated], y[repeated], groups=groups[repeated])
    assert a.C_ == b.C_
    assert sorted(a.cv_losses_.ravel()) == sorted(b.cv_losses_.ravel())


def test_rows_of_the_curve() -> None:
    X, y = table(3)
    rows = Rows(X, y > 0, np.ones(len(y)), list("abcd"))
    n = np.arange(len(y))
    folds = [(n[n % 3 != k], n[n % 3 == k]) for k in range(3)]
    found = LogisticValidation.of(rows, folds, [fmpq(1), fmpq(0)])
    losses = [each.nearest() for each in found.errors[0]]
    row = found.curve()[0]
    assert row["alpha"] == 1
    assert row["error"] == pytest.approx(np.mean(losses), rel=1e-15)
    assert row["spread"] == pytest.approx(np.std(losses), rel=1e-12)
    assert [each["chosen"] for each in found.curve()].count(True) == 1


@pytest.mark.parametrize(
    ("Cs", "message"),
    [([0.0], "Cs has 0.0"), ([], "shape"), ([[1.0]], "shape"), ([float("nan")], "Cs has nan")],
)
def test_candidates_are_numbers_above_0(Cs: list[float], message: str) -> None:
    X, y = table(0)
    with pytest.raises(ValueError, match=message):
        ExactLogisticRegressionCV(Cs=Cs).fit(X, y)


def test_a_fold_needs_both_classes() -> None:
    with pytest.raises(ValueError, match="fold 1 of cv has no rows to score with, or only one class to train with"):
        ExactLogisticRegressionCV(Cs=[1.0], cv=[([0, 1], [2, 3])]).fit(np.arange(4.0)[:, None], [0, 0, 1, 1])


def test_scikit_learns_contract() -> None:
    for each in check_estimator(ExactLogisticRegressionCV(Cs=[1.0], cv=2), on_fail=None, on_skip=None):
        skipped = any(
            word in str(each["exception"]) for word in ("pandas is not installed", "SCIPY_ARRAY_API is not set")
        )
        assert each["status"] == "passed" or skipped, (each["check_name"], each["exception"])
