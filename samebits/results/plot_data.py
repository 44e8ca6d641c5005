"""What `dvc plots` draws, as CSV with a header."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

ROWS = 1000  # of the test rows, which the split has shuffled: enough to see, small enough for git
DIGITS = 5


def predictions(actual: np.ndarray, before: np.ndarray, predicted: np.ndarray) -> str:
    """Of the first of rows (n,), what the quantized model predicts, the residuals, and its change from `before`.

    before: the predictions of the model that was quantized.
    """
    columns = np.column_stack([actual, predicted, actual - predicted, predicted - before])[:ROWS]
    rows = [[f"{value:.{DIGITS}g}" for value in row] for row in columns.tolist()]
    return _csv(["actual", "predicted", "residual", "change"], rows)


def coefficients(features: Sequence[str], before: np.ndarray, after: np.ndarray) -> str:
    """The parameters (p + 1,), weights and intercept, before and after quantization, a row each."""
    names = [*features, "(intercept)"]
    rows: list[tuple[str, str, float]] = []
    for stage, parameters in (("before", before), ("after", after)):
        rows += [(name, stage, value) for name, value in zip(names, parameters.tolist(), strict=True)]
    return _csv(["parameter", "quantization", "value"], rows)


def intervals(coefficients: Iterable[Mapping[str, Any]]) -> str:
    """Standardised coefficients, those that have one, and their 95 % intervals: units of y and the feature drop out.

    coefficients: as in metrics/coefficients.json.
    """
    known = [each for each in coefficients if each["low"] is not None and each["std_ratio"] is not None]
    ends = ("estimate", "low", "high")
    rows = [[each["name"], *(each[end] * each["std_ratio"] for end in ends)] for each in known]
    return _csv(["feature", "effect", "low", "high"], rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
