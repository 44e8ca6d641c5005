"""The card of a quantized model: what its users need to know, written beside it."""

from collections.abc import Mapping
from typing import Any

from samebits.exact import score
from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float
from samebits.model import payload
from samebits.model.linear import LinearModel
from samebits.model.schemes import Quantized


def describe(
    quantized: Quantized, rounding: str, widths: Mapping[int, LinearModel], data: Mapping[str, Any]
) -> dict[str, Any]:
    """Plain containers, for a file.

    widths: the model at other bit-widths. data: what the stage `data` wrote with the moments, the names of the
    columns and the ranges of the features in training.
    """
    moments = {part: Moments.from_plain(data[part]) for part in ("train", "test")}
    means = map(nearest_float, moments["train"].means().entries())
    columns = zip(
        data["features"], data["min"].tolist(), means, data["max"].tolist(), strict=False
    )  # y has a mean, too
    return {
        "target": data["target"],
        "features": {name: {"min": low, "mean": mean, "max": high} for name, low, mean, high in columns},
        "scheme": quantized.scheme.name,
        "bits": quantized.bits,
        "rounding": rounding,
        "payload_bytes": (payload.payload_bits(quantized) + 7) // 8,
        "metrics": {part: score.scores(of, quantized.model) for part, of in moments.items()},
        "widths": {bits: {"intercept": of.intercept, "coef": of.coef.tolist()} for bits, of in widths.items()},
    }
