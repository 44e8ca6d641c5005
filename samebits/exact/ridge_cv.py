"""Ridge regression with the penalty chosen by cross-validation, as a scikit-learn estimator, exact."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from flint import fmpq
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils import check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from samebits.errors import UserError
from samebits.exact import cross_validation
from samebits.exact.cross_validation import CrossValidation, Fold, Loss, mean_squared_error, one_minus_r2
from samebits.exact.derived import Dependence, with_exact_relations
from samebits.exact.estimator import ExactLinearRegression, LinearPredictor
from samebits.exact.fitting import of_target
from samebits.exact.inference.summary import Summary
from samebits.exact.least_squares import Solver
from samebits.exact.moments import Moments
from samebits.exact.rational import exactly, nearest_float
from samebits.exact.rows import Rows, Seen
from samebits.exact.solving.collinear import Relation
from samebits.model.linear import LinearModel

EXACT = {None: mean_squared_error, "neg_mean_squared_error": mean_squared_error, "r2": one_minus_r2}


@dataclass(frozen=True)
class _FoldOfRows(Fold):
    """A fold, and the indices of the rows that score."""

    rows: np.ndarray


class ExactRidgeCV(LinearPredictor):
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
    scoring : str, callable or None, default=None
        What to maximise, as in `GridSearchCV`. None and "neg_mean_squared_error" are the squared error; that and "r2"
        are computed exactly. Any other is computed by scikit-learn from the predictions.
    alpha_per_target : bool, default=False
        Whether each target has its own alpha; otherwise the mean over the targets decides.
    fit_intercept, collinear
        As in `ExactLinearRegression`.
    standardize : bool, default=False
        As in `ExactLinearRegression`. Each fold standardizes its own columns.

    Attributes
    ----------
    alpha_ : float or ndarray of shape (n_targets,)
        The chosen penalty.
    alphas_ : ndarray of shape (n_alphas,)
        The penalties that were tried.
    cv_errors_ : ndarray of shape (n_alphas, n_folds) or (n_targets, n_alphas, n_folds)
        The mean squared error of each fold, rounded once; with `scoring`, 1 - R2 or the negative score. It is infinite
        where a parameter lies beyond the range of float64.
    best_score_ : float or ndarray of shape (n_targets,)
        The mean score over the folds at `alpha_`.
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
        "alphas": ["array-like", Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "alpha_per_target": ["boolean"],
        "fit_intercept": ["boolean"],
        "standardize": ["boolean"],
        "collinear": [StrOptions({"rounding", "exact"})],
    }

    def __init__(
        self,
        *,
        alphas: Sequence[float] | np.ndarray | Literal["auto"] = "auto",
        cv: Any = None,
        scoring: Any = None,
        alpha_per_target: bool = False,
        fit_intercept: bool = True,
        standardize: bool = False,
        collinear: Literal["rounding", "exact"] = "rounding",
    ) -> None:
        self.alphas = alphas
        self.cv = cv
        self.scoring = scoring
        self.alpha_per_target = alpha_per_target
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.collinear = collinear

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> Self:
        """Choose alpha, then fit to all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        sample_weight : float or array-like of shape (n_samples,), optional
            Weights >= 0. A row with the weight 3 counts as three rows, both where it trains and where it scores.
        groups : array-like of shape (n_samples,), optional
            For a splitter that needs groups.

        Raises
        ------
        ValueError
            X, y or the weights have values that are not finite or a wrong shape, an alpha is not a finite number >= 0,
            or no row of a fold has a weight.

        """
        self._validate_params()
        fitted = copy.copy(self)
        rows = Rows.of(fitted, X, y, sample_weight)
        try:
            fitted._search(rows, groups)
        except UserError:
            raise ValueError("a parameter or error is beyond 1.8e308, the range of float64; rescale X or y") from None
        return self._become(fitted)

    def _search(self, rows: Rows, groups: Any) -> None:
        how: dict[str, Any] = {"fit_intercept": bool(self.fit_intercept), "standardize": bool(self.standardize)}
        total, targets = rows.moments(), rows.Y.shape[1]
        self.alphas_ = self._alphas(of_target(total, self.n_features_in_, 0))
        folds = self._folds(rows, groups, total)
        found = [
            CrossValidation.of(
                self._of_target(folds, target), self.alphas_.tolist(), loss=self._loss(rows, target), **how
            )
            for target in range(targets)
        ]
        if not self.alpha_per_target:
            found = [CrossValidation.mean(found)]
        alphas, scores, errors = zip(*map(self._chosen, found), strict=True)
        several = len(found) > 1
        self.alpha_: Any = np.array(alphas) if several else alphas[0]
        self.best_score_: Any = np.array(scores) if several else scores[0]
        self.cv_errors_ = np.array(errors) if several else errors[0]
        model = ExactLinearRegression(alpha=self.alpha_, collinear=self.collinear, **how)
        model.n_features_in_ = self.n_features_in_
        if rows.names is not None:
            model.feature_names_in_ = rows.names
        self._model = model._solved(total, Seen.of(rows), rows.flat, str(rows.dtype))
        self.coef_, self.intercept_, self.rank_ = model.coef_, model.intercept_, model.rank_

    @property
    def relations_(self) -> list[Relation]:
        """The relations between collinear columns."""
        check_is_fitted(self)
        return self._model.relations_

    def summary(self, target: str = "y") -> Summary:
        """The statistics of the fit with the chosen penalty, as those of `ExactLinearRegression`."""
        check_is_fitted(self)
        return self._model.summary(target)

    def _chosen(self, found: CrossValidation) -> tuple[float, float, np.ndarray]:
        """The best penalty, its score, and the errors of all that were asked for."""
        errors = np.full((len(self.alphas_), len(found.errors[0])), np.inf)
        for alpha, row in zip(found.alphas, found.errors, strict=True):
            errors[self.alphas_ == alpha] = [nearest_float(each) for each in row]
        mean = found.means[found.best]
        return found.alpha, nearest_float(1 - mean if self.scoring == "r2" else -mean), errors

    def _alphas(self, total: Moments) -> np.ndarray:
        if isinstance(self.alphas, str):
            return np.array(cross_validation.grid(total, self.standardize))
        for i, alpha in enumerate([] if isinstance(self.alphas, Real) else self.alphas):
            if np.ndim(alpha) == 0:
                check_scalar(alpha, f"alphas[{i}]", Real, min_val=0.0)
        alphas = np.array(self.alphas, dtype=np.float64, ndmin=1)
        if alphas.ndim > 1 or not len(alphas):
            raise ValueError(f"alphas has the shape {alphas.shape}; it must be a list of one number or more")
        for alpha in alphas.tolist():
            if not math.isfinite(alpha):
                raise ValueError(f"alphas has {alpha!r}; each must be a finite number, 0 or more")
        return alphas

    def _folds(self, rows: Rows, groups: Any, total: Moments) -> list[_FoldOfRows]:
        folds, n = [], len(rows.Y)
        y = rows.Y[:, 0] if rows.flat else rows.Y
        for number, (train, test) in enumerate(check_cv(self.cv).split(rows.X, y, groups), 1):
            test_moments = rows.moments(test)
            counts = np.bincount(np.arange(n)[train], minlength=n) + np.bincount(np.arange(n)[test], minlength=n)
            # what trains is mostly all that does not score
            rest = total - test_moments if (counts == 1).all() else rows.moments(train)
            for what, moments in (("score", test_moments), ("train", rest)):
                if not moments.weight:
                    raise ValueError(f"fold {number} of cv has no rows, or none with a weight, to {what} with")
            folds.append(_FoldOfRows(rest, test_moments, np.arange(n)[test]))
        return folds

    def _of_target(self, folds: list[_FoldOfRows], target: int) -> list[_FoldOfRows]:
        """The folds with the moments of one target; where columns are derived, they train with exact relations."""
        p = self.n_features_in_
        one = [(of_target(each.train, p, target), of_target(each.test, p, target), each.rows) for each in folds]
        if self.collinear == "exact":
            return [_FoldOfRows(*each) for each in one]
        least = float(self.alphas_.min())
        whole = one[0][0] + one[0][1]
        problem = Solver(whole, bool(self.fit_intercept), bool(self.standardize)).problem(least)
        relations = Dependence.of(problem).relations
        return [_FoldOfRows(with_exact_relations(train, relations), test, rows) for train, test, rows in one]

    def _loss(self, rows: Rows, target: int) -> Loss:
        """What the penalties are compared by."""
        if isinstance(self.scoring, str | None) and self.scoring in EXACT:
            return EXACT[self.scoring]
        scorer = check_scoring(ExactLinearRegression(), scoring=self.scoring)

        def loss(fold: Fold, model: LinearModel) -> fmpq:
            assert isinstance(fold, _FoldOfRows)
            estimator = ExactLinearRegression()
            estimator.n_features_in_, estimator.coef_, estimator.intercept_ = (
                len(model.coef),
                model.coef,
                model.intercept,
            )
            weights = {} if rows.weights is None else {"sample_weight": rows.weights[fold.rows]}
            return -exactly(scorer(estimator, rows.X[fold.rows], rows.Y[fold.rows, target], **weights))

        return loss
