"""A float64 factor of a system, with the proof that the system is positive definite."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from flint import fmpz_mat, nmod_mat
from scipy.linalg import cho_solve, lapack

from samebits.exact import triangle
from samebits.exact.slices import blas
from samebits.exact.solving.definite import U, cholesky, least_eigenvalue

if TYPE_CHECKING:
    from samebits.exact.solving.system import System  # which has its factor

PRIME = 2**63 - 25
LEVELS = 5
UNIT = 48  # bits below 1 of the entries of R
SEVERAL_THREADS = 500  # numbers: for fewer, a second thread of BLAS costs more than it saves
ENOUGH = 2.0**-44  # a least eigenvalue of T with which float64 corrections converge


@dataclass(frozen=True)
class Factor:
    """L L' is about A = R T R', of which no eigenvalue is below `least` > 0.

    T is the scaled matrix of a system. R is None for the identity, or integers (k, k) times 2**-UNIT.
    """

    L: np.ndarray
    least: float
    R: fmpz_mat | None

    @classmethod
    def of(cls, system: "System") -> Self | None:
        """The factor of a system; None if it is singular, or too nearly so.

        A preconditioner R takes about 45 bits from the condition number (S. M. Rump, Inversion of extremely
        ill-conditioned matrices in floating-point, Japan J. Indust. Appl. Math. 26, 2009, doi:10.1007/BF03186534).
        """
        if min(system.diagonal) <= 0:
            return None
        R, A = None, system.scaled
        with threads(system.size):
            for _ in range(LEVELS):
                L = cholesky(A)
                if L is not None and (least := least_eigenvalue(A, L)) > (ENOUGH if R is None else 0):
                    return cls(L, least, R)
                if R is None and nmod_mat(system.matrix, PRIME).rank() < system.size:
                    return None  # singular, or the prime divides the determinant
                R = _preconditioner(A, R)
                A = _congruent(R, system)
        return None

    def correction(self, s: np.ndarray) -> np.ndarray:
        """About A^-1 s."""
        return np.asarray(cho_solve((self.L, True), s, check_finite=False))


def threads(size: int) -> AbstractContextManager[object]:
    """Limit the threads of BLAS to what so many numbers are worth."""
    return blas().limit(limits=1 if size < SEVERAL_THREADS else None, user_api="blas")


def _preconditioner(A: np.ndarray, R: fmpz_mat | None) -> fmpz_mat:
    """The inverse of a Cholesky factor of A + delta I, with the least delta that has one, times R."""
    k = len(A)
    delta = 2 * k * U * float(A.diagonal().max())
    while (L := cholesky(A + delta * np.eye(k))) is None:
        delta *= 16
    inverse = np.rint(np.ldexp(np.tril(lapack.dtrtri(L, lower=1)[0]), UNIT))
    exact = fmpz_mat([[int(each) for each in row] for row in inverse.tolist()])
    if R is None:
        return exact
    return fmpz_mat(k, k, [int(each) >> UNIT for each in (exact * R).entries()])


def _congruent(R: fmpz_mat, system: "System") -> np.ndarray:
    """R T R', each entry rounded once."""
    top = int(max(system.scale))
    up = [1 << (top - each) for each in system.scale.tolist()]
    RS = fmpz_mat([[each * factor for each, factor in zip(row, up, strict=True)] for row in R.tolist()])
    return triangle.rounded(triangle.lower(RS * system.matrix * RS.transpose()), 2 * (UNIT + top))
