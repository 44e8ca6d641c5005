"""The normal equations of exact moments, and the parameters that solve them, each rounded once."""

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from flint import fmpq, fmpz, fmpz_mat

from samebits.exact import triangle
from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_between, nearest_float
from samebits.exact.solving.refinement import Enclosure, solution
from samebits.exact.solving.system import System
from samebits.model.linear import LinearModel


@dataclass(frozen=True)
class Equations:
    """Integers with C w = c for the coefficients w (p,), and b = (b0 - u'w) / count for the intercept.

    N = [1, X, y]'[1, X, y] has the sums u and b0 of X and y. C = count X'X - u u' is count times the centred moments of
    X, and c = count X'y - u b0. Without an intercept, count is 1, and u and b0 are 0. All are in units of N's.
    """

    system: System
    right: list[int]
    centred: bool
    count: int
    u: list[int]
    b0: int
    unit: fmpq

    @classmethod
    def of(cls, moments: Moments, fit_intercept: bool) -> Self:
        """The equations without a penalty."""
        p, unit = moments.columns - 2, fmpq(2) ** moments.exponent
        rows, columns = np.tril_indices(p + 2)
        inner, right = moments.triangle[(columns > 0) & (rows <= p)], moments.triangle[rows == p + 1][1:-1]
        if not fit_intercept:
            system = System(inner, triangle.Products(inner))
            return cls(system, right.tolist(), False, 1, [0] * p, 0, unit)
        count, *sums, b0 = moments.triangle[columns == 0]
        u, (i, j), products = np.array(sums, dtype=object), np.tril_indices(p), triangle.Products(inner)

        def times(v: Sequence[int]) -> list[int]:
            of_sums = sum(map(operator.mul, sums, v))
            return [count * each - factor * of_sums for each, factor in zip(products(v), sums, strict=True)]

        system = System(count * inner - u[i] * u[j], times)
        return cls(system, (count * right - u * b0).tolist(), True, count, sums, b0, unit)

    def penalised(self, penalties: Sequence[fmpq]) -> "Equations":
        """The equations with penalties (p,) of the squared coefficients."""
        if not any(penalties):
            return self
        scaled = [self.count * each / self.unit for each in penalties]
        common = functools.reduce(fmpz.lcm, (each.q for each in scaled), fmpz(1))
        system = self.system.penalised([int((each * common).p) for each in scaled], int(common))
        return replace(self, system=system, right=[int(common) * each for each in self.right])

    def solve(self) -> LinearModel | None:
        """The model; None if C is singular, or a parameter remains in doubt.

        Raises UserError where a parameter is beyond the range of float64.
        """
        return solution(self.system, self.right, self.model)

    def solve_by_fractions(self) -> LinearModel:
        """The model. Raises ZeroDivisionError if C is singular, UserError as `solve` does."""
        w = self.system.matrix.solve(fmpz_mat(len(self.right), 1, self.right))
        return self.exact_model(w.entries())

    def model(self, w: Enclosure) -> LinearModel | None:
        """The one model of parameters nearest to all that an enclosure of the coefficients holds, or None."""
        coef = []
        for middle, error in zip(w.integers, w.errors, strict=True):
            nearest = nearest_between(middle - error, middle + error, 1 << w.bits)
            if nearest is None:
                return None
            coef.append(nearest)
        middle = (self.b0 << w.bits) - sum(map(operator.mul, self.u, w.integers))
        error = sum(map(operator.mul, map(abs, self.u), w.errors))
        intercept = nearest_between(middle - error, middle + error, self.count << w.bits)
        return None if intercept is None else LinearModel(np.array(coef), intercept)

    def exact_model(self, w: Sequence[fmpq]) -> LinearModel:
        """The model of these coefficients."""
        intercept = (self.b0 - sum(map(operator.mul, w, self.u), fmpq(0))) / self.count
        return LinearModel(np.array([nearest_float(each) for each in w]), nearest_float(intercept))
