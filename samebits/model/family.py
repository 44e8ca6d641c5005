"""Families of models: what the linear part of a model means, and what is told of a row.

A card that names no family is that of a linear model.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from samebits.errors import UserError
from samebits.model.linear import LinearModel

Number, Text = "number", "text"


class Family(ABC):
    """What the predictions of a model are.

    outputs: by name, what is told of each row, and its type; the first is a number. more: the same of what can be asked
    for. score: the metric that stands for how good a model is.
    """

    outputs: ClassVar[Mapping[str, str]]
    more: ClassVar[Mapping[str, str]] = {}
    score: ClassVar[str]

    @abstractmethod
    def predict(self, model: LinearModel, X: np.ndarray) -> np.ndarray:
        """The first output (n,) of rows X (n, p): float64, rounded once, NaN where a value of a row is."""

    def derive(self, name: str, y: np.ndarray, model: LinearModel, X: np.ndarray) -> np.ndarray:
        """Another output (n,) of rows whose first one is y: float64, or texts, empty where y is NaN."""
        raise KeyError(name)

    def to_plain(self) -> dict[str, Any]:
        """What a card says of the family; of a linear model, nothing."""
        return {}


class Linear(Family):
    """The linear part is the prediction."""

    outputs: ClassVar = {"predict": Number}
    score: ClassVar = "r2"

    def predict(self, model: LinearModel, X: np.ndarray) -> np.ndarray:
        """The predictions, infinite beyond float64."""
        with np.errstate(over="ignore", invalid="ignore"):
            return model.predict(X)


@dataclass(frozen=True)
class Logistic(Family):
    """The linear part is the log odds of class 1.

    labels: of the classes 0 and 1. threshold: the least probability that gives class 1.
    """

    labels: tuple[str, str]
    threshold: float

    outputs: ClassVar = {"probability": Number, "label": Text}
    more: ClassVar = {"log_odds": Number}
    score: ClassVar = "log_loss"

    def predict(self, model: LinearModel, X: np.ndarray) -> np.ndarray:
        """The probabilities of class 1."""
        from samebits.model.probability import probabilities  # with decimals, which a linear model does not need

        return probabilities(X, model.coef, model.intercept)

    def derive(self, name: str, y: np.ndarray, model: LinearModel, X: np.ndarray) -> np.ndarray:
        """The labels, or the log odds, infinite beyond float64."""
        if name == "log_odds":
            return LINEAR.predict(model, X)
        if name != "label":
            raise KeyError(name)
        texts = np.array([*self.labels, ""], object)
        return texts[np.where(np.isnan(y), 2, y >= self.threshold)]

    def to_plain(self) -> dict[str, Any]:
        """The keys of the card."""
        return {"model": "logistic", "labels": list(self.labels), "threshold": self.threshold}


LINEAR = Linear()


def of_card(card: Mapping[str, Any]) -> Family:
    """The family that a card names. Raises UserError where it is none, or what it needs is not there."""
    match card:
        case {"model": "logistic", "labels": [str(no), str(yes)], "threshold": float(threshold)}:
            return Logistic((no, yes), threshold)
        case {"model": _}:
            raise UserError("a model card of no family that this samebits knows; run `dvc repro`")
    return LINEAR
