"""The penalty of a logistic regression with the least log loss on held-out rows, compared without rounding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from flint import fmpq

from samebits.exact.cross_validation import Losses
from samebits.exact.logistic.fit import fit
from samebits.exact.logistic.log_loss import LogLoss, log_loss, standard_deviation
from samebits.exact.logistic.separation import SeparationError
from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float

POINTS = 16  # of the grid of `auto`: each takes a fit for each fold

Fold = tuple[np.ndarray, np.ndarray]  # the rows that train, and those that score


@dataclass(frozen=True)
class Rows:
    """X (n, p), y (n,), whether a row is of the second class, weight (n,), and the names (p,) of the columns."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    names: list[str]

    def __getitem__(self, some: np.ndarray) -> "Rows":
        return Rows(self.X[some], self.y[some], self.weight[some], self.names)

    @property
    def weighted(self) -> "Rows":
        """Those of a weight above 0."""
        return self if (self.weight > 0).all() else self[self.weight > 0]


@dataclass(frozen=True)
class LogisticValidation(Losses[LogLoss]):
    """The loss of a fold is the mean log loss of the maximum, with its rounded parameters.

    strengths: (k,) the exact penalties.
    """

    strengths: list[fmpq]

    @classmethod
    def of(
        cls,
        rows: Rows,
        folds: Sequence[Fold],
        alphas: Sequence[fmpq],
        fit_intercept: bool = True,
        standardize: bool = False,
    ) -> Self:
        """Cross-validate penalties alpha |w|^2 / 2, with one model for each penalty and fold.

        Penalties under which the maximum of a fold does not exist, or could not be enclosed, are left out. Raises
        SeparationError or ArithmeticError if all are, ValueError where a fold has one class to train with.
        """
        parts = [(rows[train].weighted, rows[test].weighted) for train, test in folds]
        for number, (train, test) in enumerate(parts, 1):
            if not len(test.y) or len(np.unique(train.y)) < 2:
                raise ValueError(f"fold {number} of cv has no rows to score with, or only one class to train with")
        tried: list[fmpq] = []
        losses: list[list[LogLoss]] = []
        problem: Exception | None = None
        for alpha in alphas:
            try:
                losses.append([_held_out(*each, alpha, fit_intercept, standardize) for each in parts])
                tried.append(alpha)
            except (SeparationError, ArithmeticError) as error:
                problem = error
        if not tried and problem:
            raise problem
        return cls([nearest_float(alpha) for alpha in tried], losses, tried)

    def rounded(self, i: int) -> tuple[float, float]:
        """The mean log loss of penalty i and its standard deviation over the folds, each rounded once."""
        return self.means[i].nearest(), standard_deviation(self.errors[i])


def penalties(X: np.ndarray, alpha: fmpq, standardize: bool) -> list[fmpq]:
    """The penalty of each coefficient: alpha, times the variance of its column if that is standardized."""
    if not (alpha and standardize):
        return [alpha] * X.shape[1]
    return [alpha * (each or 1) for each in Moments.of(X, np.zeros(len(X))).variances()]


def _held_out(train: Rows, test: Rows, alpha: fmpq, fit_intercept: bool, standardize: bool) -> LogLoss:
    penalty = penalties(train.X, alpha, standardize)
    found = fit(train.X, 2.0 * train.y - 1, train.weight, fit_intercept, penalty, train.names)
    weight = None if (test.weight == 1).all() else test.weight
    return log_loss(found.model.predict(test.X), test.y, weight)
