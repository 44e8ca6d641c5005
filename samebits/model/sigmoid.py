"""The exponential and the logistic function of double-double numbers, with proved bounds of their errors.

The argument is cut into k ln 2 / 64 + r with |r| < 0.0055: a table holds 2**(k / 64), and a polynomial of degree 11
gives exp(r) (Tang, ACM TOMS 15, 1989, doi:10.1145/63522.214389). docs/logistic.md adds up the errors.
"""

import functools
import math
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext

import numpy as np

from samebits.model.double_double import DoubleDouble
from samebits.model.error_free import two_sum

EXP_ERROR = 2.0**-102  # relative, of exp of a double-double number between LEAST and 0
ERROR = 2.0**-99  # relative, of what `Logistic` holds
TINY = 2.0**-1000  # more than all that underflow loses
LEAST = -745.0  # exp of less is below 2**-1074
STEPS = 64  # of the table, between two powers of two
DEGREE, EASY = 11, 7  # of the polynomial; from EASY on, float64 is enough for a coefficient and all above it
DIGITS = 100  # of the constants, before they are rounded
HEAD = 2.0**36  # k times a number of so many bits is exact
BLOCK = 2**13  # rows whose numbers stay in the cache of a core


@dataclass(frozen=True)
class Logistic:
    """What the likelihood of rows needs, for margins m (n,).

    The margin of a row is what the model says for its own class: its log odds, or minus those.

    against: 1 / (1 + exp(m)), the probability of the other class.
    spread: the product of both probabilities.
    growth: 1 + exp(-|m|); the row's loss, log(1 + exp(-m)), is its logarithm, plus -m where m is negative.
    negative: where that is.
    """

    against: DoubleDouble
    spread: DoubleDouble
    growth: DoubleDouble
    negative: np.ndarray


def logistic(margin: DoubleDouble) -> Logistic:
    """The probabilities of margins (n,). Each is right but for the relative ERROR and the absolute TINY."""
    negative = margin.high < 0
    power = exp(margin.where(negative, -margin))
    growth = DoubleDouble.of(np.ones_like(power.high)) + power
    small, large = power / growth, DoubleDouble.of(np.ones_like(power.high)) / growth
    return Logistic(large.where(negative, small), small * large, growth, negative)


def growth(margin: np.ndarray) -> DoubleDouble:
    """1 + exp(-|m|) of margins (n,), a few at a time; each is right but for the relative ERROR."""
    blocks = (margin[start : start + BLOCK] for start in range(0, len(margin), BLOCK))
    one = DoubleDouble.of(1.0)
    return DoubleDouble.joined([one + exp(DoubleDouble.of(-np.abs(each))) for each in blocks])


def probabilities(odds: np.ndarray) -> DoubleDouble:
    """1 / (1 + exp(-odds)) of log odds (n,), a few at a time, with the errors of `logistic`."""
    blocks = (odds[start : start + BLOCK] for start in range(0, len(odds), BLOCK))
    return DoubleDouble.joined([logistic(DoubleDouble.of(-each)).against for each in blocks])


def spreads(odds: np.ndarray) -> np.ndarray:
    """The products of both probabilities for log odds (n,), rounded to float64."""
    blocks = (odds[start : start + BLOCK] for start in range(0, len(odds), BLOCK))
    return np.concatenate([logistic(DoubleDouble.of(each)).spread.high for each in blocks])


def joined(parts: list[Logistic]) -> Logistic:
    """The rows of several, in their order."""
    return Logistic(
        DoubleDouble.joined([each.against for each in parts]),
        DoubleDouble.joined([each.spread for each in parts]),
        DoubleDouble.joined([each.growth for each in parts]),
        np.concatenate([each.negative for each in parts]),
    )


def exp(x: DoubleDouble) -> DoubleDouble:
    """The exponentials of numbers (n,) <= 0. Each is right but for the relative EXP_ERROR and the absolute TINY."""
    constants = _constants()
    below = x.high < LEAST
    x = DoubleDouble(np.where(below, LEAST, x.high), np.where(below, 0.0, x.low))
    k = np.rint(x.high * constants.inverse)
    first, second, third = constants.step
    r = DoubleDouble(*two_sum(x.high, -k * first)) + DoubleDouble.of(-k * second)
    r += DoubleDouble.of(x.low) + DoubleDouble.of(-k * third)
    easy = np.full_like(r.high, constants.factorials[DEGREE].high)
    for i in range(DEGREE - 1, EASY - 1, -1):
        easy = easy * r.high + constants.factorials[i].high
    power = DoubleDouble.of(easy)
    for i in range(EASY - 1, -1, -1):
        power = power * r + constants.factorials[i]
    index = k.astype(np.int64)
    return (power * constants.table.at(index % STEPS)).scaled(index // STEPS)


@dataclass(frozen=True)
class _Constants:
    """step: ln 2 / STEPS as a sum of three; inverse: its reciprocal; factorials: 1 / i!; table: 2**(i / STEPS)."""

    step: tuple[float, float, float]
    inverse: float
    factorials: list[DoubleDouble]
    table: DoubleDouble


@functools.cache
def _constants() -> _Constants:
    with localcontext(Context(prec=DIGITS)):
        step, parts = Decimal(2).ln() / STEPS, []
        rest = step
        for _ in range(2):
            unit = 2.0 ** np.frexp(float(rest))[1] / HEAD
            parts.append(float(np.rint(float(rest) / unit) * unit))
            rest -= Decimal(parts[-1])
        factorials = [_nearest(1 / Decimal(math.factorial(i))) for i in range(DEGREE + 1)]
        powers = [_nearest((i * step).exp()) for i in range(STEPS)]
        table = DoubleDouble(np.array([each.high for each in powers]), np.array([each.low for each in powers]))
        return _Constants((parts[0], parts[1], float(rest)), float(1 / step), factorials, table)


def _nearest(value: Decimal) -> DoubleDouble:
    high = float(value)
    return DoubleDouble(np.array(high), np.array(float(value - Decimal(high))))
