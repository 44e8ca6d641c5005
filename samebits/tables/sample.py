"""A sample of bounded size: of all rows that come by, those of the lowest priorities."""

import numpy as np

from samebits.errors import UserError

SPARE = 4  # 1 / SPARE of the size is taken in addition before the rows of the highest priorities are dropped
TOGETHER = 4  # columns that are put in order at once: fewer take longer, more take more memory
NO_LIMIT = np.uint64(2**64 - 1)


class Sample:
    """At most `size` of the rows (X, y) that are added, those of the lowest priorities.

    Which they are does not depend on the order in which they come. limit: rows of higher priorities will not be kept.
    """

    def __init__(self, size: int, features: int) -> None:
        self.limit = NO_LIMIT
        self._size, self._used = size, 0
        capacity = size + size // SPARE + 1  # the system gives memory only to what is used of it
        try:
            self._columns = np.empty((capacity, features)), np.empty(capacity), np.empty(capacity, np.uint64)
        except MemoryError:
            raise UserError(f"data.keep_rows is {size}: this machine does not have enough memory") from None

    def add(self, X: np.ndarray, y: np.ndarray, priority: np.ndarray) -> None:
        """Add rows X (n, p), y (n,) with priorities (n,) of uint64."""
        wanted = np.flatnonzero(priority <= self.limit)
        if len(wanted) < len(y):
            X, y, priority = X[wanted], y[wanted], priority[wanted]
        capacity, start = len(self._columns[0]), 0
        while start < len(y):
            count = min(capacity - self._used, len(y) - start)
            for kept, added in zip(self._columns, (X, y, priority), strict=True):
                kept[self._used : self._used + count] = added[start : start + count]
            start, self._used = start + count, self._used + count
            if self._used == capacity:
                self._drop()

    def unordered(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """X (k, p), y (k,) and priority (k,) of the sample; views of its memory."""
        self._drop()
        X, y, priority = (column[: self._used] for column in self._columns)
        return X, y, priority

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """X (k, p) and y (k,) of the sample, in the order of their priorities; views of its memory."""
        X, y, priority = self.unordered()
        order = np.argsort(priority, kind="stable")
        for column in (*(X[:, start : start + TOGETHER] for start in range(0, X.shape[1], TOGETHER)), y, priority):
            column[:] = np.take(column, order, axis=0)
        return X, y

    def _drop(self) -> None:
        if self._used <= self._size:
            return
        priority = self._columns[2]
        order = np.argpartition(priority[: self._used], self._size - 1)
        stay, go = order[: self._size], order[self._size :]
        places, moved = go[go < self._size], stay[stay >= self._size]
        for column in self._columns:
            column[places] = column[moved]
        self._used = self._size
        self.limit = priority[: self._size].max()
