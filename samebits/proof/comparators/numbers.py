"""When two numbers are equal, and when close."""

import math
import struct
from fractions import Fraction

from samebits.proof.comparators.values import Exact
from samebits.proof.settings import Rule

EXACT = 2**53  # integers up to here are floats
FAR = 10**9  # ulp, beyond which they tell a reader nothing


def is_number(value: object) -> bool:
    """Whether a value is an int or a float; bool is none, nor is an int that no tolerance is for."""
    return isinstance(value, int | float) and not isinstance(value, bool | Exact)


def equal(promised: float, obtained: float) -> bool:
    """Whether two numbers are the same: NaN is NaN, -0.0 is not 0.0; an int and a float are compared exactly."""
    if promised != promised:
        return obtained != obtained
    if promised == 0 == obtained:
        return math.copysign(1, promised) == math.copysign(1, obtained)
    return promised == obtained


def ulps(promised: float, obtained: float) -> int | None:
    """How many float64 numbers lie from one to the other; None where there is no such number."""
    if not all(isinstance(each, float) or abs(each) <= EXACT for each in (promised, obtained)):
        return None
    one, other = float(promised), float(obtained)
    return abs(_ordered(one) - _ordered(other)) if math.isfinite(one) and math.isfinite(other) else None


def close(promised: float, obtained: float, rule: Rule) -> bool:
    """Whether one limit of the rule holds: floats as float64 computes it, others exactly.

    |promised - obtained| <= atol, or <= rtol * |promised|, or at most `ulp` floats from one to the other. An infinity
    is close to nothing else. Between two ints, ulp does not count.
    """
    if equal(promised, obtained) or promised == obtained:
        return True
    if not all(isinstance(each, int) or math.isfinite(each) for each in (promised, obtained)):
        return False
    floats = isinstance(promised, float) or isinstance(obtained, float)
    if rule.ulp is not None and floats and (distance := ulps(promised, obtained)) is not None and distance <= rule.ulp:
        return True
    if isinstance(promised, float) and isinstance(obtained, float):
        apart = abs(promised - obtained)
        return math.isfinite(apart) and (
            (rule.atol is not None and apart <= rule.atol)
            or (rule.rtol is not None and apart <= rule.rtol * abs(promised))
        )
    exactly = abs(Fraction(promised) - Fraction(obtained))
    return (rule.atol is not None and exactly <= Fraction(rule.atol)) or (
        rule.rtol is not None and exactly <= Fraction(rule.rtol) * abs(Fraction(promised))
    )


def _ordered(value: float) -> int:
    """The place of a float among all floats; both zeros are 0."""
    bits = int.from_bytes(struct.pack(">d", value))
    return bits if bits < 2**63 else 2**63 - bits


def ulp(distance: int) -> str:
    """A distance in units in the last place."""
    return f"{distance:,} ulp" if distance < FAR else f"{float(distance):.3g} ulp"


def distance(promised: float, obtained: float, apart: int) -> str:
    """How far two numbers are apart: in ulp where they are near, else in parts of the promised one."""
    part = abs(promised - obtained) / abs(promised) if promised else math.inf
    return ulp(apart) if apart < FAR or math.isinf(part) else f"rtol {part:.3g}"
