"""How good a linear regression is: R2, RMSE and MAE."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from samebits.exact import score
from samebits.exact.loss import Loss, SquaredLoss
from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float
from samebits.families.family import Data, Part
from samebits.model.family import LINEAR, Linear
from samebits.model.linear import LinearModel

DECIMALS = 9  # of what is kept of a network's float64 predictions, whose noise is about 1e-15


@dataclass(frozen=True)
class Squares:
    """R2, RMSE and MAE of models."""

    data: Data

    @property
    def family(self) -> Linear:
        """A prediction means what the target means."""
        return LINEAR

    def loss(self, model: LinearModel) -> SquaredLoss:
        """Of all training rows."""
        return SquaredLoss(model, self._moments["train"])

    def curve(self, loss: Loss, model: LinearModel) -> dict[str, float]:
        """The training R2 that a model loses, and what remains."""
        return {
            "train_loss": nearest_float(loss.lost(model)),
            "train_r2": nearest_float(score.r2(self._moments["train"], model)),
            "test_r2": nearest_float(score.r2(self._moments["test"], model)),
        }

    def ppm(self, loss: Loss, model: LinearModel) -> float:
        """The training R2 that a model loses, in millionths."""
        return nearest_float(10**6 * loss.lost(model))

    def scores(self, part: Part, model: LinearModel) -> dict[str, float]:
        """R2 and RMSE of all rows."""
        return score.scores(self._moments[part], model)

    def test_scores(self, model: LinearModel) -> dict[str, Any]:
        """R2 and RMSE of all test rows, MAE of the kept ones."""
        return {**self.scores("test", model), "mae": score.mae(self.data.test["X"], self.data.test["y"], model)}

    def network_scores(self, outputs: np.ndarray) -> dict[str, float]:
        """R2."""
        return {"r2": round(score.r2_of_predictions(self.data.test["y"], outputs), DECIMALS)}

    def usual(self, model: LinearModel, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Those with an error that is at most the root of the mean square."""
        return np.abs(y - model.predict(X)) <= self.scores("test", model)["rmse"]

    def predicted(self, model: LinearModel) -> np.ndarray:
        """Predictions."""
        return model.predict(self.data.test["X"])

    def classes(self, model: LinearModel) -> None:
        """There are none."""

    @cached_property
    def _moments(self) -> dict[Part, Moments]:
        return {part: Moments.from_plain(self.data.of_all[part]) for part in ("train", "test")}
