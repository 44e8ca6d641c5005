"""Ridge regression with the penalty chosen by cross-validation, as a scikit-learn estimator, exact."""

import copy
import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from samebits.errors import UserError
from samebits.exact import cross_validation
from samebits.exact.cross_validation import CrossValidation, Fold
from samebits.exact.estimator import ExactLinearRegression, moments_of, rows_of
from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float
from samebits.model.linear import LinearModel


class ExactRidgeCV(RegressorMixin, BaseEstimator):
    """Exact ridge regression with the alpha of the smallest cross-validated squared error.

    The errors of the alphas are compared without rounding, so every machine chooses the same alpha. If several are
    equal, the largest alpha is chosen.

    Parameters
    ----------
    alphas : array-like of float or "auto", default="auto"
        The penalties to try. "auto" is a grid of powers of two that follows the scale of the data.
    cv : int, splitter, iterable or None, default=None
        The folds, as in `GridSearchCV`; None is `KFold(5)`. Unlike in `RidgeCV`, None does not leave out one row at a
        time. `LeaveOneOut()` does, with one solution for each row and alpha.
    fit_intercept : bool, default=True
        As in `ExactLinearRegression`.
    standardize : bool, default=False
        As in `ExactLinearRegression`. Each fold standardizes its own columns.

    Attributes
    ----------
    alpha_ : float
        The chosen penalty.
    alphas_ : ndarray of shape (n_alphas,)
        The penalties that were tried.
    cv_errors_ : ndarray of shape (n_alphas, n_folds)
        The mean squared error of each fold, rounded once.
    best_score_ : float
        The negative mean over the folds of the mean squared error at `alpha_`.
    coef_, intercept_, rank_, relations_, n_features_in_, feature_names_in_
        As in `ExactLinearRegression`, fitted to all rows with `alpha_`.

    Examples
    --------
    >>> import numpy as np
    >>> from samebits import ExactRidgeCV
    >>> X = np.arange(12.0).reshape(6, 2) ** 2
    >>> model = ExactRidgeCV(alphas=[0.1, 1, 10], cv=3).fit(X, X @ [1.0, 2.0] + [1, -1, 0, 0, -1, 1])
    >>> model.alpha_
    10.0

    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alphas": ["array-like", Interval(Real, 0, None, closed="left"), str],
        "cv": ["cv_object"],
        "fit_intercept": ["boolean"],
        "standardize": ["boolean"],
    }

    def __init__(
        self,
        *,
        alphas: Sequence[float] | np.ndarray | Literal["auto"] = "auto",
        cv: Any = None,
        fit_intercept: bool = True,
        standardize: bool = False,
    ) -> None:
        self.alphas = alphas
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.standardize = standardize

    def fit(self, X: np.ndarray, y: np.ndarray, *, groups: np.ndarray | None = None) -> Self:
        """Choose alpha, then fit to all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,)
            The targets.
        groups : array-like of shape (n_samples,), optional
            For a splitter that needs groups.

        Raises
        ------
        ValueError
            X or y has values that are not finite or a wrong shape, or an alpha is not a finite number >= 0.

        """
        self._validate_params()
        fitted = copy.copy(self)
        X, y = rows_of(fitted, X, y)
        total = moments_of(fitted, X, y)
        try:
            fitted._search(X, y, groups, total)
        except UserError:
            raise ValueError("a parameter or error is beyond 1.8e308, the range of float64; rescale X or y") from None
        self.__dict__ = fitted.__dict__  # in one step: what fails before leaves the model as it was
        return self

    def _search(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None, total: Moments) -> None:
        how = {"fit_intercept": bool(self.fit_intercept), "standardize": bool(self.standardize)}
        self.alphas_ = self._alphas(total)
        folds = list(self._folds(X, y, groups, total))
        found = CrossValidation.of(folds, self.alphas_.tolist(), **how)
        self.alpha_, self.best_score_ = found.alpha, -nearest_float(found.means[found.best])
        self.cv_errors_ = np.array([[nearest_float(each) for each in errors] for errors in found.errors])
        model = ExactLinearRegression(alpha=self.alpha_, **how).fit_moments(total)
        self.coef_, self.intercept_ = model.coef_, model.intercept_
        self.rank_, self.relations_ = model.rank_, model.relations_

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

    def _alphas(self, total: Moments) -> np.ndarray:
        if isinstance(self.alphas, str):
            if self.alphas != "auto":
                raise ValueError(f"alphas is {self.alphas!r}; it must be a list of numbers or 'auto'")
            return np.array(cross_validation.grid(total, self.standardize))
        alphas = np.array(self.alphas, dtype=np.float64, ndmin=1)
        if alphas.ndim > 1 or not len(alphas):
            raise ValueError(f"alphas has the shape {alphas.shape}; it must be a list of one number or more")
        for alpha in alphas.tolist():
            if not 0 <= alpha < math.inf:
                raise ValueError(f"alphas has {alpha!r}; each must be a finite number, 0 or more")
        return alphas

    def _folds(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None, total: Moments) -> Iterable[Fold]:
        for train, test in check_cv(self.cv).split(X, y, groups):
            test_moments = Moments.of(X[test], y[test])
            rows = np.zeros(len(y), int)
            np.add.at(rows, np.arange(len(y))[train], 1)
            np.add.at(rows, np.arange(len(y))[test], 1)
            # what trains is mostly all that does not score
            rest = total - test_moments if (rows == 1).all() else Moments.of(X[train], y[train])
            yield Fold(rest, test_moments)
