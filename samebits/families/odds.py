"""How good a logistic regression is: log loss, accuracy, the area under the ROC curve and the Brier score."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from flint import fmpq

from samebits.errors import UserError
from samebits.exact.logistic import score
from samebits.exact.logistic.log_loss import log_loss
from samebits.exact.loss import LogisticLoss, Loss
from samebits.families.family import Data, Part
from samebits.model.family import Logistic
from samebits.model.linear import LinearModel
from samebits.model.probability import probabilities
from samebits.params import Train

DECIMALS = 9  # of what is kept of a network's outputs, whose noise is about 1e-15
SWEPT = 2**15  # training rows, of many, that decide between quantized models: the split has shuffled them


def check_classes(y: np.ndarray, target: str) -> None:
    """Raise UserError where a target y (n,) is neither 0 nor 1."""
    if len(strange := y[(y != 0) & (y != 1)]):
        raise UserError(
            f"train.model is logistic, but the target {target} has the value {strange[0]:g}; make it 0 or 1 in "
            "data.query, or set train.model to linear"
        )


@dataclass(frozen=True)
class Odds:
    """Log loss, accuracy, area under the ROC curve and Brier score of models."""

    data: Data
    family: Logistic

    @classmethod
    def of(cls, options: Train, data: Data) -> Self:
        """Raises UserError where a target is neither 0 nor 1."""
        for part in (data.train, data.test):
            check_classes(part["y"], data.of_all["target"])
        return cls(data, Logistic(options.classes, options.threshold))

    def loss(self, model: LinearModel) -> LogisticLoss:
        """Of training rows, of many a sample."""
        return LogisticLoss(model, self.data.train["X"][:SWEPT], self.data.train["y"][:SWEPT])

    def curve(self, loss: Loss, model: LinearModel) -> dict[str, float]:
        """The log loss that a model adds to that of training rows, and its own."""
        X, y = (self.data.test[name][:SWEPT] for name in ("X", "y"))
        return {
            "train_loss": loss.lost(model).nearest(),
            "train_log_loss": loss.of(model).nearest(),
            "test_log_loss": log_loss(model.predict(X), y).nearest(),
        }

    def ppm(self, loss: Loss, model: LinearModel) -> float:
        """The log loss that a model adds to that of training rows, in millionths."""
        return (loss.lost(model) * fmpq(10**6)).nearest()

    def scores(self, part: Part, model: LinearModel) -> dict[str, float]:
        """Those of the kept rows."""
        rows = self.data.train if part == "train" else self.data.test
        return score.scores(model.predict(rows["X"]), rows["y"], self._is_one(model, rows["X"]))

    def test_scores(self, model: LinearModel) -> dict[str, Any]:
        """Those of the kept test rows, and how many of them are true and false negatives and positives."""
        X, y = self.data.test["X"], self.data.test["y"]
        positive = self._is_one(model, X)
        return {**score.scores(model.predict(X), y, positive), "confusion": score.confusion(positive, y)}

    def network_scores(self, outputs: np.ndarray) -> dict[str, float]:
        """Log loss and accuracy of probabilities, by torch's sigmoid of a network's log odds."""
        from samebits.frameworks import torch  # takes long to import

        y = self.data.test["y"]
        right = (torch.sigmoid(outputs) >= self.family.threshold) == (y == 1)
        return {"log_loss": round(torch.log_loss(outputs, y), DECIMALS), "accuracy": round(right.mean(), DECIMALS)}

    def usual(self, model: LinearModel, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Those that get the right class."""
        return self._is_one(model, X) == (y == 1)

    def predicted(self, model: LinearModel) -> np.ndarray:
        """Probabilities of the second class."""
        return probabilities(self.data.test["X"], model.coef, model.intercept)

    def classes(self, model: LinearModel) -> dict[str, Any]:
        """The ROC curve, calibration and probabilities of the kept test rows."""
        odds, y = model.predict(self.data.test["X"]), self.data.test["y"]
        return {
            "roc": score.roc(odds, y),
            "calibration": score.calibration(odds, y),
            "probability": self.predicted(model),
            "y": y,
            "labels": list(self.family.labels),
        }

    def _is_one(self, model: LinearModel, X: np.ndarray) -> np.ndarray:
        return probabilities(X, model.coef, model.intercept) >= self.family.threshold
