"""Correctly rounded probabilities of a logistic model in float64."""

from collections.abc import Iterator

import numpy as np
from flint import arb, fmpq

from samebits.exact.balls import nearest
from samebits.exact.logistic import sigmoid
from samebits.exact.logistic.double_double import DoubleDouble
from samebits.exact.precision import working_precision
from samebits.exact.rational import exactly

BLOCK = 2**13  # rows
ROUNDING = 2.0**-106
PRECISIONS = (128, 512, 2048, 8192)


def probabilities(X: np.ndarray, coef: np.ndarray, intercept: float) -> np.ndarray:
    """The probabilities of both classes (n, 2), each rounded once, for X (n, p)."""
    parts = []
    for rows, odds, error in _each(X, coef, intercept):
        block = np.empty((len(rows), 2))
        for column, margin in enumerate((odds, -odds)):
            found = sigmoid.logistic(margin).against
            block[:, column] = found.high
            wrong = found.high * (sigmoid.ERROR + 2 * error) + sigmoid.TINY
            unsure = ~_decided(found, wrong) | (error > 2.0**-40) | (found.high < 1e-290)
            for i in np.flatnonzero(unsure).tolist():
                exact = _exact(rows[i], coef, intercept)
                block[i, column] = _probability(exact if column else -exact)
        parts.append(block)
    return np.concatenate(parts)


def _each(X: np.ndarray, coef: np.ndarray, intercept: float) -> Iterator[tuple[np.ndarray, DoubleDouble, np.ndarray]]:
    """Blocks of rows with their log odds and bounds of the errors of these; not finite where float64 overflows."""
    for start in range(0, len(X), BLOCK):
        rows = X[start : start + BLOCK]
        odds = DoubleDouble.of(np.full(len(rows), intercept))
        size = np.full(len(rows), abs(intercept))
        with np.errstate(over="ignore", invalid="ignore"):
            for column, w in zip(rows.T.copy(), coef, strict=True):
                odds += DoubleDouble.of(np.full(len(rows), w)).times(column)
                size += np.abs(column * w)
        yield rows, odds, 4 * (len(coef) + 2) * ROUNDING * size + sigmoid.TINY


def _decided(value: DoubleDouble, error: np.ndarray) -> np.ndarray:
    """Where all numbers that differ from a value by at most an error round to its first part."""
    with np.errstate(over="ignore", invalid="ignore"):
        more = error * (1 + 2.0**-50)
        return (value.high + (value.low + more) == value.high) & (value.high + (value.low - more) == value.high)


def _exact(row: np.ndarray, coef: np.ndarray, intercept: float) -> fmpq:
    terms = (exactly(x) * exactly(w) for x, w in zip(row.tolist(), coef.tolist(), strict=True))
    return sum(terms, exactly(intercept))


def _probability(odds: fmpq) -> float:
    if abs(odds) > 800:  # below half of the least float64, or nearer to 1 than any other
        return float(odds > 0)
    for precision in PRECISIONS:
        with working_precision(precision):
            value = nearest(1 / (1 + (-arb(odds)).exp()))
        if value is not None:
            return value
    raise ArithmeticError(f"the probability for the log odds {odds} could not be rounded")
