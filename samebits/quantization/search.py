"""Which points of a grid minimise (x - v)' Q (x - v): successive rounding, a beam search, and a search of all.

All three walk one tree. It fixes one coordinate after the other, the one with the largest conditional error first, and
moves the others to where they make up for it best. With one branch kept this is Babai's nearest plane, which is GPTQ
(Frantar, Ashkboos, Hoefler and Alistarh, 2022, arXiv:2210.17323; Chen et al., 2025, arXiv:2507.18553); with K branches
kept, the K-best algorithm; depth first, with all branches that may cost less than the best known point, the sphere
decoder of Schnorr and Euchner (Mathematical Programming 66, 1994), here in batches so that numpy does the work.
Everything is elementwise in a fixed order, and what ends a search is a count, so all machines search the same tree.
"""

from dataclasses import dataclass

import numpy as np

from samebits.quantization.quadratic import CLOSE, TINY, UNIT, Quadratic, Tree

BATCH = 1_000  # branches that grow at once
MOST_GROWN = 50 * BATCH  # branches that they may grow
MOST_CLOSE = 100  # points that may be too close for floats to decide between
MOST_ROUNDING = 1e-3  # of a cost; beyond it no search is complete
MOST_TWIGS = 2  # on each side of a branch, where no bound says how many
MARGIN = 1.01  # far more than rounding may make of a lower bound that is derived, not a cost


@dataclass(frozen=True)
class Grids:
    """Where the coordinates may lie: on `scale * levels` for one of several scales (g,), with sorted levels (n,).

    span: how far apart the least and the greatest level of a point, and 0, may lie.
    """

    scale: np.ndarray
    levels: np.ndarray
    span: float = np.inf


@dataclass(frozen=True)
class Points:
    """Points of grids, cheapest first: levels (k, m), indices of scales (k,), costs (k,).

    complete: whether no point costs less, but for what rounding hides, and all that it hides are among these.
    """

    levels: np.ndarray
    grid: np.ndarray
    cost: np.ndarray
    complete: bool = False


@dataclass(frozen=True)
class Branches:
    """Nodes of the tree, of one depth d.

    levels: (n, d) of the coordinates that are fixed, in the order of the tree. offset: (n, m - d) what that moves the
    others by. grid, cost: (n,). least, greatest: (n,) of the levels and 0.
    """

    levels: np.ndarray
    offset: np.ndarray
    grid: np.ndarray
    cost: np.ndarray
    least: np.ndarray
    greatest: np.ndarray

    @classmethod
    def roots(cls, m: int, grids: int) -> "Branches":
        """One for each scale."""
        return cls(np.zeros((grids, 0)), np.zeros((grids, m)), np.arange(grids), *np.zeros((3, grids)))

    def __len__(self) -> int:
        return len(self.cost)

    def __getitem__(self, which: slice | np.ndarray) -> "Branches":
        return Branches(*(array[which] for array in vars(self).values()))

    def joined(self, other: "Branches") -> "Branches":
        """Both, cheapest first."""
        both = Branches(*map(np.concatenate, zip(vars(self).values(), vars(other).values(), strict=True)))
        return both[np.argsort(both.cost, kind="stable")]


@dataclass(frozen=True)
class Twigs:
    """The next levels of branches: (n,) of which branch, the level, by how much that moves its coordinate, the cost."""

    parent: np.ndarray
    level: np.ndarray
    move: np.ndarray
    cost: np.ndarray

    @classmethod
    def of(
        cls, branches: Branches, grids: Grids, v: float, weight: float, first: np.ndarray, count: np.ndarray
    ) -> "Twigs":
        """`count` levels of each branch (n,), from `first` on. v and weight: of the coordinate that they fix."""
        parent = np.arange(len(branches)).repeat(count)
        level = grids.levels[first[parent] + np.arange(len(parent)) - (count.cumsum() - count)[parent]]
        move = (level * grids.scale[branches.grid[parent]] - v) - branches.offset[parent, 0]
        return cls(parent, level, move, branches.cost[parent] + move * move * weight)

    def grown(self, branches: Branches, which: np.ndarray, moves: np.ndarray) -> Branches:
        """Those of `which` as branches; moves: (m - d - 1,) what moving the coordinate by 1 moves the others by."""
        parent, level = self.parent[which], self.level[which]
        return Branches(
            np.concatenate([branches.levels[parent], level[:, None]], axis=1),
            branches.offset[parent, 1:] + self.move[which, None] * moves,
            branches.grid[parent],
            self.cost[which],
            np.minimum(branches.least[parent], level),
            np.maximum(branches.greatest[parent], level),
        )


def search(loss: Quadratic, grids: Grids, error: np.ndarray, keep: int, close: float = 0) -> Points:
    """The cheapest point, and those as cheap, of a search that keeps `keep` branches for each scale.

    error: (m,) what rounding a coordinate may move it by; says which are fixed first. close: what part of the cost may
    lie between points that are as cheap.
    """
    tree = loss.tree(error)
    v = loss.v[tree.order]
    branches = Branches.roots(len(v), len(grids.scale))
    reach = min(keep, MOST_TWIGS)
    for d in range(len(v)):
        above = grids.levels.searchsorted((v[d] + branches.offset[:, 0]) / grids.scale[branches.grid])
        lowest, highest = _within_span(grids, branches)
        first = np.minimum(np.maximum(above - reach, lowest), highest)
        last = np.maximum(np.minimum(above + reach - 1, highest), lowest)
        twigs = Twigs.of(branches, grids, v[d], tree.weight[d], first, last - first + 1)
        best = _cheapest(twigs.cost, branches.grid[twigs.parent], keep)
        branches = twigs.grown(branches, best, tree.moves[d + 1 :, d])
    return _points(tree, branches[branches.cost <= branches.cost.min() * (1 + max(close, CLOSE))])


def search_all(
    loss: Quadratic, grids: Grids, error: np.ndarray, bound: float, most_nodes: int, close: float = 0
) -> Points:
    """The cheapest point of those that cost at most the bound, those as cheap, and all that rounding may hide.

    Where that takes more than `most_nodes` nodes, what was found until then. error, close: as in `search`.
    """
    tree = loss.tree(error)
    v, m = loss.v[tree.order], len(loss.v)
    slack = 1 + max(close, CLOSE, 2 * min(tree.rounding, MOST_ROUNDING))
    complete = tree.rounding <= MOST_ROUNDING and not loss.jitter
    waiting = [(0, Branches.roots(m, len(grids.scale)))]  # branches of a depth, cheapest first
    found = Branches(np.zeros((0, m)), np.zeros((0, 0)), np.arange(0), *np.zeros((3, 0)))
    left_out, nodes = np.inf, 0
    while waiting:
        d, branches = waiting.pop()
        branches = _first(branches, BATCH, d, waiting)
        branches = branches[_least_cost(tree, grids, branches, v) <= bound * slack]
        first, count = _within(bound * slack, tree, grids, branches, v)
        branches = _first(branches, max(int(count.cumsum().searchsorted(MOST_GROWN)), 1), d, waiting)
        first, count = first[: len(branches)], count[: len(branches)]
        nodes += int(count.sum())
        if nodes > most_nodes:
            complete = False
            break
        twigs = Twigs.of(branches, grids, v[d], tree.weight[d], first, count)
        best = twigs.cost.argsort(kind="stable")
        best = best[: twigs.cost[best].searchsorted(bound * slack, side="right")]
        grown = twigs.grown(branches, best, tree.moves[d + 1 :, d])
        if d + 1 < m:
            waiting += [(d + 1, grown)] * (len(grown) > 0)
        elif len(grown):
            bound = min(bound, grown.cost[0])
            found = found.joined(grown[grown.cost <= bound * slack])
            left_out = min(left_out, found.cost[MOST_CLOSE:].min(initial=np.inf))
            found = found[:MOST_CLOSE]
    complete = complete and bool(left_out > bound * slack)
    return _points(tree, found[found.cost <= bound * slack], complete)


def _first(branches: Branches, n: int, d: int, waiting: list[tuple[int, Branches]]) -> Branches:
    """The first n; the others go to those that wait at depth d."""
    if len(branches) <= n:
        return branches
    waiting.append((d, branches[n:]))
    return branches[:n]


def _within_span(grids: Grids, branches: Branches) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the least and the greatest level that the next coordinate of each branch may have."""
    if np.isinf(grids.span):
        return np.zeros(1, dtype=np.int64), np.full(1, len(grids.levels) - 1)
    lowest = grids.levels.searchsorted(branches.greatest - grids.span)
    return lowest, grids.levels.searchsorted(branches.least + grids.span, side="right") - 1


def _within(bound: float, tree: Tree, grids: Grids, branches: Branches, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first level of each branch with which it may cost less than the bound, and how many there are."""
    d = branches.levels.shape[1]
    scale, aim = grids.scale[branches.grid], v[d] + branches.offset[:, 0]
    radius = np.sqrt(np.maximum(bound - branches.cost, 0) / np.maximum(tree.weight[d], TINY))
    radius += 8 * UNIT * (radius + np.abs(aim))  # what rounding may take from it
    lowest, highest = _within_span(grids, branches)
    first = np.maximum(grids.levels.searchsorted((aim - radius) / scale), lowest)
    last = np.minimum(grids.levels.searchsorted((aim + radius) / scale, side="right") - 1, highest)
    return first, np.maximum(last - first + 1, 0)


def _least_cost(tree: Tree, grids: Grids, branches: Branches, v: np.ndarray) -> np.ndarray:
    """Lower bounds (n,) of what each branch leads to: no coordinate that is not fixed can leave the span."""
    if not np.isfinite(grids.span):
        return branches.cost
    d, scale = branches.levels.shape[1], grids.scale[branches.grid]
    below = (((branches.greatest - grids.span) * scale)[:, None] - v[d:]) - branches.offset
    above = (v[d:] - ((branches.least + grids.span) * scale)[:, None]) + branches.offset
    outside = np.maximum(np.maximum(below, above), 0)
    return np.asarray(branches.cost + (outside * outside * tree.stiffness[d, d:]).max(axis=1) / MARGIN)


def _points(tree: Tree, leaves: Branches, complete: bool = False) -> Points:
    best = np.lexsort((leaves.grid, leaves.cost))
    levels = np.zeros_like(leaves.levels)
    levels[:, tree.order] = leaves.levels
    return Points(levels[best], leaves.grid[best], leaves.cost[best], complete)


def _cheapest(cost: np.ndarray, group: np.ndarray, keep: int) -> np.ndarray:
    """The indices of the `keep` cheapest of each group."""
    best = np.lexsort((cost, group))
    group = group[best]
    rank = np.arange(len(best)) - group.searchsorted(group)
    return best[rank < keep]
