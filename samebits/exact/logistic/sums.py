"""Sums and products of many double-double numbers, as balls; errors are relative, in units of u**2 = 2**-106."""

import numpy as np
from flint import arb

from samebits.model.double_double import DoubleDouble

FACTORS = 512  # numbers up to 2, whose product float64 holds


def product(numbers: DoubleDouble) -> arb:
    """The product of numbers (n,) from 1 to 2, with a relative error of at most 6 for each."""
    more = -len(numbers.high) % FACTORS
    high = np.append(numbers.high, np.ones(more)).reshape(FACTORS, -1)
    some = DoubleDouble(high, np.append(numbers.low, np.zeros(more)).reshape(FACTORS, -1))
    while (half := len(some.high) // 2) > 0:
        some = some.at(slice(None, half)) * some.at(slice(half, None))
    result = arb(1)
    for high, low in zip(some.high[0].tolist(), some.low[0].tolist(), strict=True):
        result *= arb(high) + arb(low)
    return result


def total(numbers: DoubleDouble) -> arb:
    """The sum of numbers (n,) >= 0, with a relative error of at most 3.1 for each halving of n."""
    if not len(numbers.high):
        return arb(0)
    while (n := len(numbers.high)) > 1:
        if n % 2:
            numbers = DoubleDouble(np.append(numbers.high, 0.0), np.append(numbers.low, 0.0))
        half = len(numbers.high) // 2
        numbers = numbers.at(slice(None, half)) + numbers.at(slice(half, None))
    return arb(float(numbers.high[0])) + arb(float(numbers.low[0]))
