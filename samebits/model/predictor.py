"""A quantized model in use: its de-quantized parameters, its card, and the commit it comes from.

Nothing here imports torch, scikit-learn, DuckDB or flint, and the arithmetic has a fixed order: the predictions have
the same bits as on the machine that trained the model.
"""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from samebits import artifacts
from samebits.artifacts import LOCK
from samebits.errors import UserError
from samebits.git import COMMIT, git
from samebits.model import payload
from samebits.model.linear import LinearModel

CARD = "card.json"  # beside the model
FOR_THE_PAGE = ("widths", "rows")  # of the card: the model at other bit-widths, telling test rows


@dataclass(frozen=True)
class Predictor:
    """A model and its card, as the stage `quantize` wrote them.

    >>> predictor = Predictor.load("models/quant_params.joblib")
    >>> predictor.features[:2]
    ['MedInc', 'HouseAge']
    >>> X = np.array([[8.3252, 41, 6.984, 1.0238, 322, 2.5556, 37.88, -122.23]])
    >>> predictor.predict(X).round(4)  # in units of 100,000 dollars
    array([4.1537])
    """

    path: Path
    model: LinearModel
    card: dict[str, Any]

    @classmethod
    def load(cls, path: str | Path = payload.FILE) -> Self:
        """Read a model and the card beside it. Raises UserError if one is missing or they do not match."""
        path = Path(path)
        card = artifacts.read_json(path.with_name(CARD))
        model = payload.load(path).model
        features = card.get("features") if isinstance(card, dict) else None
        if not isinstance(features, dict):
            raise UserError(f"{path.with_name(CARD)}: not a model card; run `dvc repro`")
        if len(model.coef) != len(features):
            raise UserError(f"{path} has {len(model.coef)} weights, but its card has {len(features)} features")
        return cls(path, model, card)

    @property
    def features(self) -> list[str]:
        """The names of the columns, in the order of the weights."""
        return list(self.card["features"])

    @cached_property
    def ranges(self) -> np.ndarray:
        """The smallest and the largest value of each feature in the training rows, (2, p)."""
        return np.array([[of[end] for of in self.card["features"].values()] for end in ("min", "max")])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (n,) for X (n, p); not finite if they exceed the range of float64."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.model.predict(X)

    def outside(self, X: np.ndarray) -> np.ndarray:
        """Which rows of X (n, p) are outside the training range of a feature, bool (n,)."""
        low, high = self.ranges
        return ((low > X) | (high < X)).any(axis=1)

    @cached_property
    def md5(self) -> str:
        """The hash of the model's file, which dvc.lock promises."""
        return artifacts.md5(artifacts.read_bytes(self.path))

    @cached_property
    def commit(self) -> str | None:
        """The commit of the image or of the repository, if its dvc.lock promises this very file."""
        if not (root := self._root):
            return None
        if commit := os.environ.get(COMMIT):
            return commit if self._promised_by((root / LOCK).read_text("utf-8")) else None
        try:
            lock = git("show", f"HEAD:./{LOCK}", cwd=root).decode()
            return git("rev-parse", "HEAD", cwd=root).decode().strip() if self._promised_by(lock) else None
        except UserError:
            return None

    def info(self) -> dict[str, Any]:
        """What the model is and where it comes from."""
        card = {key: value for key, value in self.card.items() if key not in FOR_THE_PAGE}
        lock_md5 = artifacts.md5((self._root / LOCK).read_bytes()) if self._root else None
        return {**card, "commit": self.commit, "model_md5": self.md5, "lock_md5": lock_md5}

    @cached_property
    def _root(self) -> Path | None:
        """The nearest folder above the model with a dvc.lock."""
        return next((folder for folder in self.path.resolve().parents if (folder / LOCK).is_file()), None)

    def _promised_by(self, lock: str) -> bool:
        """Whether the text of the dvc.lock in `_root` promises this file by its path and its hash."""
        assert self._root
        path = self.path.resolve().relative_to(self._root).as_posix()
        return bool(re.search(rf"^ *- path: {re.escape(path)}\n +hash: md5\n +md5: {self.md5}$", lock, re.MULTILINE))
