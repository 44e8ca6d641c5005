"""What the pipeline keeps of a table of any size: exact moments, ranges and a sample of each part of its split.

They are the same however the rows are cut into blocks, in whatever order the blocks come, and wherever they are worked
on.
"""

import functools
import itertools
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from samebits import params
from samebits.errors import UserError
from samebits.exact.moments import Moments
from samebits.tables.sample import Sample
from samebits.tables.source import Fragment
from samebits.tables.split import Hash, Shuffle
from samebits.tables.table import Table
from samebits.tables.workers import workers


@dataclass(frozen=True)
class Block:
    """Of some rows in one part of the split: moments by fold, ranges (p,), those that may be kept: X (k, p), y (k,)."""

    folds: list[Moments]
    low: np.ndarray
    high: np.ndarray
    X: np.ndarray
    y: np.ndarray
    priority: np.ndarray

    @classmethod
    def of(
        cls, X: np.ndarray, y: np.ndarray, priority: np.ndarray, ends: np.ndarray, limit: np.uint64, threads: int
    ) -> "Block":
        """Of rows X (n, p), y (n,), fold by fold, each before one of the ends (k,).

        Those of priorities (n,) up to the limit may be kept.
        """
        low, high = X.min(axis=0, initial=np.inf), X.max(axis=0, initial=-np.inf)
        folds = [Moments.of(X[a:b], y[a:b], threads) for a, b in itertools.pairwise([0, *ends])]
        wanted = np.flatnonzero(priority <= limit)
        if len(wanted) < len(y):
            X, y, priority = np.take(X.T, wanted, axis=1).T, y[wanted], priority[wanted]
        return cls(folds, low, high, X, y, priority)


class Summary:
    """Of all rows in one part of the split. folds: the moments of each."""

    def __init__(self, features: int, keep_rows: int, folds: int) -> None:
        self.folds = [Moments.zero(features) for _ in range(folds)]
        self.sample = Sample(keep_rows, features)
        self._low, self._high = np.full(features, np.inf), np.full(features, -np.inf)

    def add(self, block: Block) -> None:
        """Add rows."""
        self.folds = [kept + added for kept, added in zip(self.folds, block.folds, strict=True)]
        self.sample.add(block.X, block.y, block.priority)
        self._low, self._high = np.minimum(self._low, block.low), np.maximum(self._high, block.high)

    @property
    def moments(self) -> Moments:
        """Those of all folds."""
        return functools.reduce(operator.add, self.folds)

    def ranges(self) -> dict[str, Any]:
        """The least and the greatest value of each feature, (p,) each."""
        return {"min": self._low, "max": self._high}

    def block(self) -> Block:
        """The same as a block of all the rows."""
        return Block(self.folds, self._low, self._high, *self.sample.unordered())


@dataclass(frozen=True)
class Task:
    """A fragment of a table to be summarised.

    split: of its rows, whose numbers begin at 0. folds: how many of the training rows. rows: their number, if the split
    counts on it. limits: by part of the split, the priority above which rows need not be kept.
    """

    table: Table
    fragment: Fragment
    split: Shuffle | Hash
    folds: int
    rows: int | None
    limits: dict[str, np.uint64]


def of(table: Table, data: params.Data, folds: int, where: params.Compute) -> dict[str, Summary]:
    """The summaries of the train rows, by so many folds, and of the test rows of a table."""
    summaries = _empty(len(table.features), data.keep_rows, folds)
    with workers(where, len(table.fragments)) as work:
        rows: list[int] = []
        split: Shuffle | Hash = Hash(data.test_size, data.seed)
        if data.split == "shuffle":
            rows = list(work(functools.partial(_count, table), table.fragments, list))
            split = Shuffle.of(sum(rows), data.test_size, data.seed)
        ends = itertools.accumulate(rows)
        counted = zip(rows, ends, strict=True) if rows else itertools.repeat((None, 0))
        tasks = (
            Task(table, fragment, split.of_rows(end - (count or 0), end), folds, count, _limits(summaries))
            for fragment, (count, end) in zip(table.fragments, counted, strict=False)
        )
        merge = functools.partial(_merge, len(table.features), data.keep_rows, folds)
        with tqdm(total=sum(rows) or None, unit=" rows", unit_scale=True, disable=None) as progress:
            for blocks in work(_blocks, tasks, merge):
                for part, block in blocks.items():
                    summaries[part].add(block)
                    progress.update(sum(each.rows for each in block.folds))
    return summaries


def _empty(features: int, keep_rows: int, folds: int) -> dict[str, Summary]:
    return {"train": Summary(features, keep_rows, folds), "test": Summary(features, keep_rows, 1)}


def _limits(summaries: Mapping[str, Summary]) -> dict[str, np.uint64]:
    """Priorities above which rows need not be kept any more."""
    return {part: each.sample.limit for part, each in summaries.items()}


def _count(table: Table, fragment: Fragment, threads: int) -> Iterator[int]:
    yield table.count(fragment, threads)


def _blocks(task: Task, threads: int) -> Iterator[dict[str, Block]]:
    """Block by block, both parts of a fragment."""
    seen = 0
    for X, y, given in task.table.blocks(task.fragment, threads):
        seen += len(y)
        if task.rows is not None and seen > task.rows:
            break
        test, priority = task.split.decide(seen - len(y), X, y)
        group = np.where(test if given is None else given, task.folds, task.split.folds(priority, task.folds))
        order = np.argsort(group.astype(np.uint16), kind="stable")
        X, y, priority = np.take(X.T, order, axis=1).T, y[order], priority[order]
        ends = np.cumsum(np.bincount(group, minlength=task.folds + 1))
        train = int(ends[-2])
        yield {
            "train": Block.of(X[:train], y[:train], priority[:train], ends[:-1], task.limits["train"], threads),
            "test": Block.of(X[train:], y[train:], priority[train:], ends[-1:] - train, task.limits["test"], threads),
        }
    if task.rows is not None and seen != task.rows:
        raise UserError("data.query returns different rows each time; remove random() and similar functions")


def _merge(features: int, keep_rows: int, folds: int, blocks: Iterator[dict[str, Block]]) -> list[dict[str, Block]]:
    """All blocks of a fragment as one, so that a worker keeps and sends no more rows than are wanted."""
    summaries = _empty(features, keep_rows, folds)
    for each in blocks:
        for part, block in each.items():
            summaries[part].add(block)
    return [{part: each.block() for part, each in summaries.items()}]
