"""The least-squares solution of exact moments, correctly rounded: there is only one."""

import functools
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat, fmpz, fmpz_mat

from samebits.errors import UserError
from samebits.exact.moments import Moments
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
    rows = moments.integers.tolist()[first:last]
    A, b = fmpz_mat([row[first:last] for row in rows]), fmpz_mat([row[last:] for row in rows])
    if alpha:
        penalty = exactly(alpha) / fmpq(2) ** moments.exponent
        scales = moments.variances() if standardize else [fmpq(1)] * (last - 1)
        penalties = [penalty * (each or 1) for each in scales]
        common = functools.reduce(fmpz.lcm, (each.q for each in penalties))
        A, b = common * A, common * b
        for i, each in enumerate(penalties, 1 - first):  # the intercept is not penalised
            A[i, i] += (each * common).p
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


def _round_balls(A: fmpz_mat, b: fmpz_mat) -> list[float] | None:
    """The solution of A x = b, each entry rounded once, by ball arithmetic of growing precision; None if in doubt.

    A ball contains the exact number, which rounds as both of its ends do if they round to the same float64. The ends of
    a ball that is no point never do around 0 or a number halfway between two float64 numbers; a singular A has none.
    """
    for precision in BALL_PRECISIONS:
        with ctx.workprec(precision):
            try:
                balls = arb_mat(A).solve(arb_mat(b), algorithm="lu").entries()
            except ZeroDivisionError:
                continue
            if all(ball.rel_accuracy_bits() > 53 for ball in balls):
                with suppress(UserError):  # an end may lie beyond float64 where the exact number does not
                    low, high = (list(map(nearest_float, ends)) for ends in zip(*map(_ends, balls), strict=True))
                    if low == high:
                        return low
    return None


def _ends(ball: arb) -> tuple[fmpq, fmpq]:
    """Rational numbers that a ball lies between."""
    (low, low_exponent), (high, high_exponent) = ball.lower().man_exp(), ball.upper().man_exp()
    return low * fmpq(2) ** low_exponent, high * fmpq(2) ** high_exponent


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
