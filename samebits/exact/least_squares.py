"""The least-squares solution of exact moments, correctly rounded."""

import functools
import itertools
import math
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from flint import arb_mat, fmpq, fmpq_mat, fmpz, fmpz_mat

from samebits.exact.balls import nearest
from samebits.exact.moments import Moments
from samebits.exact.precision import working_precision
from samebits.exact.rational import exactly, nearest_float
from samebits.model.linear import LinearModel

BALL_PRECISIONS = (128, 256, 512)  # bits


@dataclass(frozen=True)
class Relation:
    """An exact collinearity in every row: X[:, feature] = constant + sum of coef * X[:, other] over `terms`."""

    feature: int
    terms: dict[int, fmpq]
    constant: fmpq

    def text(self, features: list[str]) -> str:
        """The relation in the names of the features, such as `AveRooms = 2 * AveBedrms`."""
        relation = self._solved_for_the_other()
        parts = [f"{_number(coef)} * {features[other]}" for other, coef in relation.terms.items()]
        if relation.constant or not parts:
            parts.append(_number(relation.constant))
        return f"{features[relation.feature]} = {' + '.join(parts)}".replace("+ -", "- ").replace(" 1 * ", " ")

    def _solved_for_the_other(self) -> "Relation":
        """Of two features, write the one that is a multiple of the other, not the one that is a fraction of it."""
        if len(self.terms) != 1:
            return self
        [(other, coef)] = self.terms.items()
        if abs(coef) >= 1:
            return self
        return Relation(other, {self.feature: 1 / coef}, -self.constant / coef)


@dataclass(frozen=True)
class Solution:
    """The least-squares solution: the model, each parameter the float64 nearest to the exact one, and the rank of X.

    relations: what makes the rank (of the centred X) less than the number of features.
    """

    model: LinearModel
    rank: int
    relations: list[Relation]


def solve(moments: Moments, alpha: float = 0.0, fit_intercept: bool = True, standardize: bool = False) -> Solution:
    """Minimise |y - b - X w|^2 + alpha |w|^2 exactly, and round w (p,) and b once; without an intercept, b is 0.

    standardize: penalise each column as if it were divided by its standard deviation: alpha times the sum of v_j w_j^2
    with the variances v_j. A column of variance 0 keeps its unit, as in scikit-learn's StandardScaler.

    Collinear columns with alpha = 0 have many solutions; this is the one of minimum norm, as in scikit-learn. Raises
    UserError where a parameter lies beyond the range of float64.
    """
    first, last = 0 if fit_intercept else 1, moments.integers.ncols() - 1
    A, b, _ = normal_equations(moments, penalties(moments, alpha, standardize), list(range(first, last)))
    relations: list[Relation] = []
    parameters = _round_balls(A, b)
    if parameters is None:
        try:
            exact = A.solve(b).entries()
        except ZeroDivisionError:
            exact, relations = _minimum_norm(moments, fit_intercept)
        parameters = [nearest_float(entry) for entry in exact]
    intercept = parameters.pop(0) if fit_intercept else 0.0
    return Solution(LinearModel(np.array(parameters), intercept), len(parameters) - len(relations), relations)


def penalties(moments: Moments, alpha: float, standardize: bool = False) -> list[fmpq]:
    """The factors of the squared parameters in what is minimised, for each column of [1, X]; 0 for the intercept."""
    scales = moments.variances() if standardize else [fmpq(1)] * (moments.integers.ncols() - 2)
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


def _round_balls(A: fmpz_mat, b: fmpz_mat) -> list[float] | None:
    """The solution of A x = b, each entry rounded once, by ball arithmetic of growing precision; None if in doubt.

    Elimination loses about 0.3 bits a column; a system multiplied by an approximate inverse loses few, but takes three
    times as long. A singular A has no balls.
    """
    for precision, algorithm in itertools.product(BALL_PRECISIONS, ("lu", "precond")):
        with working_precision(precision), suppress(ZeroDivisionError):
            found = [nearest(ball) for ball in arb_mat(A).solve(arb_mat(b), algorithm=algorithm).entries()]
            decided = [each for each in found if each is not None and math.isfinite(each)]
            if len(decided) == len(found):
                return decided
    return None


def _minimum_norm(moments: Moments, fit_intercept: bool) -> tuple[list[fmpq], list[Relation]]:
    """The intercept, if any, and the shortest w for collinear columns, and the relations between them.

    C w = c, with C and c the second moments, has many solutions. The rows of the reduced echelon form R span those of
    C, and the shortest w lies in that span: w = R'z.
    """
    if fit_intercept:
        moment, mean = moments.centred().tolist(), moments.means().entries()
    else:
        moment = [[fmpq(entry) for entry in row[1:]] for row in moments.integers.tolist()[1:]]
        mean = [fmpq(0)] * len(moment)
    p = len(moment) - 1
    C, c = fmpq_mat([row[:p] for row in moment[:p]]), [row[p:] for row in moment[:p]]
    echelon, rank = C.rref()
    rows = echelon.tolist()[:rank]
    pivots = [next(j for j in range(p) if row[j]) for row in rows]
    relations = []
    for feature in sorted(set(range(p)) - set(pivots)):
        terms = {pivot: row[feature] for pivot, row in zip(pivots, rows, strict=True) if row[feature]}
        constant = mean[feature] - sum((coef * mean[other] for other, coef in terms.items()), fmpq(0))
        relations.append(Relation(feature, terms, constant))
    w = [fmpq(0)] * p
    if rank:
        Rt = fmpq_mat(rows).transpose()
        C_rows = fmpq_mat([moment[i][:p] for i in pivots])
        w = (Rt * (C_rows * Rt).solve(fmpq_mat([c[i] for i in pivots]))).entries()
    intercept = mean[p] - sum((coef * middle for coef, middle in zip(w, mean, strict=False)), fmpq(0))
    return [intercept, *w] if fit_intercept else w, relations


def _number(value: fmpq) -> str:
    return str(value) if len(str(value)) <= 8 else f"{nearest_float(value):.6g}"
