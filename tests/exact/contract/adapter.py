"""A plugin of pytest that lets scikit-learn's own tests of LinearRegression, Ridge and RidgeCV test our estimators.

Where such a test asks scikit-learn for one of them, it gets a class of ours. It takes the parameters of its counterpart
too; those that say how to compute change nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
import sklearn.linear_model
import sklearn.linear_model._base
import sklearn.linear_model._ridge
from sklearn.model_selection import LeaveOneOut

from samebits import ExactLinearRegression, ExactRidgeCV
from samebits.exact.rows import Rows

FITTED = "fitted"  # the property of a test that fitted an estimator of ours


class LinearRegression(ExactLinearRegression):
    """The counterpart of scikit-learn's."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **sklearn.linear_model.LinearRegression._parameter_constraints,
        **ExactLinearRegression._parameter_constraints,
    }
    alpha, standardize, collinear, weights = 0.0, False, "rounding", "frequency"

    def __init__(
        self,
        *,
        fit_intercept: Any = True,
        copy_X: Any = True,
        tol: Any = 1e-6,
        n_jobs: Any = None,
        positive: Any = False,
    ) -> None:
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.tol = tol
        self.n_jobs = n_jobs
        self.positive = positive


class Ridge(ExactLinearRegression):
    """The counterpart of scikit-learn's."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **sklearn.linear_model.Ridge._parameter_constraints,
        **ExactLinearRegression._parameter_constraints,
    }
    standardize, collinear, weights = False, "rounding", "frequency"

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: Any = True,
        copy_X: Any = True,
        max_iter: Any = None,
        tol: Any = 1e-4,
        solver: Any = "auto",
        positive: Any = False,
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.positive = positive
        self.random_state = random_state

    def _solved(self, *args: Any) -> Any:
        self.solver_ = self.solver
        return super()._solved(*args)


class RidgeCV(ExactRidgeCV):
    """The counterpart of scikit-learn's."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **sklearn.linear_model.RidgeCV._parameter_constraints,
        **ExactRidgeCV._parameter_constraints,
    }
    standardize, collinear = False, "rounding"

    def __init__(
        self,
        alphas: Any = (0.1, 1.0, 10.0),
        *,
        fit_intercept: Any = True,
        scoring: Any = None,
        cv: Any = None,
        gcv_mode: Any = None,
        store_cv_results: Any = False,
        alpha_per_target: Any = False,
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.scoring = scoring
        self.cv = cv
        self.gcv_mode = gcv_mode
        self.store_cv_results = store_cv_results
        self.alpha_per_target = alpha_per_target

    def _folds(self, *args: Any) -> Any:
        """Leave out one row at a time where cv is None."""
        cv, self.cv = self.cv, LeaveOneOut() if self.cv is None else self.cv
        try:
            return super()._folds(*args)
        finally:
            self.cv = cv


for module in (sklearn.linear_model, sklearn.linear_model._base, sklearn.linear_model._ridge):
    for ours in (LinearRegression, Ridge, RidgeCV):
        if hasattr(module, ours.__name__):
            setattr(module, ours.__name__, ours)


@pytest.fixture(autouse=True)
def tell_of_fits(monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Record whether a test fitted an estimator of ours: whether it had rows read."""
    read, rows_of = [], Rows.of

    def recorded(*args: Any, **more: Any) -> Rows:
        read.append(1)
        return rows_of(*args, **more)

    monkeypatch.setattr(Rows, "of", recorded)
    yield
    record_property(FITTED, bool(read))
