"""The least-squares solution of exact moments, correctly rounded."""

import functools
import itertools
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np
from flint import arb_mat, fmpq, fmpz, fmpz_mat

from samebits.exact.balls import nearest
from samebits.exact.moments import Moments
from samebits.exact.precision import working_precision
from samebits.exact.rational import exactly
from samebits.exact.solving.collinear import Collinear, Relation
from samebits.exact.solving.equations import Equations
from samebits.model.linear import LinearModel

BALL_PRECISIONS = (128, 256, 512)  # bits
WIDE = 64  # coefficients: from here on, refinement takes less time than balls


@dataclass(frozen=True)
class Solution:
    """The least-squares solution: the model, each parameter the float64 nearest to the exact one.

    collinear: what is collinear, if alpha is 0 and anything is.
    """

    model: LinearModel
    collinear: Collinear | None = None

    @property
    def rank(self) -> int:
        """The rank of X, or of the centred X; p with a penalty."""
        return len(self.model.coef) if self.collinear is None else len(self.collinear.pivots)

    @property
    def relations(self) -> list[Relation]:
        """What makes the rank less than the number of features. Where rows are few, they take a second or more."""
        return [] if self.collinear is None else self.collinear.relations


def solve(
    moments: Moments,
    alpha: float = 0.0,
    fit_intercept: bool = True,
    standardize: bool = False,
    rows: int | None = None,
) -> Solution:
    """Minimise |y - b - X w|^2 + alpha |w|^2 exactly, and round w (p,) and b once; without an intercept, b is 0.

    standardize: penalise each column as if it were divided by its standard deviation: alpha times the sum of v_j w_j^2
    with the variances v_j. A column of variance 0 keeps its unit, as in scikit-learn's StandardScaler.
    rows: how many rows there are, if known. It saves time where there are fewer than columns.

    Collinear columns with alpha = 0 have many solutions; this is the one of minimum norm, as in scikit-learn. Raises
    UserError where a parameter lies beyond the range of float64.
    """
    return Solver(moments, fit_intercept, standardize, rows).problem(alpha).solve()


@dataclass(frozen=True)
class Solver:
    """Finds what `solve` does, for one penalty after another; the arguments are those of `solve`."""

    moments: Moments
    fit_intercept: bool = True
    standardize: bool = False
    rows: int | None = None

    def problem(self, alpha: float) -> "Problem":
        """What there is to solve with this penalty."""
        return Problem(self, alpha)

    @functools.cached_property
    def equations(self) -> Equations:
        """The normal equations without a penalty."""
        return Equations.of(self.moments, self.fit_intercept)

    @functools.cached_property
    def collinear(self) -> Collinear | None:
        """What is collinear, if anything is."""
        return Collinear.of(self.equations, self.rows)


@dataclass(frozen=True)
class Problem:
    """Least squares with one penalty. What is computed for one question is there for the next."""

    solver: Solver
    alpha: float

    @functools.cached_property
    def penalties(self) -> list[fmpq]:
        """Those of [1, X], as `penalties` gives them."""
        return penalties(self.solver.moments, self.alpha, self.solver.standardize)

    @functools.cached_property
    def equations(self) -> Equations:
        """The normal equations."""
        return self.solver.equations.penalised(self.penalties[1:])

    @property
    def collinear(self) -> Collinear | None:
        """What is collinear, if anything is; nothing with a penalty."""
        return None if self.alpha else self.solver.collinear

    def solve(self) -> Solution:
        """The solution. Raises UserError as `solve` does."""
        wide = len(self.penalties) > WIDE
        if not wide and (model := _by_balls(self.solver.moments, self.penalties, self.solver.fit_intercept)):
            return Solution(model)
        if wide and (model := self.equations.solve()):
            return Solution(model)
        if collinear := self.collinear:
            return Solution((collinear.solve() if wide else None) or collinear.solve_by_fractions(), collinear)
        return Solution(self.equations.solve_by_fractions())


def penalties(moments: Moments, alpha: float, standardize: bool = False) -> list[fmpq]:
    """The factors of the squared parameters in what is minimised, for each column of [1, X]; 0 for the intercept."""
    scales = moments.variances() if standardize else [fmpq(1)] * (moments.columns - 2)
    return [fmpq(0), *(exactly(alpha) * (each or 1) for each in scales)]


def normal_equations(moments: Moments, penalties: list[fmpq], columns: list[int]) -> tuple[fmpz_mat, fmpz_mat, fmpq]:
    """Integers A and b, and their unit, for columns of [1, X]: A w = b is solved by the parameters w.

    unit A is their moments M + P and unit b those with y; P has the penalties of the columns in its diagonal.
    """
    rows, last = moments.integers.tolist(), moments.integers.ncols() - 1
    A = fmpz_mat([[rows[i][j] for j in columns] for i in columns])
    b, unit = fmpz_mat([[rows[i][last]] for i in columns]), fmpq(2) ** moments.exponent
    scaled = [penalties[column] / unit for column in columns]
    common = functools.reduce(fmpz.lcm, (each.q for each in scaled), fmpz(1))
    A, b = common * A, common * b
    for i, each in enumerate(scaled):
        A[i, i] += (each * common).p
    return A, b, unit / common


def _by_balls(moments: Moments, penalties: list[fmpq], fit_intercept: bool) -> LinearModel | None:
    """The model by ball arithmetic of growing precision; None if in doubt.

    Elimination loses about 0.3 bits a column; a system multiplied by an approximate inverse loses few, but takes three
    times as long. A singular matrix has no balls.
    """
    A, b, _ = normal_equations(moments, penalties, list(range(0 if fit_intercept else 1, len(penalties))))
    algorithms: tuple[Literal["lu", "precond"], ...] = ("lu", "precond")
    for precision, algorithm in itertools.product(BALL_PRECISIONS, algorithms):
        with working_precision(precision), suppress(ZeroDivisionError):
            found = [nearest(ball) for ball in arb_mat(A).solve(arb_mat(b), algorithm=algorithm).entries()]
            decided = [each for each in found if each is not None and math.isfinite(each)]
            if len(decided) == len(found):
                intercept = decided.pop(0) if fit_intercept else 0.0
                return LinearModel(np.array(decided), intercept)
    return None
