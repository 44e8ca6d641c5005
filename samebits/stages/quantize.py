"""quantize: the parameters of the model as b-bit codes."""

from pathlib import Path

from samebits import artifacts, params, pickles
from samebits.errors import run
from samebits.exact.moments import Moments
from samebits.frameworks import onnx
from samebits.model import payload
from samebits.model.linear import LinearModel
from samebits.quantization import card, sweep


def main() -> None:
    """Write the parameters before and after quantization, and what the quantization costs and saves."""
    options = params.load().quantize
    estimator = pickles.load("models/model.joblib")
    model = LinearModel(estimator.coef_, float(estimator.intercept_))
    moments = pickles.load("data/moments.joblib")
    train, test = (Moments.from_plain(moments[part]) for part in ("train", "test"))
    rows = pickles.load("data/test.joblib")

    chosen = options.scheme, options.rounding, options.bits
    choices = sweep.choices(model, train, chosen)
    widths = {bits: choices[options.scheme, options.rounding, bits].quantized.model for bits in sweep.BITS}
    choice = choices[chosen]
    quantized = choice.quantized

    pickles.dump({"coef": model.coef, "intercept": model.intercept}, "models/unquant_params.joblib")
    payload.save(quantized)
    facts = {"features": moments["features"], "target": moments["target"], "query": moments["table"]["query"]}
    artifacts.write_bytes(onnx.export(quantized, facts), "models/quant_params.onnx")
    described = card.describe(quantized, options.rounding, widths, moments, rows["examples"])
    artifacts.write_json(described, "models/card.json")
    payload_bits = payload.payload_bits(quantized)
    artifacts.write_json(
        {
            "scheme": options.scheme,
            "rounding": options.rounding,
            "optimal": choice.optimal,
            "jitter": choice.jitter,
            "payload_bits": payload_bits,
            "bits_per_weight": payload_bits / len(model.coef),
            "file_bytes": {
                "unquantized": Path("models/unquant_params.joblib").stat().st_size,
                "quantized": Path(payload.FILE).stat().st_size,
            },
        },
        "metrics/quantize.json",
    )
    artifacts.write_json(sweep.curve(choices, model, train, test, chosen), "plots/bits.json")


if __name__ == "__main__":
    run(main)
