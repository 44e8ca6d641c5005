"""From exact moments to a fitted model: which columns are dependent, and the one solution for each target."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from samebits.errors import UserError
from samebits.exact.derived import HALF_UNIT, Dependence, with_exact_relations
from samebits.exact.determined import determined_digits
from samebits.exact.least_squares import Problem, Solution, Solver, penalties
from samebits.exact.moments import Moments
from samebits.exact.solving.collinear import Relation
from samebits.exact.solving.nonnegative import free
from samebits.model.linear import LinearModel

UNNAMED = "x{}"  # a feature without a name
SHOWN = 3  # relations in a warning


class CollinearityWarning(UserWarning):
    """The rounding of the values of X decides coefficients."""


@dataclass(frozen=True)
class How:
    """The parameters of a fit, as in `ExactLinearRegression`; half_unit: the relative rounding of the values of X."""

    alpha: float = 0.0
    fit_intercept: bool = True
    standardize: bool = False
    collinear: str = "rounding"
    positive: bool = False
    half_unit: float = HALF_UNIT


@dataclass(frozen=True)
class Fit:
    """The solution for one target.

    moments: those that were solved: of exact relations where `collinear` is "rounding".
    dependence: how columns depend on each other up to rounding.
    free: with `positive`, the columns that are not held at 0, and the fit to them alone.
    """

    how: How
    moments: Moments
    solution: Solution
    dependence: Dependence
    free: "tuple[list[int], Fit] | None" = None

    @classmethod
    def of(cls, moments: Moments, how: How, rows: int | None = None) -> "Fit":
        """Solve for one target; rows: their number, if known.

        Raises ValueError where a parameter lies beyond the range of float64.
        """
        problem = Solver(moments, how.fit_intercept, how.standardize, rows).problem(how.alpha)
        dependence = Dependence.of(problem, how.half_unit)
        if dependence.relations and how.collinear == "rounding":
            moments = with_exact_relations(moments, dependence.relations)
            problem = replace(problem.solver, moments=moments).problem(how.alpha)
        try:
            solution, free = _positive(problem, how) if how.positive else (problem.solve(), None)
        except UserError:
            raise ValueError("a parameter is beyond 1.8e308, the range of float64; rescale X or y") from None
        return cls(how, moments, solution, dependence, free)

    @property
    def relations(self) -> list[Relation]:
        """The relations between collinear columns; those of derived columns hold up to rounding."""
        inexact = {each.feature for each in self.dependence.relations}
        return [replace(each, exact=each.feature not in inexact) for each in self.solution.relations]

    def digits(self) -> list[int]:
        """How many decimal digits of the intercept and of each coefficient the data determine, p + 1."""
        if self.free:
            columns, fit = self.free
            digits = [0] * (len(self.solution.model.coef) + 1)
            for j, each in zip([0, *(j + 1 for j in columns)], fit.digits(), strict=True):
                digits[j] = each
            return digits
        penalty = penalties(self.moments, self.how.alpha, self.how.standardize)
        return determined_digits(self.moments, self.solution, penalty, self.how.fit_intercept, self.how.half_unit)

    def warn(self, names: Sequence[str] | None) -> None:
        """Warn if the rounding of X decides coefficients."""
        if text := self.doubt(names):
            warnings.warn(text, CollinearityWarning, stacklevel=5)

    def doubt(self, names: Sequence[str] | None) -> str:
        """What the rounding of X leaves open, in a sentence; "" if nothing."""
        names = list(names or []) or [UNNAMED.format(j + 1) for j in range(len(self.solution.model.coef))]
        if self.dependence.relations:
            texts = [each.text(names) for each in self.dependence.relations]
            more = f"; and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
            what = "; ".join(texts[:SHOWN]) + more
            if self.how.collinear == "rounding":
                return f"collinear columns: {what}; this is the solution of minimum norm"
            return (
                f"collinear columns: {what}; the rounding errors of X decide their coefficients "
                "(collinear='rounding': the solution of minimum norm)"
            )
        if self.dependence.weak:
            which = ", ".join(names[j] for j in self.dependence.weak)
            return (
                f"nearly collinear columns: {which}; the last places of X leave their coefficients few digits "
                "(determined_digits_)"
            )
        return ""


def _positive(problem: Problem, how: How) -> tuple[Solution, tuple[list[int], Fit]]:
    """The solution without negative coefficients, the columns not held at 0, and the fit to them."""
    moments, p = problem.solver.moments, len(problem.penalties) - 1
    columns = free(problem.equations)
    some = moments.of_columns([0, *(j + 1 for j in columns), p + 1])
    fit = Fit.of(some, replace(how, positive=False), problem.solver.rows)
    coef = np.zeros(p)
    coef[columns] = fit.solution.model.coef
    if (coef < 0).any():
        raise ValueError(
            "positive=True: columns are collinear, and the solution of minimum norm has a negative coefficient; leave "
            "columns out, or set alpha > 0"
        )
    return Solution(LinearModel(coef + 0.0, fit.solution.model.intercept), problem.collinear), (columns, fit)


def of_target(moments: Moments, features: int, target: int) -> Moments:
    """The moments of [1, X, y] with one of the targets, of those of [1, X, Y]."""
    if moments.columns == features + 2:
        return moments
    return moments.of_columns([*range(features + 1), features + 1 + target])


def fits(moments: Moments, features: int, how: How, alphas: Sequence[float], rows: int | None = None) -> list[Fit]:
    """A fit for each target of the moments of [1, X, Y], each with its own penalty."""
    each = (of_target(moments, features, target) for target in range(len(alphas)))
    return [Fit.of(one, replace(how, alpha=alpha), rows) for one, alpha in zip(each, alphas, strict=True)]


def coefficients(fits: Sequence[Fit]) -> tuple[np.ndarray, np.ndarray]:
    """The coefficients (k, p) and the intercepts (k,)."""
    models = [each.solution.model for each in fits]
    return np.array([each.coef for each in models]), np.array([each.intercept for each in models])
