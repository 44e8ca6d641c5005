"""Logistic regression by Newton's method in mpmath, by its definition: what the tests compare with."""

import warnings

import mpmath
import numpy as np
from sklearn.linear_model import LogisticRegression

DIGITS = 60


def maximum(X: np.ndarray, y: np.ndarray, C: float = np.inf, weight: np.ndarray | None = None) -> mpmath.matrix:
    """The parameters (p + 1, 1), the intercept first, for y (n,) of 0 and 1; C is that of scikit-learn."""
    with mpmath.workdps(DIGITS):
        penalty = 1 / mpmath.mpf(C)
        A = mpmath.matrix(np.column_stack([np.ones(len(X)), X]).tolist())
        c = [mpmath.mpf(float(each)) for each in (np.ones(len(X)) if weight is None else weight)]
        start = LogisticRegression(C=C, solver="newton-cholesky", max_iter=1000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # near separation, it gives up; what it found is a start
            start.fit(X, y, weight)
        w = mpmath.matrix([*start.intercept_, *start.coef_[0]])
        for _ in range(300):
            p = probabilities(A, w)
            gradient = A.T * mpmath.matrix([c[i] * (p[i] - int(y[i])) for i in range(A.rows)])
            hessian = A.T * mpmath.matrix(
                [[c[i] * p[i] * (1 - p[i]) * A[i, j] for j in range(A.cols)] for i in range(A.rows)]
            )
            for j in range(1, A.cols):
                gradient[j] += penalty * w[j]
                hessian[j, j] += penalty
            step = mpmath.lu_solve(hessian, gradient)
            # far from the maximum, the full step diverges
            w -= step * min(1, 2 / max(mpmath.norm(A * step, mpmath.inf), 1))
            if mpmath.norm(step, mpmath.inf) < mpmath.mpf(10) ** -(DIGITS - 12) * mpmath.norm(w, mpmath.inf):
                return w
        raise AssertionError("the reference does not converge")


def probabilities(A: mpmath.matrix, w: mpmath.matrix) -> list[mpmath.mpf]:
    """Of class 1, for rows A (n, k)."""
    return [1 / (1 + mpmath.exp(-each)) for each in A * w]


def statistics(X: np.ndarray, y: np.ndarray) -> dict[str, list[float]]:
    """The statistics of the fit without a penalty, each rounded once, under the names that the summary has."""
    with mpmath.workdps(DIGITS):
        w = maximum(X, y)
        A = mpmath.matrix(np.column_stack([np.ones(len(X)), X]).tolist())
        p = probabilities(A, w)
        information = A.T * mpmath.matrix([[p[i] * (1 - p[i]) * A[i, j] for j in range(A.cols)] for i in range(A.rows)])
        inverse = mpmath.inverse(information)
        n, k, ones = A.rows, A.cols, int(y.sum())
        reached = mpmath.fsum(mpmath.log(p[i] if y[i] else 1 - p[i]) for i in range(n))
        null = ones * mpmath.log(mpmath.mpf(ones) / n) + (n - ones) * mpmath.log(mpmath.mpf(n - ones) / n)
        errors = [mpmath.sqrt(inverse[j, j]) for j in range(k)]
        quantile = mpmath.sqrt(2) * mpmath.erfinv(mpmath.mpf(19) / 20)
        numbers = {
            "estimate": list(w),
            "std_error": errors,
            "z": [w[j] / errors[j] for j in range(k)],
            "p_value": [mpmath.erfc(abs(w[j] / errors[j]) / mpmath.sqrt(2)) for j in range(k)],
            "low": [w[j] - quantile * errors[j] for j in range(k)],
            "high": [w[j] + quantile * errors[j] for j in range(k)],
            "odds_ratio": [mpmath.exp(each) for each in w],
            "log_likelihood": [reached],
            "null_log_likelihood": [null],
            "deviance": [-2 * reached],
            "null_deviance": [-2 * null],
            "pseudo_r2": [1 - reached / null],
            "aic": [2 * k - 2 * reached],
            "bic": [k * mpmath.log(n) - 2 * reached],
            "lr": [2 * (reached - null)],
            "lr_p_value": [mpmath.gammainc(mpmath.mpf(k - 1) / 2, reached - null, regularized=True)],
        }
        return {name: [float(each) for each in values] for name, values in numbers.items()}
