"""How the log loss grows around a model, as second moments: what the search for a quantization needs."""

import numpy as np

from samebits.exact.moments import Moments
from samebits.model import sigmoid
from samebits.model.linear import LinearModel


def moments(X: np.ndarray, model: LinearModel, weight: np.ndarray | None = None) -> Moments:
    """The moments of [1, X, z] with weights c p (1 - p), for X (n, p), log odds z and probabilities p of the model.

    [1, X]'W[1, X] is the Fisher information: where the model has the least log loss, other parameters, d away, have a
    sum of log losses that is d'[1, X]'W[1, X]d / 2 larger, to the second order. The model itself is the least-squares
    solution of these moments. Quantization by a Hessian is that of Frantar, Singh and Alistarh (Optimal Brain
    Compression, 2022, arXiv:2208.11580).

    Weights are rounded to float32, as a search needs no more; the moments of these are exact, so those of blocks of
    rows add up. weight: c (n,), all 1 if None. Raises ValueError where a value is not finite.
    """
    odds = model.predict(X)
    of_rows = sigmoid.spreads(odds) * (1.0 if weight is None else weight)
    return Moments.weighted(X, odds, of_rows.astype(np.float32).astype(np.float64))
