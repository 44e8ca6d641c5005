"""Whether a hyperplane separates the classes: found in floats by linear programming, verified in integers.

The likelihood then has no maximum (Albert and Anderson, Biometrika 71, 1984, doi:10.1093/biomet/71.1.1).
"""

from dataclasses import dataclass

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat
from scipy.optimize import linprog

from samebits.exact.moments import Moments
from samebits.exact.rational import exactly, nearest_float

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
    center = X.mean(axis=0) if intercept else np.zeros(X.shape[1])
    spread = np.sqrt(np.mean((X - center) ** 2, axis=0))
    spread[spread == 0] = 1
    Z = (X - center) / spread
    Z = (np.column_stack([np.ones(len(Z)), Z]) if intercept else Z) * sign[:, None]
    found = _direction(Z)
    if found is None:
        return None
    units = _Units([exactly(each) for each in center.tolist()], [exactly(each) for each in spread.tolist()], intercept)
    margins = Z @ found
    proofs = (_verified(X, Z, found, units, margins <= each * margins.max()) for each in TOUCHING)
    return next(filter(None, proofs), None)


@dataclass(frozen=True)
class _Units:
    """Directions in the columns themselves, and in those less their centers, divided by their spreads."""

    center: list[fmpq]
    spread: list[fmpq]
    intercept: bool

    def standardized(self, v: list[fmpq]) -> list[fmpq]:
        first, rest = v[: int(self.intercept)], v[int(self.intercept) :]
        shift = sum((a * b for a, b in zip(rest, self.center, strict=True)), fmpq(0))
        return [*(each + shift for each in first), *(a * b for a, b in zip(rest, self.spread, strict=True))]

    def original(self, v: list[fmpq]) -> list[fmpq]:
        first, rest = v[: int(self.intercept)], v[int(self.intercept) :]
        rest = [a / b for a, b in zip(rest, self.spread, strict=True)]
        shift = sum((a * b for a, b in zip(rest, self.center, strict=True)), fmpq(0))
        return [*(each - shift for each in first), *rest]


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


def _verified(
    X: np.ndarray, Z: np.ndarray, found: np.ndarray, units: _Units, touching: np.ndarray
) -> list[fmpq] | None:
    """The direction moved into the exact null space of the rows that it touches, if all others lie on their side."""
    k = len(found)
    if touching.all():
        return None
    exact = units.original([exactly(each) for each in found.tolist()])
    if touching.any():
        first = 0 if units.intercept else 1
        moments = Moments.of(X[touching], np.zeros(touching.sum())).integers.tolist()
        basis, dimension = fmpz_mat([row[first:-1] for row in moments[first:-1]]).nullspace()
        if not dimension:
            return None
        columns = [[fmpq(row[j]) for row in basis.tolist()] for j in range(int(dimension))]
        columns = [[each / max(map(abs, column)) for each in column] for column in columns]
        N = np.array([[nearest_float(each) for each in units.standardized(column)] for column in columns]).T
        weights = np.linalg.lstsq(N, found, rcond=None)[0]
        exact = (fmpq_mat(columns).transpose() * fmpq_mat([[exactly(each)] for each in weights.tolist()])).entries()
    v = np.array([nearest_float(each) for each in units.standardized(exact)])
    others = Z[~touching]
    bound = (k + 6) * ROUNDING * (np.abs(others) @ np.abs(v))
    return exact if (others @ v > bound).all() else None
