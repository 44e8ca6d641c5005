"""evaluate: the model and its quantized copy on the test rows, by exact arithmetic and as a PyTorch network."""

from samebits import artifacts, families, params, pickles
from samebits.errors import run
from samebits.families.family import Data
from samebits.frameworks import torch
from samebits.model import payload
from samebits.model.linear import LinearModel
from samebits.results import plot_data


def main() -> None:
    """Score both models, run both as networks, write metrics and plots.

    `quant` and `float` are of the test rows: the model with and without quantization. `bits` are those of a weight,
    `bytes` those of all parameters. `loss_ppm` is what quantization loses on training rows, in millionths: of R2, or of
    log loss; small enough to be lost among the five digits that DVC shows. What is compared first stands first:
    `dvc exp show` cuts from the right.
    """
    data = Data()
    evidence = families.evidence(params.load().train, data)
    model = LinearModel.of(pickles.load("models/model.joblib"))
    codes = payload.load()
    quantized = codes.model

    metrics = {
        "bits": codes.bits,
        "bytes": payload.payload_bytes(codes),
        "loss_ppm": evidence.ppm(evidence.loss(model), quantized),
        "quant": evidence.test_scores(quantized),
        "float": evidence.test_scores(model),
        "train": evidence.scores("train", model),
    }
    networks = {
        name: evidence.network_scores(torch.predict(network, of, data.test["X"]))
        for name, network, of in (
            ("float", torch.network(model), model),
            ("quant", torch.QuantizedLinear(codes), quantized),
        )
    }
    artifacts.write_json(metrics, "metrics/evaluate.json")
    artifacts.write_json(networks, "metrics/torch.json")
    predicted = plot_data.predictions(data.test["y"], *map(evidence.predicted, (model, quantized)))
    artifacts.write_text(predicted, "plots/predictions.csv")
    for name, content in plot_data.classes(evidence.classes(quantized)).items():
        artifacts.write_text(content, f"plots/{name}")
    parameters = plot_data.coefficients(data.features, model.parameters, quantized.parameters)
    artifacts.write_text(parameters, "plots/coefficients.csv")
    summary = artifacts.read_json("metrics/coefficients.json")
    artifacts.write_text(plot_data.intervals(summary["coefficients"]), "plots/intervals.csv")


if __name__ == "__main__":
    run(main)
