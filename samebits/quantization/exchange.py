"""Exchanges: move one or two levels of a grid point as long as that lowers (x - v)' Q (x - v)."""

import numpy as np

from samebits.quantization.quadratic import CLOSE, Quadratic
from samebits.quantization.search import Grids, Points

MOST_EXCHANGES = 1000


def improve(loss: Quadratic, grids: Grids, points: Points) -> Points:
    """Move levels of the first of `points` to their neighbours as long as that lowers the cost.

    Each step is the best move of one level or, if none helps, the best move of two at once.
    """
    Q, levels, m = loss.Q, grids.levels, len(loss.v)
    index, scale = np.searchsorted(levels, points.levels[0]), grids.scale[points.grid[0]]
    x = levels[index] * scale
    slope = 2 * _times(Q, x - loss.v)
    cost = ((x - loss.v) * slope).cumsum()[-1] / 2
    which, steps = np.tile(np.arange(m), 2), np.repeat([-1, 1], m)
    twice, alike = 2 * np.tile(Q, (2, 2)), which[:, None] == which
    for _ in range(MOST_EXCHANGES):
        moved = index[which] + steps
        inside = (moved >= 0) & (moved < len(levels))
        move = levels[np.where(inside, moved, 0)] * scale - (levels[index] * scale)[which]
        change = np.where(inside, (slope + Q.diagonal() * move.reshape(2, m)).ravel() * move, np.inf)
        least = -CLOSE * cost
        best = _best_move(change.copy(), least, grids, index, which, moved)
        if not best:
            both = twice * move * move[:, None]
            both += change
            both += change[:, None]
            both[alike] = np.inf
            best = _best_move(both, least, grids, index, which, moved)
        if not best:
            break
        for k in best:
            cost += (slope[which[k]] + Q[which[k], which[k]] * move[k]) * move[k]
            slope = slope + 2 * Q[:, which[k]] * move[k]
            index[which[k]] = moved[k]
    return Points(levels[index][None], points.grid[:1], np.array([cost]))


def _best_move(
    change: np.ndarray, least: float, grids: Grids, index: np.ndarray, which: np.ndarray, moved: np.ndarray
) -> list[int]:
    """The move, or two, that changes the cost most and stays within the span; none if none changes it by `least`.

    change: by each move, (n,), or by each two of them, (n, n); what leaves the span becomes infinite.
    """
    while change.min() < least:
        best = np.unravel_index(change.argmin(), change.shape)
        exchanged = index.copy()
        exchanged[which[list(best)]] = moved[list(best)]
        if _spread(grids.levels[exchanged]) <= grids.span:
            return [int(k) for k in best]
        change[best] = np.inf
    return []


def _spread(levels: np.ndarray) -> float:
    return float(max(levels.max(), 0) - min(levels.min(), 0))


def _times(Q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Q @ x, added up column by column."""
    total = np.zeros(len(x))
    for column, value in zip(Q.T, x, strict=True):
        total += column * value
    return total
