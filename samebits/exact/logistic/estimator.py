"""Logistic regression as a scikit-learn estimator, exact: each coefficient is the float64 nearest to the true one."""

import copy
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from flint import fmpq
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from samebits.exact.logistic.cross_validation import Rows, penalties
from samebits.exact.logistic.fit import fit
from samebits.exact.logistic.inference import inference
from samebits.exact.logistic.summary import LogisticSummary
from samebits.exact.rational import exactly
from samebits.model import prediction
from samebits.model.probability import probabilities


class LogisticPredictor(ClassifierMixin, BaseEstimator):
    """What the estimators share: two classes, and predictions of `coef_` and `intercept_`."""

    classes_: np.ndarray
    coef_: np.ndarray
    intercept_: np.ndarray

    def __sklearn_tags__(self) -> Tags:
        """Two classes only."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _rows(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> Rows:
        """All rows, also those of weight 0; sets `classes_`."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        weight = np.ones(len(X))
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        check_classification_targets(y)
        self.classes_ = np.unique(y[weight > 0])
        if len(self.classes_) > 2:
            kind = type_of_target(y, input_name="y")
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class, {self.classes_.tolist()}; a classifier needs 2 classes")
        names = [str(each) for each in getattr(self, "feature_names_in_", [f"x{j + 1}" for j in range(X.shape[1])])]
        return Rows(X, y == self.classes_[1], weight, names)

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """The log odds of the second class (n,), each correctly rounded."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=np.float64)
        return prediction.predict(rows, self.coef_[0], float(self.intercept_[0]))

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """The probabilities of both classes (n, 2), each correctly rounded."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=np.float64)
        coef, intercept = self.coef_[0], float(self.intercept_[0])
        return np.column_stack([probabilities(rows, -coef, -intercept), probabilities(rows, coef, intercept)])

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The more probable class of each row (n,), the first if both are equal."""
        check_is_fitted(self)
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


class ExactLogisticRegression(LogisticPredictor):
    """Logistic regression of two classes, each coefficient proved and rounded once.

    Minimises the sum of log(1 + exp(-s (b + x w))), with s = 1 for the second class and -1 for the first, plus
    |w|^2 / (2 C). The coefficients are the float64 numbers nearest to those of the one minimum: the same rows give the
    same bits on every machine, in any order. Where the classes are separated and there is no penalty, there is no
    minimum, and `fit` proves it and says by which columns. If columns are collinear and there is no penalty, this is
    the solution of minimum norm.

    Parameters
    ----------
    C : float, default=inf
        The inverse of the penalty, as in `LogisticRegression`, whose default is 1. The intercept is not penalised.
    fit_intercept : bool, default=True
        Whether to fit the intercept b. Otherwise it is 0.
    standardize : bool, default=False
        Whether the penalty acts on columns divided by their standard deviations, as in a pipeline of `StandardScaler`
        and `LogisticRegression`. `coef_` still belongs to X itself.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The labels of the classes. The coefficients speak of the odds of the second.
    coef_ : ndarray of shape (1, n_features)
        The coefficients w.
    intercept_ : ndarray of shape (1,)
        The intercept b.
    rank_ : int
        The exact rank of X, centred if there is an intercept; n_features if there is a penalty.
    relations_ : list of Relation
        The exact linear relations between collinear columns.
    n_features_in_ : int
        The number of columns of X.
    feature_names_in_ : ndarray of str
        The names of the columns, if X has any.

    Examples
    --------
    >>> import numpy as np
    >>> from samebits import ExactLogisticRegression
    >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0]])
    >>> y = np.array(["fail", "fail", "pass", "fail", "pass", "pass"])
    >>> model = ExactLogisticRegression().fit(X, y)
    >>> model.coef_.round(3), model.intercept_.round(3)
    (array([[2.428]]), array([-4.249]))

    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "C": [Interval(Real, 0, None, closed="neither"), Interval(Real, 0, None, closed="right")],
        "fit_intercept": ["boolean"],
        "standardize": ["boolean"],
    }

    def __init__(self, *, C: float = np.inf, fit_intercept: bool = True, standardize: bool = False) -> None:
        self.C = C
        self.fit_intercept = fit_intercept
        self.standardize = standardize

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,)
            The classes, of two labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0. A row with the weight 3 counts as three rows.

        Raises
        ------
        ValueError
            X or the weights have values that are not finite, or wrong shapes; y has not two classes. SeparationError,
            one of them, where the classes are separated and there is no penalty: its `columns` separate them.

        """
        self._validate_params()
        fitted = copy.copy(self)
        fitted._solve(fitted._rows(X, y, sample_weight).weighted)
        self.__dict__ = fitted.__dict__  # in one step: what fails before leaves the model as it was
        return self

    def _solve(self, rows: Rows) -> None:
        penalty = penalties(rows.X, 1 / exactly(self.C) if np.inf > self.C else fmpq(0), bool(self.standardize))
        found = fit(rows.X, 2.0 * rows.y - 1, rows.weight, bool(self.fit_intercept), penalty, rows.names)
        self.coef_, self.intercept_ = found.model.coef[None, :], np.array([found.model.intercept])
        self.relations_, self.rank_ = found.relations, rows.X.shape[1] - len(found.relations)
        self._summary = None
        if np.isinf(self.C) and (rows.weight == np.floor(rows.weight)).all():
            self._summary = inference(found, rows.names, "y", str(self.classes_[1]))

    def summary(self) -> LogisticSummary:
        """Standard errors, tests, intervals and other statistics of the fit; it prints as a table.

        Each number is the float64 nearest to the exact value of its formula.

        Raises
        ------
        ValueError
            The fit has a penalty, or a weight that is no whole number.

        """
        check_is_fitted(self)
        if self._summary is None:
            raise ValueError("standard errors need a fit without a penalty, and whole numbers as weights")
        return self._summary
