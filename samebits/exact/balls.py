"""Numbers known as flint's balls, and the one float64 nearest to all that a ball holds.

A ball contains the exact number. Rounding is monotone, so the number rounds as both ends of its ball do, if these round
to the same float64. No ball but a point decides 0, or a number halfway between two float64 numbers.
"""

import math

from flint import arb, fmpq

from samebits.errors import UserError
from samebits.exact.rational import nearest_float


def nearest(ball: arb | fmpq) -> float | None:
    """The float64 nearest to a fraction or to the number in a ball, infinite beyond float64; None if in doubt."""
    if isinstance(ball, fmpq):
        return _limited(ball)
    if not ball.is_finite() or ball.rel_accuracy_bits() <= 53:
        return None
    low, high = middle(ball.lower()), middle(ball.upper())
    return low if low == high else None


def middle(ball: arb) -> float:
    """The float64 nearest to the middle of a ball, ties to even; infinite beyond float64."""
    return float(ball)


def _limited(value: fmpq) -> float:
    try:
        return nearest_float(value)
    except UserError:
        return math.inf if value > 0 else -math.inf
