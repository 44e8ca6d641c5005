"""The card of a quantized model: what its users need to know. It is stored beside the model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float
from samebits.model import payload
from samebits.model.linear import LinearModel
from samebits.model.schemes import Quantized

SHOWN = 5  # test rows in the card


def describe(
    quantized: Quantized,
    rounding: str,
    widths: Mapping[int, LinearModel],
    data: Mapping[str, Any],
    examples: Mapping[str, Any],
    metrics: Mapping[str, Mapping[str, float]],
    usual: np.ndarray,
) -> dict[str, Any]:
    """Plain containers, for a file.

    widths: the model at other bit-widths. data: what the stage `data` wrote with the moments: the names of the columns,
    the ranges of the features in training, the schema of the table. examples: test rows, X (n, p) and y (n,), and by
    row, in `raw`, the values of the table's columns that are needed, or None. metrics: scores, by part of the split.
    usual: (n,) which of the examples are predicted as well as most rows are.
    """
    *means, _ = map(nearest_float, Moments.from_plain(data["train"]).means().entries())
    columns = zip(data["features"], data["min"].tolist(), means, data["max"].tolist(), strict=True)
    X, y = examples["X"], examples["y"]
    shown = np.flatnonzero(usual & ((data["min"] <= X) & (data["max"] >= X)).all(axis=1))
    telling = shown[telling_rows(X[shown], quantized.model, np.array(means), list(widths.values()))]
    return {
        "target": data["target"],
        "features": {name: {"min": low, "mean": mean, "max": high} for name, low, mean, high in columns},
        "scheme": quantized.scheme.name,
        "bits": quantized.bits,
        "rounding": rounding,
        "payload_bytes": (payload.payload_bits(quantized) + 7) // 8,
        "metrics": dict(metrics),
        "widths": {bits: {"intercept": of.intercept, "coef": of.coef.tolist()} for bits, of in widths.items()},
        "rows": [{"x": X[i].tolist(), "y": float(y[i]), "raw": examples["raw"][i]} for i in telling.tolist()],
        "table": data["table"],
    }


def telling_rows(X: np.ndarray, model: LinearModel, means: np.ndarray, widths: Sequence[LinearModel]) -> list[int]:
    """The rows of X (n, p) that show best what a model does, from low to high predictions.

    The rows are sorted by their predictions and cut into `SHOWN` equal parts. Of each part, it is the row with the
    greatest product of how far the predictions of `widths` lie apart and of the second greatest size of a
    contribution w_i (x_i - mean_i), so that no single feature makes it; the first of equals. Elementwise: the same
    rows everywhere.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = np.sort(np.abs(model.coef * (X - means)), axis=1)
        predictions = np.array([each.predict(X) for each in widths])
        telling = (predictions.max(axis=0) - predictions.min(axis=0)) * sizes[:, -2:][:, 0]
        telling[~np.isfinite(telling)] = -1
        parts = np.array_split(np.argsort(model.predict(X), kind="stable"), SHOWN)
    return [int(part[np.argmax(telling[part])]) for part in parts if len(part)]
