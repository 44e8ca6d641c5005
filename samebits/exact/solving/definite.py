"""A proved lower bound of the least eigenvalue of a symmetric matrix, from float64 arithmetic.

docs/exact.md has the proof. It trusts BLAS to add up products in some order, and LAPACK in nothing.
"""

import math

import numpy as np
from scipy.linalg import cho_solve

U = 2.0**-53  # a sum, product or quotient in float64 errs by this part of itself at most
ROOM = 1 + 2.0**-20  # more than sums of up to 2**30 numbers that are not negative err by
UNDERFLOW = 2.0**-1000  # more than all products together lose below the range of float64
INVERSE_ITERATIONS = 4
ATTEMPTS = 3


def cholesky(G: np.ndarray) -> np.ndarray | None:
    """Cholesky's factor L of G (k, k) about L L', lower triangular, as LAPACK finds it; None if it fails."""
    try:
        L = np.linalg.cholesky(G)
    except np.linalg.LinAlgError:
        return None
    return L if np.isfinite(L).all() else None


def least_eigenvalue(G: np.ndarray, L: np.ndarray) -> float:
    """A number > 0 that no eigenvalue of T is below, or 0 if none is proved.

    G (k, k), of magnitude 1 or less: the symmetric T, each entry rounded to float64. L: about its Cholesky factor.
    """
    gamma = (len(G) + 4) * U
    floor = 3 * (gamma * float(np.trace(G)) + U * norm(G))  # about three times what the proof loses
    shift = max(_guess(L) / 2, floor)
    for _ in range(ATTEMPTS):
        if (found := _above(G, shift, gamma)) > 0:
            return found
        if shift == floor:
            break
        shift = max(shift / 8, floor)
    return 0.0


def norm(A: np.ndarray) -> float:
    """An upper bound of the Frobenius norm of at most 2**30 numbers."""
    top = float(np.abs(A).max(initial=0.0))
    return top * math.sqrt(float(np.sum((A / top) ** 2))) * ROOM if top else 0.0


def _above(G: np.ndarray, shift: float, gamma: float) -> float:
    """What remains of the shift as a lower bound, if G - shift I is nearly L L'; 0 or less if nothing remains."""
    F = G.copy()
    F[np.diag_indices_from(F)] -= shift
    L = cholesky(F)
    if L is None:
        return 0.0
    E = L @ L.T
    E -= F
    loss = norm(E) + gamma * norm(L) ** 2 + U * (norm(G) + norm(F.diagonal())) + UNDERFLOW
    return (shift - loss * ROOM) / ROOM


def _guess(L: np.ndarray) -> float:
    """About the least eigenvalue of L L', by inverse iteration."""
    v, size = np.random.default_rng(0).standard_normal(len(L)), 1.0
    for _ in range(INVERSE_ITERATIONS):
        v = cho_solve((L, True), v / np.linalg.norm(v), check_finite=False)
        size = float(np.linalg.norm(v))
    return 1 / size
