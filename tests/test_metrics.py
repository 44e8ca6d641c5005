"""The numbers of metrics/ against scikit-learn's, from the files of the pipeline."""

import json
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from samebits.model import payload
from tests.conftest import Project


def read(project: Project, name: str) -> Any:
    return json.loads((project.root / "metrics" / f"{name}.json").read_text())


def rows(project: Project, part: str) -> tuple[np.ndarray, np.ndarray]:
    table = joblib.load(project.root / "data" / f"{part}.joblib")
    return table["X"], table["y"]


def scores(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    return {
        "r2": r2_score(y, predicted),
        "rmse": root_mean_squared_error(y, predicted),
        "mae": mean_absolute_error(y, predicted),
    }


def test_what_the_metrics_say(trained: Project) -> None:
    before = joblib.load(trained.root / "models" / "model.joblib")
    file = trained.root / "models" / "quant_params.joblib"
    after = payload.load(file).model
    X, y = rows(trained, "train")
    Z, z = rows(trained, "test")
    quantized = X @ after.coef + after.intercept
    metrics = read(trained, "evaluate")
    assert (metrics["bits"], metrics["bytes"]) == (8, len(joblib.load(file)["payload"]))
    assert metrics["quant"] == pytest.approx(scores(z, Z @ after.coef + after.intercept), rel=1e-9)
    assert metrics["float"] == pytest.approx(scores(z, Z @ before.coef_ + before.intercept_), rel=1e-9)
    fit = scores(y, X @ before.coef_ + before.intercept_)
    assert metrics["train"] == pytest.approx({"r2": fit["r2"], "rmse": fit["rmse"]}, rel=1e-9)
    assert metrics["loss_ppm"] == pytest.approx(1e6 * (fit["r2"] - r2_score(y, quantized)), rel=1e-6)


def test_what_else_is_known_of_a_run(trained: Project) -> None:
    data, train = read(trained, "data"), read(trained, "train")
    assert data["kept_rows"] == data["rows"] == {part: len(rows(trained, part)[1]) for part in ("train", "test")}
    model = joblib.load(trained.root / "models" / "model.joblib")
    assert train["coefficients"] == dict(zip(model.feature_names_in_, model.coef_, strict=True))
    assert train["intercept"] == model.intercept_
    metrics, torch = read(trained, "evaluate"), read(trained, "torch")
    for form in ("float", "quant"):
        assert torch[form]["r2"] == pytest.approx(metrics[form]["r2"], abs=1e-6)
