from fractions import Fraction

import numpy as np
import pytest

from samebits.exact import least_squares
from samebits.exact.loss import SquaredLoss
from samebits.exact.moments import Moments
from samebits.model.linear import LinearModel
from samebits.model.predictor import Predictor
from samebits.model.schemes import SCHEMES
from samebits.quantization.card import SHOWN, describe, telling_rows
from samebits.quantization.rounding import Task, choose
from tests import housing
from tests.conftest import Project


@pytest.mark.slow
def test_the_rows_of_the_card_are_usual_test_rows_that_tell(trained: Project) -> None:
    predictor = Predictor.load(trained.root / "models" / "quant_params.joblib")
    _, X, _, y = housing.split()
    means = [of["mean"] for of in predictor.card["features"].values()]

    def contributions(x: list[float]) -> list[float]:
        return sorted(abs(w * (a - mean)) for w, a, mean in zip(predictor.model.coef, x, means, strict=True))

    def moves(x: list[float]) -> float:
        by_bits = [
            of["intercept"] + sum(w * a for w, a in zip(of["coef"], x, strict=True))
            for of in predictor.card["widths"].values()
        ]
        return max(by_bits) - min(by_bits)

    typical_move = np.median([moves(x) for x in X[:1000]])
    assert len(predictor.card["rows"]) == SHOWN
    predictions = []
    for row in predictor.card["rows"]:
        [found] = np.flatnonzero((X[:1000] == row["x"]).all(axis=1))
        assert y[found] == row["y"]
        [prediction] = predictor.predict(np.array([row["x"]]))
        predictions.append(prediction)
        assert abs(prediction - row["y"]) <= predictor.card["metrics"]["test"]["rmse"]
        assert not predictor.outside(np.array([row["x"]])).any()
        assert contributions(row["x"])[-2] > 0.5
        assert moves(row["x"]) > 1.5 * typical_move
    assert predictions == sorted(predictions)


def test_telling_rows_are_those_of_the_rule() -> None:
    X = np.random.default_rng(5).normal(size=(103, 3))
    model, means = LinearModel(np.array([1.0, -2.0, 0.5]), 3.0), np.array([0.1, 0.2, 0.3])
    widths = [LinearModel(model.coef + change, 3.0 - change) for change in (-0.25, 0.0, 0.125)]

    def told(i: int) -> float:
        second = sorted(abs(model.coef * (X[i] - means)))[1]
        values = [float(of.coef @ X[i] + of.intercept) for of in widths]
        return float(second) * (max(values) - min(values))

    by_prediction = sorted(range(103), key=lambda i: float(model.coef @ X[i]))
    parts = [by_prediction[:21], by_prediction[21:42], by_prediction[42:63], by_prediction[63:83], by_prediction[83:]]
    assert telling_rows(X, model, means, widths) == [max(part, key=told) for part in parts]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_few_rows_are_all_shown(rows: int) -> None:
    model = LinearModel(np.array([2.0]), 0.0)
    X = np.arange(3.0)[:rows, np.newaxis]
    assert telling_rows(X, model, np.zeros(1), [model]) == list(range(rows))


def test_a_row_beyond_the_range_of_float64_tells_nothing() -> None:
    model, wide = LinearModel(np.array([1.0]), 0.0), LinearModel(np.array([1e300]), 0.0)
    X = np.append(np.arange(10.0), 1e10)[:, np.newaxis]
    assert telling_rows(X, model, np.zeros(1), [model, wide])[-1] == 9


def test_the_card_shows_rows_within_the_ranges_of_all_features_that_are_predicted_well() -> None:
    """Those of the first test rows whose every value training has seen, the ends of the ranges among them."""
    generator = np.random.default_rng(0)
    X = generator.uniform(-1, 1, (60, 2))
    y = X @ [2.0, -1.0] + 0.1 * generator.standard_normal(60)
    train = Moments.of(X, y)
    quantized = choose(
        Task.of(SquaredLoss(least_squares.solve(train).model, train), SCHEMES["per_channel_pow2"]), 8, "exact"
    ).quantized
    low, high = X.min(axis=0), X.max(axis=0)
    inside = np.array([low, high, (low[0], high[1]), (0.0, 0.0), (0.5, 0.5)])
    outside = np.array(
        [(2 * high[0], 0.0), (0.0, 2 * low[1]), (3 * low[0], 3 * high[1]), (0.1, np.nextafter(high[1], 2))]
    )
    rows = np.vstack([outside, inside, [[0.25, 0.25]]])
    values = quantized.model.predict(rows)
    values[-1] += 100  # which makes the error of all the rest small beside it
    data = {
        "features": ["a", "b"],
        "target": "y",
        "min": low,
        "max": high,
        "train": train.to_plain(),
        "test": Moments.of(rows, values).to_plain(),
        "table": {"query": "SELECT a, b, y FROM source"},
    }
    examples = {"X": rows, "y": values, "raw": [[str(a), None] for a in rows[:, 0].tolist()]}
    usual = np.arange(len(rows)) < len(rows) - 1
    metrics = {"train": {"r2": 0.5}, "test": {"r2": 0.25}}
    card = describe(quantized, "exact", {2: quantized.model}, data, examples, metrics, usual)
    assert card["metrics"] == metrics
    assert card["table"] == data["table"]
    assert all(row["raw"] == [str(row["x"][0]), None] for row in card["rows"])
    assert sorted(row["x"] for row in card["rows"]) == sorted(inside.tolist())
    assert card["features"]["a"]["min"] == low[0]
    assert card["features"]["b"]["max"] == high[1]
    assert card["features"]["b"]["mean"] == float(sum(map(Fraction, X[:, 1].tolist())) / 60)
    assert card["payload_bytes"] * 8 >= 2 * 8 + 32
    assert (card["target"], card["bits"], card["rounding"]) == ("y", 8, "exact")
