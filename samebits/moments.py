"""Exact second moments of a table: all that least squares, R2, RMSE and the loss of a quantization depend on.

float64 numbers are integers times powers of two, so M = A'A with A = [1, X, y] is a matrix of integers times one power
of two. Each column is cut into slices of a few bits; the product of two slices sums to an integer below 2**53, which
BLAS gives exactly in whatever order, kernel and number of threads it computes (the error-free splitting of Ozaki,
Ogita, Oishi and Rump, Numerical Algorithms 59, 2012, doi:10.1007/s11075-011-9478-1).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from flint import fmpq, fmpq_mat, fmpz, fmpz_mat

BLOCK_ROWS = 4096
SLICE_BITS = (53 - 12) // 2  # the products of two slices over 2**12 rows then sum to at most 2**52
MAX_SLICES = 12  # a block whose columns span more bits than that takes the slow road
FLUSH_BLOCKS = 256  # so many sums, added along the diagonals of pairs of slices, stay below 2**63


@dataclass(frozen=True)
class Moments:
    """The exact second moments A'A of rows A = [1, X, y], as `integers * 2**exponent`.

    integers: (p + 2, p + 2), symmetric, not all even, so that equal moments are equal objects. Moments add: those of
    two sets of rows together are the sum of theirs, whatever the order.
    """

    exponent: int
    integers: fmpz_mat

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray) -> Self:
        """The moments of float64 rows, X (n, p) and y (n,). Raises ValueError where a value is not finite."""
        peak = np.abs(np.column_stack([X.max(axis=0, initial=0), X.min(axis=0, initial=0)])).max(axis=1)
        peak = np.concatenate([[1.0], peak, [np.abs(y).max(initial=0)]])
        if not np.isfinite(peak).all():
            raise ValueError("moments need finite values")
        scale = np.frexp(peak)[1].astype(np.int64)  # 2**-scale brings each column into [-1, 1]
        size = MAX_SLICES * len(scale)
        sums, pending = np.zeros((size, size), np.int64), 0
        total = cls.zero(X.shape[1])
        for block in _blocks(X, y):
            try:
                slices, places = _slices(block, scale)
            except OverflowError:
                total += cls._canonical(*_products_of_integers(block))
                continue
            sums[np.ix_(places, places)] += (slices @ slices.T).astype(np.int64)
            pending += 1
            if pending == FLUSH_BLOCKS:
                total += cls._canonical(*_sum_of_products(sums, scale))
                sums, pending = np.zeros_like(sums), 0
        return total + cls._canonical(*_sum_of_products(sums, scale))

    @classmethod
    def zero(cls, features: int) -> Self:
        """The moments of no rows."""
        return cls(0, fmpz_mat(features + 2, features + 2))

    @classmethod
    def _canonical(cls, integers: fmpz_mat, exponent: int) -> Self:
        bits = 0
        for entry in integers.entries():
            bits |= int(entry)
        if not bits:
            return cls(0, integers)
        twos = (bits & -bits).bit_length() - 1
        return cls(exponent + twos, fmpz_mat([[entry >> twos for entry in row] for row in integers.tolist()]))

    def __add__(self, other: "Moments") -> Self:
        low = min(self.exponent, other.exponent)
        both = [moments.integers * fmpz(2) ** (moments.exponent - low) for moments in (self, other)]
        return self._canonical(both[0] + both[1], low)

    @property
    def rows(self) -> int:
        """n, the number of rows."""
        return int((self.integers[0, 0] * fmpq(2) ** self.exponent).p)

    def means(self) -> fmpq_mat:
        """The exact means of [X, y], (1, p + 1)."""
        N = self.integers
        return fmpq_mat([[fmpq(N[0, j], N[0, 0]) for j in range(1, N.ncols())]])

    def centred(self) -> fmpq_mat:
        """The exact second moments of [X, y] about their means, (p + 1, p + 1)."""
        N, unit = self.integers, fmpq(2) ** self.exponent
        indices = range(1, N.ncols())
        return fmpq_mat([[unit * (N[i, j] - fmpq(N[0, i] * N[0, j], N[0, 0])) for j in indices] for i in indices])

    def total_sum_of_squares(self) -> fmpq:
        """The exact second moment of y about its mean."""
        N = self.integers
        last = N.ncols() - 1
        return fmpq(2) ** self.exponent * (N[last, last] - fmpq(N[0, last] ** 2, N[0, 0]))

    def to_plain(self) -> dict[str, Any]:
        """Plain containers, for a file."""
        return {
            "exponent": self.exponent,
            "integers": [[int(entry) for entry in row] for row in self.integers.tolist()],
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """The moments that `to_plain` gave."""
        return cls(plain["exponent"], fmpz_mat(plain["integers"]))


def _blocks(X: np.ndarray, y: np.ndarray) -> Iterator[np.ndarray]:
    """The columns of A = [1, X, y] as the rows of (p + 2, BLOCK_ROWS) arrays."""
    for start in range(0, len(y), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        block = np.ones((X.shape[1] + 2, len(y[rows])))
        block[1:-1], block[-1] = X[rows].T, y[rows]
        yield block


def _slices(block: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut each column into slices: small integers times 2**(scale - SLICE_BITS * (k + 1)) for slice k.

    Returns the slices, (m, rows) with only those that are needed, and the place k * columns + column of each. Raises
    OverflowError where a column spans too many powers of two.
    """
    columns = np.arange(len(block))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        rest = block * np.ldexp(1.0, -scale)[:, None]
        if not np.array_equal(rest * np.ldexp(1.0, scale)[:, None], block):
            raise OverflowError("a column leaves the exponent range of float64 when scaled")
    slices, places = [], []
    for k in range(MAX_SLICES):
        rest *= 2.0**SLICE_BITS
        slices.append(np.rint(rest))
        places.append(k * len(block) + columns)
        rest -= slices[-1]
        unfinished = rest.any(axis=1)
        if not unfinished.any():
            return np.concatenate(slices), np.concatenate(places)
        rest, columns = rest[unfinished], columns[unfinished]
    raise OverflowError("a column spans too many bits")


def _sum_of_products(sums: np.ndarray, scale: np.ndarray) -> tuple[fmpz_mat, int]:
    """The moments from the sums of products of slices, (places, places), as integers and exponent."""
    columns = len(scale)
    pairs = sums.reshape(MAX_SLICES, columns, MAX_SLICES, columns)
    total = np.zeros((columns, columns), dtype=object)
    for diagonal in range(2 * MAX_SLICES - 1):  # pairs of slices k + l of equal weight
        k = np.arange(max(0, diagonal - MAX_SLICES + 1), min(diagonal + 1, MAX_SLICES))
        total = total * 2**SLICE_BITS + pairs[k, :, diagonal - k, :].sum(axis=0).astype(object)
    above = (scale - scale.min()).astype(object)
    total = total * 2 ** (above[:, None] + above)
    return fmpz_mat(total.tolist()), 2 * int(scale.min()) - 2 * MAX_SLICES * SLICE_BITS


def _products_of_integers(block: np.ndarray) -> tuple[fmpz_mat, int]:
    """The moments of one block by the definition, for columns of any exponents: slow, but never wrong."""
    mantissa, exponent = np.frexp(block)
    low = int(exponent[block != 0].min(initial=0))
    shift = np.maximum(exponent - low, 0).astype(object)
    integers = np.ldexp(mantissa, 53).astype(np.int64).astype(object) * 2**shift
    return fmpz_mat((integers @ integers.T).tolist()), 2 * (low - 53)
