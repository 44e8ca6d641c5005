"""The logistic likelihood of rows: its gradient and Fisher information, enclosed.

Probabilities are computed as double-double numbers, then cut to multiples of a power of two, so that all sums over rows
are exact moments: only the errors of single rows remain, and these have bounds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import arb, arb_mat, fmpq, fmpz_mat

from samebits.exact.balls import middle
from samebits.exact.logistic.sums import product
from samebits.exact.moments import Moments
from samebits.model import sigmoid
from samebits.model.double_double import DoubleDouble

MANY = 2**18  # rows whose moments are computed at once
LEAST_EXPONENT = -800
DIGITS = 50  # bits of each of the two parts of a number that is summed
ROUNDING = 2.0**-106  # u**2, the unit of the errors of double-double operations


@dataclass(frozen=True)
class Information:
    """The Fisher information A'DA (k, k) for weights of rows that are wrong by a relative and an absolute error."""

    value: arb_mat
    relative: arb
    absolute: arb

    def wrong(self, moved: arb, moments: arb_mat) -> arb_mat:
        """N, for which the true information J, where no margin has moved by more, has -N <= J - value <= N.

        The order is that of symmetric matrices. moments: A'A.
        """
        return self.value * (moved.exp() * (1 + 2 * self.relative) - 1) + moments * (2 * self.absolute)


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
        return self._columns(Moments.of(self.X, np.zeros(len(self.sign))))

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
        high = [middle(each) for each in w]
        low = [middle(each - first) for each, first in zip(w, high, strict=True)]
        starts = range(0, len(self.sign), sigmoid.BLOCK)
        return np.concatenate([self._margins(slice(start, start + sigmoid.BLOCK), high, low).high for start in starts])

    def gradient(self, w: list[arb]) -> tuple[arb_mat, arb]:
        """The gradient (k, 1) at w, sums of two float64 numbers each, and by how much any row of it may be wrong."""
        total, top = Moments.zero(self.X.shape[1] + 1), 0.0
        for rows, row in self._each(w):
            amount = row.against.times(self.weight[rows] * -self.sign[rows])
            ceiling = _ceiling(amount.high)
            total += Moments.of(
                np.column_stack([self.X[rows], first := _cut(amount.high, ceiling)]),
                _cut((amount.high - first) + amount.low, np.ldexp(ceiling, -DIGITS)),
            )
            top = max(top, ceiling)
        integers, scale = total.integers, fmpq(2) ** total.exponent
        end = self.X.shape[1] + 1
        sums = [(integers[j, end] + integers[j, end + 1]) * scale for j in range(0 if self.intercept else 1, end)]
        value = [arb(each) + arb(penalty) * x for each, penalty, x in zip(sums, self.penalty, w, strict=True)]
        return arb_mat([[each] for each in value]), top * (arb(2.0**-98) + 2 * self.margin_error(w)) + arb(sigmoid.TINY)

    def in_balls(self, w: list[arb]) -> tuple[arb_mat, arb_mat, arb]:
        """The gradient, the Fisher information and the log-likelihood at any w, all at the working precision: slow."""
        at = arb_mat([[each] for each in w])
        gradient, information, reached = self.penalty_matrix() * at, arb_mat(len(w), len(w)), arb(0)
        for start in range(0, len(self.sign), sigmoid.BLOCK):
            some = slice(start, start + sigmoid.BLOCK)
            ones = np.ones((len(self.sign[some]), int(self.intercept)))
            A = arb_mat(np.hstack([ones, self.X[some]]).tolist())
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

    def log_likelihood(self, w: list[arb]) -> arb:
        """At w, for weights that are whole numbers; the penalty is not in it."""
        factor, sums = arb(1), Moments.zero(self.X.shape[1])
        for rows, row in self._each(w):
            weight = self.weight[rows].astype(np.int64)
            for bit in range(int(weight.max()).bit_length()):
                factor *= product(row.growth.at(weight >> bit & 1 == 1)) ** (1 << bit)
            those = np.flatnonzero(row.negative) + rows.start
            sums += Moments.of(self.X[those], self.sign[those] * self.weight[those])
        last = sums.integers.ncols() - 1
        columns = range(0 if self.intercept else 1, last)
        beyond = sum((x * sums.integers[j, last] for x, j in zip(w, columns, strict=True)), arb(0))
        error = arb(float(self.weight.sum())) * (arb(2.0**-98) + self.margin_error(w))
        return beyond * (fmpq(2) ** sums.exponent) - factor.log() + arb(0, error.upper())

    def information(self, w: list[arb], bits: int) -> Information:
        """At w, with weights of rows cut to so many bits after the first of the largest: DIGITS, or twice as many."""
        total, coarsest = Moments.zero(self.X.shape[1]), 0.0
        for rows, row in self._each(w):
            spread = row.spread.times(self.weight[rows])
            ceiling = _ceiling(spread.high)
            unit, coarse = np.ldexp(ceiling, -bits), np.ldexp(ceiling, -min(bits, DIGITS))
            first = np.maximum(np.floor(spread.high / coarse) - 1, 0) * coarse
            X, none = self.X[rows], np.zeros(len(first))
            total += Moments.weighted(X, none, first)
            if unit < coarse:
                total += Moments.weighted(X, none, np.floor(((spread.high - first) + spread.low) / unit) * unit)
            coarsest = max(coarsest, unit)
        relative = arb(2.0**-98) + 2 * self.margin_error(w)
        return Information(self._columns(total), relative, arb(4 * coarsest) + arb(sigmoid.TINY))

    def _each(self, w: list[arb]) -> Iterator[tuple[slice, sigmoid.Logistic]]:
        """Slices of many rows with what the likelihood needs of them, computed a few rows at a time."""
        high = [middle(each) for each in w]
        low = [middle(each - first) for each, first in zip(w, high, strict=True)]
        for start in range(0, len(self.sign), MANY):
            end = min(start + MANY, len(self.sign))
            blocks = [slice(first, min(first + sigmoid.BLOCK, end)) for first in range(start, end, sigmoid.BLOCK)]
            yield (
                slice(start, end),
                sigmoid.joined([sigmoid.logistic(self._margins(some, high, low)) for some in blocks]),
            )

    def _margins(self, some: slice, high: list[float], low: list[float]) -> DoubleDouble:
        sign = self.sign[some]
        columns = [*([np.ones_like(sign)] if self.intercept else []), *self.X[some].T.copy()]
        total = DoubleDouble.of(np.zeros_like(sign))
        for column, first, second in zip(columns, high, low, strict=True):
            if first:
                total += DoubleDouble(np.array(first), np.array(second)).times(column * sign)
        return total

    def margin_error(self, w: list[arb]) -> arb:
        """A bound of the error of each margin: each product and each partial sum has a relative one."""
        return 4 * (len(w) + 1) * arb(ROUNDING) * sum((abs(each) for each in w), arb(0)) + arb(sigmoid.TINY)

    def _integers(self, moments: Moments) -> fmpz_mat:
        first = 0 if self.intercept else 1
        return fmpz_mat([row[first:-1] for row in moments.integers.tolist()[first:-1]])

    def _columns(self, moments: Moments) -> arb_mat:
        return arb_mat(self._integers(moments)) * arb(fmpq(2) ** moments.exponent)


def _ceiling(numbers: np.ndarray) -> float:
    """A power of two that exceeds all magnitudes, and is not so small that cutting would underflow."""
    return float(np.ldexp(1.0, max(int(np.frexp(np.abs(numbers).max())[1]), LEAST_EXPONENT)))


def _cut(numbers: np.ndarray, ceiling: float) -> np.ndarray:
    """The nearest multiples of ceiling 2**-DIGITS."""
    unit = np.ldexp(ceiling, -DIGITS)
    return np.rint(numbers / unit) * unit
