"""Symmetric matrices of integers: their lower triangles, row by row, as arrays of Python's integers."""

import math

import numpy as np
from flint import fmpz, fmpz_mat


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
