"""A logistic model of a small table, as the pipeline stores one: for tests that need no pipeline."""

from pathlib import Path
from typing import Any

import mpmath
import numpy as np

from samebits import artifacts
from samebits.exact.logistic.estimator import ExactLogisticRegression
from samebits.model import payload
from samebits.model.family import Logistic
from samebits.model.linear import LinearModel
from samebits.model.predictor import CARD
from samebits.model.schema import Column, Schema
from samebits.model.schemes import SCHEMES, Quantized, choose_qparams, quantize

LABELS, THRESHOLD = ("stays", 'leaves, "early"'), 0.25  # a label that CSV quotes
FAMILY = Logistic(LABELS, THRESHOLD)
FEATURES = ["age", "plan = basic", "plan = family"]
LEVELS = ["plus", "basic", "family"]
QUERY = """
    SELECT age, (plan = 'basic')::DOUBLE AS "plan = basic", (plan = 'family')::DOUBLE AS "plan = family", leaves
    FROM source
"""


def table() -> tuple[list[tuple[float, str]], np.ndarray, np.ndarray]:
    """Rows of the table, their features X (400, 3), and y (400,)."""
    random = np.random.default_rng(7)
    raw = [(float(random.integers(18, 80)), str(random.choice(LEVELS))) for _ in range(400)]
    X = np.array([[age, plan == "basic", plan == "family"] for age, plan in raw], float)
    y = X @ [-0.05, 1.5, -1.0] + 1.0 + random.logistic(size=400) > 0
    return raw, X, y.astype(float)


def quantized(model: LinearModel, bits: int, scheme: str = "per_channel_pow2") -> Quantized:
    """The nearest codes."""
    of = SCHEMES[scheme]
    values = model.parameters if of.quantized_bias else model.coef
    qparams = choose_qparams(values, bits, of, np.ones(len(values), bool))
    bias = None if of.quantized_bias else float(np.float32(model.intercept))
    return Quantized(of, bits, quantize(values, qparams, bits), qparams, bias)


def model() -> LinearModel:
    """The fitted model."""
    _, X, y = table()
    found = ExactLogisticRegression().fit(X, y)
    return LinearModel(found.coef_[0], float(found.intercept_[0]))


def write(folder: Path) -> Path:
    """Write a quantized model and its card as the stage `quantize` does, and return the model's path."""
    raw, X, y = table()
    widths = {bits: quantized(model(), bits).model for bits in range(2, 9)}
    scores = {"log_loss": 0.5, "accuracy": 0.75, "auc": 0.8, "brier": 0.2}
    columns = {
        "age": Column("BIGINT", True, min=18, max=79),
        "plan": Column("VARCHAR", True, levels=LEVELS),
        "leaves": Column("BIGINT", min=0, max=1),
    }
    sources = {"age": ["age"], "plan = basic": ["plan"], "plan = family": ["plan"]}
    card: dict[str, Any] = {
        "target": "leaves",
        "features": {
            name: {"min": float(of.min()), "mean": float(of.mean()), "max": float(of.max())}
            for name, of in zip(FEATURES, X.T, strict=True)
        },
        **FAMILY.to_plain(),
        "scheme": "per_channel_pow2",
        "bits": 8,
        "rounding": "nearest",
        "payload_bytes": 9,
        "metrics": {"train": scores, "test": scores},
        "widths": {bits: {"intercept": of.intercept, "coef": of.coef.tolist()} for bits, of in widths.items()},
        "rows": [{"x": X[i].tolist(), "y": float(y[i]), "raw": list(raw[i])} for i in range(5)],
        "table": Schema(QUERY, True, False, {}, columns, sources, {"age": "age"}).to_plain(),
    }
    path = folder / payload.FILE
    path.parent.mkdir(parents=True)
    payload.save(quantized(model(), 8), path)
    artifacts.write_json(card, path.with_name(CARD))
    return path


def probability(row: list[float], of: LinearModel) -> float:
    """By its definition."""
    with mpmath.workdps(200):
        odds = mpmath.fsum([of.intercept, *(mpmath.mpf(x) * w for x, w in zip(row, of.coef.tolist(), strict=True))])
        return float(1 / (1 + mpmath.exp(-odds)))
