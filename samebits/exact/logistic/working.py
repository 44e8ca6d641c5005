"""The least squares problem that a logistic model solves at the maximum of its likelihood."""

import numpy as np

from samebits.exact.moments import Moments
from samebits.model import sigmoid
from samebits.model.double_double import DoubleDouble

BLOCK = 2**13  # rows whose numbers stay in the cache of a core
DIGITS = 24  # bits of a weight, after the first of the largest


def moments(X: np.ndarray, odds: np.ndarray) -> Moments:
    """The exact moments of X (n, p) and log odds (n,), with weights p (1 - p) for the probabilities p.

    A weight is rounded to DIGITS bits after the first of the largest: the same everywhere, and the second derivative of
    the likelihood but for that.
    """
    blocks = (odds[start : start + BLOCK] for start in range(0, len(odds), BLOCK))
    weights = np.concatenate([sigmoid.logistic(DoubleDouble.of(each)).spread.high for each in blocks])
    unit = np.ldexp(1.0, int(np.frexp(weights.max(initial=0))[1]) - DIGITS)
    return Moments.weighted(X, odds, np.rint(weights / unit) * unit)
