"""The Fisher information A'DA of rows, enclosed. docs/logistic.md has the bounds."""

import functools
import operator
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from flint import arb, arb_mat, fmpq, fmpz_mat

from samebits.exact.moments import Moments
from samebits.exact.slices import blas
from samebits.model.double_double import DoubleDouble
from samebits.model.error_free import two_sum
from samebits.model.sigmoid import BLOCK, TINY

BITS = 20  # of a slice: BLOCK products of two add up to a whole number of at most 2**53
DIGITS = 50  # bits of each of the two parts of a number that is summed
LEAST_EXPONENT = -800


@dataclass(frozen=True)
class Information:
    """The Fisher information A'DA (k, k), but for errors of the rows' weights in D, and of sums.

    relative, absolute: how far a weight may be off. entries: how far an entry of the value may be off.
    """

    value: arb_mat
    relative: arb = field(default_factory=arb)
    absolute: arb = field(default_factory=arb)
    entries: arb = field(default_factory=arb)

    def trace(self, C: arb_mat, moved: arb, moments: arb_mat) -> arb:
        """How large the trace of C N is at most, for a positive definite C.

        The true information J where no margin has moved by more than that has -N <= J - value <= N, in the order of
        symmetric matrices. moments: A'A.
        """
        more = 2 * self.entries * C.nrows() * C.trace()
        return self._share(moved) * inner(C, self.value) + 2 * self.absolute * inner(C, moments) + more

    def diagonal(self, C: arb_mat, moved: arb, moments: arb_mat) -> list[arb]:
        """Bounds of the diagonal of C N C (k,) for C, the inverse of the value."""
        share, size, k = self._share(moved), inner(C, moments), C.nrows()
        squares = [sum((C[j, i] * C[j, i] for i in range(k)), arb(0)) for j in range(k)]
        return [(share + 2 * self.absolute * size) * abs(C[j, j]) + 2 * self.entries * k * squares[j] for j in range(k)]

    def makes_definite(self, C: arb_mat, rest: arb) -> bool:
        """Whether C is proved to be positive definite, where the norm of I - C (value + P) is at most `rest`.

        D >= 0 makes A'DA + P semidefinite. If C times that is so near to I that it is regular, both are definite.
        """
        if self.entries == 0:  # the value is a sum of squares itself
            return bool(rest < 1)
        off = self.entries * C.nrows() + 2 * self.relative * inner(self.value, self.value).sqrt()
        return bool((rest + off * inner(C, C).sqrt()).upper() < 1)

    def _share(self, moved: arb) -> arb:
        return moved.exp() * (1 + 2 * self.relative) - 1


class Sliced:
    """Sums up A'DA from the first slices of A and of DA, as if each were a digit of BITS bits.

    The products of two slices are whole numbers, and so are their sums in float64: BLAS does not round them. This is
    Ozaki's error-free splitting, cut off (Ozaki, Ogita, Oishi and Rump, Numerical Algorithms 59, 2012,
    doi:10.1007/s11075-011-9478-1).
    """

    def __init__(self, k: int, slices: int) -> None:
        self.slices, self.value, self.entries = slices, arb_mat(k, k), arb(0)

    def add(self, A: np.ndarray, weights: DoubleDouble) -> None:
        """Add rows A (n, k) of numbers up to 1 with weights d (n,) >= 0."""
        k, top = A.shape[1], ceiling(weights.high)
        levels = np.zeros((self.slices, k, k), np.int64)  # the products that are worth 2**(-BITS level)
        scaled = DoubleDouble(weights.high / top, weights.low / top)
        with blas().limit(limits=1, user_api="blas"):  # of small matrices, one thread is faster
            for start in range(0, len(A), BLOCK):
                self._add(levels, A[start : start + BLOCK], scaled.at(slice(start, start + BLOCK)))
        digits = [level.astype(object) << BITS * (self.slices - 1 - i) for i, level in enumerate(levels)]
        total = functools.reduce(operator.add, digits)
        unit = arb(top) * arb(2) ** (-BITS * (self.slices + 1) - 1)
        self.value += arb_mat(fmpz_mat((total + total.T).tolist())) * unit
        self.entries += len(A) * (self.slices + 4) * arb(top) * arb(2) ** (-BITS * self.slices)

    def _add(self, levels: np.ndarray, rows: np.ndarray, d: DoubleDouble) -> None:
        k = rows.shape[1]
        left = np.hstack(list(_cut(self.slices, rows)))
        for s, right in enumerate(_cut(self.slices, *_times(d, rows, self.slices))):
            products = left[:, : (self.slices - s) * k].T @ right
            levels[s:] += products.reshape(-1, k, k).astype(np.int64)

    def result(self, relative: arb) -> Information:
        """The sum, for weights with this relative error."""
        return Information(self.value, relative, arb(TINY), self.entries)


class Whole:
    """Sums up A'DA without error, with weights cut to 2 DIGITS bits after the first of the largest: slow."""

    def __init__(self, k: int) -> None:
        self.total, self.unit = Moments.zero(k), 0.0

    def add(self, A: np.ndarray, weights: DoubleDouble) -> None:
        """Add rows A (n, k) with weights d (n,) >= 0."""
        top, none = ceiling(weights.high), np.zeros(len(A))
        coarse, unit = np.ldexp(top, -DIGITS), np.ldexp(top, -2 * DIGITS)
        first = np.maximum(np.floor(weights.high / coarse) - 1, 0) * coarse
        self.total += Moments.weighted(A, none, first)
        rest = (weights.high - first) + weights.low
        self.total += Moments.weighted(A, none, np.floor(rest / unit) * unit)
        self.unit = max(self.unit, float(unit))

    def result(self, relative: arb) -> Information:
        """The sum, for weights with this relative error."""
        integers = fmpz_mat([row[1:-1] for row in self.total.integers.tolist()[1:-1]])
        value = arb_mat(integers) * arb(fmpq(2) ** self.total.exponent)
        return Information(value, relative, arb(4 * self.unit) + arb(TINY))


def inner(A: arb_mat, B: arb_mat) -> arb:
    """trace(AB) of symmetric matrices."""
    return sum((a * b for a, b in zip(A.entries(), B.entries(), strict=True)), arb(0))


def ceiling(numbers: np.ndarray) -> float:
    """A power of two that exceeds all magnitudes, and is not so small that cutting would underflow."""
    return float(np.ldexp(1.0, max(int(np.frexp(np.abs(numbers).max())[1]), LEAST_EXPONENT)))


def _times(d: DoubleDouble, rows: np.ndarray, slices: int) -> tuple[np.ndarray, np.ndarray | None]:
    """DA (n, k); two slices do not need the second half."""
    if slices * BITS < DIGITS:
        return d.high[:, None] * rows, None
    both = DoubleDouble(d.high[:, None], d.low[:, None]).times(rows)
    return both.high, both.low


def _cut(slices: int, high: np.ndarray, low: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """The first slices of numbers up to 1: whole numbers, of which slice s is worth 2**(-BITS (s + 1)) each."""
    for _ in range(slices):
        high = high * 2.0**BITS
        part = np.rint(high)
        yield part
        high = high - part
        if low is not None:
            high, low = two_sum(high, low * 2.0**BITS)
