"""A system C x = c of exact integers, C symmetric and positive semidefinite."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from flint import fmpz_mat


@dataclass(frozen=True)
class System:
    """C (k, k): its lower triangle, row by row, as Python's integers, and the product with a vector of integers."""

    triangle: np.ndarray
    times: Callable[[Sequence[int]], list[int]]

    @classmethod
    def of(cls, C: fmpz_mat) -> Self:
        """The system of a matrix."""
        return cls(lower_triangle(C), lambda v: product(C, v))

    @functools.cached_property
    def size(self) -> int:
        """The order of C."""
        return math.isqrt(2 * len(self.triangle))

    @functools.cached_property
    def diagonal(self) -> np.ndarray:
        """The diagonal of C."""
        return self.triangle[_diagonal(self.size)]

    @functools.cached_property
    def scale(self) -> np.ndarray:
        """The k_i for which T, with T_ij = C_ij / 2**(k_i + k_j), has a diagonal from 1/4 to 1."""
        return np.array([(each.bit_length() + 1) // 2 for each in self.diagonal], dtype=object)

    @functools.cached_property
    def scaled(self) -> np.ndarray:
        """T, each entry rounded once."""
        rows, columns = np.tril_indices(self.size)
        return rounded(self.triangle, self.scale[rows] + self.scale[columns])

    @functools.cached_property
    def matrix(self) -> fmpz_mat:
        """C."""
        return fmpz_mat(_full(self.triangle, self.size).tolist())

    def penalised(self, diagonal: Sequence[int], factor: int) -> "System":
        """The system of factor C + diag(diagonal)."""
        triangle = self.triangle * factor
        triangle[_diagonal(self.size)] += np.array(diagonal, dtype=object)

        def times(v: Sequence[int]) -> list[int]:
            return [factor * a + d * b for a, d, b in zip(self.times(v), diagonal, v, strict=True)]

        return System(triangle, times)


def lower_triangle(C: fmpz_mat) -> np.ndarray:
    """The lower triangle of C, row by row, as Python's integers."""
    rows, columns = np.tril_indices(C.nrows())
    entries = np.array(C.entries(), dtype=object)[rows * C.ncols() + columns]
    return np.array([int(each) for each in entries], dtype=object)


def product(A: fmpz_mat, v: Sequence[int]) -> list[int]:
    """A v."""
    return [int(each) for each in (A * fmpz_mat(len(v), 1, v)).entries()]


def rounded(triangle: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """The symmetric matrix of the quotients triangle / 2**exponents, each the float64 nearest to it."""
    quotients = [each / (1 << exponent) for each, exponent in zip(triangle, exponents, strict=True)]
    return _full(np.array(quotients), math.isqrt(2 * len(triangle)))


def _full(triangle: np.ndarray, size: int) -> np.ndarray:
    full = np.empty((size, size), dtype=triangle.dtype)
    rows, columns = np.tril_indices(size)
    full[rows, columns] = full[columns, rows] = triangle
    return full


def _diagonal(size: int) -> np.ndarray:
    """Where in a triangle the diagonal is."""
    return np.cumsum(np.arange(1, size + 1)) - 1
