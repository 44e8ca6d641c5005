"""The model as a plain scikit-learn estimator, and the comparison with scikit-learn's own fit."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LinearRegression, Ridge

from samebits.least_squares import Solution


def estimator(solution: Solution, features: list[str], alpha: float) -> LinearRegression | Ridge:
    """A `LinearRegression`, or a `Ridge` where alpha > 0, as its `fit` would leave it but with the exact parameters.

    Of a fitted estimator's attributes only `singular_` is left out: LAPACK gives it other bits on other machines.
    """
    model = Ridge(alpha=alpha) if alpha else LinearRegression()
    model.feature_names_in_ = np.array(features, dtype=object)
    model.n_features_in_ = len(features)
    model.coef_, model.intercept_ = solution.model.coef, np.float64(solution.model.intercept)
    if not alpha:
        model.rank_ = solution.rank
    return model


@dataclass(frozen=True)
class Comparison:
    """Scikit-learn's own fit beside the exact solution.

    distance: Euclidean, between the coefficients.
    bound: how far apart rounding may bring them.
    rank: that scikit-learn sees.
    """

    distance: float
    bound: float
    rank: int


def compare_with_fit(solution: Solution, X: np.ndarray, y: np.ndarray, alpha: float) -> Comparison:
    """Fit scikit-learn's estimator to X (n, p), y (n,).

    Where (C + E) w = c + f stands for C w = c, with C = X'X + alpha I and c = X'y of centred X and y and with backward
    errors |E| <= e |X|^2 and |f| <= e |X| |y|, w moves to first order by e (|X|^2 |w| + |X| |y|) / s, s the smallest
    nonzero eigenvalue of C (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., theorem 7.2). e = 8
    sqrt(n) u holds for sums of n terms with all but vanishing probability (Higham and Mary, SIAM J. Sci. Comput. 41,
    2019, doi:10.1137/18M1226312).
    """
    theirs = (Ridge(alpha=alpha) if alpha else LinearRegression()).fit(X, y)
    distance = float(np.linalg.norm(theirs.coef_ - solution.model.coef))
    if not solution.rank:
        return Comparison(distance, 0.0, 0)
    singular = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    norm_X, smallest = singular[0], singular[solution.rank - 1] ** 2 + alpha
    norms = norm_X**2 * np.linalg.norm(solution.model.coef) + norm_X * np.linalg.norm(y - y.mean())
    with np.errstate(divide="ignore"):
        bound = float(8 * np.sqrt(len(y)) * np.finfo(float).eps * norms / smallest)
    return Comparison(distance, bound, getattr(theirs, "rank_", solution.rank))
