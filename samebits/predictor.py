"""A quantized model as it is used: its de-quantized parameters, what its card says, and the commit it comes from.

Nothing here imports torch, scikit-learn, DuckDB or flint, and the arithmetic has a fixed order: the predictions have
the same bits as on the machine that trained the model.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from samebits import artifacts, payload
from samebits.errors import UserError
from samebits.linear import LinearModel
from samebits.repository import git

CARD = "card.json"  # beside the model
COMMIT = "SAMEBITS_COMMIT"  # the variable of the environment that says it where there is no repository


@dataclass(frozen=True)
class Predictor:
    """A model and its card, as the stage `quantize` wrote them."""

    path: Path
    model: LinearModel
    card: dict[str, Any]

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model and the card beside it. Raises UserError where one is missing or they do not fit together."""
        path = Path(path)
        card = artifacts.read_json(path.with_name(CARD))
        try:
            model = payload.from_plain(artifacts.load(path)).model
            fits = len(model.coef) == len(card["features"])
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: not a quantized model with its card ({error!r}); run `dvc repro`") from None
        if not fits:
            raise UserError(f"{path}: has {len(model.coef)} weights, its card {len(card['features'])} features")
        return cls(path, model, card)

    @property
    def features(self) -> list[str]:
        """The names of the columns, in the order of the weights."""
        return list(self.card["features"])

    @cached_property
    def ranges(self) -> np.ndarray:
        """The least and the greatest value of each feature in training, (2, p)."""
        return np.array([[of[end] for of in self.card["features"].values()] for end in ("min", "max")])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (n,) for X (n, p); not finite where they leave the range of float64."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.model.predict(X)

    def outside(self, X: np.ndarray) -> np.ndarray:
        """Which rows of X (n, p) leave the range of a feature in training, bool (n,)."""
        low, high = self.ranges
        return ((low > X) | (high < X)).any(axis=1)

    def info(self) -> dict[str, Any]:
        """What the model is and where it comes from."""
        lock = self.path.parent.parent / "dvc.lock"
        card = {key: value for key, value in self.card.items() if key != "widths"}
        return {
            **card,
            "commit": commit(),
            "model_md5": _md5(self.path),  # what dvc.lock promises
            "lock_md5": _md5(lock) if lock.exists() else None,
        }


def commit() -> str | None:
    """The commit of the model: of the image, or of the repository in the working directory."""
    try:
        return os.environ.get(COMMIT) or git("rev-parse", "HEAD").decode().strip()
    except UserError:
        return None


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
