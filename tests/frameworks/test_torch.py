from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import log_loss

from samebits.frameworks import torch as torch_model
from samebits.model import payload
from samebits.model.linear import LinearModel
from samebits.model.schemes import SCHEMES, QParams, Quantized
from tests import definitions, housing

AFFINE = QParams(np.array([0.25]), np.array([3.0]))
POW2 = QParams(np.array([0.5, 8.0]), np.full(2, 7.5))
QUANTIZED = [
    Quantized(SCHEMES["unified_affine"], 4, np.array([15, 0, 7]), AFFINE, None),
    Quantized(SCHEMES["per_channel_pow2"], 4, np.array([15, 2]), POW2, -37.5),
]
MODERATE = st.floats(-1e9, 1e9).map(lambda value: value if abs(value) > 1e-100 else 0.0)  # no product underflows


@st.composite
def cases(draw: st.DrawFn) -> tuple[LinearModel, np.ndarray]:
    p = draw(st.integers(1, 9))
    coef, X = draw(arrays(np.float64, p, elements=MODERATE)), draw(arrays(np.float64, (4, p), elements=MODERATE))
    return LinearModel(coef, draw(MODERATE)), X


def test_the_network_is_one_linear_layer_with_the_exact_parameters() -> None:
    layer = torch_model.network(housing.MODEL)
    assert isinstance(layer, torch.nn.Linear)
    assert (layer.in_features, layer.out_features, layer.training) == (8, 1, False)
    assert layer.weight.dtype == layer.bias.dtype == torch.float64
    assert layer.weight.tolist() == [housing.MODEL.coef.tolist()]
    assert layer.bias.tolist() == [housing.MODEL.intercept]


@given(cases())
@settings(max_examples=60, deadline=None)
def test_predictions_are_within_the_bound_of_the_exact_ones(case: tuple[LinearModel, np.ndarray]) -> None:
    model, X = case
    predicted = torch_model.predict(torch_model.network(model), model, X)
    bound = torch_model.error_bound(model, X)
    expected = definitions.predictions(X, model.coef, model.intercept)
    for each, truth, limit in zip(predicted.tolist(), expected, bound.tolist(), strict=True):
        assert abs(Fraction(each) - truth) <= Fraction(limit)


@given(cases(), st.data())
@settings(max_examples=60, deadline=None)
def test_any_order_of_addition_is_within_the_bound(case: tuple[LinearModel, np.ndarray], data: st.DataObject) -> None:
    model, X = case
    order = data.draw(st.permutations(range(len(model.coef) + 1)))
    terms = np.column_stack([X * model.coef, np.full(len(X), model.intercept)])
    total = np.zeros(len(X))
    for j in order:
        total = total + terms[:, j]
    assert (np.abs(total - model.predict(X)) <= torch_model.error_bound(model, X)).all()


def test_the_bound_is_of_the_size_of_rounding_errors() -> None:
    _, X, _, _ = housing.split()
    size = np.abs(X) @ np.abs(housing.MODEL.coef) + abs(housing.MODEL.intercept)
    bound = torch_model.error_bound(housing.MODEL, X)
    assert (bound > 8 * 2.0**-53 * size).all()
    assert (bound < 40 * 2.0**-53 * size).all()


@pytest.mark.parametrize("parameter", ["weight", "bias"])
@pytest.mark.parametrize("change", [1e-9, -1e-12])
def test_a_network_that_differs_is_detected(parameter: str, change: float) -> None:
    _, X, _, _ = housing.split()
    layer = torch_model.network(housing.MODEL)
    with torch.no_grad():
        getattr(layer, parameter).view(-1)[0] += change
    with pytest.raises(AssertionError, match=r"the network's prediction for row [0-9]+ is not the model's"):
        torch_model.predict(layer, housing.MODEL, X)


def test_the_first_row_that_differs_is_named() -> None:
    layer, model = torch_model.network(LinearModel(np.array([1.0, 2.5]), 0.0)), LinearModel(np.array([1.0, 2.0]), 0.0)
    with pytest.raises(AssertionError, match="row 2 "):
        torch_model.predict(layer, model, np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 1.0], [4.0, 1.0]]))


def test_probabilities_and_their_log_loss_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    odds = generator.normal(0, 5, 1000)
    y = (generator.random(1000) < 0.5).astype(np.float64)
    probability = torch_model.sigmoid(odds)
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-odds)), rtol=1e-14)
    assert torch_model.log_loss(odds, y) == pytest.approx(log_loss(y, probability), rel=1e-12)
    assert torch_model.log_loss(np.array([1000.0, -1000.0]), np.array([0.0, 1.0])) == 1000


@pytest.mark.parametrize("quantized", QUANTIZED, ids=lambda quantized: quantized.scheme.name)
def test_the_quantized_network_predicts_as_its_model_does(quantized: Quantized) -> None:
    X = np.random.default_rng(0).normal(size=(20, 2))
    layer = torch_model.QuantizedLinear(quantized)
    model = quantized.model
    assert (layer.model.coef.tolist(), layer.model.intercept) == (model.coef.tolist(), model.intercept)
    predicted = torch_model.predict(layer, model, X)
    np.testing.assert_allclose(predicted, X @ model.coef + model.intercept, rtol=1e-13)
    single = layer(torch.from_numpy(X).to(torch.float32))
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.squeeze(1).tolist(), predicted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("quantized", QUANTIZED, ids=lambda quantized: quantized.scheme.name)
def test_the_quantized_network_keeps_nothing_but_packed_codes(quantized: Quantized) -> None:
    layer = torch_model.QuantizedLinear(quantized)
    assert list(layer.parameters()) == []
    [(name, buffer)] = layer.named_buffers()
    assert (name, buffer.dtype) == ("payload", torch.uint8)
    assert bytes(buffer.tolist()) == payload.to_plain(quantized)["payload"]


@pytest.mark.parametrize("quantized", QUANTIZED, ids=lambda quantized: quantized.scheme.name)
def test_a_saved_state_gives_the_same_quantized_network(tmp_path: Path, quantized: Quantized) -> None:
    torch.save(torch_model.QuantizedLinear(quantized).state_dict(), tmp_path / "state.pt")
    other = replace(quantized, codes=np.zeros_like(quantized.codes))
    layer = torch_model.QuantizedLinear(other)
    layer.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert layer.model.coef.tolist() == quantized.model.coef.tolist()
    assert layer.model.intercept == quantized.model.intercept
