"""How a column goes with the target beyond a line: by ranks, and by levels. Only warnings depend on it."""

import numpy as np

from samebits.advice.dependence import NEARLY

MORE = 0.02  # of the target's variance, that categories must explain more than a number to be worth a word


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation of x (n,) and y (n,); 0 for fewer than 10 rows or a constant."""
    if len(x) < 10:
        return 0.0
    a, b = ranks(x), ranks(y)
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) and np.ptp(b) else 0.0


def alike(x: np.ndarray, y: np.ndarray) -> str:
    """How x (n,) orders the rows as y (n,) does, though it is no linear function of it; empty where it does not."""
    rank = correlation(x, y)
    if rank**2 <= NEARLY or np.corrcoef(x, y)[0, 1] ** 2 > NEARLY:
        return ""
    return f"rank correlation {rank:.3f}"


def explained(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """The shares of the variance of y (n,) that x (n,) explains as a number and as categories.

    The latter is 0 where the criterion of Schwarz (1978) does not prefer them.
    """
    _, level = np.unique(x, return_inverse=True)
    rows = np.bincount(level)
    if len(rows) < 3 or len(x) <= len(rows) + 1 or not np.ptp(y):
        return 0.0, 0.0
    means = np.bincount(level, y) / rows
    linear = float(np.corrcoef(x, y)[0, 1] ** 2)
    levels = 1 - float(np.mean((y - means[level]) ** 2) / np.var(y))
    gain = len(x) * np.log(max(1 - linear, 1e-12) / max(1 - levels, 1e-12))
    return linear, levels if gain > (len(rows) - 2) * np.log(len(x)) else 0.0


def ranks(x: np.ndarray) -> np.ndarray:
    """Ranks (n,), equal values with the mean of theirs."""
    _, place, rows = np.unique(x, return_inverse=True, return_counts=True)
    ends = np.cumsum(rows)
    return (ends - (rows - 1) / 2)[place]
