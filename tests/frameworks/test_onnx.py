import json
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from samebits import ExactLinearRegression, ExactRidgeCV
from samebits.exact.loss import SquaredLoss
from samebits.exact.moments import Moments
from samebits.frameworks import onnx as onnx_model
from samebits.frameworks.torch import error_bound
from samebits.model.linear import LinearModel
from samebits.model.schemes import SCHEMES
from samebits.quantization.rounding import Task, choose
from tests import housing
from tests.serving import logistic

X_TRAIN, X_TEST, Y_TRAIN, _ = housing.split()
MOMENTS = Moments.of(X_TRAIN, Y_TRAIN)
FACTS = {"features": housing.FEATURES, "query": housing.QUERY}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 8, 9, 16])
def test_onnx_runtime_predicts_what_the_codes_stand_for(scheme: str, bits: int) -> None:
    quantized = choose(Task.of(SquaredLoss(housing.MODEL, MOMENTS), SCHEMES[scheme]), bits, "babai").quantized
    exported = onnx_model.export(quantized, FACTS)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert {name: json.loads(fact) for name, fact in told.items()} == FACTS
    predicted = session.run(None, {"X": X_TEST})[0][:, 0]
    model = quantized.model
    # DequantizeLinear rounds each parameter to float32, which power-of-two scales survive
    rounding = 0 if quantized.scheme.scales == "pow2" else 2.0**-24
    size = LinearModel(np.abs(model.coef), abs(model.intercept)).predict(np.abs(X_TEST))
    assert (np.abs(predicted - model.predict(X_TEST)) <= error_bound(model, X_TEST) + rounding * size).all()


@pytest.mark.parametrize(("bits", "stored"), [(4, "UINT4"), (5, "UINT8"), (8, "UINT8"), (9, "UINT16")])
def test_codes_are_stored_in_the_least_type_that_holds_them(bits: int, stored: str) -> None:
    quantized = choose(
        Task.of(SquaredLoss(housing.MODEL, MOMENTS), SCHEMES["per_channel_pow2"]), bits, "nearest"
    ).quantized
    graph = onnx.load_from_string(onnx_model.export(quantized, FACTS)).graph
    [codes] = [each for each in graph.initializer if each.name == "codes"]
    assert codes.data_type == getattr(onnx.TensorProto, stored)
    assert onnx.numpy_helper.to_array(codes).astype(int).tolist() == quantized.codes.tolist()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_probabilities_and_labels_are_outputs_of_a_logistic_model(scheme: str) -> None:
    quantized = logistic.quantized(logistic.model(), 8, scheme)
    exported = onnx_model.export(quantized, FACTS, logistic.FAMILY)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    assert [(each.name, each.type, each.shape) for each in session.get_outputs()] == [
        ("probability", "tensor(double)", ["n", 1]),
        ("label", "tensor(string)", ["n", 1]),
        ("log_odds", "tensor(double)", ["n", 1]),
    ]
    told = {name: json.loads(fact) for name, fact in session.get_modelmeta().custom_metadata_map.items()}
    assert told == {**FACTS, "model": "logistic", "labels": list(logistic.LABELS), "threshold": logistic.THRESHOLD}
    _, X, _ = logistic.table()
    probability, label, odds = (each[:, 0] for each in session.run(None, {"X": X}))
    model = quantized.model
    rounding = 0 if quantized.scheme.scales == "pow2" else 2.0**-24
    size = LinearModel(np.abs(model.coef), abs(model.intercept)).predict(np.abs(X))
    bound = error_bound(model, X) + rounding * size
    assert (np.abs(odds - model.predict(X)) <= bound).all()
    # The slope of the probability is at most 1/4; its exponential, sum, quotient and difference add 2**-53 each
    true = np.array([logistic.probability(row, model) for row in X.tolist()])
    assert (np.abs(probability - true) <= bound / 4 + 2.0**-51).all()
    assert label.tolist() == [logistic.LABELS[int(each >= logistic.THRESHOLD)] for each in true]


@pytest.mark.parametrize(
    "estimator",
    [ExactLinearRegression(), ExactLinearRegression(positive=True), ExactRidgeCV(alphas=[0.1, 1.0], cv=3), Ridge()],
)
@pytest.mark.parametrize("targets", [None, 1, 3])
def test_onnx_runtime_predicts_what_an_estimator_does(estimator: Any, targets: int | None) -> None:
    X, y = load_diabetes(return_X_y=True)
    Y = y if targets is None else np.column_stack([y * (k + 1) + X[:, k] for k in range(targets)])
    estimator.fit(X, Y)
    session = onnxruntime.InferenceSession(onnx_model.export_estimator(estimator), providers=["CPUExecutionProvider"])
    [predicted] = session.run(None, {"X": X[:50]})
    assert predicted.dtype == np.float64
    np.testing.assert_allclose(predicted, estimator.predict(X[:50]).reshape(50, -1), rtol=1e-13)


def test_the_names_of_the_columns_are_metadata() -> None:
    model = ExactLinearRegression().fit_moments(MOMENTS, housing.FEATURES)
    told = onnx.load_from_string(onnx_model.export_estimator(model)).metadata_props
    assert {each.key: json.loads(each.value) for each in told} == {"features": housing.FEATURES}
