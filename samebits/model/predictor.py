"""A quantized model in use: its de-quantized parameters, its card, and the commit it comes from.

Nothing here imports torch, scikit-learn, DuckDB or flint. Predictions are rounded once, so they have the same bits as
on the machine that trained the model.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from samebits import artifacts
from samebits.artifacts import LOCK
from samebits.errors import UserError
from samebits.git import COMMIT, git, promisor_of
from samebits.model import family, payload
from samebits.model.family import Family
from samebits.model.linear import LinearModel
from samebits.model.schema import Schema

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
    family: Family = family.LINEAR

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
        return cls(path, model, card, family.of_card(card))

    @property
    def features(self) -> list[str]:
        """The names of the columns, in the order of the weights."""
        return list(self.card["features"])

    @cached_property
    def schema(self) -> Schema | None:
        """What the model knows of its table; older cards do not say."""
        table = self.card.get("table")
        return Schema.from_plain(table) if table else None

    @cached_property
    def ranges(self) -> np.ndarray:
        """The smallest and the largest value of each feature in the training rows, (2, p)."""
        return np.array([[of[end] for of in self.card["features"].values()] for end in ("min", "max")])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions or probabilities (n,) for X (n, p); not finite if they exceed the range of float64."""
        return self.family.predict(self.model, X)

    def outputs(self, X: np.ndarray, y: np.ndarray, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """What is told of rows X (n, p) with the predictions y (n,): by name, numbers or texts (n,).

        names: some of the outputs of the family, and of what more it has.
        """
        first, *_ = self.family.outputs
        return {
            name: y if name == first else self.family.derive(name, y, self.model, X)
            for name in (self.family.outputs if names is None else names)
        }

    def outside(self, X: np.ndarray) -> np.ndarray:
        """Where X (n, p) is outside the ranges of the features in training, bool (n, p)."""
        low, high = self.ranges
        return (low > X) | (high < X)

    @cached_property
    def md5(self) -> str:
        """The hash of the model's file, which dvc.lock promises."""
        return artifacts.md5(artifacts.read_bytes(self.path))

    @property
    def commit(self) -> str | None:
        """The commit whose dvc.lock promises this very file: of the image, HEAD, or the last one that recorded it."""
        return self._origin[0]

    @cached_property
    def head(self) -> str | None:
        """The commit that is checked out around the model, if any."""
        try:
            return git("rev-parse", "HEAD", cwd=self._root).decode().strip() if self._root else None
        except UserError:
            return None

    def info(self) -> dict[str, Any]:
        """What the model is and where it comes from."""
        card = {key: value for key, value in self.card.items() if key not in FOR_THE_PAGE}
        commit, lock = self._origin
        return {**card, "commit": commit, "model_md5": self.md5, "lock_md5": lock and artifacts.md5(lock)}

    @cached_property
    def _origin(self) -> tuple[str | None, bytes | None]:
        """The commit, and the dvc.lock that promises this file; where no commit has one, that of the folder, if any."""
        if not self._root:
            return None, None
        lock = (self._root / LOCK).read_bytes()
        lock_here = lock if self._promised_by(lock) else None
        if commit := os.environ.get(COMMIT):
            return commit if lock_here else None, lock_here
        for commit in self._candidates():
            with suppress(UserError):  # a commit without a dvc.lock
                lock = git("show", f"{commit}:./{LOCK}", cwd=self._root)
                if self._promised_by(lock):
                    return commit, lock
        return None, lock_here

    def _candidates(self) -> Iterator[str]:
        """HEAD, then the commits of all branches that added or removed the hash of this file, the newest first."""
        if self.head and self._root:
            yield self.head
            if not promisor_of(self._root):  # a partial clone would fetch each dvc.lock
                yield from (
                    git("log", "--all", f"-S{self.md5}", "--format=%H", "--", LOCK, cwd=self._root).decode().split()
                )

    @cached_property
    def _root(self) -> Path | None:
        """The nearest folder above the model with a dvc.lock."""
        return next((folder for folder in self.path.resolve().parents if (folder / LOCK).is_file()), None)

    def _promised_by(self, lock: bytes) -> bool:
        """Whether the dvc.lock in `_root` promises this file by its path and its hash."""
        assert self._root
        path = self.path.resolve().relative_to(self._root).as_posix()
        promise = rf"^ *- path: {re.escape(path)}\n +hash: md5\n +md5: {self.md5}$"
        return bool(re.search(promise, lock.decode(errors="replace").replace("\r\n", "\n"), re.MULTILINE))
