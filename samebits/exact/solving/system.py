"""A system C x = c of exact integers, C symmetric and positive semidefinite."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from flint import fmpz_mat

from samebits.exact import triangle
from samebits.exact.solving.factor import Factor


@dataclass(frozen=True)
class System:
    """C (k, k): its lower triangle, row by row, as Python's integers, and the product with a vector of integers."""

    triangle: np.ndarray
    times: Callable[[Sequence[int]], list[int]]

    @classmethod
    def of(cls, C: fmpz_mat) -> Self:
        """The system of a matrix."""
        return cls(triangle.lower(C), lambda v: product(C, v))

    @functools.cached_property
    def size(self) -> int:
        """The order of C."""
        return triangle.order(self.triangle)

    @functools.cached_property
    def diagonal(self) -> np.ndarray:
        """The diagonal of C."""
        return self.triangle[triangle.diagonal(self.size)]

    @functools.cached_property
    def scale(self) -> np.ndarray:
        """The k_i for which T, with T_ij = C_ij / 2**(k_i + k_j), has a diagonal from 1/4 to 1."""
        return np.array([(each.bit_length() + 1) // 2 for each in self.diagonal], dtype=int)

    @functools.cached_property
    def scaled(self) -> np.ndarray:
        """T, each entry rounded once."""
        rows, columns = np.tril_indices(self.size)
        return triangle.rounded(self.triangle, self.scale[rows] + self.scale[columns])

    @functools.cached_property
    def matrix(self) -> fmpz_mat:
        """C."""
        return triangle.matrix(self.triangle)

    @functools.cached_property
    def factor(self) -> Factor | None:
        """The factor that proves that C is definite; None if it is singular, or too nearly so."""
        return Factor.of(self)

    def penalised(self, diagonal: Sequence[int], factor: int) -> "System":
        """The system of factor C + diag(diagonal)."""
        C = self.triangle * factor
        C[triangle.diagonal(self.size)] += np.array(diagonal, dtype=object)

        def times(v: Sequence[int]) -> list[int]:
            return [factor * a + d * b for a, d, b in zip(self.times(v), diagonal, v, strict=True)]

        return System(C, times)


def part(C: fmpz_mat, rows: Sequence[int], columns: Sequence[int]) -> fmpz_mat:
    """C[rows, columns]."""
    entries = C.tolist()
    return fmpz_mat(len(rows), len(columns), [entries[i][j] for i in rows for j in columns])


def product(A: fmpz_mat, v: Sequence[int]) -> list[int]:
    """A v."""
    return [int(each) for each in (A * fmpz_mat(len(v), 1, v)).entries()]
