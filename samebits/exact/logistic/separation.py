"""Whether a hyperplane separates the classes: found in floats by linear programming, verified in integers.

The likelihood then has no maximum (Albert and Anderson, Biometrika 71, 1984, doi:10.1093/biomet/71.1.1).
"""

import numpy as np
from flint import arb, arb_mat, fmpq, fmpq_mat
from scipy.optimize import linprog

from samebits.exact.balls import middle
from samebits.exact.logistic.likelihood import Likelihood
from samebits.exact.logistic.whitening import PRECISION, Whitened
from samebits.exact.precision import working_precision
from samebits.exact.rational import exactly

FIRST = 2000  # rows of the first linear program; those that it leaves on the wrong side are added to the next one
ROUNDS = 100
TOUCHING = (1e-9, 1e-7, 1e-12, 1e-5)  # margins, beside the largest, that may be exactly 0
NOTHING = 1e-9  # a gain, or a margin beside the largest
ROUNDING = 2.0**-52


class SeparationError(ValueError):
    """The likelihood has no maximum. columns: the names of those whose combination separates the classes."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns
        which = f"a combination of {', '.join(columns)}" if len(columns) > 1 else "".join(columns) or "the intercept"
        super().__init__(
            f"the classes are separated by {which}, so no finite coefficients maximise the likelihood; give a penalty, "
            "such as C=1, or leave out columns"
        )


def separation(likelihood: Likelihood, rows: Whitened) -> list[fmpq] | None:
    """A direction (k,) in which the margins of some rows rise and none falls, verified; None where none was found."""
    if likelihood.intercept and (simple := _of_one_column(likelihood)):
        return simple
    found = _direction(rows.Z)
    if found is None:
        return None
    margins = rows.Z @ found
    with working_precision(PRECISION):
        proofs = (_verified(likelihood, rows, found, margins <= each * margins.max()) for each in TOUCHING)
        return next(filter(None, proofs), None)


def _of_one_column(likelihood: Likelihood) -> list[fmpq] | None:
    """The sum of the directions of all columns that separate by themselves, so that each of them is named."""
    direction = [fmpq(0)] * (likelihood.X.shape[1] + 1)
    for j, column in enumerate(likelihood.X.T):
        for side in (1, -1):
            lowest, highest = (side * column[likelihood.sign > 0]).min(), (side * column[likelihood.sign < 0]).max()
            if lowest >= highest and column.min() < column.max():
                direction[0] -= exactly(highest)
                direction[j + 1] = fmpq(side)
                break
    return direction if any(direction[1:]) else None


def _direction(Z: np.ndarray) -> np.ndarray | None:
    """A direction v (k,) with Z v >= 0, about, and not 0: the one of the largest sum, of entries up to 1."""
    chosen = np.zeros(len(Z), bool)
    chosen[np.linspace(0, len(Z) - 1, min(FIRST, len(Z))).astype(int)] = True
    gain = Z.mean(axis=0)
    for _ in range(ROUNDS):
        result = linprog(-gain, A_ub=-Z[chosen], b_ub=np.zeros(chosen.sum()), bounds=(-1, 1), method="highs")
        if result.x is None or -result.fun <= NOTHING:
            return None
        margins = Z @ result.x
        wrong = (margins < -NOTHING * margins.max()) & ~chosen
        if not wrong.any():
            return result.x
        chosen |= wrong & (np.cumsum(wrong) <= FIRST)
    return None


def _verified(likelihood: Likelihood, rows: Whitened, found: np.ndarray, touching: np.ndarray) -> list[fmpq] | None:
    """The direction moved into the exact null space of the rows that it touches, if all others lie on their side."""
    k = len(found)
    if touching.all():
        return None
    exact = [_fraction(each) for each in rows.parameters(found)]
    if touching.any():
        moments = likelihood.moments_of(touching)
        basis, dimension = moments.nullspace()
        if not dimension:
            return None
        columns = [[fmpq(row[j]) for row in basis.tolist()] for j in range(int(dimension))]
        columns = [[each / max(map(abs, column)) for each in column] for column in columns]
        back = rows.T.inv()
        N = np.array([_floats(back, column) for column in columns]).T
        weights = np.linalg.lstsq(N, found, rcond=None)[0]
        exact = (fmpq_mat(columns).transpose() * fmpq_mat([[exactly(each)] for each in weights.tolist()])).entries()
        found = np.array(_floats(back, exact))
    others = rows.Z[~touching]
    bound = (k + 6) * ROUNDING * (np.abs(others) @ np.abs(found)) + rows.error * np.abs(found).sum()
    return exact if (others @ found > bound).all() else None


def _floats(back: arb_mat, direction: list[fmpq]) -> list[float]:
    return [middle(each) for each in (back * arb_mat([[arb(each)] for each in direction])).entries()]


def _fraction(x: arb) -> fmpq:
    mantissa, exponent = x.mid().man_exp()
    return mantissa * fmpq(2) ** exponent
