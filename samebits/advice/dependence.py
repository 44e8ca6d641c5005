"""Which columns add nothing to those before them, told from the exact moments of the training rows."""

import math
from dataclasses import dataclass

import numpy as np
from flint import fmpz_mat

from samebits.exact.moments import Moments

UNEXPLAINED = 1e-8  # of a column's variance: less counts as none (a variance inflation factor above 1e8)
MATTERS = 1e-4  # a term of a combination below this, in standard deviations, is not named
NEARLY = 0.99  # of the target's variance: a single column that explains more deserves a warning


@dataclass(frozen=True)
class Dependence:
    """A column that is constant, or a linear combination of columns before it, in the training rows.

    terms: those columns, the most important first.
    """

    column: int
    terms: list[int]


@dataclass(frozen=True)
class Dependences:
    """What depends on what.

    columns: which to leave out. target: whether the others give the target, and by which terms. alike: by column, the
    share of the target's variance that it explains by itself, where that is more than NEARLY.
    """

    columns: list[Dependence]
    target: Dependence | None
    alike: dict[int, float]


def find(moments: Moments) -> Dependences:
    """The dependences of [X, y], y last, by Cholesky's decomposition of their correlations, column after column.

    The sums of products are rounded once from exact numbers, and the operations are elementwise in a fixed order, so
    that every machine decides the same.
    """
    R = _correlations(moments)
    last = len(R) - 1
    alike = {j: R[j, last] ** 2 for j in range(last) if R[j, last] ** 2 > NEARLY}
    left, L = R.copy(), np.zeros_like(R)
    kept: list[int] = []
    found: list[Dependence] = []
    for j in range(last + 1):
        if not R[j, j]:
            found.append(Dependence(j, []))
        elif left[j, j] <= UNEXPLAINED:
            found.append(Dependence(j, _terms(L, j, kept)))
        else:
            column = left[j:, j] / math.sqrt(left[j, j])
            L[j:, len(kept)] = column
            left[j:, j:] -= column[:, None] * column
            kept.append(j)
    target = next((each for each in found if each.column == last and each.terms), None)
    return Dependences([each for each in found if each.column != last], target, alike)


def _correlations(moments: Moments) -> np.ndarray:
    """The correlations of [X, y]; rows and columns of zeros for a constant."""
    N = moments.integers
    sums = fmpz_mat([N.table()[0]])
    centred = N[0, 0] * N - sums.transpose() * sums  # times the number of rows, and a power of two
    C = [[int(each) for each in row[1:]] for row in centred.table()[1:]]
    half = [row[i].bit_length() // 2 for i, row in enumerate(C)]  # scaled by it, squares are near 1
    S = np.array([[each / (1 << half[i] + half[j]) for j, each in enumerate(row)] for i, row in enumerate(C)])
    varies = np.diag(S) > 0
    d = np.where(varies, np.sqrt(np.diag(S)), 1.0)
    R: np.ndarray = S / d[:, None] / d
    np.fill_diagonal(R, varies)
    return R


def _terms(L: np.ndarray, j: int, kept: list[int]) -> list[int]:
    """The columns of the combination that gives column j: L[j] = coefs L[kept], solved from the last to the first."""
    coefs = L[j, : len(kept)].copy()
    for k in range(len(kept) - 1, -1, -1):
        coefs[k] /= L[kept[k], k]
        coefs[:k] -= coefs[k] * L[kept[k], :k]
    return [kept[k] for k in np.argsort(-abs(coefs), kind="stable") if abs(coefs[k]) > MATTERS]
