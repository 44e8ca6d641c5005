"""Exact sums of products in plain C, where a compiler was at hand: planes.c, and what calls it."""

import ctypes
import functools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

SLICES = 3  # of a column, at most
ROWS = 512  # the rows of a call are multiples of it, but for the last call
MOST_ROWS = 2**16  # of a call: its sums stay below 2**63
TYPES = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.int32))  # as planes.c counts them
LIBRARY = Path(__file__).with_name("planes.so")


class _Column(ctypes.Structure):
    _fields_ = (
        ("first", ctypes.c_void_p),
        ("step", ctypes.c_int64),
        ("factor", ctypes.c_double),
        ("type", ctypes.c_int64),
    )


class _Table(ctypes.Structure):
    _fields_ = (
        ("columns", ctypes.POINTER(_Column)),
        ("count", ctypes.c_int64),
        ("two", ctypes.c_int64),
        ("three", ctypes.c_int64),
    )


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled library; None where there is none, or where BLAS is as fast."""
    try:
        found = ctypes.CDLL(str(LIBRARY))
        found.samebits_sum.restype = ctypes.c_int64
        works = found.samebits_lanes() > 0
    except (AttributeError, OSError):  # there is none, or one of another version
        return None
    found.samebits_sum.argtypes = [ctypes.POINTER(_Table), *[ctypes.c_int64] * 2, *[ctypes.c_void_p] * 2, ctypes.c_int]
    return found if works else None


def lanes() -> int:
    """How many numbers the library multiplies at a time on this processor; the sums do not depend on it."""
    found = library()
    return found.samebits_lanes() if found else 0


class Planes:
    """Columns of at most SLICES slices, those of most slices first, whose products the library sums up.

    columns: each (n,), of one of TYPES. factors: powers of two that scale their values to the unit of the first slice.
    slices: how many each has.
    """

    def __init__(self, columns: Iterable[np.ndarray], factors: Iterable[float], slices: np.ndarray) -> None:
        self.columns = list(columns)  # which must not move as long as this lives
        described = [
            _Column(each.ctypes.data, each.strides[0], factor, TYPES.index(each.dtype))
            for each, factor in zip(self.columns, factors, strict=True)
        ]
        self.count = len(described)
        self.two, self.three = (int(np.count_nonzero(slices >= least)) for least in (2, 3))
        self._table = _Table((_Column * self.count)(*described), self.count, self.two, self.three)

    def sums(self, chunks: Iterable[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        """The sums of products over the rows that fit, of chunks (start, stop), and the indices of the other rows.

        The sums are low + 2**32 high: int64, (2, 2 SLICES, count, count), with upper triangles for T, M, L, T + M, ...
        """
        total = library()
        assert total is not None
        low, high = sums = np.zeros((2, 2 * SLICES, self.count, self.count), np.int64)
        left_out = [np.empty(0, np.int64)]
        for start, stop in chunks:
            part, unfit = np.zeros_like(low), np.empty(stop - start, np.int64)
            found = total.samebits_sum(self._table, start, stop, part.ctypes.data, unfit.ctypes.data, lanes())
            if found < 0:
                raise MemoryError
            left_out.append(unfit[:found])
            high += part >> 32
            low += part & (2**32 - 1)
        return sums, np.concatenate(left_out)

    def by_weight(self, sums: np.ndarray) -> list[np.ndarray]:
        """The upper triangles of sums over pairs of slices, row by row, the heaviest first: 2 SLICES - 1 of (2, k)."""
        T, M, L, TM, TL, ML = sums[:, :, *np.triu_indices(self.count)].swapaxes(0, 1)
        for both, one, other, rows in ((TM, T, M, self.two), (TL, T, L, self.three), (ML, M, L, self.three)):
            k = rows * self.count - rows * (rows - 1) // 2  # below those rows, nothing has the other slice
            both[:, :k] -= one[:, :k] + other[:, :k]
        return [T, TM, TL + M, ML, L]
