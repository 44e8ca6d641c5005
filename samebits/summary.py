"""What the pipeline keeps of a table of any size: exact moments, ranges and a sample of each part of its split.

They are the same however the rows are cut into blocks, in whatever order the blocks come, and wherever they are worked
on.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from samebits import compute, params
from samebits.moments import Moments
from samebits.sample import Sample
from samebits.split import Hash, Shuffle
from samebits.table import Fragment, Table


@dataclass(frozen=True)
class Block:
    """Of some rows in one part of the split: moments, ranges (p,), and those that may be kept: X (k, p), y (k,)."""

    moments: Moments
    low: np.ndarray
    high: np.ndarray
    X: np.ndarray
    y: np.ndarray
    priority: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray, priority: np.ndarray, limit: np.uint64, threads: int) -> "Block":
        """Of rows X (n, p), y (n,), of which those of priorities (n,) up to the limit may be kept."""
        low, high = X.min(axis=0, initial=np.inf), X.max(axis=0, initial=-np.inf)
        wanted = np.flatnonzero(priority <= limit)
        return cls(Moments.of(X, y, threads), low, high, X[wanted], y[wanted], priority[wanted])


class Summary:
    """Of all rows in one part of the split."""

    def __init__(self, features: int, keep_rows: int) -> None:
        self.moments = Moments.zero(features)
        self.sample = Sample(keep_rows, features)
        self._low, self._high = np.full(features, np.inf), np.full(features, -np.inf)

    @property
    def limit(self) -> np.uint64:
        """Rows of higher priorities need not be kept any more."""
        return self.sample.limit

    def add(self, block: Block) -> None:
        """Add rows."""
        self.moments += block.moments
        self.sample.add(block.X, block.y, block.priority)
        self._low, self._high = np.minimum(self._low, block.low), np.maximum(self._high, block.high)

    def ranges(self) -> dict[str, Any]:
        """The least and the greatest value of each feature, (p,) each."""
        # -0.0 becomes 0.0: which of them is the least is not defined
        return {"min": self._low + 0.0, "max": self._high + 0.0}


def of(table: Table, data: params.Data, where: params.Compute) -> dict[str, Summary]:
    """The summaries of the train and of the test rows of a table."""
    summaries = {part: Summary(len(table.features), data.keep_rows) for part in ("train", "test")}
    with compute.workers(where, len(table.fragments)) as work:
        if data.split == "shuffle":
            counts = list(work(_count, ((table, fragment) for fragment in table.fragments)))
            split: Shuffle | Hash = Shuffle.of(sum(counts), data.test_size, data.seed)
        else:
            counts = [0 for _ in table.fragments]
            split = Hash(data.test_size, data.seed)
        ends = itertools.accumulate(counts)
        tasks = (
            (table, fragment, split.of_rows(end - count, end), {part: each.limit for part, each in summaries.items()})
            for fragment, count, end in zip(table.fragments, counts, ends, strict=True)
        )
        with tqdm(total=sum(counts) or None, unit=" rows", unit_scale=True, disable=None) as progress:
            for blocks in work(_blocks, tasks):
                for part, block in blocks.items():
                    summaries[part].add(block)
                    progress.update(block.moments.rows)
    return summaries


def _count(table: Table, fragment: Fragment, threads: int) -> Iterator[int]:
    yield table.count(fragment, threads)


def _blocks(
    table: Table, fragment: Fragment, split: Shuffle | Hash, limits: Mapping[str, np.uint64], threads: int
) -> Iterator[dict[str, Block]]:
    """Block by block, both parts of a split fragment."""
    first = 0
    for X, y in table.blocks(fragment, threads):
        test, priority = split.decide(first, X, y)
        first += len(y)
        yield {
            part: Block.of(np.take(X.T, rows, axis=1).T, y[rows], priority[rows], limits[part], threads)
            for part, rows in (("train", np.flatnonzero(~test)), ("test", np.flatnonzero(test)))
        }
