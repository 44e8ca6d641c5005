"""Logistic regression with the penalty chosen by cross-validation, as a scikit-learn estimator, exact."""

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from flint import fmpq
from numpy.typing import ArrayLike
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import StrOptions

from samebits.exact import cross_validation
from samebits.exact.logistic.cross_validation import POINTS, LogisticValidation, Rows
from samebits.exact.logistic.estimator import ExactLogisticRegression, LogisticPredictor
from samebits.exact.moments import Moments
from samebits.exact.rational import exactly


class ExactLogisticRegressionCV(LogisticPredictor):
    """Exact logistic regression with the C of the smallest log loss on held-out rows.

    The log losses are compared without rounding, so every machine chooses the same C. If several are equal, the
    smallest C is chosen.

    Parameters
    ----------
    Cs : array-like of float or "auto", default="auto"
        The inverse penalties to try; infinity is none. "auto" is a grid of powers of two that follows the scale of the
        data. Unlike in `LogisticRegressionCV`, there is no number of them.
    cv : int, splitter, iterable or None, default=None
        The folds, as in `GridSearchCV`; None is `StratifiedKFold(5)`.
    fit_intercept : bool, default=True
        As in `ExactLogisticRegression`.
    standardize : bool, default=False
        As in `ExactLogisticRegression`. Each fold standardizes its own columns.

    Attributes
    ----------
    C_ : float
        The chosen inverse penalty.
    Cs_ : ndarray of shape (n_Cs,)
        Those that were tried.
    cv_losses_ : ndarray of shape (n_Cs, n_folds)
        The log loss of each fold, rounded once. It is infinite where the classes of a fold are separated, so that there
        is no maximum without a penalty.
    best_score_ : float
        The mean score over the folds at `C_`: minus the log loss.
    classes_, coef_, intercept_, rank_, relations_, n_features_in_, feature_names_in_
        As in `ExactLogisticRegression`, fitted to all rows with `C_`.

    Examples
    --------
    >>> import numpy as np
    >>> from samebits import ExactLogisticRegressionCV
    >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
    >>> model = ExactLogisticRegressionCV(Cs=[0.1, 1, 10], cv=2).fit(X, [0, 0, 1, 0, 0, 1, 1, 1])
    >>> model.C_
    1.0

    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "Cs": ["array-like", StrOptions({"auto"})],
        "cv": ["cv_object"],
        "fit_intercept": ["boolean"],
        "standardize": ["boolean"],
    }

    def __init__(
        self,
        *,
        Cs: Sequence[float] | np.ndarray | Literal["auto"] = "auto",
        cv: Any = None,
        fit_intercept: bool = True,
        standardize: bool = False,
    ) -> None:
        self.Cs = Cs
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.standardize = standardize

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, *, groups: Any = None) -> Self:
        """Choose C, then fit to all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,)
            The classes, of two labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0. A row with the weight 3 counts as three rows, both where it trains and where it scores.
        groups : array-like of shape (n_samples,), optional
            For a splitter that needs groups.

        Raises
        ------
        ValueError
            X or the weights have values that are not finite, or wrong shapes; y has not two classes, or a fold has one
            class to train with; a C is not a number > 0. SeparationError, one of them, where the classes are separated
            and no C is finite.

        """
        self._validate_params()
        fitted = copy.copy(self)
        rows = fitted._rows(X, y, sample_weight)
        fitted._search(rows, groups)
        self.__dict__ = fitted.__dict__  # in one step: what fails before leaves the model as it was
        return self

    def _search(self, rows: Rows, groups: Any) -> None:
        how: dict[str, Any] = {"fit_intercept": bool(self.fit_intercept), "standardize": bool(self.standardize)}
        self.Cs_ = self._candidates(rows)
        n = np.arange(len(rows.y))
        folds = check_cv(self.cv, rows.y, classifier=True).split(rows.X, rows.y, groups)
        alphas = [1 / exactly(C) if np.inf > C else fmpq(0) for C in self.Cs_.tolist()]
        found = LogisticValidation.of(rows, [(n[train], n[test]) for train, test in folds], alphas, **how)
        kept = [alphas.index(alpha) for alpha in found.strengths]
        self.C_ = float(self.Cs_[kept[found.best]])
        self.cv_losses_ = np.full((len(alphas), len(found.errors[0])), np.inf)
        for place, losses in zip(kept, found.errors, strict=True):
            self.cv_losses_[place] = [each.nearest() for each in losses]
        self.best_score_ = -found.means[found.best].nearest()
        model = ExactLogisticRegression(C=self.C_, **how)
        model.classes_ = self.classes_
        model._solve(rows.weighted)
        self.coef_, self.intercept_, self.rank_ = model.coef_, model.intercept_, model.rank_
        self.relations_ = model.relations_

    def _candidates(self, rows: Rows) -> np.ndarray:
        if isinstance(self.Cs, str):
            moments = Moments.of(rows.X, np.zeros(len(rows.y)))
            return 1 / np.array(cross_validation.grid(moments, bool(self.standardize), POINTS)[::-1])
        Cs = np.array(self.Cs, dtype=np.float64, ndmin=1)
        if Cs.ndim > 1 or not len(Cs):
            raise ValueError(f"Cs has the shape {Cs.shape}; it must be a list of one number or more")
        for C in Cs.tolist():
            if not C > 0:
                raise ValueError(f"Cs has {C!r}; each must be a number > 0")
        return Cs
