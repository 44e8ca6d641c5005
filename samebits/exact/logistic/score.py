"""How good log odds are, as numbers that have the same bits everywhere: counts, or rounded once from exact ones.

Log odds (n,) are float64 numbers, the targets y (n,) are 0 or 1.
"""

from typing import Any

import numpy as np
from flint import arb, fmpq

from samebits.exact.balls import nearest
from samebits.exact.logistic.log_loss import PRECISIONS, log_loss
from samebits.exact.logistic.sums import total
from samebits.exact.precision import working_precision
from samebits.exact.rational import nearest_float
from samebits.model import sigmoid
from samebits.model.double_double import DoubleDouble

BINS = 10
ERROR = 2.0**-97  # relative, of a sum of probabilities or of their squares


def scores(odds: np.ndarray, y: np.ndarray, positive: np.ndarray) -> dict[str, float]:
    """The log loss, the accuracy, the area under the ROC curve if there are both classes, the Brier score.

    Each is rounded once. positive: (n,) whether y = 1 is predicted.
    """
    counts, area = confusion(positive, y), auc(odds, y)
    return {
        "log_loss": log_loss(odds, y).nearest(),
        "accuracy": (counts["tn"] + counts["tp"]) / len(y),
        **({} if area is None else {"auc": nearest_float(area)}),
        "brier": brier(odds, y),
    }


def confusion(positive: np.ndarray, y: np.ndarray) -> dict[str, int]:
    """How many rows are true and false negatives and positives: tn, fp, fn, tp; positive: (n,) what is predicted."""
    counts = np.bincount(2 * (np.asarray(y) > 0) + positive, minlength=4).tolist()
    return dict(zip(("tn", "fp", "fn", "tp"), counts, strict=True))


def roc(odds: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many false and how many true positives there are for each threshold, int64, from none to all rows.

    Rows with the same log odds turn positive together.
    """
    order = np.argsort(-odds, kind="stable")
    true, falling = np.asarray(y)[order] > 0, odds[order]
    last = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(odds) - 1)
    ranks = np.append(0, last + 1)
    positives = np.append(0, true.cumsum()[last])
    return ranks - positives, positives


def auc(odds: np.ndarray, y: np.ndarray) -> fmpq | None:
    """The exact area under the ROC curve: how often a row with y = 1 has the higher log odds of two; a tie is half.

    None where a class has no rows.
    """
    false, true = roc(odds, y)
    if not (false[-1] and true[-1]):
        return None
    twice = (np.diff(false) * (true[1:] + true[:-1])).sum()
    return fmpq(int(twice), 2 * int(false[-1]) * int(true[-1]))


def brier(odds: np.ndarray, y: np.ndarray) -> float:
    """The mean squared difference of probability and y (Brier, Monthly Weather Review 78, 1950)."""
    margin = np.where(np.asarray(y) > 0, odds, -odds)
    against = sigmoid.probabilities(-margin)
    return _mean(against * against, -margin, power=2)


def calibration(odds: np.ndarray, y: np.ndarray, bins: int = BINS) -> list[dict[str, Any]]:
    """Probabilities beside frequencies, by equal ranges of the probability; those without rows are left out.

    rows: how many; probability: their mean probability; frequency: their share of y = 1.
    """
    probability, true = sigmoid.probabilities(odds), np.asarray(y) > 0
    edges = np.arange(1, bins) / bins
    which = np.searchsorted(edges, probability.high, side="right")
    found = []
    for number in np.unique(which).tolist():
        rows = which == number
        found.append(
            {
                "from": number / bins,
                "to": (number + 1) / bins,
                "rows": int(rows.sum()),
                "probability": _mean(probability.at(rows), odds[rows]),
                "frequency": nearest_float(fmpq(int(true[rows].sum()), int(rows.sum()))),
            }
        )
    return found


def _mean(numbers: DoubleDouble, odds: np.ndarray, power: int = 1) -> float:
    """The mean of probabilities (n,), or of powers of them, rounded once: of double-double numbers, or of balls."""
    with working_precision(PRECISIONS[0]):
        fast = total(numbers)
        fast += arb(0, (fast * ERROR + len(odds) * sigmoid.TINY).upper())
        if (value := nearest(fast / len(odds))) is not None:
            return value
    values, counts = np.unique(odds, return_counts=True)
    for precision in PRECISIONS:
        with working_precision(precision):
            each = zip(values.tolist(), counts.tolist(), strict=True)
            exact = sum((count / (1 + (-arb(value)).exp()) ** power for value, count in each), arb(0))
            if (value := nearest(exact / len(odds))) is not None:
                return value
    raise ArithmeticError("a mean of probabilities could not be rounded")
