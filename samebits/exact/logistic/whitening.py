"""Rows in coordinates of about unit covariance, in which searches in floats find what nearly collinear columns hide."""

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat

from samebits.exact.balls import middle
from samebits.exact.logistic.likelihood import Likelihood
from samebits.exact.precision import working_precision

PRECISION = 512  # bits
ROUNDS = 8  # each divides the condition number of the covariance by some 1e13
GOOD = 1e3  # such a number needs no more
SHIFT = 2.0**-46  # beside the largest eigenvalue: what Cholesky's method in floats tells from 0


@dataclass(frozen=True)
class Whitened:
    """Z (n, k): signed rows s a T, whose margins for parameters v are those of a for T v; T (k, k) is exact.

    error: a bound of the rounding errors of Z, beside the relative 2**-52 of each entry.
    """

    Z: np.ndarray
    T: arb_mat
    error: float

    def penalty(self, likelihood: Likelihood) -> np.ndarray:
        """The penalties T'PT (k, k) in these coordinates."""
        with working_precision(PRECISION):
            return _floats(self.T.transpose() * likelihood.penalty_matrix() * self.T)

    def parameters(self, v: np.ndarray) -> list[arb]:
        """T v (k,)."""
        with working_precision(PRECISION):
            return (self.T * arb_mat([[arb(each)] for each in v.tolist()])).entries()


def whitened(likelihood: Likelihood) -> Whitened:
    """Whiten by repeated Cholesky factors, each of the covariance that the ones before leave.

    The method is the shifted CholeskyQR of Fukaya, Kannan, Nakatsukasa, Yamamoto and Yanagisawa, SIAM J. Sci. Comput.
    42, 2020, doi:10.1137/18M1218212.
    """
    with working_precision(PRECISION):
        M = likelihood.moments + likelihood.penalty_matrix()
        T = _diagonal([1 / M[j, j].mid().sqrt() for j in range(M.nrows())])
        for _ in range(ROUNDS):
            G = _floats(T.transpose() * M * T)
            if not len(G) or np.linalg.cond(G) < GOOD:
                break
            shifted = G + SHIFT * np.trace(G) * np.eye(len(G))
            factor = np.linalg.inv(np.linalg.cholesky(shifted)).T
            T = (T * arb_mat(factor.tolist())).mid()
            T = T * _diagonal([1 / each.mid().sqrt() for each in _squares(T, M)])
        T = (T * arb(len(likelihood.sign)).sqrt()).mid()
        columns = [[T[i, j] for i in range(T.nrows())] for j in range(T.ncols())]
        error = max((middle(likelihood.margin_error(each).upper()) for each in columns), default=0.0)
        Z = np.array([likelihood.margins(each) for each in columns]).reshape(len(columns), len(likelihood.sign)).T
        return Whitened(Z, T, 2 * error)


def _squares(T: arb_mat, M: arb_mat) -> list[arb]:
    G = T.transpose() * M * T
    return [G[j, j] for j in range(G.nrows())]


def _diagonal(entries: list[arb]) -> arb_mat:
    k = len(entries)
    return arb_mat([[entries[i] if i == j else arb(0) for j in range(k)] for i in range(k)])


def _floats(M: arb_mat) -> np.ndarray:
    return np.array([middle(each) for each in M.entries()]).reshape(M.nrows(), M.ncols())
