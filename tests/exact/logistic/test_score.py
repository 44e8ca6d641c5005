"""Scores of log odds beside mpmath, fractions and scikit-learn."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from samebits.exact.logistic import score
from samebits.exact.logistic.log_loss import log_loss
from tests import definitions

# few values, so that ties are common; moderate ones; all that float64 has
ODDS = st.sampled_from([-2.0, -0.5, 0.0, -0.0, 0.5, 2.0]) | st.floats(-40, 40) | st.floats(-1e300, 1e300)


@st.composite
def rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(1, 12))
    return draw(arrays(np.float64, n, elements=ODDS)), draw(arrays(np.float64, n, elements=st.sampled_from([0.0, 1.0])))


def loss_of(margin: float) -> mpmath.mpf:
    m = mpmath.mpf(margin)
    return mpmath.log1p(mpmath.exp(-abs(m))) + max(-m, 0)


def margins(odds: np.ndarray, y: np.ndarray) -> list[float]:
    return [m if true else -m for m, true in zip(odds.tolist(), y.tolist(), strict=True)]


@given(rows(), st.data())
@settings(max_examples=200, deadline=None)
def test_log_loss_is_rounded_once(case: tuple[np.ndarray, np.ndarray], data: st.DataObject) -> None:
    odds, y = case
    weight = data.draw(
        st.none() | arrays(np.float64, len(y), elements=st.integers(1, 5).map(float) | st.floats(1e-3, 1e3))
    )
    found = log_loss(odds, y, weight).nearest()
    with mpmath.workdps(1000):
        c = [mpmath.mpf(1)] * len(y) if weight is None else [mpmath.mpf(each) for each in weight.tolist()]
        total = mpmath.fsum(a * loss_of(m) for a, m in zip(c, margins(odds, y), strict=True))
        assert found == float(total / mpmath.fsum(c))


@given(rows())
@settings(max_examples=200, deadline=None)
def test_counts_are_exact(case: tuple[np.ndarray, np.ndarray]) -> None:
    odds, y = case
    ones, others = odds[y == 1].tolist(), odds[y == 0].tolist()
    area = None
    if ones and others:
        wins = sum(Fraction(a > b) + Fraction(a == b, 2) for a in ones for b in others)
        area = wins / (len(ones) * len(others))
    found = score.auc(odds, y)
    assert (found if found is None else definitions.rational(found)) == area
    for threshold in (0.0, 0.5):
        matrix = metrics.confusion_matrix(y, odds > threshold, labels=[0, 1])
        assert list(score.confusion(odds > threshold, y).values()) == matrix.ravel().tolist()


@given(rows())
@settings(max_examples=200, deadline=None)
def test_means_of_probabilities_are_rounded_once(case: tuple[np.ndarray, np.ndarray]) -> None:
    odds, y = case
    found = score.calibration(odds, y)
    with mpmath.workdps(1000):
        p = [1 / (1 + mpmath.exp(-mpmath.mpf(each))) for each in odds.tolist()]
        squares = mpmath.fsum((a - b) ** 2 for a, b in zip(p, y.astype(int).tolist(), strict=True))
        assert score.brier(odds, y) == float(squares / len(y))
        for each in found:
            those = [
                i for i, a in enumerate(p) if each["from"] <= float(a) and (float(a) < each["to"] or each["to"] == 1)
            ]
            assert len(those) == each["rows"]
            assert each["probability"] == float(mpmath.fsum(p[i] for i in those) / len(those))
            assert each["frequency"] == y[those].mean()
    assert sum(each["rows"] for each in found) == len(y)


def test_beside_scikit_learn() -> None:
    random = np.random.default_rng(0)
    odds = np.round(2 * random.normal(size=20_000), 1)
    y = (odds + random.logistic(size=len(odds)) > 0).astype(int)
    p = 1 / (1 + np.exp(-odds))
    expected = {
        "log_loss": metrics.log_loss(y, p),
        "accuracy": metrics.accuracy_score(y, odds > 0),
        "auc": metrics.roc_auc_score(y, odds),
        "brier": metrics.brier_score_loss(y, p),
    }
    assert score.scores(odds, y, odds > 0) == pytest.approx(expected, rel=1e-13)
    false, true = score.roc(odds, y)
    theirs = metrics.roc_curve(y, odds, drop_intermediate=False)
    np.testing.assert_allclose(false / false[-1], theirs[0])
    np.testing.assert_allclose(true / true[-1], theirs[1])


def test_one_class_has_no_area() -> None:
    assert "auc" not in score.scores(np.array([1.0, 2.0]), np.ones(2), np.ones(2, bool))


def test_losses_compare_without_rounding() -> None:
    random = np.random.default_rng(0)
    odds = random.normal(size=1000)
    y = random.integers(0, 2, size=1000)
    loss = log_loss(odds, y)
    order = random.permutation(1000)
    assert loss == log_loss(odds[order], y[order])
    nearly = odds.copy()
    nearly[0] = np.nextafter(odds[0], 9 if y[0] else -9)
    assert log_loss(nearly, y).nearest() == loss.nearest()
    assert log_loss(nearly, y) < loss
    assert not loss < log_loss(nearly, y)
    assert min([loss, log_loss(nearly, y), loss]).nearest() == loss.nearest()


def test_losses_of_other_rows_may_be_equal() -> None:
    """log(1 + exp(a)) = a + log(1 + exp(-a)), so 3 for the one and -3 for the other is as -3 and 3."""
    a = log_loss(np.array([3.0, -4.0, 1.0]), np.array([1, 1, 1]))
    b = log_loss(np.array([-3.0, -1.0, 4.0]), np.array([1, 1, 1]))
    assert a == b
    assert (a - b).nearest() == 0
    assert log_loss(np.array([3.0, 3.0]), np.ones(2)) == log_loss(np.array([3.0]), np.ones(1), np.array([0.1]))


def test_means_over_folds() -> None:
    parts = [log_loss(np.array([m]), np.ones(1)) for m in (1.0, 2.0)]
    mean = (parts[0] + parts[1]) * fmpq(1, 2)
    assert mean == log_loss(np.array([1.0, 2.0]), np.ones(2))
    assert (parts[0] - parts[1]).nearest() > 0 > (parts[1] - parts[0]).nearest()


def test_log_odds_beyond_float64_are_refused() -> None:
    with pytest.raises(ValueError, match="exceed the range of float64"):
        log_loss(np.array([np.inf, 1.0]), np.ones(2))


@pytest.mark.parametrize("least", [100.0, 700.0, 1e5])
def test_losses_of_what_is_almost_certain_keep_their_digits(least: float) -> None:
    odds = least + np.arange(30.0)
    with mpmath.workdps(1000):
        mean = mpmath.fsum(loss_of(each) for each in odds.tolist()) / 30
        assert log_loss(odds, np.ones(30)).nearest() == float(mean)
