"""Quality against size: every scheme, rounding and bit-width on one trained model."""

from typing import Any

from samebits import payload, rounding, score
from samebits.linear import LinearModel
from samebits.moments import Moments
from samebits.quantization import SCHEMES
from samebits.rational import nearest_float

BITS = range(2, 17)


def sweep(model: LinearModel, train: Moments, test: Moments) -> list[dict[str, Any]]:
    """A row for each scheme and bit-width: stored bits, loss of training R2, test R2."""
    r2 = score.r2(train, model)
    rows = []
    for scheme in SCHEMES.values():
        for bits in BITS:
            quantized = rounding.nearest(model, train, bits, scheme)
            rows.append(
                {
                    "scheme": scheme.name,
                    "rounding": "nearest",
                    "bits": bits,
                    "payload_bits": payload.payload_bits(quantized),
                    "train_loss": nearest_float(r2 - score.r2(train, quantized.model)),
                    "test_r2": nearest_float(score.r2(test, quantized.model)),
                }
            )
    return rows
