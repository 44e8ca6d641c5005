"""The least-squares solution of exact moments, correctly rounded: there is only one."""

from dataclasses import dataclass

import numpy as np
from flint import fmpq, fmpq_mat

from samebits.linear import LinearModel
from samebits.moments import Moments
from samebits.rational import exactly, nearest_float


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


def solve(moments: Moments, alpha: float = 0.0) -> Solution:
    """Minimise |y - b - X w|^2 + alpha |w|^2 exactly, and round w (p,) and b once.

    Collinear columns with alpha = 0 have many solutions; this is the one of minimum norm, as in scikit-learn. Raises
    UserError where a parameter lies beyond the range of float64.
    """
    moment, mean = moments.centred().tolist(), moments.means().tolist()[0]
    p = len(mean) - 1
    C = fmpq_mat([row[:p] for row in moment[:p]])
    c = fmpq_mat([row[p:] for row in moment[:p]])
    for j in range(p):
        C[j, j] += exactly(alpha)
    relations: list[Relation] = []
    try:
        w = C.solve(c)
    except ZeroDivisionError:
        w, relations = _minimum_norm(C, c, mean)
    intercept = mean[p] - sum((mean[j] * w[j, 0] for j in range(p)), fmpq(0))
    model = LinearModel(np.array([nearest_float(entry) for entry in w.entries()]), nearest_float(intercept))
    return Solution(model, p - len(relations), relations)


def _minimum_norm(C: fmpq_mat, c: fmpq_mat, mean: list[fmpq]) -> tuple[fmpq_mat, list[Relation]]:
    """The shortest w with C w = c for a singular C, and the relations between the columns.

    The rows of the reduced echelon form R span those of C, and the shortest w lies in that span: w = R'z.
    """
    p = C.nrows()
    echelon, rank = C.rref()
    rows = echelon.tolist()[:rank]
    pivots = [next(j for j in range(p) if row[j]) for row in rows]
    relations = []
    for feature in sorted(set(range(p)) - set(pivots)):
        terms = {pivot: row[feature] for pivot, row in zip(pivots, rows, strict=True) if row[feature]}
        constant = mean[feature] - sum((coef * mean[other] for other, coef in terms.items()), fmpq(0))
        relations.append(Relation(feature, terms, constant))
    if not rank:
        return fmpq_mat(p, 1), relations
    Rt = fmpq_mat(rows).transpose()
    C_rows = fmpq_mat([C.tolist()[i] for i in pivots])
    c_rows = fmpq_mat([c.tolist()[i] for i in pivots])
    return Rt * (C_rows * Rt).solve(c_rows), relations


def _number(value: fmpq) -> str:
    return str(value) if len(str(value)) <= 8 else f"{nearest_float(value):.6g}"
