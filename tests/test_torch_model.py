from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import r2_score

from samebits import torch_model
from samebits.linear import LinearModel
from tests import exact, housing

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
@settings(max_examples=100, deadline=None)
def test_predictions_are_within_the_bound_of_the_exact_ones(case: tuple[LinearModel, np.ndarray]) -> None:
    model, X = case
    predicted, bound = torch_model.predict(model, X), torch_model.error_bound(model, X)
    expected = exact.predictions(X, model.coef, model.intercept)
    for each, truth, limit in zip(predicted.tolist(), expected, bound.tolist(), strict=True):
        assert abs(Fraction(each) - truth) <= Fraction(limit)


@given(cases(), st.data())
@settings(max_examples=100, deadline=None)
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
def test_a_network_that_differs_is_detected(monkeypatch: pytest.MonkeyPatch, parameter: str, change: float) -> None:
    _, X, _, _ = housing.split()
    faithful = torch_model.network

    def differing(model: LinearModel) -> torch.nn.Linear:
        layer = faithful(model)
        with torch.no_grad():
            getattr(layer, parameter).view(-1)[0] += change
        return layer

    monkeypatch.setattr(torch_model, "network", differing)
    with pytest.raises(AssertionError, match=r"the network's prediction for row [0-9]+ is not the model's"):
        torch_model.predict(housing.MODEL, X)


def test_the_first_row_that_differs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    other = torch_model.network(LinearModel(np.array([1.0, 2.5]), 0.0))
    monkeypatch.setattr(torch_model, "network", lambda model: other)
    with pytest.raises(AssertionError, match="row 2 "):
        torch_model.predict(LinearModel(np.array([1.0, 2.0]), 0.0), np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 1.0]]))


def test_r2_is_that_of_scikit_learn_to_nine_decimals() -> None:
    _, X, _, y = housing.split()
    r2 = torch_model.r2(housing.MODEL, X, y)
    assert r2 == 0.575787706
    assert r2 == round(r2_score(y, X @ housing.MODEL.coef + housing.MODEL.intercept), 9)
