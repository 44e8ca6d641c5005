import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samebits.errors import UserError
from samebits.exact import least_squares
from samebits.exact.loss import SquaredLoss
from samebits.exact.moments import Moments
from samebits.model.linear import LinearModel
from samebits.model.schemes import SCHEMES, Quantized, Scheme
from samebits.params import Rounding
from samebits.quantization import rounding
from tests import definitions, housing

UNIFIED, POW2 = SCHEMES["unified_affine"], SCHEMES["per_channel_pow2"]
MODERATE = st.floats(-1e6, 1e6)


def nearest(model: LinearModel, moments: Moments, bits: int, scheme: Scheme) -> Quantized:
    return rounding.choose(rounding.Task.of(SquaredLoss(model, moments), scheme), bits, "nearest").quantized


def mean_residual(X: np.ndarray, y: np.ndarray, model: LinearModel) -> Fraction:
    predicted = definitions.predictions(X, model.coef, model.intercept)
    return sum((Fraction(value) - each for value, each in zip(y.tolist(), predicted, strict=True)), Fraction(0)) / len(
        y
    )


def assert_vanishes(residual: Fraction, bias: float) -> None:
    half_a_step = Fraction(float(np.spacing(np.float32(abs(bias))))) / 2
    assert abs(residual) <= half_a_step * (1 + Fraction(1, 2**28))


@given(arrays(np.float64, (6, 2), elements=MODERATE), arrays(np.float64, 6, elements=MODERATE), st.data())
@settings(max_examples=100, deadline=None)
def test_the_bias_makes_the_mean_residual_vanish(X: np.ndarray, y: np.ndarray, data: st.DataObject) -> None:
    weights = data.draw(arrays(np.float64, 2, elements=MODERATE))
    bias = rounding.fit_bias(weights, Moments.of(X, y))
    assert bias == float(np.float32(bias))
    assert_vanishes(mean_residual(X, y, LinearModel(weights, bias)), bias)


@pytest.mark.parametrize("bits", [2, 3, 8, 16])
def test_the_bias_of_the_housing_model_fits_its_rounded_weights(bits: int) -> None:
    X, _, y, _ = housing.split()
    X, y = X[:2000], y[:2000]
    quantized = nearest(housing.MODEL, Moments.of(X, y), bits, POW2)
    assert quantized.bias is not None
    assert_vanishes(mean_residual(X, y, quantized.model), quantized.bias)


@pytest.mark.parametrize("bits", [2, 5, 8, 16])
def test_a_unified_model_keeps_its_bias_among_the_codes(bits: int) -> None:
    X, _, y, _ = housing.split()
    quantized: Quantized = nearest(housing.MODEL, Moments.of(X, y), bits, UNIFIED)
    step = 37.81 / (2**bits - 1)
    assert quantized.bias is None
    assert len(quantized.codes) == 9
    assert abs(quantized.model.intercept - housing.MODEL.intercept) <= step / 2
    assert (np.abs(quantized.model.coef - housing.MODEL.coef) <= step / 2).all()


@pytest.mark.parametrize("bits", [2, 5, 8, 16])
def test_pow2_weights_are_within_half_a_step_or_zero(bits: int) -> None:
    X, _, y, _ = housing.split()
    quantized = nearest(housing.MODEL, Moments.of(X, y), bits, POW2)
    assert len(quantized.codes) == 8
    scale, error = quantized.qparams.scale, np.abs(quantized.model.coef - housing.MODEL.coef)
    assert (error <= np.where(scale, scale, scale[scale != 0].min()) / 2).all()


@pytest.mark.parametrize("y", [3.5e38, -1e300])
def test_a_bias_beyond_float32_is_a_mistake_of_the_user(y: float) -> None:
    moments = Moments.of(np.arange(3.0)[:, None], np.full(3, y))
    with pytest.raises(UserError, match=r"the bias .* exceeds the range of float32; rescale"):
        rounding.fit_bias(np.zeros(1), moments)


def test_a_bias_beyond_float64_is_a_mistake_of_the_user() -> None:
    moments = Moments.of(np.full((2, 1), 1e300), np.ones(2))
    with pytest.raises(UserError, match="rescale"):
        rounding.fit_bias(np.array([3e38]), moments)


def test_the_largest_float32_is_a_bias() -> None:
    largest = float(np.finfo(np.float32).max)
    moments = Moments.of(np.zeros((2, 1)), np.array([largest, math.nextafter(largest, math.inf)]))
    assert rounding.fit_bias(np.zeros(1), moments) == largest


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("name", rounding.ROUNDINGS)
def test_codes_are_integers_and_a_choice_says_whether_it_is_optimal(scheme: Scheme, name: Rounding) -> None:
    X = np.random.default_rng(3).normal(size=(40, 3))
    moments = Moments.of(X, X @ [1.5, -0.25, 0.75] + np.sin(np.arange(40)))
    task = rounding.Task.of(SquaredLoss(least_squares.solve(moments).model, moments), scheme)
    for bits in (2, 4):
        found = rounding.choose(task, bits, name)
        assert found.quantized.codes.dtype.kind in "iu"
        assert found.optimal is (name == "exact")
