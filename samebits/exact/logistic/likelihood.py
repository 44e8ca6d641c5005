"""The logistic likelihood of rows: its gradient, its Fisher information and itself, enclosed.

Probabilities are computed as double-double numbers and cut to multiples of a power of two, so that sums over rows have
no errors of their own, or known ones; the errors of single rows have bounds.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb, arb_mat, fmpq, fmpz_mat

from samebits.exact.balls import middle
from samebits.exact.logistic.information import DIGITS, Information, Sliced, Whole, ceiling
from samebits.exact.logistic.sums import product
from samebits.exact.moments import Moments
from samebits.model import sigmoid
from samebits.model.double_double import DoubleDouble

MANY = 2**18  # rows whose moments are computed at once
ROUNDING = 2.0**-106  # u**2, the unit of the errors of double-double operations
WHOLE = 0  # instead of a number of slices: the Fisher information has no error of sums


@dataclass(frozen=True)
class Likelihood:
    """What is minimised: the sum over rows of c log(1 + exp(-s a'w)), plus half of the sum of penalty_j w_j**2.

    X: (n, p), columns at most 1 in magnitude; a row a is that of X, after a 1 if there is an intercept.
    sign: (n,), s: 1 or -1. weight: (n,), c > 0. penalty: (k,), one for each parameter.
    """

    X: np.ndarray
    sign: np.ndarray
    weight: np.ndarray
    intercept: bool
    penalty: list[fmpq]

    def moments_of(self, some: np.ndarray) -> fmpz_mat:
        """A'A (k, k) of some rows, times a power of two."""
        return self._integers(Moments.of(self.X[some], np.zeros(some.sum())))

    @cached_property
    def moments(self) -> arb_mat:
        """A'A (k, k) of the rows, each counted once."""
        moments = Moments.of(self.X, np.zeros(len(self.sign)))
        return arb_mat(self._integers(moments)) * arb(fmpq(2) ** moments.exponent)

    def penalty_matrix(self) -> arb_mat:
        """The penalties as a diagonal (k, k)."""
        k = len(self.penalty)
        return arb_mat([[arb(self.penalty[i]) if i == j else arb(0) for j in range(k)] for i in range(k)])

    def movement(self, step: list[arb]) -> arb:
        """A bound of how far a step (k,) of the parameters moves any row's log odds."""
        d = np.array([middle(each) for each in step])
        first = int(self.intercept)
        furthest = np.abs(self.X @ d[first:] + d[:first].sum()).max()
        return arb(float(furthest)) + (len(d) + 2) * arb(2.0**-52) * sum((abs(each) for each in step), arb(0))

    def margins(self, w: list[arb]) -> np.ndarray:
        """The margins (n,) for parameters w, rounded to two float64 numbers each."""
        high, low = _halves(w)
        blocks = _slices(0, len(self.sign), sigmoid.BLOCK)
        return np.concatenate([self._margins(some, high, low).high for some in blocks])

    def gradient(self, w: list[arb]) -> tuple[arb_mat, arb]:
        """The gradient (k, 1) at w, sums of two float64 numbers each, and by how much any row of it may be wrong."""
        sums = _Gradient(self.X.shape[1])
        self._read(w, sums)
        return self._gradient(sums, w)

    def gradient_and_information(self, w: list[arb], slices: int) -> tuple[arb_mat, arb, Information]:
        """Both at once; slices: how exact the Fisher information is."""
        sums, products = _Gradient(self.X.shape[1]), self._products(slices)
        self._read(w, sums, products)
        return *self._gradient(sums, w), products.result(self._relative(w))

    def information_and_log_likelihood(self, w: list[arb], slices: int) -> tuple[Information, arb]:
        """Both at w, for weights that are whole numbers; the penalty is not in them."""
        products, losses = self._products(slices), _Losses(self.X.shape[1])
        self._read(w, products, losses)
        error = arb(float(self.weight.sum())) * (arb(2.0**-98) + self.margin_error(w))
        last = losses.negative.integers.ncols() - 1
        columns = range(0 if self.intercept else 1, last)
        beyond = sum((x * losses.negative.integers[j, last] for x, j in zip(w, columns, strict=True)), arb(0))
        reached = beyond * (fmpq(2) ** losses.negative.exponent) - losses.growth.log() + arb(0, error.upper())
        return products.result(self._relative(w)), reached

    def in_balls(self, w: list[arb]) -> tuple[arb_mat, arb_mat, arb]:
        """The gradient, the Fisher information and the log-likelihood at any w, all at the working precision: slow."""
        at = arb_mat([[each] for each in w])
        gradient, information, reached = self.penalty_matrix() * at, arb_mat(len(w), len(w)), arb(0)
        for some in _slices(0, len(self.sign), sigmoid.BLOCK):
            A = arb_mat(self.rows(some).tolist())
            amounts, spreads = [], []
            signs, weights = self.sign[some].tolist(), self.weight[some].tolist()
            for row, odds, sign, weight in zip(A.tolist(), (A * at).entries(), signs, weights, strict=True):
                power = (odds * sign).exp()
                amounts.append([-sign * weight / (1 + power)])
                spread = weight * power / (1 + power) ** 2
                spreads.append([spread * each for each in row])
                reached -= weight * (1 + 1 / power).log()
            gradient += A.transpose() * arb_mat(amounts)
            information += A.transpose() * arb_mat(spreads)
        return gradient, information, reached

    def rows(self, some: slice) -> np.ndarray:
        """Rows a of A (n, k)."""
        X = self.X[some]
        return np.hstack([np.ones((len(X), 1)), X]) if self.intercept else X

    def margin_error(self, w: list[arb]) -> arb:
        """A bound of the error of each margin: each product and each partial sum has a relative one."""
        return 4 * (len(w) + 1) * arb(ROUNDING) * sum((abs(each) for each in w), arb(0)) + arb(sigmoid.TINY)

    def _read(self, w: list[arb], *sums: Any) -> None:
        """Add up what is asked for: many rows at once, of which a few are computed at a time."""
        high, low = _halves(w)
        for many in _slices(0, len(self.sign), MANY):
            blocks = _slices(many.start, many.stop, sigmoid.BLOCK)
            found = sigmoid.joined([sigmoid.logistic(self._margins(some, high, low)) for some in blocks])
            for each in sums:
                each.add(self, many, found)

    def _margins(self, some: slice, high: list[float], low: list[float]) -> DoubleDouble:
        sign, first = self.sign[some], int(self.intercept)
        total = DoubleDouble.of(np.zeros_like(sign))
        if first and high[0]:
            total += DoubleDouble(np.array(high[0]), np.array(low[0])).times(sign)
        features = [j for j in range(first, len(high)) if high[j]]
        columns = np.ascontiguousarray(self.X[some].T[[j - first for j in features]])
        for column, j in zip(columns, features, strict=True):
            total += DoubleDouble(np.array(high[j]), np.array(low[j])).times(column * sign)
        return total

    def _products(self, slices: int) -> "_Products":
        k = len(self.penalty)
        return _Products(Sliced(k, slices) if slices else Whole(k))

    def _relative(self, w: list[arb]) -> arb:
        return arb(2.0**-98) + 2 * self.margin_error(w)

    def _gradient(self, sums: "_Gradient", w: list[arb]) -> tuple[arb_mat, arb]:
        integers, scale = sums.total.integers, fmpq(2) ** sums.total.exponent
        end = self.X.shape[1] + 1
        of_rows = [(integers[j, end] + integers[j, end + 1]) * scale for j in range(0 if self.intercept else 1, end)]
        value = [arb(each) + arb(penalty) * x for each, penalty, x in zip(of_rows, self.penalty, w, strict=True)]
        error = sums.top * (arb(2.0**-98) + 2 * self.margin_error(w)) + arb(sigmoid.TINY)
        return arb_mat([[each] for each in value]), error

    def _integers(self, moments: Moments) -> fmpz_mat:
        first = 0 if self.intercept else 1
        return fmpz_mat([row[first:-1] for row in moments.integers.tolist()[first:-1]])


class _Gradient:
    """total: the moments of [1, X, f, f'] with f + f' = -s c q, the latter 0 but for what f leaves."""

    def __init__(self, features: int) -> None:
        self.total, self.top = Moments.zero(features + 1), 0.0

    def add(self, of: Likelihood, rows: slice, row: sigmoid.Logistic) -> None:
        amount = row.against.times(of.weight[rows] * -of.sign[rows])
        top = ceiling(amount.high)
        first = _cut(amount.high, top)
        second = _cut((amount.high - first) + amount.low, float(np.ldexp(top, -DIGITS)))
        self.total += Moments.of(np.column_stack([of.X[rows], first]), second)
        self.top = max(self.top, top)


class _Products:
    def __init__(self, sums: Sliced | Whole) -> None:
        self.sums = sums

    def add(self, of: Likelihood, rows: slice, row: sigmoid.Logistic) -> None:
        self.sums.add(of.rows(rows), row.spread.times(of.weight[rows]))

    def result(self, relative: arb) -> Information:
        return self.sums.result(relative)


class _Losses:
    """growth: the product of all 1 + exp(-|m|); negative: the moments of [1, X, c s] where the margin is negative."""

    def __init__(self, features: int) -> None:
        self.growth, self.negative = arb(1), Moments.zero(features)

    def add(self, of: Likelihood, rows: slice, row: sigmoid.Logistic) -> None:
        weight = of.weight[rows].astype(np.int64)
        for bit in range(int(weight.max()).bit_length()):
            self.growth *= product(row.growth.at(weight >> bit & 1 == 1)) ** (1 << bit)
        those = np.flatnonzero(row.negative) + rows.start
        self.negative += Moments.of(of.X[those], of.sign[those] * of.weight[those])


def _slices(start: int, end: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, end)) for first in range(start, end, size)]


def _halves(w: list[arb]) -> tuple[list[float], list[float]]:
    """Each as the sum of two float64 numbers."""
    high = [middle(each) for each in w]
    return high, [middle(each - first) for each, first in zip(w, high, strict=True)]


def _cut(numbers: np.ndarray, top: float) -> np.ndarray:
    """The nearest multiples of top 2**-DIGITS."""
    unit = np.ldexp(top, -DIGITS)
    return np.rint(numbers / unit) * unit
