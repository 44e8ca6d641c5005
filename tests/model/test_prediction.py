"""Predictions against the definition in fractions: each is the nearest float64, however the numbers cancel."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samebits.model import prediction
from samebits.model.prediction import predict


def truth(X: np.ndarray, coef: np.ndarray, intercept: float) -> list[float]:
    weights = [Fraction(each) for each in coef.tolist()]
    sums = [
        sum((Fraction(x) * w for x, w in zip(row, weights, strict=True)), Fraction(intercept)) for row in X.tolist()
    ]
    return [_nearest(each) for each in sums]


def _nearest(value: Fraction) -> float:
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def rows(kind: str, random: np.random.Generator, n: int, p: int) -> tuple[np.ndarray, np.ndarray, float]:
    X, coef, intercept = random.normal(size=(n, p)), random.normal(size=p), float(random.normal())
    if kind == "units":
        X *= np.ldexp(1.0, random.integers(-60, 60, p))
        coef *= np.ldexp(1.0, random.integers(-60, 60, p))
    if kind == "cancelling":
        X[: n // 2] = X[0]
        intercept = -float(X[0] @ coef)
    if kind == "ties":  # sums of one bit more than float64 has
        X, coef = np.rint(8 * X), np.rint(8 * coef)
        X[:, 0], coef[0], intercept = 2.0**53 + 2 * random.integers(0, 8, n), 1.0, 1.0
    if kind == "nothing":
        coef[:], intercept = 0, 0.0
    if kind == "beyond":
        X *= np.ldexp(1.0, random.integers(-1070, 1020, p))
    if kind == "ill-conditioned":
        X[:, -1] = X[:, 0] + 1e-14 * X[:, -1]
        coef[0], coef[-1] = 3e13, -3e13
    return X, coef, intercept


KINDS = ["plain", "units", "cancelling", "ties", "nothing", "beyond", "ill-conditioned"]


KERNELS = [True, False] if prediction.library() else [False]
LAYOUTS: list[Callable[[np.ndarray], np.ndarray]] = [
    np.ascontiguousarray,
    np.asfortranarray,
    lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, 1::3],
    lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
]


@contextmanager
def kernel(compiled: bool) -> Iterator[None]:
    found = prediction.library()
    with mock.patch.object(prediction, "library", return_value=found if compiled else None):
        yield


@given(
    st.sampled_from(KERNELS),
    st.sampled_from(KINDS),
    st.integers(0, 2**32 - 1),
    st.integers(2, 40),
    st.sampled_from(LAYOUTS),
)
@settings(max_examples=120, deadline=None)
def test_each_prediction_is_the_nearest_number(
    compiled: bool, kind: str, seed: int, p: int, layout: Callable[[np.ndarray], np.ndarray]
) -> None:
    X, coef, intercept = rows(kind, np.random.default_rng(seed), 1000 // p, p)
    expected = truth(X, coef, intercept)
    with kernel(compiled):
        assert predict(layout(X), coef, intercept).tolist() == expected
        assert [predict(row[None], coef, intercept)[0] for row in X[:5]] == expected[:5]


@pytest.mark.parametrize("compiled", KERNELS)
@pytest.mark.parametrize("p", [1, 600, prediction.WIDE + 1])
def test_narrow_and_wide_rows(p: int, compiled: bool) -> None:
    X, coef, intercept = rows("plain", np.random.default_rng(p), 150, p)
    with kernel(compiled):
        assert predict(X, coef, intercept).tolist() == truth(X, coef, intercept)


@pytest.mark.skipif(not prediction.library(), reason="no compiler made the library")
@pytest.mark.parametrize("kind", KINDS)
def test_no_prediction_that_the_library_is_sure_of_is_wrong(kind: str) -> None:
    X, coef, intercept = rows(kind, np.random.default_rng(5), 400, 7)
    with mock.patch.object(prediction, "_by_numpy", side_effect=lambda X, *_: np.full(len(X), np.nan)) as again:
        found = predict(X, coef, intercept)
    sure = ~np.isnan(found)
    assert found[sure].tolist() == np.array(truth(X, coef, intercept))[sure].tolist()
    assert kind not in ("plain", "units") or not again.called


def test_most_rows_need_one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or predictions would be slow. A bound that is too wide changes no bit."""
    again = 0
    compensated = prediction._compensated

    def counted(X: np.ndarray, *others: object) -> tuple[np.ndarray, np.ndarray]:
        nonlocal again
        again += len(X)
        return compensated(X, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(prediction, "_compensated", counted)
    with kernel(compiled=False):
        for p in (1, 8, 50):
            predict(*rows("units", np.random.default_rng(p), 20000, p))
    assert again < 100


@pytest.mark.parametrize("compiled", KERNELS)
def test_a_value_that_is_not_finite_concerns_its_row_only(compiled: bool) -> None:
    X, coef, intercept = rows("plain", np.random.default_rng(3), 50, 4)
    with kernel(compiled):
        expected = predict(X, coef, intercept)
        X[7, 1], X[9, 2] = np.inf, np.nan
        found = predict(X, coef, intercept)
    assert np.isinf(found[7])
    assert np.isnan(found[9])
    assert np.delete(found, [7, 9]).tolist() == np.delete(expected, [7, 9]).tolist()
