"""Least squares as a scikit-learn estimator, exact: the parameters are the float64 numbers nearest to the true ones."""

import copy
from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from samebits.exact import fitting
from samebits.exact import sparse as sparse_rows
from samebits.exact.derived import HALF_UNIT
from samebits.exact.fitting import Fit, How
from samebits.exact.inference import robust
from samebits.exact.inference.statistics import inference
from samebits.exact.inference.summary import FREQUENCY, PRECISION, Summary
from samebits.exact.moments import Moments
from samebits.exact.rows import Rows, Seen, as_float64
from samebits.exact.solving.collinear import Relation
from samebits.model import prediction

FLOAT32_HALF_UNIT = 2.0**-24


class LinearPredictor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """What the exact estimators share: predictions, tags, and a state that can be stored."""

    coef_: np.ndarray
    intercept_: Any

    def predict(self, X: Any) -> np.ndarray:
        """Predict; each prediction is rounded once, so that it has the same bits on every machine.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)

        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=[np.float64, np.float32])
        dtype, rows = np.result_type(X.dtype, self.coef_.dtype), as_float64(X)
        one = sparse_rows.predict if sparse.issparse(rows) else prediction.predict
        coef = np.atleast_2d(self.coef_).astype(np.float64)
        intercepts = np.broadcast_to(np.asarray(self.intercept_, dtype=np.float64), len(coef)).tolist()
        each = [one(rows, *model) for model in zip(coef, intercepts, strict=True)]
        return np.column_stack(each).astype(dtype) if self.coef_.ndim > 1 else each[0].astype(dtype)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _take(self, fits: list[Fit], flat: bool, dtype: str) -> None:
        """Take the parameters of fits to targets; flat: y had one dimension."""
        coef, intercepts = (each.astype(dtype) for each in fitting.coefficients(fits))
        self.coef_, self.intercept_ = (coef[0], intercepts[0]) if flat else (coef, intercepts)
        if flat and dtype == "float64":
            self.intercept_ = float(self.intercept_)
        self.rank_ = fits[0].solution.rank

    def _become(self, fitted: Self) -> Self:
        """Take all of another in one step, so that what fails or is interrupted before leaves this one as it was."""
        self.__dict__ = fitted.__dict__
        return self

    def _names(self) -> list[str] | None:
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else [str(each) for each in names]


class ExactLinearRegression(LinearPredictor):
    """Least squares and ridge regression in exact arithmetic, each parameter rounded once.

    Minimises |y - b - X w|^2 + alpha |w|^2. The parameters are the float64 numbers nearest to the true solution: the
    same rows give the same bits on every machine, in any order and in any batches. If columns are collinear and alpha
    is 0, this is the solution of minimum norm.

    A column that is computed from others, such as a price with its tax, is collinear with them up to the rounding of
    its values only. It counts as collinear, with a `CollinearityWarning` that names the relation.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), default=0
        The penalty, as in `Ridge`, or one for each target. The intercept is not penalised.
    fit_intercept : bool, default=True
        Whether to fit the intercept b. Otherwise it is 0.
    standardize : bool, default=False
        Whether alpha acts on columns divided by their standard deviations, as in a pipeline of `StandardScaler` and
        `Ridge`. The penalty is then alpha times the sum of v_j w_j^2, with v_j the variances. `coef_` still belongs
        to X itself.
    collinear : {"rounding", "exact"}, default="rounding"
        Which columns are collinear: those that are combinations of earlier ones up to the rounding of their values, or
        only those that are so exactly. With "exact", rounding errors decide the coefficients of the others.
    positive : bool, default=False
        Whether no coefficient may be negative, as in `LinearRegression`. Which are 0 is decided exactly. There is no
        `summary`.
    weights : {"frequency", "precision"}, default="frequency"
        What `sample_weight` means to `summary`: so many copies of a row, or the inverse of the variance of its error,
        up to a factor, as in R's `lm`. The coefficients do not depend on it.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        The coefficients w; of float32 rows rounded to float32, as in scikit-learn.
    intercept_ : float or ndarray of shape (n_targets,)
        The intercept b.
    rank_ : int
        The exact rank of X, centred if there is an intercept; n_features if alpha > 0.
    n_features_in_ : int
        The number of columns of X.
    feature_names_in_ : ndarray of str
        The names of the columns, if X has any.
    relations_ : list of Relation
        The linear relations between collinear columns, each exact or up to rounding.
    determined_digits_ : ndarray of int, of the shape of coef_
        How many decimal digits of each coefficient the data determine, if each value is known to half a unit of its
        last place. It is computed when it is asked for.
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
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
        "standardize": ["boolean"],
        "collinear": [StrOptions({"rounding", "exact"})],
        "positive": ["boolean"],
        "weights": [StrOptions({FREQUENCY, PRECISION})],
    }

    def __init__(
        self,
        *,
        alpha: float | Sequence[float] | np.ndarray = 0.0,
        fit_intercept: bool = True,
        standardize: bool = False,
        collinear: Literal["rounding", "exact"] = "rounding",
        positive: bool = False,
        weights: Literal["frequency", "precision"] = "frequency",
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.collinear = collinear
        self.positive = positive
        self.weights = weights

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        sample_weight : float or array-like of shape (n_samples,), optional
            Weights >= 0. A row with the weight 3 counts as three rows. Each bit that any weight has costs one pass over
            the rows.

        Raises
        ------
        ValueError
            X, y or the weights have values that are not finite, or wrong shapes.

        """
        return self._fit(X, y, sample_weight, first=True)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Add rows to those of earlier calls.

        The result is that of one `fit` to all rows. The arguments are those of `fit`.

        """
        return self._fit(X, y, sample_weight, first=not hasattr(self, "moments_"))

    def fit_moments(self, moments: Moments, feature_names: Sequence[str] | np.ndarray | None = None) -> Self:
        """Fit to all rows that exact moments describe.

        Parameters
        ----------
        moments : Moments
            Of one target. For example the sum of the `moments_` of estimators that saw different rows, on one machine
            or on several.
        feature_names : list of str, optional
            The names of the columns.

        Raises
        ------
        ValueError
            There are more or fewer names than columns.

        """
        self._validate_params()
        fitted = copy.copy(self)
        fitted.n_features_in_ = moments.columns - 2
        if hasattr(fitted, "feature_names_in_"):
            del fitted.feature_names_in_
        if feature_names is not None:
            if len(feature_names) != fitted.n_features_in_:
                raise ValueError(f"feature_names has {len(feature_names)} names; X has {fitted.n_features_in_} columns")
            fitted.feature_names_in_ = np.array(feature_names, dtype=object)
        return self._become(fitted._solved(moments, Seen(), flat=True))

    def summary(self, target: str = "y", *, cov: str | None = None, groups: Any = None) -> Summary:
        """Standard errors, tests, intervals and other statistics of the fit; it prints as a table.

        Each number is the float64 nearest to the exact value of its formula.

        Parameters
        ----------
        target : str, default="y"
            The name of y in the table.
        cov : {"HC0", "HC1", "HC2", "HC3", "CR0", "CR1"}, optional
            Standard errors for independent errors of unequal variance (HC), or for errors that depend on each other
            within clusters (CR); "CR1" if there are groups. By default, errors are independent and of equal variance.
            They need the rows: the last `fit` keeps a reference to its arguments, which copies and pickles do not have.
        groups : array-like of shape (n_samples,) or mapping, optional
            The cluster of each row, or the `Moments` of each cluster.

        Raises
        ------
        ValueError
            The weights do not have the meaning that `weights` says, there are several targets, `positive` is True, or
            `cov` needs something that is missing.

        """
        check_is_fitted(self)
        fits = self._solutions()
        if len(fits) > 1:
            raise ValueError(f"a summary is of one target, and y had {len(fits)}; fit to each of them")
        if self._how.positive:
            raise ValueError("there is no summary with positive=True: a coefficient held at 0 has no standard error")
        rows = Rows.of(self, *self._given, reset=False) if self._given and (cov or groups is not None) else None
        if rows is not None and rows.moments() != self.moments_:
            raise ValueError("X or y have changed since `fit`; fit again")
        covariance = robust.covariance(cov, rows, groups, self._meaning == PRECISION, self.moments_)
        return inference(fits[0], self._seen, self._names(), target, self._meaning, covariance)

    @property
    def relations_(self) -> list[Relation]:
        """The relations between collinear columns."""
        check_is_fitted(self)
        return self._solutions()[0].relations

    @property
    def determined_digits_(self) -> np.ndarray:
        """The digits of each coefficient that the data determine."""
        check_is_fitted(self)
        digits = np.array([each.digits()[1:] for each in self._solutions()])
        return digits[0] if self._flat else digits

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_fits": None, "_given": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "moments_" in state and "_seen" not in state:  # written by 0.1.0, which knew exact relations alone
            again = ExactLinearRegression(
                alpha=self.alpha, fit_intercept=self.fit_intercept, standardize=self.standardize, collinear="exact"
            )
            self.__dict__ = again.fit_moments(self.moments_, getattr(self, "feature_names_in_", None)).__dict__

    def _fit(self, X: Any, y: Any, sample_weight: Any, first: bool) -> Self:
        self._validate_params()
        fitted = copy.copy(self)
        rows = Rows.of(fitted, X, y, sample_weight, reset=first)
        moments, seen, dtype = rows.moments(), Seen.of(rows), str(rows.dtype)
        if not first:
            if moments.columns != self.moments_.columns or rows.flat != self._flat:
                raise ValueError("y has another number of targets than in earlier calls of partial_fit")
            moments, seen, dtype = self.moments_ + moments, self._seen + seen, min(dtype, self._dtype)
        return self._become(fitted._solved(moments, seen, rows.flat, dtype, (X, y, sample_weight) if first else None))

    def _solved(
        self,
        moments: Moments,
        seen: Seen,
        flat: bool,
        dtype: str = "float64",
        given: tuple[Any, Any, Any] | None = None,
    ) -> Self:
        """Take the solution for moments of [1, X, Y]; flat: y had one dimension; dtype: of X, and so of coef_."""
        targets = moments.columns - 1 - self.n_features_in_
        alphas = np.array(self.alpha, dtype=np.float64, ndmin=1)
        if not (np.isfinite(alphas) & (alphas >= 0)).all():
            raise ValueError(f"alpha is {self.alpha}; each penalty must be a finite number, 0 or more")
        if alphas.shape not in ((1,), (targets,)):
            raise ValueError(f"Number of targets and number of penalties do not correspond: {alphas.size} != {targets}")
        self._how = How(
            fit_intercept=bool(self.fit_intercept),
            standardize=bool(self.standardize),
            collinear=self.collinear,
            positive=bool(self.positive),
            half_unit=FLOAT32_HALF_UNIT if dtype == "float32" else HALF_UNIT,
        )
        self._alphas, self._meaning = np.broadcast_to(alphas, targets).tolist(), self.weights
        self.moments_, self._seen, self._given, self._flat, self._dtype = moments, seen, given, flat, dtype
        self._fits: list[Fit] | None = None
        fits = self._solutions()
        self._take(fits, flat, dtype)
        fits[0].warn(self._names())
        return self

    def _solutions(self) -> list[Fit]:
        """A fit for each target; one that was stored solves again what its moments say."""
        if self._fits is None:
            self._fits = fitting.fits(self.moments_, self.n_features_in_, self._how, self._alphas, self._seen.rows)
        return self._fits
