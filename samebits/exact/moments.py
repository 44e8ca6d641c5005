"""Exact second moments of a table: all that least squares, R2, RMSE and the loss of a quantization depend on.

float64 numbers are integers times powers of two, so M = A'A with A = [1, X, y] is a matrix of integers times one power
of two.
"""

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import joblib
import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat

from samebits.exact import slices, triangle
from samebits.model.prediction import refuse_flushed_subnormals

FEW_ROWS = 32  # by the definition they take less time than a grid


@dataclass(frozen=True, eq=False)
class Moments:
    """The exact second moments A'A of rows A = [1, X, y], as integers times 2**exponent.

    triangle: the lower triangle of the integers, (p + 2, p + 2), not all even, so that equal moments are equal objects.
    Moments add: those of two sets of rows together are the sum of theirs, whatever the order.
    """

    exponent: int
    triangle: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray, threads: int | None = None) -> Self:
        """The moments of float64 rows, X (n, p), dense or sparse, and y (n,).

        Raises ValueError where a value is not finite.

        threads: on how many cores to compute, on all if None. The moments do not depend on it.
        """
        refuse_flushed_subnormals()
        if not isinstance(X, np.ndarray):
            from samebits.exact import sparse  # scipy takes long to import, and only sparse rows need it

            return cls.sum([sparse.products(X, y)])
        parts = []
        while len(y) > FEW_ROWS:
            grid = slices.Grid.of(X, y)
            integers, exponent, left_out = slices.products(X, y, grid, threads or _cores())
            parts.append((integers, exponent))
            hopeless = 2 * len(left_out) > len(y)
            X, y = X[left_out], y[left_out]  # few rows, which have a grid of their own
            if hopeless:
                break
        if len(y) or not parts:
            parts.append(slices.products_by_definition(X, y))
        return cls.sum(parts)

    @classmethod
    def weighted(cls, X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> Self:
        """The moments A'WA of rows with weights (n,) >= 0, bit by bit: 2**k for each row with that bit in its weight.

        Raises ValueError where a value is not finite.
        """
        mantissa, exponent = np.frexp(weights)
        digits, unit = np.ldexp(mantissa, 53).astype(np.int64), exponent - 53
        total = cls.zero(X.shape[1])
        for k in range(unit[weights > 0].min(initial=0), exponent.max(initial=0)):
            digit = k - unit
            rows = (digit >= 0) & (digit < 53) & (digits >> np.clip(digit, 0, 53) & 1 == 1)
            if rows.any():
                ones = cls.of(X[rows], y[rows])
                total += cls(ones.exponent + k, ones.triangle)
        return total

    @classmethod
    def zero(cls, features: int) -> Self:
        """The moments of no rows."""
        return cls(0, np.zeros((features + 2) * (features + 3) // 2, dtype=object))

    @classmethod
    def sum(cls, parts: Sequence[tuple[np.ndarray, int]]) -> Self:
        """The sum of triangles of integers times powers of two, in canonical form."""
        low = min(exponent for _, exponent in parts)
        total = functools.reduce(operator.add, (_shifted(integers, exponent - low) for integers, exponent in parts))
        bits = int(np.bitwise_or.reduce(total))
        return cls(low + _twos(bits) if bits else 0, _shifted(total, -_twos(bits)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Moments):
            return NotImplemented
        return self.exponent == other.exponent and np.array_equal(self.triangle, other.triangle)

    def __getstate__(self) -> dict[str, Any]:
        integers = [[hex(each) for each in row] for row in triangle.full(self.triangle).tolist()]
        return {"exponent": self.exponent, "integers": integers}

    def __setstate__(self, state: dict[str, Any]) -> None:
        object.__setattr__(self, "exponent", state["exponent"])
        integers = [[int(each, 16) for each in row] for row in state["integers"]]
        object.__setattr__(self, "triangle", triangle.lower(np.array(integers, dtype=object)))

    def __add__(self, other: "Moments") -> Self:
        return self.sum([(self.triangle, self.exponent), (other.triangle, other.exponent)])

    def __sub__(self, other: "Moments") -> Self:
        """The moments of the rows that remain without the others, which must be among them."""
        return self.sum([(self.triangle, self.exponent), (-other.triangle, other.exponent)])

    @functools.cached_property
    def columns(self) -> int:
        """The number of columns of [1, X, y], p + 2."""
        return triangle.order(self.triangle)

    @functools.cached_property
    def integers(self) -> fmpz_mat:
        """The integers as a matrix, (p + 2, p + 2). For many columns this takes longer than the sums."""
        return triangle.matrix(self.triangle)

    def entry(self, i: int, j: int) -> int:
        """The integer in row i and column j <= i."""
        return int(self.triangle[i * (i + 1) // 2 + j])

    def of_columns(self, columns: Sequence[int]) -> Self:
        """The moments of some columns of [1, X, y], the first and the last among them, in ascending order."""
        i, j = (np.array(columns)[at] for at in np.tril_indices(len(columns)))
        return self.sum([(self.triangle[i * (i + 1) // 2 + j], self.exponent)])

    @property
    def weight(self) -> fmpq:
        """The sum of the weights of the rows; without weights, their number."""
        return self.entry(0, 0) * fmpq(2) ** self.exponent

    @property
    def rows(self) -> int:
        """n, the number of rows."""
        return int(self.weight.p)

    def means(self) -> fmpq_mat:
        """The exact means of [X, y], (1, p + 1)."""
        N = self.integers
        return fmpq_mat([[fmpq(N[0, j], N[0, 0]) for j in range(1, N.ncols())]])

    def centred(self) -> fmpq_mat:
        """The exact second moments of [X, y] about their means, (p + 1, p + 1)."""
        N, unit = self.integers, fmpq(2) ** self.exponent
        indices = range(1, N.ncols())
        return fmpq_mat([[unit * (N[i, j] - fmpq(N[0, i] * N[0, j], N[0, 0])) for j in indices] for i in indices])

    def centred_squares(self) -> list[fmpq]:
        """The exact sums of squares of the columns of X about their means, p of them."""
        N, unit = self.entry, fmpq(2) ** self.exponent
        return [unit * (N(j, j) - fmpq(N(j, 0) ** 2, N(0, 0))) for j in range(1, self.columns - 1)]

    def variances(self) -> list[fmpq]:
        """The exact variances of the columns of X, p of them: mean squares about the mean."""
        N, square = self.entry, self.entry(0, 0) ** 2
        return [fmpq(N(j, j) * N(0, 0) - N(j, 0) ** 2, square) for j in range(1, self.columns - 1)]

    def total_sum_of_squares(self) -> fmpq:
        """The exact second moment of y about its mean."""
        N, last = self.entry, self.columns - 1
        return fmpq(2) ** self.exponent * (N(last, last) - fmpq(N(last, 0) ** 2, N(0, 0)))

    def sum_of_squares(self, v: Sequence[fmpq]) -> fmpq:
        """v'Mv, the exact sum of the squares of Av; v (p + 2,): rationals whose denominators are powers of two."""
        unit = max(each.q for each in v)
        row = fmpz_mat([[(each * unit).p for each in v]])
        return (row * self.integers * row.transpose())[0, 0] * fmpq(2) ** self.exponent / (unit * unit)

    def to_plain(self) -> dict[str, Any]:
        """Plain containers, for a file."""
        return {
            "exponent": self.exponent,
            "integers": triangle.full(self.triangle).tolist(),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """The moments that `to_plain` gave."""
        return cls(plain["exponent"], triangle.lower(np.array(plain["integers"], dtype=object)))


def _twos(number: int) -> int:
    """How often 2 divides a number; 0 for 0."""
    return (number & -number).bit_length() - 1 if number else 0


def _shifted(integers: np.ndarray, bits: int) -> np.ndarray:
    """Integers times 2**bits, which are integers."""
    return integers << bits if bits > 0 else integers >> -bits if bits else integers


@functools.cache
def _cores() -> int:
    return int(joblib.cpu_count())  # those that affinity and cgroups leave
