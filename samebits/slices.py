"""Sums of products of float64 columns without any rounding, at the speed of BLAS.

Each column is cut into slices: integers of a few bits, times powers of two. The product of two slices sums over a few
hundred rows to an integer of at most 2**53, which BLAS gives exactly in whatever order, kernel and number of threads
it computes (the error-free splitting of Ozaki, Ogita, Oishi and Rump, Numerical Algorithms 59, 2012,
doi:10.1007/s11075-011-9478-1).
"""

import functools
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np
from flint import fmpz_mat
from threadpoolctl import ThreadpoolController

BITS = 23  # of a slice with its sign: an integer from -LIMIT to LIMIT
LIMIT = 2.0 ** (BITS - 1)
TERMS = 512  # so many products of two slices sum to at most 2**53
MAX_SLICES = 7  # of a column
FLUSH_BLOCKS = 256  # the sums of so many blocks of TERMS rows stay far below 2**63
SAMPLE_ROWS = 512
BUFFER = 2**18  # numbers: the slices of a chunk of rows stay in the cache of a core
SMALL = 2**20  # numbers: so many slices are summed before a second thread has started


@dataclass(frozen=True)
class Grid:
    """Where to cut: column j into slices[j] slices of BITS bits each, the first one with the unit 2**scale[j] / LIMIT.

    A row fits if each of its values is at most 2**scale[j] in magnitude and a multiple of the unit of the last slice.
    """

    scale: np.ndarray
    slices: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray) -> Self:
        """A grid that a sample of the rows fits, if it fits any. Raises ValueError where a value is not finite."""
        step = -(-len(y) // SAMPLE_ROWS)
        rest = np.vstack([X[::step].T, y[::step]])
        peak = np.abs(rest).max(axis=1)
        if not np.isfinite(peak).all():
            raise ValueError("moments need finite values, no NaN and no inf")
        scale = np.maximum(np.frexp(peak)[1] + 1, -1000)  # a factor of 2 for what the sample does not show
        slices = np.zeros(len(rest), int)
        rest *= np.ldexp(LIMIT, -scale)[:, None]
        for _ in range(MAX_SLICES):
            slices += rest.any(axis=1)
            rest -= np.rint(rest)
            rest *= 2.0**BITS
        return cls(scale, slices)

    @property
    def order(self) -> np.ndarray:
        """The columns, those with the most slices first: in each slice those that have it come first."""
        return np.argsort(-self.slices, kind="stable")

    @property
    def columns(self) -> list[np.ndarray]:
        """Slice by slice, the columns that have it."""
        return [self.order[: np.count_nonzero(self.slices > k)] for k in range(self.slices.max(initial=0))]


def products(X: np.ndarray, y: np.ndarray, grid: Grid, threads: int) -> tuple[fmpz_mat, int, np.ndarray]:
    """A'A with A = [1, X, y] over the rows that fit, as integers and exponent, and the indices of the other rows."""
    if len(y) * grid.slices.sum() < SMALL:
        threads = 1
    bounds = np.linspace(0, len(y), threads + 1).astype(int).tolist()
    with _blas().limit(limits=1, user_api="blas"):  # its threads and ours would only wait for each other
        if threads == 1:
            parts = [_sums(X, y, grid, 0, len(y))]
        else:
            with ThreadPoolExecutor(threads) as pool:
                jobs = [pool.submit(_sums, X, y, grid, *each) for each in itertools.pairwise(bounds)]
                parts = [job.result() for job in jobs]
    sums = np.sum([each for each, _ in parts], axis=0)
    return *_put_together(sums, grid), np.concatenate([unfit for _, unfit in parts])


def products_by_definition(X: np.ndarray, y: np.ndarray) -> tuple[fmpz_mat, int]:
    """A'A with A = [1, X, y] as integers and exponent: slow, but for values of any exponents.

    Raises ValueError where a value is not finite.
    """
    rows = np.column_stack([np.ones(len(y)), X, y])
    if not np.isfinite(rows).all():
        raise ValueError("moments need finite values, no NaN and no inf")
    mantissa, exponent = np.frexp(rows)
    low = int(exponent[rows != 0].min(initial=0))
    shift = np.maximum(exponent - low, 0).astype(object)
    entries = np.ldexp(mantissa, 53).astype(np.int64).astype(object) << shift
    integers = fmpz_mat(len(rows), rows.shape[1], entries.ravel().tolist())
    return integers.transpose() * integers, 2 * (low - 53)


def _sums(X: np.ndarray, y: np.ndarray, grid: Grid, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """The sums of products of slices over the rows that fit, and the indices of the others.

    The sums are low + 2**32 high: int64, (2, slices, slices).
    """
    size = 1 + int(grid.slices.sum())
    width = TERMS * max(1, min(BUFFER // size, stop - start + TERMS - 1) // TERMS)
    buffer, scaled = np.empty((size, width)), np.empty((len(grid.slices), width))
    low, high = sums = np.zeros((2, size, size), np.int64)
    # numpy lets syrk multiply a matrix by its own transpose, gemm any others. Of few columns OpenBLAS's gemm is much
    # faster: leave out the first row, of ones, on one side; its products stand in the first column too.
    first = 1 if size < 64 else 0
    products = np.empty((width // TERMS, size, size - first))
    pending, left_out = 0, [np.empty(0, int)]
    for chunk in range(start, stop, width):
        rows = slice(chunk, min(chunk + width, stop))
        padded = -(-(rows.stop - chunk) // TERMS) * TERMS
        Z = buffer[:, :padded]
        left_out.append(chunk + _cut(X[rows], y[rows], grid, scaled[:, :padded], Z))
        blocks = Z.reshape(size, -1, TERMS).transpose(1, 0, 2)
        np.matmul(blocks, blocks[:, first:].transpose(0, 2, 1), out=products[: len(blocks)])
        low[:, first:] += products[: len(blocks)].sum(axis=0, dtype=np.int64)
        pending += len(blocks)
        if pending > FLUSH_BLOCKS or rows.stop == stop:
            high += low >> 32
            low &= 2**32 - 1
            pending = 0
    unfit = np.concatenate(left_out)
    if first:
        sums[:, :, 0] = sums[:, 0]
        low[0, 0] = stop - start - len(unfit)
    return sums, unfit


def _cut(X: np.ndarray, y: np.ndarray, grid: Grid, scaled: np.ndarray, Z: np.ndarray) -> np.ndarray:
    """Fill Z with the row of ones and the slices of [X, y]; give the indices of the rows that do not fit: zeros in Z.

    scaled: (columns, rows of Z), to work in.
    """
    n = len(y)
    factor = np.ldexp(LIMIT, -grid.scale)[:, None]
    Z[0, :n], Z[0, n:], scaled[:, n:] = 1, 0, 0
    top = Z[1 : 1 + np.count_nonzero(grid.slices)]
    with np.errstate(over="ignore", invalid="ignore", under="raise"):
        try:
            np.multiply(X.T, factor[:-1], out=scaled[:-1, :n])
            np.multiply(y, factor[-1], out=scaled[-1, :n])
        except FloatingPointError:  # a value so small beside its column that it loses bits
            Z[:] = 0
            return np.arange(n)
        order = grid.order
        rest = scaled if (order[1:] > order[:-1]).all() else scaled[order]
        used = 1
        for k, columns in enumerate(grid.columns):
            part, slices = rest[: len(columns)], Z[used : used + len(columns)]
            if k:
                part *= 2.0**BITS
            np.rint(part, out=slices)
            part -= slices
            used += len(columns)
    if not rest.any() and top.max(initial=0) <= LIMIT and top.min(initial=0) >= -LIMIT:
        return np.empty(0, int)
    unfit = rest.any(axis=0) | (np.abs(top) > LIMIT).any(axis=0)
    Z[:, unfit] = 0
    return np.flatnonzero(unfit)


def _put_together(sums: np.ndarray, grid: Grid) -> tuple[fmpz_mat, int]:
    """A'A, as integers and exponent, from the sums of products of slices."""
    levels, columns = max(1, len(grid.columns)), 1 + len(grid.slices)
    place = np.concatenate([[0], *(k * columns + 1 + those for k, those in enumerate(grid.columns))])
    pairs = np.zeros((2, levels * columns, levels * columns), np.int64)
    pairs[:, place[:, None], place] = sums
    pairs = pairs.reshape(2, levels, columns, levels, columns)
    upper, total = np.triu_indices(columns), np.zeros(columns * (columns + 1) // 2, dtype=object)
    for diagonal in range(2 * levels - 1):  # pairs of slices of equal weight
        k = np.arange(max(0, diagonal - levels + 1), min(diagonal + 1, levels))
        low, high = pairs[:, k, :, diagonal - k, :].sum(axis=0)[:, *upper].astype(object)
        total = (total << BITS) + (high << 32) + low
    scale = np.concatenate([[BITS - 1], grid.scale])  # the unit of the ones is 1
    above = scale - scale.min()
    total <<= (above[:, None] + above)[upper].astype(object)
    integers = np.empty((columns, columns), dtype=object)
    integers[upper] = integers.T[upper] = total
    return fmpz_mat(columns, columns, integers.ravel().tolist()), 2 * (int(scale.min()) + 1 - BITS * levels)


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
