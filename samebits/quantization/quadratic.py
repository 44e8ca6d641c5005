"""The loss of a quantization, (x - v)' Q (x - v), as a tree search adds it up: one term a coordinate.

With the coordinates in the order in which a search fixes them, x - v = L e for a lower triangular L of unit diagonal,
and the loss is sum_d D_d e_d^2: e_d is by how much coordinate d was moved from where it makes up best for the errors of
those before it. D and L come from the inverse P of Q, pivot by pivot; up to MOST_EXACT coordinates in rational numbers,
each then rounded once, beyond in floats.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from flint import fmpq, fmpq_mat

from samebits.exact.rational import exactly, nearest_float

MOST_EXACT = 17  # coordinates
SMALLEST_PIVOT = 1e-13
FIRST_JITTER = 1e-12
CLOSE = 1e-9
UNIT = 2.0**-53  # the relative error of a rounding
TINY = 2.0**-1000


@dataclass(frozen=True)
class Tree:
    """The loss in the order of a search.

    order: (m,) which coordinate is fixed when. weight: (m,) D. moves: (m, m) L. stiffness: (m, m), [d, k] is 1 / P_kk
    when d coordinates are fixed: to move coordinate k by t from its best place costs at least t^2 times that.
    rounding: by what part of itself a loss that is added up in floats may be wrong; infinite if L is not exact.

    The bound: the computed e obeys (L + E) e = x - v with |E| <= (m + 2) UNIT |L|, as all of substitution (Higham,
    Accuracy and Stability of Numerical Algorithms, 2002, theorem 8.5), so sqrt(D) e is wrong by no more than (m + 2)
    UNIT times the norm of K = |sqrt(D) inv(L)| |L| / sqrt(D). K grows as the root of the condition number of Q at most.
    """

    order: np.ndarray
    weight: np.ndarray
    moves: np.ndarray
    stiffness: np.ndarray
    rounding: float


@dataclass(frozen=True)
class Quadratic:
    """(x - v)' Q (x - v) for a positive semidefinite Q (m, m), with its minimiser v (m,) and the inverse P (m, m) of Q.

    jitter: what part of its diagonal had to be added to Q to invert it. damped: Q with it. exact: P in rational
    numbers, for up to MOST_EXACT coordinates.
    """

    v: np.ndarray
    Q: np.ndarray
    P: np.ndarray
    jitter: float
    damped: np.ndarray
    exact: fmpq_mat | None
    trees: dict[bytes, Tree] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, v: np.ndarray, Q: fmpq_mat) -> Self:
        """Invert Q; without damping if it is well enough conditioned, else with as little as is needed."""
        m, rounded, jitter = len(v), _floats(Q), 0.0
        if m <= MOST_EXACT:
            while (exact := _exact_inverse(Q, jitter)) is None:
                jitter = max(10 * jitter, FIRST_JITTER)
            return cls(v, rounded, _floats(exact), jitter, rounded, exact)
        size = np.sqrt(np.where(rounded.diagonal() > 0, rounded.diagonal(), 1))
        while (P := _inverse(rounded / size / size[:, None] + jitter * np.eye(m))) is None:
            jitter = max(10 * jitter, FIRST_JITTER)
        return cls(v, rounded, P / size / size[:, None], jitter, rounded + jitter * np.diag(size * size), None)

    def tree(self, error: np.ndarray) -> Tree:
        """The coordinate with the largest conditional error first; error: (m,) what rounding may move each by."""
        if (key := error.tobytes()) not in self.trees:
            order = _order(self.P, error)
            same = [each for each in self.trees.values() if (each.order == order).all()]
            if same:
                self.trees[key] = same[0]
            elif self.exact is None:
                self.trees[key] = _float_tree(self.damped, order)
            else:
                self.trees[key] = _exact_tree(self.exact, order)
        return self.trees[key]


def _order(P: np.ndarray, error: np.ndarray) -> np.ndarray:
    """The coordinate with the largest conditional error first."""
    least, P = np.maximum(P.diagonal() * UNIT, TINY), P.copy()
    left, order = list(range(len(P))), []
    while left:
        k = left.pop(int(np.argmax((error * error / np.maximum(P.diagonal(), least))[left])))
        order.append(k)
        P -= P[:, k, None] * (P[k] / max(P[k, k], least[k]))
    return np.array(order)


def _float_tree(Q: np.ndarray, order: np.ndarray) -> Tree:
    """From Q, not from its inverse, which loses more to rounding."""
    m, Q = len(order), Q[np.ix_(order, order)]
    inverse, moves = np.eye(m), np.eye(m)
    for d in reversed(range(m)):
        inverse[d, :d] = Q[d, :d] / Q[d, d]
        Q[:d, :d] -= Q[:d, d, None] * inverse[d, :d]
    for d in range(m):
        moves[d + 1 :] -= inverse[d + 1 :, d, None] * moves[d]
    return Tree(order, Q.diagonal().copy(), moves, np.zeros((m, m)), np.inf)


def _exact_tree(P: fmpq_mat, order: np.ndarray) -> Tree:
    m = len(order)
    weight, moves, stiffness = np.zeros(m), np.eye(m), np.zeros((m, m))
    P = fmpq_mat([[P[i, j] for j in order.tolist()] for i in order.tolist()])
    for d in range(m):
        rest = m - d
        stiffness[d, d:] = [nearest_float(1 / P[k, k]) for k in range(rest)]
        weight[d] = stiffness[d, d]
        column = [P[k, 0] / P[0, 0] for k in range(1, rest)]
        moves[d + 1 :, d] = [nearest_float(entry) for entry in column]
        if column:
            row = fmpq_mat(1, rest - 1, [P[0, k] for k in range(1, rest)])
            below = fmpq_mat([[P[i, k] for k in range(1, rest)] for i in range(1, rest)])
            P = below - fmpq_mat(rest - 1, 1, column) * row
    return Tree(np.array(order), weight, moves, stiffness, _rounding(np.maximum(weight, TINY), moves))


def _rounding(weight: np.ndarray, moves: np.ndarray) -> float:
    """See Tree."""
    m, root = len(weight), np.sqrt(weight)
    inverse = np.eye(m)
    for d in range(m):
        for j in range(d):
            inverse[d] -= moves[d, j] * inverse[j]
    left, right = np.abs(inverse) * root[:, None], np.abs(moves) / root
    K = sum((left[:, j, None] * right[j] for j in range(m)), np.zeros((m, m)))
    return float(4 * (m + 3) * UNIT * np.sqrt((K * K).cumsum()[-1]))


def _floats(Q: fmpq_mat) -> np.ndarray:
    """Each entry rounded once; Q is symmetric."""
    rows = Q.tolist()
    floats = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        floats[i, : i + 1] = floats[: i + 1, i] = [nearest_float(entry) for entry in row[: i + 1]]
    return floats


def _exact_inverse(Q: fmpq_mat, jitter: float) -> fmpq_mat | None:
    m = Q.nrows()
    added = [exactly(jitter) * (Q[i, i] or 1) if i == j else fmpq(0) for i in range(m) for j in range(m)]
    try:
        return (Q + fmpq_mat(m, m, added)).inv()
    except ZeroDivisionError:
        return None


def _inverse(Q: np.ndarray) -> np.ndarray | None:
    """The inverse of Q (m, m) by elimination in place, pivot by pivot; None where Q is not safely positive definite."""
    Q = Q.copy()
    for k in range(len(Q)):
        pivot = Q[k, k]
        if not pivot > SMALLEST_PIVOT:
            return None
        row, column = Q[k] / pivot, Q[:, k].copy()
        Q -= column[:, None] * row
        Q[k], Q[:, k], Q[k, k] = row, -column / pivot, 1 / pivot
    return Q
