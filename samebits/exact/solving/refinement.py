"""The solution of a system in integers, enclosed ever more closely until every number of interest is decided.

A float64 factor gives corrections, of whatever quality. Exact residuals and the proved least eigenvalue tell how far
the solution is. docs/exact.md has the proof.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.linalg import cho_solve

from samebits.exact.solving.factor import UNIT, Factor, threads
from samebits.exact.solving.system import System, product

DIGITS = 62  # bits of the largest of some integers on their way to float64 and back
GUARD = 60  # bits of a solution below the size of its last correction
EXACT = 64  # bits that are known and decide nothing: the solution may be one of few bits
MOST_BITS = 500  # of a solution: beyond, a 0 or a number halfway between two float64 numbers is likely
STEPS = 100

T = TypeVar("T")


@dataclass(frozen=True)
class Enclosure:
    """Numbers (k,): integers, each give or take its error, times 2**-bits."""

    integers: list[int]
    errors: list[int]
    bits: int


def solution(system: System, right: Sequence[int], decide: Callable[[Enclosure], T | None]) -> T | None:
    """What `decide` makes of an enclosure of x, with C x = right, once it is close enough; None if it never is.

    It never is if C is singular.
    """
    if not right:
        return decide(Enclosure([], [], 0))
    if system.factor is None:
        return None
    with threads(len(right)):
        return refined(system, system.factor, right, decide)


def refined(system: System, factor: Factor, right: Sequence[int], decide: Callable[[Enclosure], T | None]) -> T | None:
    """As `solution`, with a factor of the system."""
    R, (numerator, denominator) = factor.R, factor.least.as_integer_ratio()
    top = int(max(system.scale))
    up = (top - system.scale).tolist()  # S = 2**(up - top)
    fraction = 0 if R is None else UNIT
    square = 1 if R is None else sum(int(each) ** 2 for each in R.entries())

    def residual(z: list[int], bits: int) -> list[int]:
        """S c - T z, for z times 2**-bits, times 2**(bits + 2 top)."""
        products = system.times(_shifted(z, up))
        return _shifted([(c << bits + top) - each for c, each in zip(right, products, strict=True)], up)

    def decision(z: list[int], error: int, bits: int) -> T | None:
        return decide(Enclosure(_shifted(z, up), [error << each for each in up], bits + top))

    z, bits, most = [0] * len(right), 0, math.inf
    for _ in range(STEPS):
        r = residual(z, bits)
        Rr = r if R is None else product(R, r)
        length = math.isqrt(square * sum(each * each for each in Rr)) + any(Rr)
        error = -(-length * denominator // (numerator << 2 * (top + fraction)))
        if (found := decision(z, error, bits)) is not None:
            return found
        known = error.bit_length()
        if max(map(abs, z)).bit_length() > known + EXACT:
            short = [((each >> known) + 1 >> 1) << known + 1 for each in z]
            if not any(residual(short, bits)):
                return decision(short, 0, bits)
        floats, unit = _floats(Rr)
        d, size = _integers(cho_solve((factor.L, True), floats, check_finite=False))
        d = d if R is None else product(R.transpose(), d)
        unit += size - 2 * (top + fraction) - bits  # of d
        wanted = max(bits, GUARD - DIGITS - fraction - unit)
        most = min(most, wanted + MOST_BITS)
        if wanted > most:
            break
        z = [(each << wanted - bits) + _scaled(more, unit + wanted) for each, more in zip(z, d, strict=True)]
        bits = wanted
    return None


def _shifted(numbers: Iterable[int], shifts: Iterable[int]) -> list[int]:
    return [each << shift for each, shift in zip(numbers, shifts, strict=True)]


def _scaled(number: int, power: int) -> int:
    return number << power if power >= 0 else number >> -power


def _floats(numbers: Sequence[int]) -> tuple[np.ndarray, int]:
    """About numbers / 2**power, and the power."""
    power = max(max(map(abs, numbers)).bit_length() - DIGITS, 0)
    return np.array([each >> power for each in numbers], dtype=np.int64).astype(np.float64), power


def _integers(floats: np.ndarray) -> tuple[list[int], int]:
    """About floats / 2**power, and the power: the largest one has DIGITS bits."""
    power = int(np.frexp(np.abs(floats).max())[1]) - DIGITS
    return np.rint(np.ldexp(floats, -power)).astype(np.int64).tolist(), power
