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


def test_predictions_are_those_of_the_quantized_model_and_what_changed() -> None:
    X, y = np.array([[1.0, 2.0], [0.0, 4.0], [10.0, 0.0]]), np.array([2.5, -1.0, 20.0])
    assert plot_data.predictions(y, MODEL.predict(X), QUANTIZED.predict(X)) == (
        "actual,predicted,residual,change\n2.5,1.875,0.625,-0.125\n-1,-1.25,0.25,-0.25\n20,22,-2,1\n"
    )


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_predictions_keep_five_digits_whatever_their_size(unit: float) -> None:
    X, y = np.random.default_rng(0).normal(size=(50, 2)) * unit, np.random.default_rng(1).normal(size=50) * unit
    rows = records(plot_data.predictions(y, MODEL.predict(X), QUANTIZED.predict(X)))
    for row, actual, before, after in zip(rows, y, X @ MODEL.coef + 1, X @ QUANTIZED.coef + 0.75, strict=True):
        expected = [actual, after, actual - after, after - before]
        assert [float(cell) for cell in row.values()] == pytest.approx(expected, rel=5.1e-5, abs=0)
        assert all(len(cell.lstrip("-0.").partition("e")[0].replace(".", "")) <= 5 for cell in row.values())


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


def test_intervals_are_in_standard_deviations_and_leave_out_what_has_none() -> None:
    known = {"name": "a, b", "estimate": -3.0, "low": -4.0, "high": -2.0, "std_ratio": 0.25}
    intercept = {**known, "name": "(intercept)", "std_ratio": None}
    collinear = {**known, "name": "c", "low": None, "high": None}
    text = plot_data.intervals([intercept, known, collinear])
    assert text == 'feature,effect,low,high\n"a, b",-0.75,-1.0,-0.5\n'
