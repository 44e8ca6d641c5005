"""Arrays of double-double numbers: unevaluated sums of two float64 numbers, of about 106 bits.

The algorithms and their relative errors, in units of u**2 = 2**-106, are those of Joldes, Muller and Popescu, Tight and
rigorous error bounds for basic building blocks of double-word arithmetic, ACM TOMS 44, 2017, doi:10.1145/3121432. They
need round to nearest, and no overflow; where something underflows, an absolute error of 2**-1070 at most comes on top.
They work elementwise, so they have the same bits on every machine.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from samebits.model.error_free import fast_two_sum, two_product, two_sum


@dataclass(frozen=True)
class DoubleDouble:
    """The numbers high + low, both (n,) or numbers, with |low| at most half a unit in the last place of high."""

    high: np.ndarray
    low: np.ndarray

    @classmethod
    def of(cls, value: np.ndarray | float) -> Self:
        """Float64 numbers, without error."""
        value = np.asarray(value, dtype=np.float64)
        return cls(value, np.zeros_like(value))

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """The numbers of several, in their order."""
        return cls(np.concatenate([each.high for each in parts]), np.concatenate([each.low for each in parts]))

    def __neg__(self) -> "DoubleDouble":
        return DoubleDouble(-self.high, -self.low)

    def __add__(self, other: "DoubleDouble") -> "DoubleDouble":
        """Their sum: a relative error of at most 3.1 (AccurateDWPlusDW)."""
        high, error = two_sum(self.high, other.high)
        low, lowest = two_sum(self.low, other.low)
        high, error = fast_two_sum(high, error + low)
        return DoubleDouble(*fast_two_sum(high, lowest + error))

    def __mul__(self, other: "DoubleDouble") -> "DoubleDouble":
        """Their product: at most 5 (DWTimesDW1; Muller and Rideau, ACM TOMS 48, 2022, doi:10.1145/3484514)."""
        high, error = two_product(self.high, other.high)
        return DoubleDouble(*fast_two_sum(high, error + (self.high * other.low + self.low * other.high)))

    def times(self, factor: np.ndarray | float) -> "DoubleDouble":
        """The product with float64 numbers: at most 2 (DWTimesFP1)."""
        high, error = two_product(self.high, factor)
        high, low = fast_two_sum(high, self.low * factor)
        return DoubleDouble(*fast_two_sum(high, low + error))

    def __truediv__(self, other: "DoubleDouble") -> "DoubleDouble":
        """Their quotient: at most 15.1 (DWDivDW2)."""
        quotient = self.high / other.high
        product = other.times(quotient)
        rest = (self.high - product.high) + (self.low - product.low)
        return DoubleDouble(*fast_two_sum(quotient, rest / other.high))

    def scaled(self, exponent: np.ndarray | int) -> "DoubleDouble":
        """The numbers times 2**exponent."""
        return DoubleDouble(np.ldexp(self.high, exponent), np.ldexp(self.low, exponent))

    def at(self, rows: np.ndarray | slice) -> "DoubleDouble":
        """Some of the numbers."""
        return DoubleDouble(self.high[rows], self.low[rows])

    def where(self, condition: np.ndarray, other: "DoubleDouble") -> "DoubleDouble":
        """These numbers where the condition holds, the others elsewhere."""
        return DoubleDouble(np.where(condition, self.high, other.high), np.where(condition, self.low, other.low))
