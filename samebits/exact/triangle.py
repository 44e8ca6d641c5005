"""Symmetric matrices of integers: their lower triangles, row by row, as arrays of Python's integers."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpz, fmpz_mat

LIMB = 16  # bits: 2**21 products of two limbs sum to at most 2**53, which BLAS gives exactly


def lower(matrix: fmpz_mat | np.ndarray) -> np.ndarray:
    """The lower triangle of a matrix."""
    if isinstance(matrix, np.ndarray):
        return matrix[np.tril_indices(len(matrix))]
    rows, columns = np.tril_indices(matrix.nrows())
    entries = matrix.entries()
    return np.array([int(entries[at]) for at in (rows * matrix.ncols() + columns).tolist()], dtype=object)


def order(triangle: np.ndarray) -> int:
    """The number of rows."""
    return math.isqrt(2 * len(triangle))


def full(triangle: np.ndarray) -> np.ndarray:
    """The whole matrix."""
    size = order(triangle)
    whole = np.empty((size, size), dtype=triangle.dtype)
    rows, columns = np.tril_indices(size)
    whole[rows, columns] = whole[columns, rows] = triangle
    return whole


def matrix(triangle: np.ndarray) -> fmpz_mat:
    """The whole matrix as flint's: to convert integers takes time, so each is converted once."""
    each = np.empty(len(triangle), dtype=object)
    each[:] = [fmpz(entry) for entry in triangle.tolist()]
    return fmpz_mat(full(each).tolist())


def diagonal(size: int) -> np.ndarray:
    """Where in a triangle the diagonal is."""
    return np.cumsum(np.arange(1, size + 1)) - 1


def rounded(triangle: np.ndarray, exponents: np.ndarray | int) -> np.ndarray:
    """The whole matrix of the quotients triangle / 2**exponents, of magnitude 1 or less, each rounded once.

    Those below 2**-1022 are off by less than 2**-1074.
    """
    try:
        quotients = np.ldexp(triangle.astype(np.float64), -np.asarray(exponents))
    except OverflowError:  # integers beyond the range of float64
        each = np.broadcast_to(exponents, triangle.shape).tolist()
        quotients = np.array([a / (1 << b) for a, b in zip(triangle.tolist(), each, strict=True)])
    return full(quotients)


@dataclass(frozen=True)
class Products:
    """Multiplies the whole matrix of a triangle by vectors of integers, exactly, through BLAS."""

    triangle: np.ndarray

    def __call__(self, v: Sequence[int]) -> list[int]:
        """The product with v."""
        factors = _limbs(v).T
        sums = np.zeros((self._count + factors.shape[1], len(v)), dtype=np.int64)
        for k, limb in self._limbs:
            sums[k : k + factors.shape[1]] += (limb @ factors).T.astype(np.int64)
        total = np.zeros(len(v), dtype=object)
        for each in sums[::-1]:
            total = (total << LIMB) + each.astype(object)
        return total.tolist()

    @functools.cached_property
    def _count(self) -> int:
        return _limb_count(self.triangle.tolist())

    @functools.cached_property
    def _limbs(self) -> list[tuple[int, np.ndarray]]:
        """The limbs of the matrix that are not 0, each with its number, 0 the lowest."""
        return [(k, full(each)) for k, each in enumerate(_limbs(self.triangle.tolist())) if each.any()]


def _limb_count(integers: Sequence[int]) -> int:
    return max(map(int.bit_length, integers), default=0) // LIMB + 1


def _limbs(integers: Sequence[int]) -> np.ndarray:
    """Integers as sums of limbs, from 0 to below 2**LIMB, the last one with its sign: (limbs, n), the lowest first."""
    count = _limb_count(integers)
    raw = b"".join([each.to_bytes(LIMB // 8 * count, "little", signed=True) for each in integers])
    limbs = np.frombuffer(raw, "<u2").reshape(-1, count).T.astype(np.float64)
    limbs[-1] -= 2.0**LIMB * (limbs[-1] >= 2.0 ** (LIMB - 1))
    return limbs
