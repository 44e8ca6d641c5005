"""What the stages ask of a family of models."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np

from samebits import pickles
from samebits.errors import warn
from samebits.exact.loss import Loss
from samebits.model.family import Family
from samebits.model.linear import LinearModel
from samebits.params import Train

Part = Literal["train", "test"]


class Data:
    """What the stage `data` wrote, read where it is needed."""

    @cached_property
    def of_all(self) -> Mapping[str, Any]:
        """Of all rows: moments, folds, ranges, the schema of the table."""
        return dict(pickles.load("data/moments.joblib"))

    @cached_property
    def train(self) -> Mapping[str, Any]:
        """The kept training rows: X (n, p) and y (n,), among others."""
        return dict(pickles.load("data/train.joblib"))

    @cached_property
    def test(self) -> Mapping[str, Any]:
        """The kept test rows, and of some how they stand in the table."""
        return dict(pickles.load("data/test.joblib"))

    @property
    def features(self) -> list[str]:
        """The names of the features."""
        return list(self.of_all["features"])


@dataclass(frozen=True)
class Fit:
    """A trained model.

    estimator: scikit-learn's. summary: its coefficients and what is known of them, for a file. penalties: a row for
    each that cross-validation tried. chosen: the row of the best.
    """

    estimator: Any
    rank: int
    summary: dict[str, Any]
    penalties: list[dict[str, Any]]
    chosen: dict[str, Any] | None


class Evidence(Protocol):
    """How good models of a family are for a table."""

    @property
    def family(self) -> Family:
        """What the predictions of a model are."""

    def loss(self, model: LinearModel) -> Loss:
        """What training rows say of models near this one, which was trained on them."""

    def curve(self, loss: Loss, model: LinearModel) -> dict[str, float]:
        """The scores of a quantized model beside others; train_loss is what it loses."""

    def ppm(self, loss: Loss, model: LinearModel) -> float:
        """What a quantized model loses on training rows, in millionths."""

    def scores(self, part: Part, model: LinearModel) -> dict[str, float]:
        """The scores of a model on the rows of a part of the split."""

    def test_scores(self, model: LinearModel) -> dict[str, Any]:
        """The same of the test rows, and what else is known of these."""

    def network_scores(self, outputs: np.ndarray) -> dict[str, float]:
        """The scores of a network's outputs (n,) for the kept test rows, rounded far above its noise."""

    def usual(self, model: LinearModel, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Which of rows X (n, p), y (n,) a model predicts as well as most; bool (n,)."""

    def predicted(self, model: LinearModel) -> np.ndarray:
        """What a model says of the kept test rows, (n,), in units of the target."""

    def classes(self, model: LinearModel) -> dict[str, Any] | None:
        """What is drawn of the kept test rows, where they are of two classes; see `results.plot_data.classes`."""


def warn_at_an_end(options: Train, alpha: float, alphas: list[float]) -> None:
    """Warn where the best penalty stands at an end of a list."""
    if options.alpha != "auto" and alpha in (alphas[0] or None, alphas[-1]):
        warn(f"train.alpha: {alpha} is the best, but at the end of the list; a longer list may have a better one")
