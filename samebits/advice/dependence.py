"""Which columns add nothing to those before them, told from the exact moments of the training rows."""

import math
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float

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

    The correlations are rounded once from exact numbers, and the operations are elementwise in a fixed order, so that
    every machine decides the same.
    """
    R = _correlations(moments)
    last = len(R) - 1
    alike = {j: R[j, last] ** 2 for j in range(last) if R[j, last] ** 2 > NEARLY}
    L = np.zeros_like(R)
    kept: list[int] = []
    found: list[Dependence] = []
    for j in range(last + 1):
        if not R[j, j]:
            found.append(Dependence(j, []))
            continue
        for k, i in enumerate(kept):
            L[j, k] = (R[j, i] - _dot(L[j, :k], L[i, :k])) / L[i, k]
        left = R[j, j] - _dot(L[j, : len(kept)], L[j, : len(kept)])
        if left <= UNEXPLAINED:
            found.append(Dependence(j, _terms(L, j, kept)))
        else:
            L[j, len(kept)] = math.sqrt(left)
            kept.append(j)
    target = next((each for each in found if each.column == last and each.terms), None)
    return Dependences([each for each in found if each.column != last], target, alike)


def _correlations(moments: Moments) -> np.ndarray:
    """The correlations of [X, y]; rows and columns of zeros for a constant."""
    C = moments.centred().tolist()
    size = len(C)
    R = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            if C[i][j] and C[i][i] and C[j][j]:
                square = nearest_float(fmpq(C[i][j] * C[i][j]) / (C[i][i] * C[j][j]))
                R[i, j] = R[j, i] = math.sqrt(square) if C[i][j] > 0 else -math.sqrt(square)
    return R


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return math.fsum(a * b)  # correctly rounded, unlike a sum of numpy


def _terms(L: np.ndarray, j: int, kept: list[int]) -> list[int]:
    """The columns of the combination that gives column j: L[j] = coefs L[kept], solved from the last to the first."""
    coefs = L[j, : len(kept)].copy()
    for k in range(len(kept) - 1, -1, -1):
        coefs[k] /= L[kept[k], k]
        coefs[:k] -= coefs[k] * L[kept[k], :k]
    return [kept[k] for k in np.argsort(-abs(coefs), kind="stable") if abs(coefs[k]) > MATTERS]
