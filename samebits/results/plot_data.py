"""What `dvc plots` draws, as CSV with a header."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

CLASSES = {  # what is drawn of a model of two classes: the files, and their columns
    "roc.csv": ["false_positive_rate", "true_positive_rate"],
    "calibration.csv": ["probability", "frequency", "rows"],
    "scores.csv": ["probability", "class", "rows"],
}
BARS = 20
ROWS = 1000  # of the test rows, which the split has shuffled: enough to see, small enough for git
DIGITS = 5


def predictions(actual: np.ndarray, before: np.ndarray, predicted: np.ndarray) -> str:
    """Of the first of rows (n,), what the quantized model predicts, the residuals, and its change from `before`.

    before: the predictions of the model that was quantized.
    """
    columns = np.column_stack([actual, predicted, actual - predicted, predicted - before])[:ROWS]
    rows = [[_short(value) for value in row] for row in columns.tolist()]
    return _csv(["actual", "predicted", "residual", "change"], rows)


def classes(found: Mapping[str, Any] | None) -> dict[str, str]:
    """The files about test rows of two classes, by their names; no more than their headers where there are none.

    roc: how many false and true positives there are for each threshold, (k,) each, from none to all. calibration: by
    ranges of the probability, its mean, the frequency of the second class and how many rows. probability, y: (n,), of
    the second class. labels: of y = 0 and y = 1.
    """
    rows: dict[str, list[list[object]]] = {name: [] for name in CLASSES}
    if found:
        false, true = found["roc"]
        some = np.unique(np.linspace(0, len(false) - 1, ROWS).round().astype(int))  # of very many thresholds
        rates = np.column_stack([each[some] / max(int(each[-1]), 1) for each in (false, true)]).tolist()
        rows["roc.csv"] = [[_short(value) for value in row] for row in rates]
        rows["calibration.csv"] = [
            [_short(each["probability"]), _short(each["frequency"]), each["rows"]] for each in found["calibration"]
        ]
        bars = np.minimum((found["probability"] * BARS).astype(int), BARS - 1)
        rows["scores.csv"] = [
            [(bar + 0.5) / BARS, label, int(((bars == bar) & (found["y"] == value)).sum())]
            for value, label in enumerate(found["labels"])
            for bar in range(BARS)
        ]
    return {name: _csv(header, rows[name]) for name, header in CLASSES.items()}


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


def _short(value: float) -> str:
    return f"{value:.{DIGITS}g}"


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
