"""NIST's Statistical Reference Datasets for linear regression, with certified values of up to 15 digits.

Their data are decimal numbers. Where these are float64 numbers too, our parameters are the float64 numbers nearest to
the true ones. Elsewhere the rounding of the data alone moves the true parameters: by how much is derived, to first
order.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from samebits import ExactLinearRegression
from samebits.exact import score
from samebits.model.linear import LinearModel
from tests import definitions

FOLDER = Path(__file__).parent / "nist"
EXACT = ["NoInt1", "NoInt2", "Wampler1", "Wampler3", "Wampler4", "Wampler5"]
# how many certified digits survive when the data are rounded to float64
ROUNDED = {"Norris": 14, "Pontius": 13, "Longley": 14, "Wampler2": 13}
DEGREE = {"Pontius": 2} | {f"Wampler{k}": 5 for k in range(1, 6)}


@dataclass(frozen=True)
class Problem:
    """A data set: the columns of [1, X], or of X without an intercept, and y, exactly; certified values as printed."""

    A: definitions.Matrix
    y: list[Fraction]
    estimates: list[str]
    deviation: str
    r2: str
    intercept: bool

    def model(self) -> ExactLinearRegression:
        return ExactLinearRegression(fit_intercept=self.intercept).fit(*self.floats())

    def floats(self) -> tuple[np.ndarray, np.ndarray]:
        A = np.array([[float(value) for value in row] for row in self.A])
        return A[:, 1:] if self.intercept else A, np.array([float(value) for value in self.y])


def read(name: str) -> Problem:
    head, _, table = (FOLDER / f"{name}.dat").read_text().partition("Data:")
    lines = [line.split() for line in head.splitlines() if line]
    estimates = [line[1] for line in lines if line[0][0] == "B"]
    rows = [[Fraction(value) for value in line.split()] for line in table.splitlines()[1:]]
    intercept = not name.startswith("NoInt")
    X = [[row[1] ** k for k in range(1, DEGREE[name] + 1)] if name in DEGREE else row[1:] for row in rows]
    A = [[definitions.ONE, *row] if intercept else row for row in X]
    [deviation] = [line[-1] for line in lines if line[0] == "Standard"]
    [r2] = [line[-1] for line in lines if line[0] == "R-Squared"]
    return Problem(A, [row[0] for row in rows], estimates, deviation, r2, intercept)


def normal_equations(problem: Problem) -> definitions.Matrix:
    rows = [[*row, last] for row, last in zip(problem.A, problem.y, strict=True)]
    columns = range(len(problem.A[0]))
    return [[sum((row[i] * row[j] for row in rows), definitions.ZERO) for j in [*columns, -1]] for i in columns]


def true_parameters(problem: Problem) -> list[Fraction]:
    return [row[-1] for row in definitions.echelon(normal_equations(problem))[0]]


def parameters(model: ExactLinearRegression) -> list[float]:
    return [*([model.intercept_] if model.fit_intercept else []), *model.coef_.tolist()]


def effect_of_rounding(problem: Problem) -> list[Fraction]:
    """How far the rounding of the data to float64 moves each parameter, at most and to first order.

    From A'A b = A'y: A'A db = dA'(y - A b) - A'dA b + A'dy, and the errors dA and dy are known.
    """
    b, size = true_parameters(problem), len(problem.A[0])
    identity = [[Fraction(i == j) for j in range(size)] for i in range(size)]
    normal = [row[:-1] + unit for row, unit in zip(normal_equations(problem), identity, strict=True)]
    inverse = [row[size:] for row in definitions.echelon(normal)[0]]
    right = [definitions.ZERO] * size
    for row, last in zip(problem.A, problem.y, strict=True):
        errors = [abs(Fraction(float(value)) - value) for value in [*row, last]]
        residual = abs(last - definitions.dot(row, b))
        moved = definitions.dot(errors, [*map(abs, b), definitions.ONE])
        right = [s + e * residual + abs(a) * moved for s, e, a in zip(right, errors, row, strict=False)]
    return [definitions.dot([abs(entry) for entry in row], right) for row in inverse]


def as_printed(value: Fraction, certified: str) -> bool:
    """Whether a number rounds to the certified digits."""
    unit = Fraction(10) ** int(Decimal(certified).as_tuple().exponent)
    return round(value / unit) * unit == Fraction(certified)


def digits(value: float, certified: str) -> float:
    """The number of correct digits."""
    error = abs(Fraction(value) - Fraction(certified)) / abs(Fraction(certified))
    return -math.log10(error) if error else math.inf


@pytest.mark.parametrize("name", [*EXACT, *ROUNDED])
def test_the_definition_in_fractions_gives_every_certified_digit(name: str) -> None:
    problem = read(name)
    for value, certified in zip(true_parameters(problem), problem.estimates, strict=True):
        assert as_printed(value, certified)


@pytest.mark.parametrize("name", EXACT)
def test_parameters_of_exact_data_are_nearest_to_the_true_ones(name: str) -> None:
    problem = read(name)
    found = parameters(problem.model())
    for value, truth, certified in zip(found, true_parameters(problem), problem.estimates, strict=True):
        assert definitions.is_nearest(value, abs(truth))
        assert as_printed(Fraction(value), certified)


@pytest.mark.parametrize("name", ROUNDED)
def test_parameters_of_rounded_data_differ_by_their_rounding_only(name: str) -> None:
    problem = read(name)
    bounds = effect_of_rounding(problem)
    found = parameters(problem.model())
    for value, truth, certified, bound in zip(found, true_parameters(problem), problem.estimates, bounds, strict=True):
        assert abs(Fraction(value) - truth) <= bound * Fraction(1001, 1000) + Fraction(math.ulp(value)) / 2
        assert digits(value, certified) > ROUNDED[name]


@pytest.mark.parametrize("name", [*EXACT, *ROUNDED])
def test_the_quality_of_the_fit_is_as_certified(name: str) -> None:
    problem = read(name)
    model = problem.model()
    linear, moments = LinearModel(model.coef_, float(model.intercept_)), model.moments_
    if problem.intercept:
        assert as_printed(definitions.rational(score.r2(moments, linear)), problem.r2)
    rows, columns = len(problem.y), len(problem.A[0])
    deviation = score.rmse(moments, linear) * math.sqrt(rows / (rows - columns))
    assert deviation == pytest.approx(float(problem.deviation), rel=1e-14, abs=1e-14)
