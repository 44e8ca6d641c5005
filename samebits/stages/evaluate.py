"""evaluate: the model and its quantized copy on the test rows, by exact arithmetic and as a PyTorch network."""

from samebits import artifacts, pickles
from samebits.errors import run
from samebits.exact import score
from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float
from samebits.frameworks import torch
from samebits.model import payload
from samebits.model.linear import LinearModel
from samebits.results import plot_data


def main() -> None:
    """Score both models, run both as networks, write metrics and plots.

    `quant` and `float` are of the test rows: the model with and without quantization. `bits` are those of a weight,
    `bytes` those of all parameters. `loss_ppm` is the training R2 that quantization loses, in millionths: the part of
    the variance of y, small enough to be lost among the five digits that DVC shows. What is compared first stands
    first: `dvc exp show` cuts from the right.
    """
    estimator = pickles.load("models/model.joblib")
    model = LinearModel(estimator.coef_, float(estimator.intercept_))
    codes = payload.load()
    quantized = codes.model
    moments = pickles.load("data/moments.joblib")
    train, test = (Moments.from_plain(moments[part]) for part in ("train", "test"))
    rows = pickles.load("data/test.joblib")  # all test rows, or a sample of very many
    X, y = rows["X"], rows["y"]

    metrics = {
        "bits": codes.bits,
        "bytes": payload.payload_bytes(codes),
        "loss_ppm": nearest_float(10**6 * (score.r2(train, model) - score.r2(train, quantized))),
        "quant": {**score.scores(test, quantized), "mae": score.mae(X, y, quantized)},
        "float": {**score.scores(test, model), "mae": score.mae(X, y, model)},
        "train": score.scores(train, model),
    }
    networks = {
        "float": {"r2": torch.r2(torch.network(model), model, X, y)},
        "quant": {"r2": torch.r2(torch.QuantizedLinear(codes), quantized, X, y)},
    }
    artifacts.write_json(metrics, "metrics/evaluate.json")
    artifacts.write_json(networks, "metrics/torch.json")
    points = plot_data.predictions(y, model.predict(X), quantized.predict(X))
    artifacts.write_text(points, "plots/predictions.csv")
    parameters = plot_data.coefficients(rows["features"], model.parameters, quantized.parameters)
    artifacts.write_text(parameters, "plots/coefficients.csv")
    summary = artifacts.read_json("metrics/coefficients.json")
    artifacts.write_text(plot_data.intervals(summary["coefficients"]), "plots/intervals.csv")


if __name__ == "__main__":
    run(main)
