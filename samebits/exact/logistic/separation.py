"""Whether a hyperplane separates the classes: found in floats by linear programming, verified in integers.

The likelihood then has no maximum (Albert and Anderson, Biometrika 71, 1984, doi:10.1093/biomet/71.1.1).
"""

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat
from scipy.optimize import linprog

from samebits.exact.moments import Moments
from samebits.exact.rational import exactly, nearest_float

FIRST = 2000  # rows of the first linear program; those that it leaves on the wrong side are added to the next one
ROUNDS = 100
TOUCHING = (1e-9, 1e-7, 1e-12, 1e-5)  # margins, beside the largest, that may be exactly 0
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


def separation(X: np.ndarray, sign: np.ndarray, intercept: bool) -> list[fmpq] | None:
    """A direction (k,) in which the margins of some rows rise and none falls, verified; None where none was found.

    sign: the classes (n,) of rows X (n, p), 1 or -1. The columns, of 1 if there is an intercept and of X, must be
    independent.
    """
    for j in range(X.shape[1]) if intercept else ():
        for side in (1, -1):
            lowest, highest = (side * X[sign > 0, j]).min(), (side * X[sign < 0, j]).max()
            if lowest >= highest:
                direction = [fmpq(0)] * (X.shape[1] + 1)
                direction[0], direction[j + 1] = -exactly(highest), fmpq(side)
                return direction
    A = np.column_stack([np.ones(len(X)), X]) if intercept else X
    scale = np.sqrt(np.mean(A**2, axis=0))
    scale[scale == 0] = 1
    found = _direction(A / scale * sign[:, None])
    if found is None:
        return None
    margins = (A / scale * sign[:, None]) @ found
    proofs = (_verified(X, A, sign, intercept, found / scale, margins <= each * margins.max()) for each in TOUCHING)
    return next(filter(None, proofs), None)


def _direction(Z: np.ndarray) -> np.ndarray | None:
    """A direction d (k,) with Z d >= 0, about, and not 0: the one of the largest sum, of entries up to 1."""
    chosen = np.zeros(len(Z), bool)
    chosen[np.linspace(0, len(Z) - 1, min(FIRST, len(Z))).astype(int)] = True
    gain = Z.mean(axis=0)
    for _ in range(ROUNDS):
        result = linprog(-gain, A_ub=-Z[chosen], b_ub=np.zeros(chosen.sum()), bounds=(-1, 1), method="highs")
        if result.x is None or -result.fun <= 1e-9:
            return None
        margins = Z @ result.x
        wrong = margins < -1e-9 * margins.max()
        if not (wrong & ~chosen).any():
            return result.x
        chosen |= margins <= np.partition(margins, min(FIRST, len(margins) - 1))[min(FIRST, len(margins) - 1)]
        chosen |= wrong & (np.cumsum(wrong) <= FIRST)
    return None


def _verified(
    X: np.ndarray, A: np.ndarray, sign: np.ndarray, intercept: bool, found: np.ndarray, touching: np.ndarray
) -> list[fmpq] | None:
    """The direction moved into the exact null space of the rows that it touches, if all others lie on their side."""
    k = len(found)
    if touching.any():
        first = 0 if intercept else 1
        moments = Moments.of(X[touching], np.zeros(touching.sum())).integers.tolist()
        basis, dimension = fmpz_mat([row[first:-1] for row in moments[first:-1]]).nullspace()
        if not dimension:
            return None
        columns = [[fmpq(row[j]) for row in basis.tolist()] for j in range(int(dimension))]
        largest = [max(abs(each) for each in column) for column in columns]
        columns = [[each / top for each in column] for column, top in zip(columns, largest, strict=True)]
        N = np.array([[nearest_float(each) for each in column] for column in columns]).T
        weights = np.linalg.lstsq(N, found, rcond=None)[0]
        exact = (fmpq_mat(columns).transpose() * fmpq_mat([[exactly(each)] for each in weights.tolist()])).entries()
    else:
        exact = [exactly(each) for each in found.tolist()]
    d = np.array([nearest_float(each) for each in exact])
    margins = sign * (A @ d)
    bound = (k + 3) * ROUNDING * (np.abs(A) @ np.abs(d))
    if not (margins > bound)[~touching].all() or touching.all():
        return None
    return exact
