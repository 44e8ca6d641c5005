"""evaluate: the model and its quantized copy on the test rows, by exact arithmetic and as a PyTorch network."""

from samebits import artifacts, payload, plots, score, torch_model
from samebits.errors import run
from samebits.linear import LinearModel
from samebits.moments import Moments
from samebits.rational import nearest_float


def main() -> None:
    """Score both models, run both as networks, write metrics and plots."""
    estimator = artifacts.load("models/model.joblib")
    model = LinearModel(estimator.coef_, float(estimator.intercept_))
    codes = payload.from_plain(artifacts.load("models/quant_params.joblib"))
    quantized = codes.model
    moments = Moments.from_plain(artifacts.load("data/moments.joblib")["test"])
    rows = artifacts.load("data/test.joblib")  # all test rows, or a sample of very many
    X, y = rows["X"], rows["y"]

    r2_loss = nearest_float(score.r2(moments, model) - score.r2(moments, quantized))
    metrics = {
        "rows": {"r2_rmse": moments.rows, "mae_torch": len(y)},
        "float": {**score.scores(moments, model), "mae": score.mae(X, y, model)},
        "torch": {"r2": torch_model.r2(torch_model.network(model), model, X, y)},
        "quantized": {**score.scores(moments, quantized), "mae": score.mae(X, y, quantized), "r2_loss": r2_loss},
        "torch_quantized": {"r2": torch_model.r2(torch_model.QuantizedLinear(codes), quantized, X, y)},
    }
    artifacts.write_json(metrics, "metrics/evaluate.json")
    artifacts.write_text(plots.predictions(X, y, model, quantized), "plots/predictions.csv")
    artifacts.write_text(plots.coefficients(rows["features"], model, quantized), "plots/coefficients.csv")


if __name__ == "__main__":
    run(main)
