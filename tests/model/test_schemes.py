import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samebits.errors import UserError
from samebits.model.linear import LinearModel
from samebits.model.schemes import (
    SCHEMES,
    QParams,
    Quantized,
    Scheme,
    choose_qparams,
    dequantize,
    quant_max,
    quantize,
)
from tests import housing

UNIFIED, POW2 = SCHEMES["unified_affine"], SCHEMES["per_channel_pow2"]
LARGEST = float(np.finfo(np.float32).max)

FLOAT32_RANGE = st.floats(-LARGEST, LARGEST).map(lambda value: value if abs(value) >= 1e-30 else 0.0)
MODERATE = st.floats(-100, 100).map(lambda value: value if abs(value) >= 1e-6 else 0.0)
VALUES = st.lists(MODERATE, min_size=1, max_size=6) | st.lists(FLOAT32_RANGE, min_size=1, max_size=6)
BITS = st.integers(2, 16)


def observed(values: list[float], bits: int, scheme: Scheme, significant: bool = True) -> QParams:
    return choose_qparams(np.array(values), bits, scheme, np.full(len(values), significant))


def quantized(values: list[float], bits: int, scheme: Scheme) -> tuple[np.ndarray, QParams]:
    qparams = observed(values, bits, scheme)
    return quantize(np.array(values), qparams, bits), qparams


def levels(qparams: QParams, i: int, bits: int) -> list[Fraction]:
    """The values of all codes, exactly."""
    scale, zero_point = (each[min(i, len(each) - 1)] for each in (qparams.scale, qparams.zero_point))
    return [Fraction(scale) * (code - Fraction(zero_point)) for code in range(2**bits)]


@given(VALUES, st.integers(2, 8), st.sampled_from(list(SCHEMES.values())))
@settings(max_examples=80, deadline=None)
def test_no_code_is_nearer_than_the_chosen_one(values: list[float], bits: int, scheme: Scheme) -> None:
    codes, qparams = quantized(values, bits, scheme)
    for i, value in enumerate(values):
        errors = [abs(level - Fraction(value)) for level in levels(qparams, i, bits)]
        rounding = Fraction(float(np.broadcast_to(qparams.scale, len(values))[i])) / 2**40
        assert errors[codes[i]] <= min(errors) + rounding


@given(VALUES, BITS, st.sampled_from(list(SCHEMES.values())))
@settings(max_examples=80, deadline=None)
def test_no_value_saturates(values: list[float], bits: int, scheme: Scheme) -> None:
    codes, qparams = quantized(values, bits, scheme)
    error = np.abs(dequantize(codes, qparams) - values)
    assert (error <= qparams.scale * (0.5 + 2.0**-24 * 2**bits)).all()
    assert ((codes >= 0) & (codes <= 2**bits - 1)).all()


@given(VALUES, BITS, st.sampled_from(list(SCHEMES.values())))
@settings(max_examples=80, deadline=None)
def test_dequantized_values_are_exact_products(values: list[float], bits: int, scheme: Scheme) -> None:
    codes, qparams = quantized(values, bits, scheme)
    for i, (code, value) in enumerate(zip(codes.tolist(), dequantize(codes, qparams).tolist(), strict=True)):
        scale, zero_point = (each[min(i, len(each) - 1)] for each in (qparams.scale, qparams.zero_point))
        assert Fraction(value) == Fraction(scale) * (code - Fraction(zero_point))


@given(VALUES, BITS)
@settings(max_examples=80, deadline=None)
def test_affine_scale_is_the_float32_of_the_range_over_the_steps(values: list[float], bits: int) -> None:
    [scale], [zero_point] = (each.tolist() for each in vars(observed(values, bits, UNIFIED)).values())
    span = max(*values, 0.0) - min(*values, 0.0) if len(values) > 1 else abs(values[0])
    assert scale == (float(np.float32(span / (2**bits - 1))) or 1.0)
    assert zero_point in range(2**bits)


@given(VALUES, BITS)
@settings(max_examples=80, deadline=None)
def test_zero_is_a_code_of_the_affine_scheme(values: list[float], bits: int) -> None:
    [*_, last] = dequantize(*quantized([*values, 0.0], bits, UNIFIED)).tolist()
    assert last == 0


@given(st.lists(st.floats(1, 1.999) | st.floats(-1.999, -1), min_size=1, max_size=6), BITS)
@settings(max_examples=80, deadline=None)
def test_pow2_scale_is_the_least_power_of_two_that_does_not_saturate(values: list[float], bits: int) -> None:
    for value, scale in zip(values, observed(values, bits, POW2).scale.tolist(), strict=True):
        assert math.frexp(scale)[0] == 0.5
        assert abs(value) <= scale * (2**bits - 1) / 2
        assert abs(value) > scale * (2**bits - 1) / 4


@pytest.mark.parametrize("sign", [1, -1])
def test_values_of_one_sign(sign: int) -> None:
    values = [sign * value for value in (1.0, 2.0, 3.0, 100.0)]
    codes, qparams = quantized(values, 8, UNIFIED)
    assert qparams.zero_point.tolist() == [0 if sign > 0 else 255]
    assert codes.tolist() == ([3, 5, 8, 255] if sign > 0 else [252, 250, 247, 0])
    codes, qparams = quantized(values, 8, POW2)
    assert (np.sign(dequantize(codes, qparams)) == sign).all()


@pytest.mark.parametrize("bits", [2, 8, 16])
@pytest.mark.parametrize("value", [1.0, -0.7, 1e30, -1e-30])
def test_equal_values_get_equal_codes(bits: int, value: float) -> None:
    codes, qparams = quantized([value] * 3, bits, UNIFIED)
    assert codes.tolist() == [2**bits - 1 if value > 0 else 0] * 3
    assert dequantize(codes, qparams) == pytest.approx([value] * 3, rel=2.0**-23)
    codes, qparams = quantized([value] * 3, bits, POW2)
    assert len(set(codes.tolist())) == 1
    assert dequantize(codes, qparams) == pytest.approx([value] * 3, rel=2.0 ** (1 - bits))


@pytest.mark.parametrize("bits", [2, 8, 16])
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_zeros_stay_zero(scheme: Scheme, bits: int) -> None:
    assert dequantize(*quantized([0.0, -0.0, 0.0], bits, scheme)).tolist() == [0, 0, 0]


def test_pow2_keeps_zeros_among_other_values() -> None:
    codes, qparams = quantized([0.0, 1.0, -0.0, -3.0], 4, POW2)
    assert qparams.scale.tolist()[::2] == [0, 0]
    assert codes.tolist()[::2] == [0, 0]
    assert dequantize(codes, qparams).tolist()[::2] == [0, 0]


def test_pow2_values_below_the_least_scale_become_zero() -> None:
    least, below = 2.0**-128, math.nextafter(2.0**-128, 0)
    codes, qparams = quantized([least, -least, below, -5e-324], 8, POW2)
    assert dequantize(codes, qparams).tolist() == [2.0**-127, -(2.0**-127), 0, 0]


def test_pow2_values_far_apart_keep_scales_of_their_own() -> None:
    values = [1.0, 2.0**-60, -1e30, 3e-30]
    for bits in (2, 4, 16):
        restored = dequantize(*quantized(values, bits, POW2))
        np.testing.assert_allclose(restored, values, rtol=2.0 ** (1 - bits))


def test_pow2_scales_lie_in_one_window_where_no_value_becomes_zero() -> None:
    values = [1.0, 2.0**-19, -(2.0**-17)]
    codes, qparams = quantized(values, 8, POW2)
    assert np.log2(qparams.scale.max() / qparams.scale.min()) == 14
    restored = dequantize(codes, qparams)
    assert (np.abs(restored - values) <= qparams.scale / 2).all()
    assert (np.sign(restored) == np.sign(values)).all()


def test_pow2_rounds_to_zero_what_is_not_significant_and_outside_the_window() -> None:
    values = [1.0, 2.0**-10, -(2.0**-60)]
    qparams = observed(values, 8, POW2, significant=False)
    assert np.log2(qparams.scale[0] / qparams.scale[1]) == 10
    assert dequantize(quantize(np.array(values), qparams, 8), qparams).tolist()[2] == 0


def test_two_bits_by_hand() -> None:
    codes, qparams = quantized([-1.0, 0.4, 1.6, 2.0], 2, UNIFIED)
    assert (qparams.scale.tolist(), qparams.zero_point.tolist(), codes.tolist()) == ([1.0], [1.0], [0, 1, 3, 3])
    codes, qparams = quantized([-3.0, 0.9, 1.4, 0.26], 2, POW2)  # codes stand for -3, -1, 1 and 3 times half the scale
    assert (qparams.scale.tolist(), codes.tolist()) == ([2.0, 1.0, 1.0, 0.25], [0, 2, 3, 3])


@pytest.mark.parametrize("bits", [2, 3, 8, 16])
def test_values_beyond_the_range_saturate(bits: int) -> None:
    qparams = QParams(np.array([0.5]), np.array([1.0]))
    values = np.array([-1e300, -0.51, -0.5, 0.0, 2.0**bits / 2, 1e300])
    assert quantize(values, qparams, bits).tolist() == [0, 0, 0, 1, 2**bits - 1, 2**bits - 1]


@pytest.mark.parametrize(("bits", "largest"), [(2, 3), (8, 255), (16, 65535)])
def test_the_largest_code(bits: int, largest: int) -> None:
    assert quant_max(bits) == largest


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("value", [math.nextafter(LARGEST, math.inf), -1e300])
def test_values_beyond_float32_are_a_mistake_of_the_user(scheme: Scheme, value: float) -> None:
    with pytest.raises(UserError, match="exceeds the range of float32; rescale the columns"):
        observed([1.0, value], 8, scheme)


@pytest.mark.parametrize("bits", [2, 8, 16])
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_the_largest_float32_numbers_are_quantized(scheme: Scheme, bits: int) -> None:
    restored = dequantize(*quantized([LARGEST, -LARGEST], bits, scheme))
    np.testing.assert_allclose(restored, [LARGEST, -LARGEST], rtol=1 / 2 ** (bits - 1))


def test_the_housing_codes_of_the_unified_scheme() -> None:
    parameters = [*housing.MODEL.coef.tolist(), housing.MODEL.intercept]
    codes, qparams = quantized(parameters, 8, UNIFIED)
    assert codes.tolist() == [253, 250, 249, 255, 250, 250, 247, 247, 0]
    assert qparams.zero_point.tolist() == [250]
    model = Quantized(UNIFIED, 8, codes, qparams, None).model
    _, X, _, y = housing.split()
    residual, deviation = y - model.predict(X), y - y.mean()
    assert round(1 - float(residual @ residual) / float(deviation @ deviation), 7) == 0.5699853


def test_the_model_holds_the_dequantized_parameters() -> None:
    affine = QParams(np.array([0.5]), np.array([4.0]))
    model = Quantized(UNIFIED, 3, np.array([0, 4, 7]), affine, None).model
    assert (model.coef.tolist(), model.intercept) == ([-2.0, 0.0], 1.5)
    pow2 = QParams(np.array([2.0, 0.25, 0.0]), np.full(3, 1.5))
    beside: LinearModel = Quantized(POW2, 2, np.array([0, 3, 0]), pow2, 0.125).model
    assert (beside.coef.tolist(), beside.intercept) == ([-3.0, 0.375, 0.0], 0.125)
