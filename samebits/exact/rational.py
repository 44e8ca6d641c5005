"""Between exact rationals and floats: to a rational without error, back with one correct rounding."""

import math

from flint import fmpq

from samebits.errors import UserError


def exactly(value: float) -> fmpq:
    """The rational number that a finite float is."""
    return fmpq(*float(value).as_integer_ratio())


def nearest_float(value: fmpq) -> float:
    """The float64 nearest to `value`, ties to even. Raises UserError beyond the range of float64."""
    return _quotient(int(value.p), int(value.q))


def nearest_sqrt(value: fmpq) -> float:
    """The float64 nearest to the square root of `value` >= 0, ties to even. Raises UserError beyond float64."""
    numerator, denominator = int(value.p), int(value.q)
    # scale by 4**-shift, so that the integer root has 55 bits or more, and round it to odd, so that the division by a
    # power of two at the end is the only rounding
    shift = (numerator.bit_length() - denominator.bit_length() - 109) // 2
    if shift > 0:
        denominator <<= 2 * shift
    else:
        numerator <<= -2 * shift
    quotient, remainder = divmod(numerator, denominator)
    root = math.isqrt(quotient)
    root |= remainder != 0 or root * root != quotient
    return _quotient(root << shift, 1) if shift > 0 else _quotient(root, 1 << -shift)


def nearest_between(low: int, high: int, denominator: int) -> float | None:
    """The float64 nearest to each number from low / denominator to high / denominator; None if there are several.

    Raises UserError where all of them are beyond the range of float64.
    """
    nearest = _rounded(low, denominator)
    if nearest != _rounded(high, denominator) or (low < 0) != (high < 0):  # 0.0 == -0.0
        return None
    return _quotient(low, denominator)


def _quotient(numerator: int, denominator: int) -> float:
    nearest = _rounded(numerator, denominator)
    if math.isinf(nearest):
        raise UserError("data: a result exceeds 1.8e308; rescale the columns in data.query")
    return nearest


def _rounded(numerator: int, denominator: int) -> float:
    """The float64 nearest to a quotient, infinite beyond float64; denominator > 0."""
    try:
        return numerator / denominator  # Python divides integers of any size with one correct rounding
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf
