"""Which points of a grid minimise (x - v)' Q (x - v): successive rounding, a beam search, and a search of all.

One tree search serves for all three. It fixes one coordinate after the other, the one with the largest conditional
error first, and moves the others to where they make up for it best. With one branch kept this is Babai's nearest plane,
which is GPTQ (Frantar, Ashkboos, Hoefler and Alistarh, 2022, arXiv:2210.17323; Chen et al., 2025, arXiv:2507.18553);
with K branches kept, the K-best algorithm; with all branches that cost less than the best known point, a sphere decoder
(Schnorr and Euchner, Mathematical Programming 66, 1994), breadth first so that numpy does the work. Everything is
elementwise in a fixed order, so that all machines search the same tree.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

SLACK = 1 + 1e-9  # rounding may hide which of two points that are closer than this is better
MOST_EXCHANGES = 1000
LOWER = 1.01  # the factor by which a bound must fall to be worth another search
SMALLEST_PIVOT = 1e-13
FIRST_JITTER = 1e-12
MOST_BRANCHES = 6_000  # at a level of the tree; a search that needs more is not complete
MOST_TWIGS = 2  # on each side of a branch, where no bound says how many


@dataclass(frozen=True)
class Quadratic:
    """(x - v)' Q (x - v) for a positive semidefinite Q (m, m), with its minimiser v (m,) and the inverse P (m, m) of Q.

    jitter: what part of its diagonal had to be added to Q to invert it.
    """

    v: np.ndarray
    Q: np.ndarray
    P: np.ndarray
    jitter: float

    @classmethod
    def of(cls, v: np.ndarray, Q: np.ndarray) -> Self:
        """Invert Q; without damping if it is well enough conditioned, else with as little as is needed."""
        size = np.sqrt(np.where(np.diag(Q) > 0, np.diag(Q), 1))
        jitter = 0.0
        while (P := _inverse(Q / size / size[:, None] + jitter * np.eye(len(v)))) is None:
            jitter = max(10 * jitter, FIRST_JITTER)
        return cls(v, Q, P / size / size[:, None], jitter)


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
    """Points of grids, cheapest first: indices of levels (k, m), indices of scales (k,), costs (k,).

    complete: whether all points were looked at that cost less than the bound.
    """

    index: np.ndarray
    grid: np.ndarray
    cost: np.ndarray
    complete: bool


def search(loss: Quadratic, grids: Grids, error: np.ndarray, keep: int, bound: float = np.inf) -> Points:
    """The cheapest points that the tree search finds; none if none costs less than the bound.

    error: (m,) what rounding a coordinate may move it by; says which are fixed first.
    keep: how many branches to keep for each scale. bound: leave out what costs more.
    """
    m, P = len(loss.v), loss.P.copy()
    grid = np.arange(len(grids.scale))
    centre = np.repeat(loss.v[None, :], len(grid), axis=0)
    index = np.zeros((len(grid), m), dtype=np.int64)
    cost, least, greatest = np.zeros((3, len(grid)))
    left, complete = list(range(m)), True
    while left:
        k = max(left, key=lambda i: error[i] ** 2 / P[i, i])
        left.remove(k)
        scale = grids.scale[grid]
        aim = centre[:, k] / scale
        lowest = np.searchsorted(grids.levels, greatest - grids.span)
        highest = np.searchsorted(grids.levels, least + grids.span, side="right") - 1
        if np.isfinite(bound):
            radius = np.sqrt(np.maximum(bound * SLACK - cost, 0) * P[k, k]) / scale
            first = np.maximum(np.searchsorted(grids.levels, aim - radius), lowest)
            last = np.minimum(np.searchsorted(grids.levels, aim + radius, side="right") - 1, highest)
        if not np.isfinite(bound) or np.maximum(last - first + 1, 0).sum() > MOST_BRANCHES:
            complete = False
            above, reach = np.searchsorted(grids.levels, aim), min(keep, MOST_TWIGS)
            first, last = np.clip(above - reach, lowest, highest), np.clip(above + reach - 1, lowest, highest)
        twigs = np.maximum(last - first + 1, 0)
        parent = np.repeat(np.arange(len(grid)), twigs)
        chosen = first[parent] + np.arange(len(parent)) - (np.cumsum(twigs) - twigs)[parent]
        level = grids.levels[chosen]
        move = level * scale[parent] - centre[parent, k]
        total = cost[parent] + move * move / P[k, k]
        best = _cheapest(total, grid[parent], keep)
        complete &= len(best) == len(total)
        best = best[total[best] <= bound * SLACK]
        parent, level, cost = parent[best], level[best], total[best]
        centre = centre[parent] + move[best, None] * (P[:, k] / P[k, k])
        index = index[parent]
        index[:, k] = chosen[best]
        grid, least, greatest = grid[parent], np.minimum(least[parent], level), np.maximum(greatest[parent], level)
        P -= P[:, k, None] * (P[k] / P[k, k])
    best = np.argsort(cost, kind="stable")
    return Points(index[best], grid[best], cost[best], complete)


def search_all(loss: Quadratic, grids: Grids, error: np.ndarray, bound: float) -> Points:
    """All points that cost at most the bound, or what can be found of them; a better point found lowers the bound."""
    points = search(loss, grids, error, MOST_BRANCHES, bound)
    while not points.complete and len(points.cost) and points.cost[0] < bound / LOWER:
        bound = points.cost[0]
        points = search(loss, grids, error, MOST_BRANCHES, bound)
    return points


def _cheapest(cost: np.ndarray, group: np.ndarray, keep: int) -> np.ndarray:
    """The indices of the `keep` cheapest of each group, and of no more than MOST_BRANCHES in all."""
    if len(cost) <= min(keep, MOST_BRANCHES):
        return np.arange(len(cost))
    best = np.lexsort((cost, group))
    rank = np.arange(len(best)) - np.searchsorted(group[best], group[best])
    best = best[rank < keep]
    return best if len(best) <= MOST_BRANCHES else best[np.argsort(cost[best], kind="stable")[:MOST_BRANCHES]]


def improve(loss: Quadratic, grids: Grids, points: Points) -> Points:
    """The first of `points`, one or two of its levels moved to their neighbours as long as that lowers the cost."""
    Q, levels, m = loss.Q, grids.levels, len(loss.v)
    index, scale = points.index[0].copy(), grids.scale[points.grid[0]]
    x = levels[index] * scale
    cost = ((x - loss.v) * _times(Q, x - loss.v)).cumsum()[-1]
    steps = np.repeat([-1, 1], m)
    which = np.tile(np.arange(m), 2)
    for _ in range(MOST_EXCHANGES):
        x = levels[index] * scale
        moved = index[which] + steps
        inside = (moved >= 0) & (moved < len(levels))
        move = levels[np.where(inside, moved, 0)] * scale - x[which]
        change = np.where(inside, (2 * _times(Q, x - loss.v) + np.diag(Q) * move.reshape(2, m)).ravel() * move, np.inf)
        both = change[:, None] + change + 2 * Q[np.ix_(which, which)] * (move[:, None] * move)
        both[which[:, None] == which] = np.inf
        np.fill_diagonal(both, change)  # one alone
        while both.min() < -(SLACK - 1) * cost:
            pair = np.unravel_index(both.argmin(), both.shape)
            exchanged = index.copy()
            exchanged[which[list(pair)]] = moved[list(pair)]
            if _spread(levels[exchanged]) <= grids.span:
                break
            both[pair] = np.inf
        else:
            break
        index, cost = exchanged, cost + both[pair]
    return Points(index[None], points.grid[:1], np.array([cost]), complete=False)


def _spread(levels: np.ndarray) -> float:
    return float(max(levels.max(), 0) - min(levels.min(), 0))


def _times(Q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Q @ x, added up column by column."""
    total = np.zeros(len(x))
    for column, value in zip(Q.T, x, strict=True):
        total += column * value
    return total


def _inverse(Q: np.ndarray) -> np.ndarray | None:
    """The inverse of Q (m, m) by elimination in place, pivot by pivot; None where Q is not safely positive definite."""
    Q = Q.copy()
    for k in range(len(Q)):
        pivot = Q[k, k]
        if not pivot > SMALLEST_PIVOT:
            return None
        row, column = Q[k] / pivot, Q[:, k].copy()
        Q -= column[:, None] * row
        Q[k], Q[:, k], Q[k, k] = row, -column / pivot, 1 / pivot
    return Q
