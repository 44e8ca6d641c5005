"""quantize: the parameters of the model as b-bit codes."""

from functools import partial
from pathlib import Path

from samebits import artifacts, families, params, pickles
from samebits.errors import run
from samebits.families.family import Data
from samebits.frameworks import onnx
from samebits.model import payload
from samebits.model.linear import LinearModel
from samebits.quantization import card, sweep


def main() -> None:
    """Write the parameters before and after quantization, and what the quantization costs and saves."""
    options = params.load()
    scheme, rounding, _ = chosen = (options.quantize.scheme, options.quantize.rounding, options.quantize.bits)
    data = Data()
    evidence = families.evidence(options.train, data)
    model = LinearModel.of(pickles.load("models/model.joblib"))
    loss = evidence.loss(model)

    choices = sweep.choices(loss, chosen)
    choice = choices[chosen]
    quantized = choice.quantized

    pickles.dump({"coef": model.coef, "intercept": model.intercept}, "models/unquant_params.joblib")
    payload.save(quantized)
    facts = {"features": data.features, "target": data.of_all["target"], "query": data.of_all["table"]["query"]}
    artifacts.write_bytes(onnx.export(quantized, facts, evidence.family), "models/quant_params.onnx")
    widths = {each: choices[scheme, rounding, each].quantized.model for each in sweep.BITS}
    metrics = {part: evidence.scores(part, quantized.model) for part in ("train", "test")}
    examples = data.test["examples"]
    usual = evidence.usual(quantized.model, examples["X"], examples["y"])
    described = card.describe(quantized, rounding, widths, data.of_all, examples, metrics, usual)
    artifacts.write_json(described | evidence.family.to_plain(), "models/card.json")
    payload_bits = payload.payload_bits(quantized)
    artifacts.write_json(
        {
            "scheme": scheme,
            "rounding": rounding,
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
    curve = sweep.curve(choices, loss, partial(evidence.curve, loss), chosen)
    artifacts.write_json(curve, "plots/bits.json")


if __name__ == "__main__":
    run(main)
