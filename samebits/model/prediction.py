"""Correctly rounded predictions: each the float64 nearest to the exact intercept + x'w, at about the speed of BLAS.

Attempts, each for the rows that the one before leaves in doubt. An attempt gives a sum and a bound of its error;
rounding is monotone, so where both ends of that interval round to the same float64, so does the exact prediction.
docs/exact.md derives the bounds. Where dots.c is compiled, it makes the first attempt, with twice the precision. Then:

1. `_Plan`: what weighs most is cut into integers, whose products BLAS adds without rounding (as in exact/slices.py).
2. `_compensated`: twice the precision (Ogita, Rump and Oishi, Accurate Sum and Dot Product, SIAM Journal on Scientific
   Computing 26, 2005, doi:10.1137/030601818).
3. `_exact`: Python's integers.
"""

import ctypes
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from samebits.model.error_free import two_product, two_sum

UNIT = 2.0**-53  # the relative error of a rounding
TOP = 21  # bits of a value's first part
FEW = 128  # numbers: the third attempt takes less time than the preparation of the first
BLOCK = 2**14  # numbers: a block of rows and its parts stay in the cache of a core
AGAIN = 2**12  # rows: of those that dots.c leaves in doubt, so many are copied at a time
LIBRARY = Path(__file__).with_name("dots.so")
WIDE = 2**12  # columns; of more, too few bits would be left for the parts of a coefficient
FAR = 300  # powers of two from 1: beyond, a product might lose bits below the least float64


def predict(X: np.ndarray, coef: np.ndarray, intercept: float) -> np.ndarray:
    """Predictions (n,) for X (n, p) and coef (p,), ties to even; infinite beyond the range of float64.

    A row with a value that is not finite gets what float64 arithmetic gives.
    """
    refuse_flushed_subnormals()
    found = library() if X.size > FEW and X.dtype == np.float64 else None
    if found is None:
        return _by_numpy(X, coef, intercept)
    (n, p), w = X.shape, np.ascontiguousarray(coef, dtype=np.float64)
    y, doubtful = np.empty(n), np.empty(n, np.int64)
    where = X.ctypes.data, *X.strides, n, p, w.ctypes.data, intercept, y.ctypes.data, doubtful.ctypes.data
    rest = doubtful[: found.samebits_predict(*where)]
    for start in range(0, len(rest), AGAIN):
        some = rest[start : start + AGAIN]
        y[some] = _by_numpy(X[some], coef, intercept)
    return y


@functools.cache
def library() -> ctypes.CDLL | None:
    """What `samebits.exact.compiled` makes of dots.c; None where there is none, or numpy is as fast."""
    try:
        found = ctypes.CDLL(str(LIBRARY))
        works = found.samebits_fuses()
    except (AttributeError, OSError):  # there is none, or one of another version
        return None
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    found.samebits_predict.restype = number
    found.samebits_predict.argtypes = [pointer, *[number] * 4, pointer, ctypes.c_double, pointer, pointer]
    return found if works else None


def _by_numpy(X: np.ndarray, coef: np.ndarray, intercept: float) -> np.ndarray:
    n, p = X.shape
    peak = _peaks(X) if X.size > FEW else np.abs(X).max(axis=0, initial=0)
    if not np.isfinite(peak).all():
        return _with_infinite_rows(X, coef, intercept)
    plan = Plan.of(peak, coef, intercept) if X.size > FEW else None
    if not plan:
        return _exact(X, coef, intercept)
    y, doubtful, rows = np.empty(n), np.empty(n, bool), max(16, BLOCK // p)
    shifts, parts = np.tile(plan.shift, rows), np.empty((2, rows * p))
    for start in range(0, n, rows):
        some = slice(start, start + rows)
        x = np.ascontiguousarray(X[some]).reshape(-1)
        high, low = parts[:, : len(x)]
        np.add(x, shifts[: len(x)], out=high)
        high -= shifts[: len(x)]
        np.subtract(x, high, out=low)
        y[some], doubtful[some] = plan.rounded(high.reshape(-1, p), low.reshape(-1, p))
    plan.settle(X, y, doubtful)
    return y


def refuse_flushed_subnormals() -> None:
    """Raise FloatingPointError in a thread that takes numbers below 2.2e-308 for 0: none of the proofs holds there."""
    if not (np.array([5e-324]) * 1.0)[0]:
        raise FloatingPointError(
            "this process flushes subnormal numbers to zero; a library built with -ffast-math may have set this, "
            "or torch.set_flush_denormal(True); load it later, or unset it"
        )


@dataclass(frozen=True)
class Plan:
    """How to add up the products of rows whose columns are at most `peak` in magnitude.

    A value is cut into high = (x + shift) - shift, a multiple of a unit of its column, and low = x - high. A
    coefficient is cut into three parts that are multiples of units common to all columns, and a rest.

    parts: (p, 4). error: a bound of the error of a sum before its last rounding.
    """

    coef: np.ndarray
    intercept: float
    size: float
    shift: np.ndarray
    parts: np.ndarray
    error: float

    @classmethod
    def of(cls, peak: np.ndarray, coef: np.ndarray, intercept: float, terms: int | None = None) -> Self | None:
        """The plan for columns of these magnitudes; None where the numbers are too large, too small or too many.

        terms: how many values of a row are not 0 at most, p if None.
        """
        p, products = terms or len(peak), np.abs(coef) * peak
        extremes = [*peak[peak > 0], products.max(initial=0)]
        if p > WIDE or not all(2.0**-FAR < each < 2.0**FAR for each in extremes) or abs(intercept) > 2.0**FAR:
            return None
        unit = np.frexp(peak)[1] - TOP  # |high| <= 2**(unit + TOP)
        rest = np.ldexp(coef, unit)
        top = int(np.frexp(np.abs(rest).max())[1])
        bits = 53 - TOP - 1 - (p - 1).bit_length()  # so that p products of high and a part sum to at most 2**53 units
        parts = []
        for k in range(1, 4):
            parts.append(np.rint(rest * 2.0 ** (bits * k - top)) * 2.0 ** (top - bits * k))
            rest = rest - parts[-1]
        size = 1.01 * float(np.sort(products)[-p:].sum())
        whole = p * 2.0 ** (TOP + top)
        error = UNIT * (1.05 * (p + 4) * 2.0**-TOP * size + 4 * whole * 2.0**-bits)
        error += 16 * UNIT**2 * (size + whole + abs(intercept))
        shift = np.ldexp(1.5, unit + 52)
        return cls(coef, intercept, size, shift, np.ldexp(np.stack([*parts, rest]), -unit).T.copy(), error)

    def rounded(self, high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predictions (n,) from the two parts of the rows (n, p), and which of them are in doubt."""
        a, b, c, d = np.ascontiguousarray((high @ self.parts).T)
        c += d
        c += low @ self.coef
        c += b
        total, beyond = two_sum(a, self.intercept)
        total, more = two_sum(total, c)
        beyond += more
        return total + beyond, (total + (beyond - self.error)) != (total + (beyond + self.error))

    def settle(self, X: np.ndarray, y: np.ndarray, doubtful: np.ndarray) -> None:
        """Replace the doubtful ones among the predictions y (n,) of X (n, p)."""
        rest, rows = np.flatnonzero(doubtful), max(16, BLOCK // X.shape[1])
        for start in range(0, len(rest), rows):
            some = rest[start : start + rows]
            y[some], doubt = _compensated(X[some], self.coef, self.intercept, self.size)
            if doubt.any():
                y[some[doubt]] = _exact(X[some[doubt]], self.coef, self.intercept)


def _compensated(X: np.ndarray, coef: np.ndarray, intercept: float, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Predictions (n,) by sums of products that keep what each operation rounds away, and which are in doubt.

    size: at least the sum of |x_j| |w_j|.
    """
    n, p = X.shape
    total, beyond = np.full(n, intercept), np.zeros(n)
    for x, w in zip(np.ascontiguousarray(X.T), coef.tolist(), strict=True):
        product, lost = two_product(x, w)
        total, more = two_sum(total, product)
        beyond += more + lost
    total, beyond = two_sum(total, beyond)
    error = 4 * ((p + 3) * UNIT) ** 2 * (size + abs(intercept))
    return total + beyond, (total + (beyond - error)) != (total + (beyond + error))


def _exact(X: np.ndarray, coef: np.ndarray, intercept: float) -> np.ndarray:
    """Predictions (n,) by integers."""
    y = np.empty(len(X))
    for i, (total, exponent) in enumerate(sums(X, coef, intercept)):
        try:
            y[i] = total << exponent if exponent >= 0 else total / (1 << -exponent)  # Python rounds once
        except OverflowError:
            y[i] = np.inf if total > 0 else -np.inf
    return y


def sums(X: np.ndarray, coef: np.ndarray, intercept: float) -> Iterator[tuple[int, int]]:
    """Of each row of X (n, p), all finite, the exact intercept + x'w: integer * 2**exponent."""
    factors, powers = _integers(np.append(coef, 1.0))
    ones = np.column_stack([X, np.full(len(X), intercept)])
    for numbers, exponents in zip(*_integers(ones), strict=True):
        places = [a + b for a, b in zip(exponents, powers, strict=True)]
        least = min(places)
        yield sum(a * b << place - least for a, b, place in zip(numbers, factors, places, strict=True)), least


def _with_infinite_rows(X: np.ndarray, coef: np.ndarray, intercept: float) -> np.ndarray:
    finite = np.isfinite(X).all(axis=1)
    y = np.full(len(X), intercept)
    for x, w in zip(X.T, coef.tolist(), strict=True):
        y += x * w
    y[finite] = _by_numpy(X[finite], coef, intercept)
    return y


def _peaks(X: np.ndarray) -> np.ndarray:
    """The largest magnitude in each column of X (n, p): many rows at a time, as numpy is slow where they are short."""
    n, p = X.shape
    if not X.flags.c_contiguous:
        return np.maximum(X.max(axis=0), -X.min(axis=0))
    k = max(1, 512 // p)
    whole = n // k * k
    wide = X[:whole].reshape(-1, k * p)
    both = [np.abs(X[whole:]), wide.max(axis=0, initial=0).reshape(k, p), -wide.min(axis=0, initial=0).reshape(k, p)]
    return np.vstack(both).max(axis=0)


def _integers(values: np.ndarray) -> tuple[list[Any], list[Any]]:
    """Integers of 53 bits and exponents, in lists of the same shape: values = integers * 2**exponents."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(mantissa, 53).astype(np.int64).tolist(), (exponent - 53).tolist()
