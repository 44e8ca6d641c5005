"""What the training rows say of models near the trained one: which of two is better, and what each loses."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from flint import fmpq

from samebits.exact import score
from samebits.exact.logistic import curvature
from samebits.exact.logistic.log_loss import LogLoss, log_loss
from samebits.exact.moments import Moments
from samebits.exact.rational import exactly
from samebits.model.linear import LinearModel


class Loss(Protocol):
    """The loss of a kind of models."""

    @property
    def model(self) -> LinearModel:
        """The trained one."""

    @property
    def moments(self) -> Moments:
        """Of rows of which it is the least squares solution, or nearly so; the loss grows as their squared errors."""

    @property
    def close(self) -> float:
        """By what part of itself the sum of these squares may be wrong about the loss."""

    def of(self, model: LinearModel) -> Any:
        """What decides between models, the least is the best: an exact number."""

    def lost(self, model: LinearModel) -> Any:
        """The quality that a model loses against the trained one: an exact number."""


@dataclass(frozen=True)
class SquaredLoss:
    """Least squares: by how much a model moves the predictions, as part of the variance of y; it loses R2.

    Without a ridge penalty both are the same.
    """

    model: LinearModel
    moments: Moments
    close = 0.0

    def of(self, model: LinearModel) -> fmpq:
        """The mean square of how much predictions move, over the variance of y."""
        *weights, bias = (exactly(a) - b for a, b in zip(model.parameters, self._parameters, strict=True))
        return self.moments.sum_of_squares([bias, *weights, fmpq(0)]) / (self._total or 1)

    def lost(self, model: LinearModel) -> fmpq:
        """The training R2 that a model costs."""
        if not self._total:
            return score.r2(self.moments, self.model) - score.r2(self.moments, model)
        return (score.residual_sum_of_squares(self.moments, model) - self._residual) / self._total

    @cached_property
    def _parameters(self) -> list[fmpq]:
        return list(map(exactly, self.model.parameters))

    @cached_property
    def _residual(self) -> fmpq:
        return score.residual_sum_of_squares(self.moments, self.model)

    @cached_property
    def _total(self) -> fmpq:
        return self.moments.total_sum_of_squares()


@dataclass(frozen=True)
class LogisticLoss:
    """Logistic regression: the log loss of rows X (n, p), y (n,) of 0 and 1.

    Near the maximum of the likelihood it grows as a quadratic form, with the Fisher information. That says which codes
    are worth a look, the log loss which of these are the best.
    """

    model: LinearModel
    X: np.ndarray
    y: np.ndarray
    known: dict[bytes, LogLoss] = field(default_factory=dict, repr=False, compare=False)
    close = 0.005

    @cached_property
    def moments(self) -> Moments:
        """Those whose quadratic form has the Fisher information."""
        return curvature.moments(self.X, self.model)

    def of(self, model: LinearModel) -> LogLoss:
        """The mean log loss."""
        if (key := model.parameters.tobytes()) not in self.known:
            self.known[key] = log_loss(model.predict(self.X), self.y)
        return self.known[key]

    def lost(self, model: LinearModel) -> LogLoss:
        """The log loss that a model adds."""
        return self.of(model) - self.of(self.model)
