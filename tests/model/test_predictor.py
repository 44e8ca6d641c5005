"""A model as it is used: which rows leave the ranges of training, and which commit's dvc.lock records it."""

from pathlib import Path

import numpy as np

from samebits.model.family import Logistic
from samebits.model.linear import LinearModel
from samebits.model.predictor import Predictor


def test_a_row_is_outside_where_one_feature_leaves_its_range() -> None:
    features = {"a": {"min": 0.0, "max": 1.0}, "b": {"min": -2.0, "max": 3.0}}
    predictor = Predictor(Path("model"), LinearModel(np.array([1.0, 1.0]), 0.0), {"features": features})
    above, below = np.nextafter([1.0, 3.0], 9), np.nextafter([0.0, -2.0], -9)
    inside = [[0.0, -2.0], [1.0, 3.0], [0.0, 3.0], [0.5, 0.5]]
    outside = [[above[0], 0.0], [below[0], 0.0], [0.5, above[1]], [0.5, below[1]], [above[0], below[1]]]
    assert predictor.outside(np.array(inside + outside)).any(axis=1).tolist() == [False] * len(inside) + [True] * len(
        outside
    )


def test_the_threshold_itself_gives_class_1_and_a_row_without_values_no_label() -> None:
    card = {"features": {"a": {"min": 0.0, "max": 1.0}}}
    predictor = Predictor(Path("model"), LinearModel(np.array([1.0]), 0.0), card, Logistic(("no", "yes"), 0.5))
    X = np.array([[0.0], [-1e-9], [np.nan]])
    y = predictor.predict(X)
    assert y[0] == 0.5
    assert predictor.outputs(X, y)["label"].tolist() == ["yes", "no", ""]
    assert predictor.outputs(X, y, ["log_odds"])["log_odds"][:2].tolist() == [0.0, -1e-9]
