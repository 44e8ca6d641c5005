"""Which coefficients can be above 0 in the least-squares solution without negative ones, by exact arithmetic.

The active set of C. L. Lawson and R. J. Hanson, Solving Least Squares Problems, 1974, chapter 23, from a start that
float64 finds.
"""

import math
from collections.abc import Mapping

import numpy as np
from flint import fmpq, fmpz_mat
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

from samebits.exact.solving.definite import cholesky
from samebits.exact.solving.equations import Equations
from samebits.exact.solving.refinement import Enclosure, solution
from samebits.exact.solving.system import System, part, product

FEW = 64  # coefficients above 0: fractions take less time than refinement
JITTER = 2.0**-40  # of the diagonal, so that collinear columns have a factor


def free(equations: Equations) -> list[int]:
    """The columns with no slope at the solution w >= 0 of least w'Cw - 2c'w: all that w can be above 0 in.

    The slope g = c - C w is the same for all solutions, and w is one of them if and only if w >= 0, g <= 0 and w'g = 0
    (Karush, Kuhn and Tucker).
    """
    if not equations.right:
        return []
    start = _by_floats(equations)
    if len(start) > FEW and _proved(equations, sorted(start)):
        return sorted(start)
    return _active_set(equations.system.matrix, equations.right, start)


def _by_floats(equations: Equations) -> dict[int, fmpq]:
    """About the coefficients above 0, of whatever quality."""
    system, T = equations.system, equations.system.scaled
    top = int(max(system.scale))
    right = [c << (top - k) for c, k in zip(equations.right, system.scale.tolist(), strict=True)]
    L = cholesky(T + JITTER * np.eye(system.size))
    if L is None or not any(right):
        return {}
    size = max(map(abs, right))
    try:
        z, _ = nnls(L.T, solve_triangular(L, [each / size for each in right], lower=True))
    except RuntimeError:  # too many iterations
        return {}
    scale = [fmpq(2) ** int(top - k) * size for k in system.scale]
    return {j: fmpq(*float(z[j]).as_integer_ratio()) * scale[j] for j in np.flatnonzero(z).tolist()}


def _proved(equations: Equations, columns: list[int]) -> bool:
    """Whether the solution on these columns is above 0, and the slope of all others is below."""
    C, c = equations.system.matrix, equations.right
    others = sorted(set(range(C.nrows())) - set(columns))
    beside = part(C, others, columns)
    sizes = fmpz_mat(beside.nrows(), beside.ncols(), [abs(each) for each in beside.entries()])

    def decide(z: Enclosure) -> bool | None:
        slopes = [(c[j] << z.bits) - each for j, each in zip(others, product(beside, z.integers), strict=True)]
        margins = [
            *(middle - error for middle, error in zip(z.integers, z.errors, strict=True)),
            *(-slope - error for slope, error in zip(slopes, product(sizes, z.errors), strict=True)),
        ]
        return min(margins) > 0 or None

    return bool(solution(System.of(part(C, columns, columns)), [c[j] for j in columns], decide))


def _active_set(C: fmpz_mat, c: list[int], start: Mapping[int, fmpq]) -> list[int]:
    """The columns without slope, from coefficients above 0 of some columns.

    Each round solves for the columns with coefficients above 0, which stay independent, and takes in the one that then
    lessens the loss most. The loss of a round is below that of the one before, so no set of columns comes twice.
    """
    w = dict(start)
    while True:
        while w:
            columns = sorted(w)
            try:
                z = part(C, columns, columns).solve(fmpz_mat(len(columns), 1, [c[j] for j in columns])).entries()
            except ZeroDivisionError:  # of the start alone
                w = {}
                break
            target = dict(zip(columns, z, strict=True))
            if min(z) > 0:
                w = target
                break
            step = min(w[j] / (w[j] - target[j]) for j in columns if target[j] <= 0)
            w = {j: moved for j in columns if (moved := w[j] + step * (target[j] - w[j])) > 0}
        slopes = _slopes(C, c, w)
        gains = {j: slope**2 / C[j, j] for j, slope in enumerate(slopes) if slope > 0}
        if not gains:
            return [j for j, slope in enumerate(slopes) if not slope]
        w[max(gains, key=lambda j: (gains[j], -j))] = fmpq(0)


def _slopes(C: fmpz_mat, c: list[int], w: Mapping[int, fmpq]) -> list[fmpq]:
    """The slope c - C w, for the coefficients that are not 0."""
    columns = sorted(w)
    unit = math.lcm(*(int(each.q) for each in w.values()))
    products = product(part(C, list(range(C.nrows())), columns), [int((w[j] * unit).p) for j in columns])
    return [fmpq(each * unit - taken, unit) for each, taken in zip(c, products, strict=True)]
