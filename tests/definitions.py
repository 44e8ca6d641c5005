"""Least squares and correct rounding by their definitions, in Python's fractions: what the library is compared with."""

import math
import struct
import sys
from fractions import Fraction
from typing import Any

import numpy as np

Matrix = list[list[Fraction]]

ZERO, ONE = Fraction(0), Fraction(1)


def rational(value: Any) -> Fraction:
    """A number of flint as a fraction."""
    return Fraction(int(value.p), int(value.q))


def moments(X: np.ndarray, y: np.ndarray) -> Matrix:
    """A'A with A = [1, X, y]."""
    rows = [[ONE, *map(Fraction, row), Fraction(last)] for row, last in zip(X.tolist(), y.tolist(), strict=True)]
    columns = range(X.shape[1] + 2)
    half = {(i, j): sum((row[i] * row[j] for row in rows), ZERO) for i in columns for j in columns if i <= j}
    return [[half[min(i, j), max(i, j)] for j in columns] for i in columns]


def means(X: np.ndarray, y: np.ndarray) -> list[Fraction]:
    """The means of [X, y]."""
    return [sum(map(Fraction, column), ZERO) / len(y) for column in [*X.T.tolist(), y.tolist()]]


def centred(X: np.ndarray, y: np.ndarray) -> Matrix:
    """B'B with B = [X, y] minus its means."""
    centre = means(X, y)
    rows = [
        [Fraction(value) - mean for value, mean in zip([*row, last], centre, strict=True)]
        for row, last in zip(X.tolist(), y.tolist(), strict=True)
    ]
    columns = range(len(centre))
    return [[sum((row[i] * row[j] for row in rows), ZERO) for j in columns] for i in columns]


def echelon(A: Matrix) -> tuple[Matrix, list[int]]:
    """The nonzero rows of the reduced echelon form, and their pivots."""
    A = [list(row) for row in A]
    pivots: list[int] = []
    for column in range(len(A[0])):
        top = len(pivots)
        found = next((i for i in range(top, len(A)) if A[i][column]), None)
        if found is None:
            continue
        A[top], A[found] = A[found], A[top]
        A[top] = [entry / A[top][column] for entry in A[top]]
        for i, row in enumerate(A):
            if i != top:
                A[i] = [entry - row[column] * above for entry, above in zip(row, A[top], strict=True)]
        pivots.append(column)
    return A[: len(pivots)], pivots


def null_space(A: Matrix) -> Matrix:
    """A basis of all x with A x = 0."""
    rows, pivots = echelon(A)
    basis = []
    for free in sorted(set(range(len(A[0]))) - set(pivots)):
        x = [ZERO] * len(A[0])
        x[free] = ONE
        for row, pivot in zip(rows, pivots, strict=True):
            x[pivot] = -row[free]
        basis.append(x)
    return basis


def least_squares(X: np.ndarray, y: np.ndarray, alpha: float = 0.0) -> tuple[list[Fraction], Fraction]:
    """The weights and the intercept; of many solutions the shortest, which is orthogonal to the null space."""
    p = X.shape[1]
    normal = centred(X, y)[:p]
    for j in range(p):
        normal[j][j] += Fraction(alpha)
    orthogonal = [[*row, ZERO] for row in null_space([row[:p] for row in normal])]
    rows, pivots = echelon(normal + orthogonal)
    assert pivots == list(range(p))
    weights = [row[p] for row in rows]
    *mean, mean_y = means(X, y)
    return weights, mean_y - dot(mean, weights)


def dot(a: list[Fraction], b: list[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), ZERO)


def predictions(X: np.ndarray, coef: np.ndarray, intercept: float) -> list[Fraction]:
    weights = [Fraction(weight) for weight in coef.tolist()]
    return [Fraction(intercept) + dot([Fraction(value) for value in row], weights) for row in X.tolist()]


def is_nearest(rounded: float, value: Fraction, power: int = 1) -> bool:
    """Whether `rounded` is the float64 nearest to the root of `value` of order `power`, ties to even."""
    assert value >= 0
    rounded = abs(rounded)
    [bits] = struct.unpack("<q", struct.pack("<d", rounded))
    below = Fraction(math.nextafter(rounded, -1))
    above = 2 * Fraction(rounded) - below if rounded == sys.float_info.max else Fraction(math.nextafter(rounded, 2e308))
    low, high = ((Fraction(rounded) + neighbour) / 2 for neighbour in (below, above))
    if bits % 2:
        return low**power < value < high**power
    return (rounded == 0 or low**power <= value) and value <= high**power
