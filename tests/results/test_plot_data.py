import csv
import io

import numpy as np
import pytest

from samebits.model.linear import LinearModel
from samebits.results import plot_data

MODEL = LinearModel(np.array([2.0, -0.5]), 1.0)
QUANTIZED = LinearModel(np.array([2.125, -0.5]), 0.75)


def records(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_predictions_are_those_of_both_models() -> None:
    X, y = np.array([[1.0, 2.0], [0.0, 4.0], [10.0, 0.0]]), np.array([2.5, -1.0, 20.0])
    assert plot_data.predictions(y, MODEL.predict(X), QUANTIZED.predict(X)) == (
        "actual,predicted,predicted_quantized,residual\n2.5,2.0,1.875,0.5\n-1.0,-1.0,-1.25,0.0\n20.0,21.0,22.0,-1.0\n"
    )


def test_predictions_are_rounded_to_four_decimals() -> None:
    X, y = np.random.default_rng(0).normal(size=(50, 2)), np.random.default_rng(1).normal(size=50)
    rows = records(plot_data.predictions(y, MODEL.predict(X), QUANTIZED.predict(X)))
    for row, actual, predicted, other in zip(rows, y, X @ MODEL.coef + 1, X @ QUANTIZED.coef + 0.75, strict=True):
        expected = [actual, predicted, other, actual - predicted]
        assert [float(cell) for cell in row.values()] == pytest.approx(expected, abs=0.5001e-4)
        assert all(len(cell.partition(".")[2]) <= 4 for cell in row.values())


def test_at_most_a_thousand_rows_are_plotted() -> None:
    X = np.arange(2400.0).reshape(1200, 2)
    rows = records(plot_data.predictions(X[:, 0], MODEL.predict(X), QUANTIZED.predict(X)))
    assert [float(row["actual"]) for row in rows] == X[:1000, 0].tolist()


def test_coefficients_are_listed_before_and_after() -> None:
    assert plot_data.coefficients(["MedInc", "a, b"], MODEL.parameters, QUANTIZED.parameters) == (
        "parameter,quantization,value\n"
        "MedInc,before,2.0\n"
        '"a, b",before,-0.5\n'
        "(intercept),before,1.0\n"
        "MedInc,after,2.125\n"
        '"a, b",after,-0.5\n'
        "(intercept),after,0.75\n"
    )


def test_coefficients_keep_every_bit() -> None:
    model = LinearModel(np.array([0.1 + 0.2, 5e-324]), -37.02327770606413)
    text = plot_data.coefficients(["a", "b"], model.parameters, model.parameters)
    values = [float(row["value"]) for row in records(text)]
    assert values == [0.1 + 0.2, 5e-324, -37.02327770606413] * 2
