"""The log loss of log odds as an exact number: it is rounded once, and compares with others without rounding."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, total_ordering
from typing import Self

import numpy as np
from flint import arb, fmpq

from samebits.exact import balls
from samebits.exact.logistic.sums import product, total
from samebits.exact.precision import working_precision
from samebits.exact.rational import exactly
from samebits.model import sigmoid
from samebits.model.double_double import DoubleDouble
from samebits.model.error_free import two_product

PRECISIONS = (256, 1024, 4096, 16384)  # bits, where double-double numbers do not decide
WIDE = 62  # bits of a weight as an integer
LARGE = 2.0**400  # beyond, double-double numbers might overflow
ROUNDINGS = 64  # in units of u**2: of a sum of 2**20 numbers of one sign, one addition for each halving


def log_loss(odds: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> "LogLoss":
    """The mean of log(1 + exp(-m)) over log odds (n,) and y (n,) of 0 and 1, with m = odds where y is 1, else -odds.

    weight: (n,), > 0. Raises ValueError where a number is not finite.
    """
    margin = np.where(np.asarray(y) > 0, odds, -odds)
    if not np.isfinite(margin).all():
        raise ValueError("the log odds exceed the range of float64; rescale the columns")
    rows = _Rows(margin, weight)
    return LogLoss([(1 / rows.weights, rows)])


def standard_deviation(losses: "list[LogLoss]") -> float:
    """How far losses lie from their mean: the root of the mean square, rounded once."""
    if all(each == losses[0] for each in losses):
        return 0.0
    for precision in PRECISIONS:
        with working_precision(precision):
            values = [each.ball(precision) for each in losses]
            mean = sum(values, arb(0)) / len(values)
            variance = sum(((each - mean) ** 2 for each in values), arb(0)) / len(values)
            if (value := balls.nearest(variance.sqrt())) is not None:
                return value
    raise ArithmeticError("the standard deviation of log losses could not be rounded")


@total_ordering
@dataclass(frozen=True, eq=False)
class LogLoss:
    """A sum of mean log losses, each times a rational number.

    Which of two is the smaller can always be decided. As exp(x) is transcendental for rational x > 0 (Lindemann), a sum
    of c log(1 + exp(-|m|)) + x is 0 only if it is so as a polynomial: if the c of each |m| add up to 0, and x is 0.
    """

    terms: "list[tuple[fmpq, _Rows]]"

    def __add__(self, other: "LogLoss") -> Self:
        return type(self)([*self.terms, *other.terms])

    def __mul__(self, factor: fmpq) -> Self:
        return type(self)([(factor * each, rows) for each, rows in self.terms])

    def __sub__(self, other: "LogLoss") -> Self:
        return self + other * fmpq(-1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogLoss) and (self - other).sign() == 0

    def __lt__(self, other: "LogLoss") -> bool:
        return self is not other and (self - other).sign() < 0

    __hash__ = None  # type: ignore[assignment]

    def sign(self) -> int:
        """1, 0 or -1."""
        for ball in self._balls():
            if not ball.contains(0):
                return 1 if ball > 0 else -1
            if self._is_zero:
                return 0
        raise ArithmeticError("two log losses could not be compared")

    def nearest(self) -> float:
        """The nearest float64."""
        for ball in self._balls():
            if (value := balls.nearest(ball)) is not None:
                return value
            if ball.contains(0) and self._is_zero:
                return 0.0
        raise ArithmeticError("a log loss could not be rounded")

    def _balls(self) -> Iterator[arb]:
        """Smaller and smaller balls that hold the number; the working precision is that of each."""
        for precision in (None, *PRECISIONS):
            with working_precision(precision or PRECISIONS[0]):
                yield self.ball(precision)

    def ball(self, precision: int | None = None) -> arb:
        """A ball that holds the number, from rows computed in so many bits, or as double-double numbers."""
        parts = (factor * (rows.in_balls() if precision else rows.fast) for factor, rows in self.terms)
        return sum(parts, arb(0))

    @cached_property
    def _is_zero(self) -> bool:
        counts: dict[float, fmpq] = defaultdict(fmpq)
        beyond = fmpq(0)
        for factor, rows in self.terms:
            for margin, weight in rows.distinct():
                counts[abs(margin)] += factor * weight
                beyond += factor * weight * exactly(max(-margin, 0.0))
        return not beyond and not any(counts.values())


@dataclass(frozen=True, eq=False)
class _Rows:
    """The sum of c log(1 + exp(-m)) over margins m (n,), with weights c (n,), all 1 if None."""

    margin: np.ndarray
    weight: np.ndarray | None

    @cached_property
    def weights(self) -> fmpq:
        """Their sum."""
        if self.weight is None:
            return fmpq(len(self.margin))
        return sum(map(exactly, self.weight.tolist()), fmpq(0))

    def distinct(self) -> Iterator[tuple[float, fmpq]]:
        """The different margins, each with the sum of its weights."""
        values, which, count = np.unique(self.margin, return_inverse=True, return_counts=True)
        if self.weight is None:
            yield from ((value, fmpq(n)) for value, n in zip(values.tolist(), count.tolist(), strict=True))
            return
        sums = [fmpq(0)] * len(values)
        for i, weight in zip(which.tolist(), self.weight.tolist(), strict=True):
            sums[i] += exactly(weight)
        yield from zip(values.tolist(), sums, strict=True)

    def in_balls(self) -> arb:
        """At the working precision: slow."""
        result = arb(0)
        for margin, weight in self.distinct():
            result += weight * ((-abs(arb(margin))).exp().log1p() + max(-margin, 0.0))
        return result

    @cached_property
    def fast(self) -> arb:
        """From double-double numbers: the logarithm of the product of all 1 + exp(-|m|), plus the sum of -m < 0."""
        digits, unit = self._digits()
        if digits is None or np.abs(self.margin).max() > LARGE:
            return arb(0, arb("inf"))
        growth = sigmoid.growth(self.margin)
        factor = arb(1)
        for bit in range(int(digits.max()).bit_length()):
            rows = digits >> bit & 1 == 1
            factor *= product(growth if rows.all() else growth.at(rows)) ** (1 << bit)
        against = np.minimum(self.margin, 0)
        beyond = total(DoubleDouble(*two_product(-against, 1.0 if self.weight is None else self.weight)))
        result = factor.log() * arb(2) ** unit
        result += arb(0, (arb(self.weights) * 2.0**-98).upper())
        return result + beyond + arb(0, (beyond * ROUNDINGS * 2.0**-106).upper())

    def _digits(self) -> tuple[np.ndarray | None, int]:
        """The weights as integers times 2**unit: one integer if all are the same, None where they are too long."""
        if self.weight is None:
            return np.ones(1, dtype=np.int64), 0
        mantissa, exponent = np.frexp(self.weight)
        whole = np.ldexp(mantissa, 53).astype(np.int64)
        exponent = exponent - 53
        twos = np.frexp(whole & -whole)[1] - 1
        unit = int((exponent + twos).min())
        if exponent.max() + 53 - unit > WIDE or abs(unit) > 300:
            return None, 0
        return np.ldexp(self.weight, -unit).astype(np.int64), unit
