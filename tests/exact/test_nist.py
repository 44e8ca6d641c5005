"""NIST's Statistical Reference Datasets for linear regression, with certified values of up to 15 digits.

Their data are decimal numbers. Where these are float64 numbers too, our parameters are the float64 numbers nearest to
the true ones. Elsewhere the rounding of the data alone moves the true parameters: by how much is derived, to first
order.
"""

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from samebits import ExactLinearRegression
from samebits.exact import score
from samebits.model.linear import LinearModel
from tests import definitions

FOLDER = Path(__file__).parent / "nist"
EXACT = ["NoInt1", "NoInt2", "Wampler1", "Wampler3", "Wampler4", "Wampler5"]
# how many certified digits survive when the data are rounded to float64
ROUNDED = {"Norris": 14, "Pontius": 13, "Longley": 14, "Wampler2": 13, "Filip": 7}
DEGREE = {"Pontius": 2, "Filip": 10} | {f"Wampler{k}": 5 for k in range(1, 6)}


@dataclass(frozen=True)
class Problem:
    """A data set: the columns of [1, X], or of X without an intercept, and y, exactly; certified values as printed."""

    A: definitions.Matrix
    y: list[Fraction]
    estimates: list[str]
    errors: list[str]
    deviation: str
    r2: str
    anova: list[list[str]]  # of the regression and the residual: degrees of freedom, sum of squares, mean square, F
    intercept: bool

    def model(self) -> ExactLinearRegression:
        return ExactLinearRegression(fit_intercept=self.intercept).fit(*self.floats())

    def rounded(self) -> "Problem":
        """The same with the data rounded to float64."""
        A = [[Fraction(float(value)) for value in row] for row in self.A]
        return replace(self, A=A, y=[Fraction(float(value)) for value in self.y])

    def floats(self) -> tuple[np.ndarray, np.ndarray]:
        A = np.array([[float(value) for value in row] for row in self.A])
        return A[:, 1:] if self.intercept else A, np.array([float(value) for value in self.y])


def read(name: str) -> Problem:
    head, _, table = (FOLDER / f"{name}.dat").read_text().partition("Data:")
    lines = [line.split() for line in head.splitlines() if line]
    [estimates, errors] = zip(*[line[1:] for line in lines if line[0][0] == "B"], strict=True)
    rows = [[Fraction(value) for value in line.split()] for line in table.splitlines()[1:]]
    intercept = not name.startswith("NoInt")
    X = [[row[1] ** k for k in range(1, DEGREE[name] + 1)] if name in DEGREE else row[1:] for row in rows]
    A = [[definitions.ONE, *row] if intercept else row for row in X]
    [deviation] = [line[-1] for line in lines if line[0] == "Standard"]
    [r2] = [line[-1] for line in lines if line[0] == "R-Squared"]
    anova = [line[1:] for line in lines if line[0] in ("Regression", "Residual") and len(line) > 1]
    return Problem(A, [row[0] for row in rows], list(estimates), list(errors), deviation, r2, anova, intercept)


def normal_equations(problem: Problem) -> definitions.Matrix:
    rows = [[*row, last] for row, last in zip(problem.A, problem.y, strict=True)]
    columns = range(len(problem.A[0]))
    return [[sum((row[i] * row[j] for row in rows), definitions.ZERO) for j in [*columns, -1]] for i in columns]


def true_parameters(problem: Problem) -> list[Fraction]:
    return [row[-1] for row in definitions.echelon(normal_equations(problem))[0]]


def parameters(model: ExactLinearRegression) -> list[float]:
    return [*([model.intercept_] if model.fit_intercept else []), *model.coef_.tolist()]


@dataclass(frozen=True)
class Inference:
    """What is certified beside the parameters, by its definition; roots by their squares."""

    squared_errors: list[Fraction]
    r2: Fraction
    explained: Fraction
    residual: Fraction
    df: int

    @classmethod
    def of(cls, problem: Problem) -> Self:
        size, b = len(problem.A[0]), true_parameters(problem)
        left = [last - definitions.dot(row, b) for row, last in zip(problem.A, problem.y, strict=True)]
        mean = sum(problem.y, definitions.ZERO) / len(problem.y) if problem.intercept else definitions.ZERO
        residual, total = definitions.dot(left, left), sum(((y - mean) ** 2 for y in problem.y), definitions.ZERO)
        df = len(problem.y) - size
        diagonal = [row[i] for i, row in enumerate(inverse(problem))]
        return cls([residual / df * each for each in diagonal], 1 - residual / total, total - residual, residual, df)


def inverse(problem: Problem) -> definitions.Matrix:
    size = len(problem.A[0])
    identity = [[Fraction(i == j) for j in range(size)] for i in range(size)]
    normal = [row[:-1] + unit for row, unit in zip(normal_equations(problem), identity, strict=True)]
    return [row[size:] for row in definitions.echelon(normal)[0]]


def effect_of_rounding(problem: Problem) -> list[Fraction]:
    """How far the rounding of the data to float64 moves each parameter, at most and to first order.

    From A'A b = A'y: A'A db = dA'(y - A b) - A'dA b + A'dy, and the errors dA and dy are known.
    """
    b, size = true_parameters(problem), len(problem.A[0])
    right = [definitions.ZERO] * size
    for row, last in zip(problem.A, problem.y, strict=True):
        errors = [abs(Fraction(float(value)) - value) for value in [*row, last]]
        residual = abs(last - definitions.dot(row, b))
        moved = definitions.dot(errors, [*map(abs, b), definitions.ONE])
        right = [s + e * residual + abs(a) * moved for s, e, a in zip(right, errors, row, strict=False)]
    return [definitions.dot([abs(entry) for entry in row], right) for row in inverse(problem)]


def as_printed(value: Fraction, certified: str) -> bool:
    """Whether a number rounds to the certified digits."""
    unit = Fraction(10) ** int(Decimal(certified).as_tuple().exponent)
    return round(value / unit) * unit == Fraction(certified)


def root_as_printed(square: Fraction, certified: str) -> bool:
    """Whether the root of a number rounds to the certified digits."""
    unit = Fraction(10) ** int(Decimal(certified).as_tuple().exponent)
    low, high = (max(Fraction(certified) + half * unit / 2, definitions.ZERO) for half in (-1, 1))
    return low**2 <= square <= high**2


def fifteen_digits(certified: str) -> str:
    """Two F statistics are printed with more digits than are certified."""
    return f"{Decimal(certified):.14E}"


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


@pytest.mark.parametrize("name", [*EXACT, *sorted({*ROUNDED} - {"Filip"})])  # to 15 digits, which it loses by rounding
def test_the_quality_of_the_fit_is_as_certified(name: str) -> None:
    problem = read(name)
    model = problem.model()
    linear, moments = LinearModel(model.coef_, float(model.intercept_)), model.moments_
    if problem.intercept:
        assert as_printed(definitions.rational(score.r2(moments, linear)), problem.r2)
    rows, columns = len(problem.y), len(problem.A[0])
    deviation = score.rmse(moments, linear) * math.sqrt(rows / (rows - columns))
    assert deviation == pytest.approx(float(problem.deviation), rel=1e-14, abs=1e-14)


@pytest.mark.parametrize("name", [*EXACT, *ROUNDED])
def test_the_definition_gives_every_certified_digit_of_the_inference(name: str) -> None:
    problem = read(name)
    truth = Inference.of(problem)
    assert all(map(root_as_printed, truth.squared_errors, problem.errors))
    assert root_as_printed(truth.residual / truth.df, problem.deviation)
    assert as_printed(truth.r2, problem.r2)
    [[df_model, explained, mean_explained, f], [df, residual, mean_residual]] = problem.anova
    assert int(df) == truth.df
    assert as_printed(truth.explained, explained)
    assert as_printed(truth.explained / int(df_model), mean_explained)
    assert as_printed(truth.residual, residual)
    assert as_printed(truth.residual / truth.df, mean_residual)
    if truth.residual:
        ratio = truth.explained / int(df_model) / (truth.residual / truth.df)
        assert as_printed(ratio, fifteen_digits(f))
    else:
        assert f == "Infinity"


@pytest.mark.parametrize("name", [*EXACT, *ROUNDED])
def test_the_inference_is_nearest_to_that_of_the_data(name: str) -> None:
    problem = read(name)
    truth, summary = Inference.of(problem.rounded()), problem.model().summary()
    assert (summary.df_model, summary.df_residual) == (int(problem.anova[0][0]), truth.df)
    for each, square in zip(summary.coefficients, truth.squared_errors, strict=True):
        assert each.std_error is not None
        assert definitions.is_nearest(each.std_error, square, 2)
    variance = truth.residual / truth.df
    assert summary.residual_std is not None
    assert definitions.is_nearest(summary.residual_std, variance, 2)
    assert summary.residual_variance == float(variance)
    assert summary.r2 == float(truth.r2)
    f = float(truth.explained / int(problem.anova[0][0]) / variance) if variance else None
    assert summary.f == f
    if name in EXACT and f:  # then every certified digit
        errors = [Fraction(each.std_error or 0) for each in summary.coefficients]
        assert all(as_printed(error, certified) for error, certified in zip(errors, problem.errors, strict=True))
        assert as_printed(Fraction(summary.residual_std), problem.deviation)
        assert as_printed(Fraction(f), fifteen_digits(problem.anova[0][3]))
