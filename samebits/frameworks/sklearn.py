"""The model as a plain scikit-learn estimator, and scikit-learn's own fit beside it."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from flint import fmpq
from scipy.linalg import LinAlgWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from samebits.exact.estimator import ExactLinearRegression
from samebits.exact.rational import nearest_sqrt
from samebits.model.linear import LinearModel


def estimator(exact: ExactLinearRegression) -> LinearRegression | Ridge:
    """A `LinearRegression`, or a `Ridge` where alpha > 0, as its `fit` would leave it but with the exact parameters.

    Of a fitted estimator's attributes only `singular_` is left out: LAPACK gives it other bits on other machines. With
    `standardize`, alpha is that of the columns divided by their standard deviations, and the coefficients are of X.
    """
    model = Ridge(alpha=exact.alpha) if exact.alpha else LinearRegression()
    model.feature_names_in_, model.n_features_in_ = exact.feature_names_in_, exact.n_features_in_
    model.coef_, model.intercept_ = exact.coef_, np.float64(exact.intercept_)
    if exact.alpha:
        model.n_iter_, model.solver_ = None, "cholesky"
    else:
        model.rank_ = exact.rank_
    return model


def classifier(model: LinearModel, alpha: float, features: list[str]) -> LogisticRegression:
    """A `LogisticRegression` of the classes 0 and 1, as its `fit` would leave it but with the exact parameters."""
    fitted = LogisticRegression(C=1 / alpha if alpha else np.inf)
    fitted.feature_names_in_, fitted.n_features_in_ = np.array(features, dtype=object), len(features)
    fitted.classes_, fitted.n_iter_ = np.array([0, 1]), np.array([0])
    fitted.coef_, fitted.intercept_ = model.coef[None, :], np.array([model.intercept])
    return fitted


def logistic_fit(X: np.ndarray, y: np.ndarray, penalty: list[fmpq]) -> LinearModel:
    """What scikit-learn's `LogisticRegression` finds for X (n, p), y (n,) with half of the sum of penalty w**2."""
    scale = np.array([nearest_sqrt(each) if each else 1.0 for each in penalty])
    solver = LogisticRegression(C=1.0 if any(penalty) else np.inf, solver="newton-cholesky", tol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # who compares sees how far it came
        solver.fit(X / scale, y)
    return LinearModel(solver.coef_[0] / scale, float(solver.intercept_[0]))


@dataclass(frozen=True)
class Comparison:
    """Scikit-learn's own fit beside the exact solution.

    distance: Euclidean, between the coefficients.
    bound: how far apart rounding may bring them; infinite where scikit-learn, which drops directions that are small
        beside others, sees another rank.
    rank: that scikit-learn sees.
    """

    distance: float
    bound: float
    rank: int


def compare_with_fit(exact: ExactLinearRegression, X: np.ndarray, y: np.ndarray) -> Comparison:
    """Fit scikit-learn's estimator to X (n, p), y (n,), the rows that `exact` was fitted to.

    Where (C + E) w = c + f stands for C w = c, with C = X'X + alpha I and c = X'y of centred X and y, w moves to first
    order by (|E| |w| + |f|) / s, s the smallest nonzero eigenvalue of C (Higham, Accuracy and Stability of Numerical
    Algorithms, 2nd ed., theorem 7.2). With X0 and y0 before centring, which rounds too, |E| <= e |X| |X0| and |f| <=
    e (|X| |y0| + |X0| |y|), where e = 8 sqrt(n) u holds for sums of n terms with all but vanishing probability (Higham
    and Mary, SIAM J. Sci. Comput. 41, 2019, doi:10.1137/18M1226312). With `standardize`, X and w are those of columns
    divided by their standard deviations, which adds a rounding to each value.
    """
    coef = exact.coef_
    if exact.standardize:
        scale = np.array([nearest_sqrt(each) or 1.0 for each in exact.moments_.variances()])
        X, coef = X / scale, coef * scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LinAlgWarning)  # the bound says what it says, and more
        theirs = (Ridge(alpha=exact.alpha) if exact.alpha else LinearRegression()).fit(X, y)
    distance = float(np.linalg.norm(theirs.coef_ - coef))
    rank = int(getattr(theirs, "rank_", exact.rank_))
    if rank != exact.rank_ or not rank:
        return Comparison(distance, math.inf, rank)
    mean_X, mean_y = X.mean(axis=0), y.mean()
    singular = np.linalg.svd(X - mean_X, compute_uv=False)
    smallest = singular[rank - 1] ** 2 + exact.alpha
    norm_X, norm_y, norm_w = float(singular[0]), np.linalg.norm(y - mean_y), np.linalg.norm(coef)
    norm_X0, norm_y0 = norm_X + math.sqrt(len(y)) * np.linalg.norm(mean_X), np.linalg.norm(y)
    backward = 8 * math.sqrt(len(y)) * np.finfo(float).eps
    with np.errstate(divide="ignore"):
        moved = (norm_X * norm_X0 * norm_w + norm_X * norm_y0 + norm_X0 * norm_y) / smallest
    return Comparison(distance, float(backward * moved), rank)
