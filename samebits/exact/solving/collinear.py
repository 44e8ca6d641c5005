"""Columns that are combinations of others: the relations between them, and the solution of minimum norm."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from flint import fmpq, fmpq_mat, fmpz_mat, nmod_mat

from samebits.exact.rational import nearest_float
from samebits.exact.solving.equations import Equations
from samebits.exact.solving.factor import PRIME
from samebits.exact.solving.refinement import Enclosure, solution
from samebits.exact.solving.system import System, part, product
from samebits.model.linear import LinearModel


@dataclass(frozen=True)
class Relation:
    """A collinearity in every row: X[:, feature] = constant + sum of coef * X[:, other] over `terms`.

    exact: whether it holds exactly; otherwise up to the rounding of the values.
    """

    feature: int
    terms: dict[int, fmpq]
    constant: fmpq
    exact: bool = True

    def text(self, features: list[str]) -> str:
        """The relation in the names of the features, such as `AveRooms = 2 * AveBedrms`."""
        relation = self._solved_for_the_other()
        parts = [f"{_number(coef)} * {features[other]}" for other, coef in relation.terms.items()]
        if relation.constant or not parts:
            parts.append(_number(relation.constant))
        text = f"{features[relation.feature]} = {' + '.join(parts)}".replace("+ -", "- ").replace(" 1 * ", " ")
        return text if self.exact else f"{text} up to rounding"

    def _solved_for_the_other(self) -> "Relation":
        """Of two features, write the one whose coefficient is the shorter: `days = 7 * weeks`, `vat = 0.19 * net`."""
        if len(self.terms) != 1:
            return self
        [(other, coef)] = self.terms.items()
        if len(_decimal(coef)) <= len(_decimal(1 / coef)):
            return self
        return Relation(other, {self.feature: 1 / coef}, -self.constant / coef, self.exact)


@dataclass(frozen=True)
class Collinear:
    """Equations whose C is singular: the columns `pivots` are independent, each other is a combination of those before.

    The rows of C at the pivots span all others, and the shortest w lies in their span: w = B z with B = C[:, pivots].
    So B'B z = c[pivots], which has one solution.
    """

    equations: Equations
    pivots: list[int]

    @classmethod
    def of(cls, equations: Equations, rows: int | None) -> Self | None:
        """What is collinear in the equations of so many rows, if their number is known; None if nothing is."""
        C = equations.system.matrix
        most = None if rows is None else max(rows - equations.centred, 0)
        # Columns that are independent modulo a prime are independent. There are no others if as many are possible, or
        # if the relations hold; if not, the prime divides a determinant.
        found = cls(equations, _pivots(*nmod_mat(C, PRIME).rref()))
        if len(found.pivots) != most and not found._proved():
            found = cls(equations, _pivots(*fmpq_mat(C).rref()))
        return found if len(found.pivots) < C.nrows() else None

    @functools.cached_property
    def independent(self) -> System:
        """The system of the pivots alone."""
        return System.of(self._part(self.pivots, self.pivots))

    @functools.cached_property
    def relations(self) -> list[Relation]:
        """Each other column as a combination of the pivots before it: fractions, of many digits where rows are few."""
        count, u = self.equations.count, self.equations.u
        relations = []
        for k, feature in enumerate(self._others):
            coefs = {pivot: self._combinations[i, k] for i, pivot in enumerate(self.pivots)}
            terms = {pivot: coef for pivot, coef in coefs.items() if coef}
            constant = (u[feature] - sum((coef * u[pivot] for pivot, coef in terms.items()), fmpq(0))) / count
            relations.append(Relation(feature, terms, constant))
        return relations

    def solve(self) -> LinearModel | None:
        """The model of minimum norm, or None if it remains in doubt."""
        B, c = self._part(range(self.equations.system.size), self.pivots), self.equations.right
        sizes = fmpz_mat(B.nrows(), B.ncols(), [abs(each) for each in B.entries()])

        def model(z: Enclosure) -> LinearModel | None:
            return self.equations.model(Enclosure(product(B, z.integers), product(sizes, z.errors), z.bits))

        return solution(System.of(B.transpose() * B), [c[pivot] for pivot in self.pivots], model)

    def solve_by_fractions(self) -> LinearModel:
        """The model of minimum norm, by fractions."""
        B, c = self._part(range(self.equations.system.size), self.pivots), self.equations.right
        right = fmpq_mat(len(self.pivots), 1, [c[pivot] for pivot in self.pivots])
        z = fmpq_mat(B.transpose() * B).solve(right)
        return self.equations.exact_model((fmpq_mat(B) * z).entries())

    @functools.cached_property
    def _others(self) -> list[int]:
        return sorted(set(range(self.equations.system.size)) - set(self.pivots))

    @functools.cached_property
    def _combinations(self) -> fmpq_mat:
        """The others as combinations of the pivots, (pivots, others)."""
        dependent = fmpq_mat(self._part(self.pivots, self._others))
        return fmpq_mat(self._part(self.pivots, self.pivots)).solve(dependent)

    def _proved(self) -> bool:
        """Whether the others are combinations of pivots before them.

        A combination explains all of a column if the sum of its products with the column is that of its squares.
        """
        C = self.equations.system.matrix
        return all(
            all(pivot < each.feature for pivot in each.terms)
            and sum((coef * C[pivot, each.feature] for pivot, coef in each.terms.items()), fmpq(0))
            == C[each.feature, each.feature]
            for each in self.relations
        )

    def _part(self, rows: Sequence[int], columns: Sequence[int]) -> fmpz_mat:
        """C[rows, columns]."""
        return part(self.equations.system.matrix, rows, columns)


def _pivots(echelon: nmod_mat | fmpq_mat, rank: int) -> list[int]:
    """The first independent columns of a matrix with this reduced echelon form."""
    return [next(j for j, each in enumerate(row) if each) for row in echelon.tolist()[:rank]]


def _number(value: fmpq) -> str:
    """A short fraction, or a decimal: all its digits if they are ten or fewer."""
    if len(str(value)) <= 8:
        return str(value)
    nearest, decimal = nearest_float(value), _decimal(value)
    return decimal if abs(float(decimal) - nearest) <= 2.0**-51 * abs(nearest) else f"{nearest:.6g}"


def _decimal(value: fmpq) -> str:
    return f"{nearest_float(value):.10g}"
