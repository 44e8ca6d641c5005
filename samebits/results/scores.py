"""The scores that a model may have, by their names in metrics/: how they are called and written."""

from collections.abc import Iterable
from typing import NamedTuple


class Score(NamedTuple):
    """How a score is called, and its format."""

    name: str
    how: str


SCORES = {
    "r2": Score("R2", ".6f"),
    "rmse": Score("RMSE", "#.6g"),
    "mae": Score("MAE", "#.6g"),
    "log_loss": Score("log loss", "#.6g"),
    "accuracy": Score("accuracy", ".4f"),
    "auc": Score("AUC", ".6f"),
    "brier": Score("Brier", "#.6g"),
}


def known(metrics: Iterable[str]) -> list[str]:
    """Those among the names of metrics that are scores, in the order of tables."""
    names = set(metrics)
    return [each for each in SCORES if each in names]


def listed(names: Iterable[str]) -> str:
    """What these scores are called, in a sentence."""
    *some, last = [SCORES[each].name for each in names]
    return f"{', '.join(some)} and {last}" if some else last
