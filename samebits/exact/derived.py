"""Columns that are combinations of earlier ones within the rounding of their values: c + 2, a price with its tax.

float64 values keep some 16 digits, so such a column is no exact combination: what is left of it is rounding errors. An
exact solution for them is right, and says nothing: the last bits of X decide it. docs/exact.md has the reasons.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat, ctx, fmpq, fmpz, fmpz_mat, nmod_mat

from samebits.exact import triangle
from samebits.exact.balls import middle
from samebits.exact.least_squares import Problem, normal_equations
from samebits.exact.moments import Moments
from samebits.exact.precision import working_precision
from samebits.exact.rational import exactly
from samebits.exact.solving.collinear import Relation
from samebits.exact.solving.definite import cholesky, least_eigenvalue
from samebits.exact.solving.factor import PRIME
from samebits.exact.solving.factor import UNIT as FACTOR_UNIT

HALF_UNIT = 2.0**-53  # by how much a float64 may differ from the number that it stands for, relative to it
WEAK = 2.0**-10  # the eta from which a solution has few digits; at 1/2 X is singular within its rounding errors
ROUNDINGS = 4  # that are behind a value: its own, and those of the steps that computed it
FEW = 64  # columns: the sweep takes less time than a preconditioner, and coefficients of a relation are rounded in turn
PRECISIONS = (256, 512, 1024, 4096)  # bits


@dataclass(frozen=True)
class Dependence:
    """How columns depend on those before them, up to rounding.

    relations: those of derived columns, which hold up to rounding, but not exactly.
    weak: other columns whose coefficients have few digits, as their own share of eta is large.
    """

    relations: list[Relation]
    weak: list[int]

    @classmethod
    def of(cls, problem: Problem, half_unit: float = HALF_UNIT) -> "Dependence":
        """Find the derived columns.

        Column j is derived if its distance from the span of the columns before it that are not, in the metric of M + P,
        is at most ROUNDINGS (e_j + the sum of |c_k| e_k): its own and their rounding errors, with e_k = half_unit |x_k|
        and x_j about the sum of c_k x_k.
        """
        if _clearly_independent(problem, half_unit):
            return cls([], [])
        moments = problem.solver.moments
        columns = list(range(0 if problem.solver.fit_intercept else 1, moments.columns - 1))
        A, _, unit = normal_equations(moments, problem.penalties, columns)
        for precision in PRECISIONS:
            with working_precision(precision):
                search = _Search(moments, A, unit, columns, half_unit)
                relations = list(search.relations())
                if search.decided:
                    break
        return cls(relations, [columns[i] - 1 for i in search.weak() if columns[i]])


def with_exact_relations(moments: Moments, relations: list[Relation]) -> Moments:
    """The moments of rows whose derived columns are computed without rounding."""
    if not relations:
        return moments
    size = moments.columns
    columns = {each.feature + 1: {0: each.constant} | {k + 1: c for k, c in each.terms.items()} for each in relations}
    scale = max(int(value.q) for terms in columns.values() for value in terms.values())
    T = fmpz_mat(size, size)
    for j in range(size):
        for k, value in columns.get(j, {j: fmpq(1)}).items():
            T[k, j] = (value * scale).p
    exponent = moments.exponent - 2 * (scale.bit_length() - 1)  # the values are floats: scale is a power of two
    return Moments.sum([(triangle.lower(T.transpose() * moments.integers * T), exponent)])


def _clearly_independent(problem: Problem, half_unit: float) -> bool:
    """Whether float64 proves that eta is below WEAK: that no column is near the span of the others.

    Of the scaled centred moments T no eigenvalue is below `least`, or T^-1 = R'A^-1 R and none of A is. Columns that
    are exact combinations of those before them do not count.
    """
    moments, system = problem.solver.moments, problem.equations.system
    columns = list(range(system.size))
    if system.size > FEW and not system.factor and (collinear := problem.collinear):
        system, columns = collinear.independent, collinear.pivots
    if not system.size or min(system.diagonal) <= 0:
        return not system.size
    sizes = np.ones(system.size)
    if system.size <= FEW:
        L = cholesky(system.scaled)
        least = 0.0 if L is None else least_eigenvalue(system.scaled, L)
    elif factor := system.factor:
        least = factor.least
        if factor.R is not None:
            R = np.array([[float(each) for each in row] for row in factor.R.tolist()]) * 2.0**-FACTOR_UNIT
            sizes = np.sqrt((R**2).sum(axis=0))
    else:
        return False
    N, unit = moments.entry, fmpq(2) ** moments.exponent
    squares = moments.centred_squares() if problem.solver.fit_intercept else None
    shares = []
    for j in columns:
        square = N(j + 1, j + 1) * unit
        rest = (squares[j] if squares else square) + problem.penalties[j + 1]
        shares.append(middle(arb(square / rest)) ** 0.5)
    return bool(2 * half_unit * (np.array(shares) * sizes).sum() < WEAK * least**0.5)


class _Search:
    """The sweep of M + P column by column (Beaton 1964; Goodnight, The American Statistician 33, 1979), in balls.

    Of the columns swept so far it holds minus the inverse of their moments; of any other, its coefficients on them and
    its squared distance from their span.
    """

    def __init__(self, moments: Moments, A: fmpz_mat, unit: fmpq, columns: list[int], half_unit: float) -> None:
        self.moments, self.unit, self.columns = moments, unit, columns
        self.scales = [(int(A[i, i]).bit_length() + 1) // 2 for i in range(A.nrows())]
        self.S = arb_mat([[self._scaled(A[i, j], i, j) for j in range(A.ncols())] for i in range(A.nrows())])
        self.whole = self.S
        self.errors = [self._rounding(i) * half_unit for i in range(A.nrows())]
        self.decided = True
        self.kept: list[int] = []

    def _scaled(self, value: fmpz, i: int, j: int) -> arb:
        return arb(value) * arb(2) ** -(self.scales[i] + self.scales[j])

    def _rounding(self, i: int) -> arb:
        """The norm of a column in units of its scale; 0 for the ones, which are exact."""
        j = self.columns[i]
        if not j:
            return arb(0)
        square = self.moments.integers[j, j] * fmpq(2) ** self.moments.exponent / self.unit
        return arb(square).sqrt() * arb(2) ** -self.scales[i]

    def relations(self) -> Iterator[Relation]:
        rank, found = self._rank(self.columns), 0
        for i in range(len(self.columns)):
            if len(self.kept) + found == rank:
                break  # all others are exact combinations
            distance = self.S[i, i]
            tolerance = ROUNDINGS * sum((abs(self.S[k, i]) * self.errors[k] for k in self.kept), self.errors[i])
            if distance > tolerance * tolerance:
                self._sweep(i)
                self.kept.append(i)
                continue
            self.decided &= bool(distance.upper() <= tolerance * tolerance) or ctx.prec == PRECISIONS[-1]
            if self._rank([self.columns[k] for k in (*self.kept, i)]) > len(self.kept):
                found += 1
                yield self._relation(i, tolerance)

    def _rank(self, columns: list[int]) -> int:
        """The rank of columns of [1, X], modulo a prime: it is less than the rank if that divides a determinant."""
        N = self.moments.integers
        return int(nmod_mat(fmpz_mat([[N[a, b] for b in columns] for a in columns]), PRIME).rank())

    def weak(self) -> list[int]:
        """The columns kept that make eta, the sum of e_k sqrt(H_kk), large."""
        shares = {k: middle(self.errors[k] * (-self.S[k, k]).sqrt()) for k in self.kept}
        eta = sum(shares.values())
        return [k for k, share in shares.items() if eta > WEAK and 4 * len(shares) * share > eta]

    def _relation(self, i: int, tolerance: arb) -> Relation:
        """The coefficients of column i, each the shortest decimal that the rounding errors allow."""
        doubts = {k: tolerance * (-self.S[k, k]).sqrt() for k in self.kept}
        support = [k for k in self.kept if abs(middle(self.S[k, i])) > middle(doubts[k])]
        coefs = self._short(i, support, tolerance)
        if self._distance(i, coefs) > 2 * tolerance:
            coefs = {k: exactly(middle(self.S[k, i] * self._unit(i, k))) for k in self.kept}
        terms = {self.columns[k] - 1: value for k, value in coefs.items() if self.columns[k] and value}
        constant = next((value for k, value in coefs.items() if not self.columns[k]), fmpq(0))
        return Relation(self.columns[i] - 1, terms, constant, exact=False)

    def _short(self, i: int, support: list[int], tolerance: arb) -> dict[int, fmpq]:
        """Coefficients on some columns: each is rounded in turn, and those after it make up for that.

        So a rounded constant is paid by the slope, not by the distance. Where columns are many, each is on its own.
        """
        units = [middle(self._unit(i, k)) for k in support]
        if len(support) <= FEW:
            inverse = arb_mat([[self.whole[k, m] for m in support] for k in support]).inv()
            solved = (inverse * arb_mat([[self.whole[k, i]] for k in support])).entries()
            H = np.array([[middle(each) for each in row] for row in inverse.tolist()]).reshape(2 * [len(support)])
            c = np.array([middle(each) for each in solved])
        else:
            H = np.diag([middle(-self.S[k, k]) for k in support])
            c = np.array([middle(self.S[k, i]) for k in support])
        coefs = {}
        for m, k in enumerate(support):
            short = _shortest(float(c[m]) * units[m], middle(tolerance) * float(H[m, m]) ** 0.5 * units[m])
            coefs[k] = exactly(short)
            beside = H[:, m] / H[m, m]
            c += beside * (short / units[m] - c[m])
            H -= np.outer(beside, H[m])
        return coefs

    def _unit(self, i: int, k: int) -> arb:
        """That of the coefficient of column i on column k."""
        return arb(2) ** (self.scales[i] - self.scales[k])

    def _distance(self, i: int, coefs: dict[int, fmpq]) -> arb:
        v = [fmpq(0)] * self.moments.columns
        for k, value in coefs.items():
            v[self.columns[k]] = value
        v[self.columns[i]] = fmpq(-1)
        unit = fmpq(2) ** -(2 * self.scales[i])
        return arb(self.moments.sum_of_squares(v) / self.unit * unit).sqrt()

    def _sweep(self, k: int) -> None:
        S, size = self.S, self.S.nrows()
        pivot = S[k, k]
        column = [S[i, k] for i in range(size)]
        row = [each / pivot for each in column]
        S = S - arb_mat([[each] for each in column]) * arb_mat([row])
        for i, each in enumerate(row):
            S[i, k] = S[k, i] = each
        S[k, k] = -1 / pivot
        self.S = S


def _shortest(value: float, doubt: float) -> float:
    """The number with the fewest digits within `doubt` of `value`."""
    if abs(value) <= doubt:
        return 0.0
    return next(
        short for digits in range(17) if abs((short := float(f"{value:.{digits}e}")) - value) <= doubt or digits == 16
    )
