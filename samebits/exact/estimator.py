"""Least squares as a scikit-learn estimator, exact: the parameters are the float64 numbers nearest to the true ones."""

import copy
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from samebits.errors import UserError
from samebits.exact import least_squares
from samebits.exact.inference.statistics import inference
from samebits.exact.inference.summary import Summary
from samebits.exact.moments import Moments
from samebits.model.linear import LinearModel


class ExactLinearRegression(RegressorMixin, BaseEstimator):
    """Least squares and ridge regression in exact arithmetic, each parameter rounded once.

    Minimises |y - b - X w|^2 + alpha |w|^2. The parameters are the float64 numbers nearest to the true solution: the
    same rows give the same bits on every machine, in any order and in any batches. If columns are collinear and alpha
    is 0, this is the solution of minimum norm.

    Parameters
    ----------
    alpha : float, default=0
        The penalty, as in `Ridge`. The intercept is not penalised.
    fit_intercept : bool, default=True
        Whether to fit the intercept b. Otherwise it is 0.
    standardize : bool, default=False
        Whether alpha acts on columns divided by their standard deviations, as in a pipeline of `StandardScaler` and
        `Ridge`. The penalty is then alpha times the sum of v_j w_j^2, with v_j the variances. `coef_` still belongs
        to X itself.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        The coefficients w.
    intercept_ : float
        The intercept b.
    rank_ : int
        The exact rank of X, centred if there is an intercept; n_features if alpha > 0.
    n_features_in_ : int
        The number of columns of X.
    feature_names_in_ : ndarray of str
        The names of the columns, if X has any.
    relations_ : list of Relation
        The exact linear relations between collinear columns.
    moments_ : Moments
        The exact second moments of all rows so far. `partial_fit` adds to them.

    Examples
    --------
    >>> import numpy as np
    >>> from samebits import ExactLinearRegression
    >>> X = np.array([[1.0, 0.1], [2.0, 0.4], [3.0, 0.2], [4.0, 0.7]])
    >>> y = X @ [2.0, 10.0] + 0.5
    >>> model = ExactLinearRegression().fit(X, y)
    >>> model.coef_.round(12), round(model.intercept_, 12)
    (array([ 2., 10.]), 0.5)
    >>> round(model.summary().coefficients[1].vif, 3)
    2.561
    >>> batches = ExactLinearRegression().partial_fit(X[2:], y[2:]).partial_fit(X[:2], y[:2])
    >>> batches.coef_.tobytes() == model.coef_.tobytes()
    True

    """

    moments_: Moments
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "standardize": ["boolean"],
    }

    def __init__(self, *, alpha: float = 0.0, fit_intercept: bool = True, standardize: bool = False) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.standardize = standardize

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,)
            The targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0. A row with the weight 3 counts as three rows. Each bit that any weight has costs one pass over
            the rows.

        Raises
        ------
        ValueError
            X, y or the weights have values that are not finite, or wrong shapes.

        """
        return self._fit(X, y, sample_weight, first=True)

    def partial_fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Add rows to those of earlier calls.

        The result is that of one `fit` to all rows. The arguments are those of `fit`.

        """
        return self._fit(X, y, sample_weight, first=not hasattr(self, "moments_"))

    def fit_moments(self, moments: Moments, feature_names: list[str] | None = None) -> Self:
        """Fit to all rows that exact moments describe.

        Parameters
        ----------
        moments : Moments
            For example the sum of the `moments_` of estimators that saw different rows, on one machine or on several.
        feature_names : list of str, optional
            The names of the columns.

        """
        self._validate_params()
        fitted = copy.copy(self)
        fitted.n_features_in_ = moments.integers.ncols() - 2
        if hasattr(fitted, "feature_names_in_"):
            del fitted.feature_names_in_
        if feature_names:
            fitted.feature_names_in_ = np.array(feature_names, dtype=object)
        return self._become(fitted._solved(moments, whole_weights=True))

    def summary(self, target: str = "y") -> Summary:
        """Standard errors, tests, intervals and other statistics of the fit; it prints as a table.

        Each number is the float64 nearest to the exact value of its formula. The errors are assumed to be independent
        and normal, with the same variance.

        Parameters
        ----------
        target : str, default="y"
            The name of y in the table.

        Raises
        ------
        ValueError
            A sample weight is not a whole number, so the weights do not count rows.

        """
        check_is_fitted(self)
        if not self._whole_weights:
            raise ValueError("standard errors need whole numbers as weights, which count rows")
        features = getattr(self, "feature_names_in_", None)
        names = None if features is None else [str(each) for each in features]
        alpha, fit_intercept, standardize = self._how
        return inference(self.moments_, alpha, fit_intercept, names, target, standardize)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict; each prediction is rounded once, so that it has the same bits on every machine.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,)

        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return LinearModel(self.coef_, self.intercept_).predict(X)

    def _fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None, first: bool) -> Self:
        self._validate_params()
        fitted = copy.copy(self)
        X, y = rows_of(fitted, X, y, reset=first)
        weights, whole_weights = None, first or self._whole_weights
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            whole_weights &= bool((weights == np.floor(weights)).all())
        moments = moments_of(fitted, X, y, weights)
        try:
            return self._become(fitted._solved(moments if first else self.moments_ + moments, whole_weights))
        except UserError:
            raise ValueError("a parameter is beyond 1.8e308, the range of float64; rescale X or y") from None

    def _solved(self, moments: Moments, whole_weights: bool) -> Self:
        """Take the solution for moments."""
        self._how = float(self.alpha), bool(self.fit_intercept), bool(self.standardize)
        solution = least_squares.solve(moments, *self._how)
        self.moments_, self._whole_weights = moments, whole_weights
        self.coef_, self.intercept_ = solution.model.coef, solution.model.intercept
        self.rank_, self.relations_ = solution.rank, solution.relations
        return self

    def _become(self, fitted: Self) -> Self:
        """Take all of another in one step, so that what fails or is interrupted before leaves this one as it was."""
        self.__dict__ = fitted.__dict__
        return self


def rows_of(
    estimator: BaseEstimator, X: np.ndarray, y: np.ndarray, reset: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """X (n, p) and y (n,) as float64, validated as scikit-learn does; `moments_of` tells of values that are not finite.

    reset: whether the estimator takes their number of columns and names, or compares them with its own.
    """
    X, y = validate_data(estimator, X, y, reset=reset, dtype=np.float64, y_numeric=True, ensure_all_finite=False)
    return X, y.astype(np.float64, copy=False)


def moments_of(estimator: BaseEstimator, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> Moments:
    """The moments of rows that `rows_of` validated. Raises ValueError for a value that is not finite."""
    try:
        return Moments.of(X, y) if weights is None else Moments.weighted(X, y, weights)
    except ValueError:
        check_finite(X, getattr(estimator, "feature_names_in_", None))
        raise


def check_finite(X: np.ndarray, names: np.ndarray | None) -> None:
    """Raise ValueError, in scikit-learn's words, for the first value of X (n, p) that is not finite; it checks y."""
    for row, column in np.argwhere(~np.isfinite(X))[:1].tolist():
        what = "NaN" if np.isnan(X[row, column]) else "infinity"
        named = "" if names is None else f", column {names[column]}"
        raise ValueError(f"Input X contains {what}: X[{row}, {column}]{named}; every value must be finite")
