"""What `dvc plots` draws, as CSV with a header."""

import csv
import io
from collections.abc import Iterable, Sequence

import numpy as np

ROWS = 1000  # of the test rows, which the split has shuffled: enough to see, small enough for git
DECIMALS = 4


def predictions(actual: np.ndarray, predicted: np.ndarray, predicted_quantized: np.ndarray) -> str:
    """Of the first of rows (n,): the actual and the predicted values, and the residuals before quantization."""
    columns = np.column_stack([actual, predicted, predicted_quantized, actual - predicted])[:ROWS]
    return _csv(["actual", "predicted", "predicted_quantized", "residual"], columns.round(DECIMALS).tolist())


def coefficients(features: Sequence[str], before: np.ndarray, after: np.ndarray) -> str:
    """The parameters (p + 1,), weights and intercept, before and after quantization, a row each."""
    names = [*features, "(intercept)"]
    rows: list[tuple[str, str, float]] = []
    for stage, parameters in (("before", before), ("after", after)):
        rows += [(name, stage, value) for name, value in zip(names, parameters.tolist(), strict=True)]
    return _csv(["parameter", "quantization", "value"], rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
