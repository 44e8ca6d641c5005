"""Correctly rounded probabilities: each the float64 nearest to 1 / (1 + exp(-(intercept + x'w))).

Double-double numbers and a bound of their errors decide nearly all; Python's decimals decide the rest.
"""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from itertools import count

import numpy as np

from samebits.model import prediction, sigmoid
from samebits.model.double_double import DoubleDouble

BLOCK = 2**13  # rows
FEW = 32  # rows: decimals take less time for them
ROUNDING = 2.0**-106
DIGITS = 40  # of the first decimals; then twice as many
FAR = 10  # log odds of 2**FAR have a probability below half of the least float64, or nearer to 1 than any other


def probabilities(X: np.ndarray, coef: np.ndarray, intercept: float) -> np.ndarray:
    """The probabilities of class 1 (n,) for X (n, p); NaN for a row with a value that is not finite."""
    prediction.refuse_flushed_subnormals()
    y, rest = np.full(len(X), np.nan), np.flatnonzero(np.isfinite(X).all(axis=1))
    for start in range(0, len(rest), BLOCK):
        some = rest[start : start + BLOCK]
        rows, unsure = X[some], np.ones(len(some), bool)
        if len(some) > FEW:
            y[some], unsure = _rounded(rows, coef, intercept)
        if unsure.any():
            y[some[unsure]] = _exact(rows[unsure], coef, intercept)
    return y


def _rounded(X: np.ndarray, coef: np.ndarray, intercept: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n,) of finite rows, and which of them are in doubt."""
    odds, size = DoubleDouble.of(np.full(len(X), intercept)), np.full(len(X), abs(intercept))
    with np.errstate(over="ignore", invalid="ignore"):
        for column, w in zip(X.T.copy(), coef, strict=True):
            odds += DoubleDouble.of(np.full(len(X), w)).times(column)
            size += np.abs(column * w)
        error = 4 * (len(coef) + 2) * ROUNDING * size + sigmoid.TINY
        far = ~(error < 2.0**-40)
        odds = DoubleDouble.of(np.zeros(len(X))).where(far, odds)
        y = sigmoid.logistic(-odds).against
        wrong = (y.high * (sigmoid.ERROR + 2 * error) + sigmoid.TINY) * (1 + 2.0**-50)
        decided = (y.high + (y.low + wrong) == y.high) & (y.high + (y.low - wrong) == y.high)
    return y.high, far | ~decided | (y.high < 1e-290)


def _exact(X: np.ndarray, coef: np.ndarray, intercept: float) -> np.ndarray:
    """Probabilities (n,) of finite rows, by integers and decimals."""
    return np.array([_probability(*each) for each in prediction.sums(X, coef, intercept)])


def _probability(total: int, exponent: int) -> float:
    """That of the log odds total * 2**exponent. But for log odds of 0 it is transcendental, and so no tie."""
    if total and total.bit_length() + exponent > FAR:
        return float(total > 0)
    for doubling in count():
        exact = Context(DIGITS << doubling, Emin=MIN_EMIN, Emax=MAX_EMAX)
        odds = exact.multiply(total, 1 << exponent) if exponent > 0 else exact.divide(total, 1 << -exponent)
        y = exact.divide(1, exact.add(1, exact.exp(exact.minus(odds))))
        # In units of 10**-digits: a rounding is a relative 5, so the log odds move by 5 * 2**FAR, and the probability
        # by a relative 5 * 2**FAR + 15
        wrong = exact.multiply(y, Decimal((0, (1,), 4 - exact.prec)))
        if (low := float(exact.subtract(y, wrong))) == float(exact.add(y, wrong)):
            return low
    raise AssertionError("without an end")
