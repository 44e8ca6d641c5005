"""Small tables for `dvc plots`, as CSV with a header."""

import csv
import io
from collections.abc import Iterable, Sequence

import numpy as np

from samebits.linear import LinearModel

PLOTTED_ROWS = 1000  # of the test rows, which the split has shuffled: enough to see, small enough for git
DECIMALS = 4


def predictions(X: np.ndarray, y: np.ndarray, model: LinearModel, quantized: LinearModel) -> str:
    """Of the first rows of X (n, p), y (n,): the actual and the predicted values, and the residuals of the model."""
    X, y = X[:PLOTTED_ROWS], y[:PLOTTED_ROWS]
    predicted = model.predict(X)
    columns = np.column_stack([y, predicted, quantized.predict(X), y - predicted])
    return _csv(["actual", "predicted", "predicted_quantized", "residual"], columns.round(DECIMALS).tolist())


def coefficients(features: Sequence[str], model: LinearModel, quantized: LinearModel) -> str:
    """The parameters before and after quantization, a row each."""
    names = [*features, "(intercept)"]
    rows = []
    for stage, each in (("before", model), ("after", quantized)):
        parameters = [*each.coef.tolist(), each.intercept]
        rows += [(name, stage, value) for name, value in zip(names, parameters, strict=True)]
    return _csv(["parameter", "quantization", "value"], rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
