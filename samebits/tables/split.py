"""Which rows are test rows, in which order rows are kept, and their folds: decided block by block.

To each row a split gives a side, and a priority (n,) of uint64: of a part of which not all rows can be kept, those of
the lowest priorities are, in the order of their priorities. The priorities of training rows say their folds, too.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from samebits.errors import UserError

Decision = tuple[np.ndarray, np.ndarray]  # is it a test row? its priority: (n,) each


@dataclass(frozen=True)
class Shuffle:
    """The split of scikit-learn's `train_test_split`, without importing scikit-learn.

    place: (rows,), of each row, its place in scikit-learn's permutation: test rows come first. 4 bytes a row.
    """

    place: np.ndarray
    test_rows: int
    train_rows: int

    @classmethod
    def of(cls, rows: int, test_size: float, seed: int) -> Self:
        """The split of a table of so many rows, as `train_test_split(test_size=test_size, random_state=seed)`.

        numpy guarantees that the stream of RandomState never changes. Raises UserError for 2**32 rows and more.
        """
        if rows >= 2**32:
            raise UserError(f"data.split: shuffle cannot split {rows:,} rows; use hash, which has no limit")
        order = np.arange(rows, dtype=np.uint32)
        np.random.RandomState(seed).shuffle(order)
        place = np.empty_like(order)
        place[order] = np.arange(rows, dtype=np.uint32)
        test_rows = math.ceil(test_size * rows)
        return cls(place, test_rows, rows - test_rows)

    def of_rows(self, first: int, last: int) -> "Shuffle":
        """The split of the rows from `first` to before `last` alone, for another process."""
        return Shuffle(self.place[first:last], self.test_rows, self.train_rows)

    def decide(self, first: int, X: np.ndarray, y: np.ndarray) -> Decision:
        """For the rows X (n, p), y (n,) from number `first` on."""
        place = self.place[first : first + len(y)].astype(np.uint64)
        test = place < self.test_rows
        return test, np.where(test, place, place - np.uint64(self.test_rows))

    def folds(self, priority: np.ndarray, folds: int) -> np.ndarray:
        """Of training rows of priorities (n,), the folds (n,), 0 to folds - 1.

        They are those of scikit-learn's `KFold(folds)` over the training rows as `train_test_split` returns them.
        """
        size, larger = divmod(self.train_rows, folds)
        ends = [size * each + min(each, larger) for each in range(1, folds)]
        return np.searchsorted(np.array(ends, np.uint64), priority, side="right")


@dataclass(frozen=True)
class Hash:
    """A row is a test row if a hash of its own values says so: it stays one wherever it stands and the table grows.

    The hash of a row is 64 bits. From h = seed on, for each value of the row, features first, with its 64 bits b as a
    float64 (0.0 for -0.0): h = mix(h ^ b), where mix is a step of the generator SplitMix64 (Steele, Lea and Flood,
    OOPSLA 2014, doi:10.1145/2660193.2660195). The row is a test row if h < test_size * 2**64; its priority is mix(h).
    """

    test_size: float
    seed: int

    def of_rows(self, first: int, last: int) -> "Hash":
        """The split of some rows alone: it is the same."""
        return self

    def decide(self, first: int, X: np.ndarray, y: np.ndarray) -> Decision:
        """For the rows X (n, p), y (n,), whatever their number."""
        h = np.full(len(y), self.seed, np.uint64)
        bits = np.empty(len(y))
        for column in (*X.T, y):
            h ^= np.add(column, 0.0, out=bits).view(np.uint64)
            _mix(h)
        test = h < np.uint64(math.ldexp(self.test_size, 64))
        _mix(h)
        return test, h

    def folds(self, priority: np.ndarray, folds: int) -> np.ndarray:
        """Of rows of priorities (n,), the folds (n,), 0 to folds - 1: floor(l * folds / 2**32), l the low 32 bits."""
        return (priority & np.uint64(2**32 - 1)) * np.uint64(folds) >> np.uint64(32)


def _mix(h: np.ndarray) -> None:
    """A step of SplitMix64, in place."""
    h += np.uint64(0x9E3779B97F4A7C15)
    shifted = h >> np.uint64(30)
    h ^= shifted
    h *= np.uint64(0xBF58476D1CE4E5B9)
    h ^= np.right_shift(h, np.uint64(27), out=shifted)
    h *= np.uint64(0x94D049BB133111EB)
    h ^= np.right_shift(h, np.uint64(31), out=shifted)
