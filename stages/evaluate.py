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
    """Score both models, run both as networks, write metrics and plots."""
    estimator = pickles.load("models/model.joblib")
    model = LinearModel(estimator.coef_, float(estimator.intercept_))
    codes = payload.load()
    quantized = codes.model
    moments = Moments.from_plain(pickles.load("data/moments.joblib")["test"])
    rows = pickles.load("data/test.joblib")  # all test rows, or a sample of very many
    X, y = rows["X"], rows["y"]

    r2_loss = nearest_float(score.r2(moments, model) - score.r2(moments, quantized))
    metrics = {
        "rows": {"r2_rmse": moments.rows, "mae_torch": len(y)},
        "float": {**score.scores(moments, model), "mae": score.mae(X, y, model)},
        "torch": {"r2": torch.r2(torch.network(model), model, X, y)},
        "quantized": {**score.scores(moments, quantized), "mae": score.mae(X, y, quantized), "r2_loss": r2_loss},
        "torch_quantized": {"r2": torch.r2(torch.QuantizedLinear(codes), quantized, X, y)},
    }
    artifacts.write_json(metrics, "metrics/evaluate.json")
    points = plot_data.predictions(y, model.predict(X), quantized.predict(X))
    artifacts.write_text(points, "plots/predictions.csv")
    parameters = plot_data.coefficients(rows["features"], model.parameters, quantized.parameters)
    artifacts.write_text(parameters, "plots/coefficients.csv")


if __name__ == "__main__":
    run(main)
