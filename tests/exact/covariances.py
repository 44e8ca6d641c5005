"""Weighted least squares, its covariances and tests by their definitions, at 60 digits."""

import mpmath
import numpy as np
from mpmath import mp, mpf

DIGITS = 60
Numbers = dict[tuple[str, ...], float]  # by name, those of a coefficient by its column and name


def covariance(
    kind: str, A: np.ndarray, y: np.ndarray, weights: np.ndarray, groups: np.ndarray
) -> tuple[mp.matrix, mp.matrix, mpf]:
    """The solution for rows A (n, k), its covariance, and the sum of squared residuals.

    kind: "usual", "HC0" to "HC3", "CR0" or "CR1"; weights: proportional to the inverse of each row's variance.
    """
    with mp.workdps(DIGITS):
        n, k = A.shape
        rows, target, W = mp.matrix(A.tolist()), mp.matrix(y.tolist()), mp.diag(list(map(mpf, weights.tolist())))
        H = (rows.T * W * rows) ** -1
        w = H * (rows.T * W * target)
        r = target - rows * w
        rss = (r.T * W * r)[0]
        if kind == "usual":
            return w, H * rss / (n - k), rss
        clusters = groups.tolist() if kind in ("CR0", "CR1") else list(range(n))
        meat, g = mp.zeros(k), len(set(clusters))
        for cluster in sorted(set(clusters)):
            score = mp.zeros(k, 1)
            for i in (i for i, each in enumerate(clusters) if each == cluster):
                rest = 1 - W[i, i] * (rows[i, :] * H * rows[i, :].T)[0]
                score += W[i, i] * r[i] * rows[i, :].T / {"HC2": mp.sqrt(rest), "HC3": rest}.get(kind, 1)
            meat += score * score.T
        factor = {"HC1": mpf(n) / (n - k), "CR1": mpf(g) / (g - 1) * (n - 1) / (n - k)}.get(kind, 1)
        return w, factor * H * meat * H, rss


def statistics(
    kind: str, A: np.ndarray, y: np.ndarray, weights: np.ndarray, groups: np.ndarray, intercept: bool
) -> Numbers:
    """What a Summary says, by its names; the columns of A are (intercept), if there is one, and x1, x2, ..."""
    w, V, rss = covariance(kind, A, y, weights, groups)
    with mp.workdps(DIGITS):
        start, (n, k) = int(intercept), A.shape
        q, df = k - start, len(set(groups.tolist())) - 1 if kind in ("CR0", "CR1") else n - k
        values, W = [list(map(mpf, each.tolist())) for each in (y, weights)]
        mean = mpmath.fdot(W, values) / mpmath.fsum(W) if intercept else mpf(0)
        tss = mpmath.fdot(W, [(each - mean) ** 2 for each in values])
        f = (w[start:, 0].T * V[start:, start:] ** -1 * w[start:, 0])[0] / q
        numbers: dict[tuple[str, ...], mpf] = {
            ("residual_std",): mpmath.sqrt(rss / (n - k)),
            ("r2",): 1 - rss / tss,
            ("adjusted_r2",): 1 - mpf(n - start) / (n - k) * rss / tss,
            ("f",): f,
            ("f_p_value",): tail(f, q, df),
        }
        for i, name in enumerate([*["(intercept)"] * start, *(f"x{j + 1}" for j in range(q))]):
            error = mpmath.sqrt(V[i, i])
            t = w[i] / error
            numbers |= {
                (name, "estimate"): w[i],
                (name, "std_error"): error,
                (name, "t"): t,
                (name, "p_value"): tail(t * t, 1, df),
            }
        return {name: float(value) for name, value in numbers.items()}


def tail(f: mpf, df1: int, df2: int) -> mpf:
    """The probability that F exceeds f; the square of t is F with one degree of freedom."""
    return mpmath.betainc(mpf(df2) / 2, mpf(df1) / 2, 0, df2 / (df2 + df1 * f), regularized=True)
