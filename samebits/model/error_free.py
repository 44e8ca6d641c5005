"""Operations on float64 numbers that also give what their rounding leaves: a result and its exact error.

They work elementwise and need round to nearest; where something underflows, the error is not exact.
"""

import numpy as np

SPLITTER = 2.0**27 + 1  # Veltkamp and Dekker: 53 bits into two halves of 26


def two_sum(a: np.ndarray, b: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """The rounded sum and its exact error (Knuth)."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def fast_two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same where |a| >= |b| or a = 0 (Dekker)."""
    total = a + b
    return total, b - (total - a)


def two_product(a: np.ndarray, b: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """The rounded product and its exact error (Dekker); |a| and |b| are below 2**996."""
    product = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def _halves(a: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    a = np.asarray(a)
    scaled = SPLITTER * a
    upper = scaled - (scaled - a)
    return upper, a - upper
