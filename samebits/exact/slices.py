"""Sums of products of float64 columns without any rounding, at the speed of BLAS.

Each column is cut into slices: integers of a few bits, times powers of two. The product of two slices sums over a few
hundred rows to an integer of at most 2**53, which BLAS gives exactly in whatever order, kernel and number of threads
it computes (the error-free splitting of Ozaki, Ogita, Oishi and Rump, Numerical Algorithms 59, 2012,
doi:10.1007/s11075-011-9478-1).
"""

import functools
import operator
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from flint import fmpz_mat
from threadpoolctl import ThreadpoolController

from samebits.exact import compiled, triangle

BITS = 23  # of a slice with its sign: an integer from -LIMIT to LIMIT
LIMIT = 2.0 ** (BITS - 1)
TERMS = 512  # so many products of two slices sum to at most 2**53
MAX_SLICES = 7  # of a column
FLUSH_BLOCKS = 256  # the sums of so many blocks of TERMS rows, and of one chunk more, stay below 2**63
SAMPLE_ROWS = 512
BUFFER = 2**17  # numbers: the slices of a chunk of rows stay in the cache of a core
LONGER = 4  # chunks of several threads: these wait for Python's lock at each call of numpy
SMALL = 2**21  # numbers: so many slices are summed before a second thread has started
LONG = 2**31  # products of columns: planes.c is not called for many more, as no interrupt ends a call
LEAST_ROWS = 2**10  # of a call: the sums of fewer take less time than what is done with them
SHORT = 2**20  # products of columns: so many are summed by planes.c before a second thread has started

Chunk = TypeVar("Chunk")
Part = TypeVar("Part")


@dataclass(frozen=True)
class Grid:
    """Where to cut: column j into slices[j] slices of BITS bits each, the first one with the unit 2**scale[j] / LIMIT.

    A row fits if each of its values, rounded to the unit of the first slice, is at most 2**scale[j] in magnitude, and
    itself a multiple of the unit of the last slice.
    """

    scale: np.ndarray
    slices: np.ndarray
    share: float = 1.0  # of the sampled rows that fit `compiled.SLICES` slices

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray) -> Self:
        """A grid that a sample of the rows fits, if it fits any. Raises ValueError where a value is not finite."""
        step = -(-len(y) // SAMPLE_ROWS)
        rest = np.vstack([X[::step].T, y[::step]]).astype(np.float64, copy=False)
        peak = np.abs(rest).max(axis=1)
        if not np.isfinite(peak).all():
            raise ValueError("moments need finite values, no NaN and no inf")
        scale = np.maximum(np.frexp(peak)[1] + 1, -1000)  # a factor of 2 for what the sample does not show
        slices, share = np.zeros(len(rest), int), 1.0
        rest *= np.ldexp(LIMIT, -scale)[:, None]
        while rest.any() and slices.max() < MAX_SLICES:
            if slices.max() == compiled.SLICES:
                share = 1 - rest.any(axis=0).mean()
            slices += rest.any(axis=1)
            rest -= np.rint(rest)
            rest *= 2.0**BITS
        return cls(scale, slices, share)

    @functools.cached_property
    def order(self) -> np.ndarray:
        """The columns, those with the most slices first: in each slice those that have it come first."""
        return np.argsort(-self.slices, kind="stable")

    @functools.cached_property
    def factors(self) -> np.ndarray:
        """Powers of two: a value times that of its column has the unit of the first slice."""
        return np.ldexp(LIMIT, -self.scale)

    @functools.cached_property
    def columns(self) -> list[np.ndarray]:
        """Slice by slice, the columns that have it."""
        return [self.order[: np.count_nonzero(self.slices > k)] for k in range(self.slices.max(initial=0))]


def products(X: np.ndarray, y: np.ndarray, grid: Grid, threads: int) -> tuple[np.ndarray, int, np.ndarray]:
    """A'A with A = [1, X, y] over the rows that fit, as integers and exponent, and the indices of the other rows.

    The integers are the lower triangle. They are those of Python: arrays of them add faster than they become flint's.
    """
    if compiled.library() and grid.share > 1 / 2:
        sums, order, left_out = _in_planes(X, y, grid, threads)
    else:
        sums, order, left_out = _through_blas(X, y, grid, threads)
    return *_put_together(sums, np.array(order), grid), left_out


def products_by_definition(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
    """A'A with A = [1, X, y] as in `products`: slow, but for values of any exponents.

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
    return triangle.lower(integers.transpose() * integers), 2 * (low - 53)


def _in_planes(
    X: np.ndarray, y: np.ndarray, grid: Grid, threads: int
) -> tuple[list[np.ndarray], list[int], np.ndarray]:
    """As `_through_blas`, by the compiled library."""
    columns = [each if each.dtype in compiled.TYPES else each.astype(np.float64) for each in (*X.T, y)]
    columns.append(np.broadcast_to(1.0, len(y)))
    factors = [*grid.factors.tolist(), 1.0]
    order = [*grid.order.tolist(), -1]
    slices = np.append(grid.slices.clip(max=compiled.SLICES), 1)[order]
    planes = compiled.Planes([columns[j] for j in order], [factors[j] for j in order], slices)
    if len(y) * planes.count**2 <= SHORT:
        threads = 1
    most = min(compiled.MOST_ROWS, max(LEAST_ROWS, LONG // planes.count**2), -(-len(y) // (2 * threads)))
    rows = max(1, most // compiled.ROWS) * compiled.ROWS
    chunks = [(start, min(start + rows, len(y))) for start in range(0, len(y), rows)]
    parts = _in_threads(planes.sums, chunks, threads)
    sums = planes.by_weight(functools.reduce(operator.add, (each for each, _ in parts)))
    return sums, order, np.concatenate([unfit for _, unfit in parts])


def _through_blas(
    X: np.ndarray, y: np.ndarray, grid: Grid, threads: int
) -> tuple[list[np.ndarray], list[int], np.ndarray]:
    """The sums over pairs of slices, by weight; the order of their columns, -1 the ones; and what rows do not fit.

    Each of the sums is low + 2**32 high: int64, (2, k), the upper triangle of a matrix, row by row.
    """
    size = 1 + int(grid.slices.sum())
    buffer = BUFFER
    if threads > 1 and len(y) * size > SMALL:
        buffer *= LONGER
    else:
        threads = 1
    width = TERMS * max(1, min(buffer // size, len(y) // threads + TERMS - 1) // TERMS)
    with blas().limit(limits=1, user_api="blas"):  # its threads and ours would only wait for each other
        parts = _in_threads(lambda starts: _sums(X, y, grid, width, starts), range(0, len(y), width), threads)
    weighed = _by_weight(functools.reduce(operator.add, (each for each, _ in parts)), grid)
    upper = np.triu_indices(weighed[0].shape[1])
    left_out = np.concatenate([unfit for _, unfit in parts])
    return [each[:, *upper] for each in weighed], [-1, *grid.order.tolist()], left_out


def _sums(X: np.ndarray, y: np.ndarray, grid: Grid, width: int, starts: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """The sums of products of slices over the rows that fit, and the indices of the others, of chunks of `width` rows.

    The sums are low + 2**32 high: int64, (2, slices, slices). A chunk is known by its first row.
    """
    size = 1 + int(grid.slices.sum())
    buffer, scaled = np.empty((size, width)), np.empty((len(grid.slices), width))
    low, high = sums = np.zeros((2, size, size), np.int64)
    # numpy lets syrk multiply a matrix by its own transpose, gemm any others. Of few columns OpenBLAS's gemm is much
    # faster: leave out the first row, of ones, on one side; its products stand in the first column too.
    first = 1 if size < 64 else 0
    products = np.empty((width // TERMS, size, size - first))
    pending, left_out, rows = 0, [np.empty(0, int)], 0
    for start in starts:
        some = slice(start, start + width)
        n = len(y[some])
        Z, rest = (each[:, : -(-n // TERMS) * TERMS] for each in (buffer, scaled))
        unfit = _cut(X[some], y[some], grid, rest, Z)
        left_out.append(start + unfit)
        rows += n - len(unfit)
        blocks = Z.reshape(size, -1, TERMS).transpose(1, 0, 2)
        np.matmul(blocks, blocks[:, first:].transpose(0, 2, 1), out=products[: len(blocks)])
        low[:, first:] += products[: len(blocks)].sum(axis=0, dtype=np.int64)
        pending += len(blocks)
        if pending > FLUSH_BLOCKS:
            _carry(low, high)
            pending = 0
    _carry(low, high)
    if first:
        sums[:, :, 0] = sums[:, 0]
        low[0, 0] = rows
    return sums, np.concatenate(left_out)


def _carry(low: np.ndarray, high: np.ndarray) -> None:
    """Move what low + 2**32 high has above 32 bits from low to high, in place."""
    high += low >> 32
    low &= 2**32 - 1


def _cut(X: np.ndarray, y: np.ndarray, grid: Grid, scaled: np.ndarray, Z: np.ndarray) -> np.ndarray:
    """Fill Z with the row of ones and the slices of [X, y]; give the indices of the rows that do not fit: zeros in Z.

    scaled: (columns, rows of Z), to work in.
    """
    n = len(y)
    factor = grid.factors[:, None]
    Z[0, :n], Z[0, n:], scaled[:, n:] = 1, 0, 0
    with np.errstate(over="ignore", invalid="ignore", under="raise"):
        try:
            np.multiply(X.T, factor[:-1], out=scaled[:-1, :n])
            np.multiply(y, factor[-1], out=scaled[-1, :n])
        except FloatingPointError:  # a value so small beside its column that it loses bits
            Z[:] = 0
            return np.arange(n)
        order, columns = grid.order, grid.columns
        rest = scaled if (order[1:] > order[:-1]).all() else scaled[order]
        top, used = Z[1 : 1 + len(columns[0])] if columns else Z[:0], 1
        fits = ~rest[len(top) :].any(axis=0)
        for k, those in enumerate(columns):
            more = len(columns[k + 1]) if k + 1 < len(columns) else 0
            slices = Z[used : used + len(those)]
            used += len(those)
            np.rint(rest[: len(those)], out=slices)
            if more < len(those):
                fits &= (rest[more : len(those)] == slices[more:]).all(axis=0)
            rest = rest[:more]
            rest -= slices[:more]
            rest *= 2.0**BITS
        if not (top.max(initial=0) <= LIMIT and top.min(initial=0) >= -LIMIT):
            fits &= (np.abs(top) <= LIMIT).all(axis=0)
    unfit = np.flatnonzero(~fits)
    Z[:, unfit] = 0
    return unfit


def _by_weight(sums: np.ndarray, grid: Grid) -> list[np.ndarray]:
    """The sums over all pairs of slices of equal weight, the heaviest first."""
    size, counts = 1 + len(grid.slices), [len(columns) for columns in grid.columns] or [0]
    ends = np.cumsum([1, *counts])
    source = [slice(0, ends[1]), *map(slice, ends[1:-1], ends[2:])]
    target = [slice(0, ends[1]), *(slice(1, 1 + count) for count in counts[1:])]  # the ones have but one slice
    levels = len(counts)
    weighed = np.zeros((2 * levels - 1, 2, size, size), np.int64)
    for k, other in np.ndindex(levels, levels):
        weighed[k + other][:, target[k], target[other]] += sums[:, source[k], source[other]]
    return list(weighed)


def _put_together(weighed: list[np.ndarray], order: np.ndarray, grid: Grid) -> tuple[np.ndarray, int]:
    """A'A, a lower triangle of Python's integers, and exponent, from sums over pairs of slices: see `_in_planes`."""
    digits, carry = [], np.zeros(weighed[0].shape[1], np.int64)
    for low, high in reversed(weighed):
        both = low + carry
        digits.append(both & (2**BITS - 1))
        carry = (both >> BITS) + (high << (32 - BITS))
    total = carry.astype(object)
    while len(digits) > 1:  # two at a time: Python's integers are slow
        total = (total << 2 * BITS) + (digits.pop() << BITS | digits.pop()).astype(object)
    total = (total << BITS) + digits.pop().astype(object)
    scale = np.append(grid.scale, BITS - 1)[order]  # the unit of the ones, the last, is 1
    rows, columns = np.triu_indices(len(order))
    if (above := scale - scale.min()).any():
        total <<= (above[rows] + above[columns]).astype(object)
    place = np.argsort(order)
    i, j = (place[at] for at in np.tril_indices(len(order)))
    first, second = np.minimum(i, j), np.maximum(i, j)
    at = first * len(order) - first * (first + 1) // 2 + second
    return total[at], 2 * (int(scale.min()) + 1 - BITS * (len(weighed) + 1) // 2)


def _in_threads(work: Callable[[Iterable[Chunk]], Part], chunks: Iterable[Chunk], threads: int) -> list[Part]:
    """What each of some threads makes of the chunks that it takes: they share them as they can."""
    waiting: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
    for each in [*chunks, *[None] * threads]:
        waiting.put(each)
    ended = threading.Event()

    def taken() -> Iterator[Chunk]:
        while not ended.is_set() and (chunk := waiting.get()) is not None:
            yield chunk

    with ThreadPoolExecutor(max(1, threads - 1)) as pool:
        others = [pool.submit(work, taken()) for _ in range(1, threads)]
        try:
            return [work(taken()), *[other.result() for other in others]]
        finally:  # where this thread is interrupted, the others take no more
            ended.set()


@functools.cache
def blas() -> ThreadpoolController:
    """What limits the threads of BLAS."""
    return ThreadpoolController()
