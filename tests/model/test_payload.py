import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samebits.model.payload import from_plain, payload_bits, payload_bytes, to_plain
from samebits.model.schemes import SCHEMES, QParams, Quantized, choose_qparams, quantize

UNIFIED, POW2 = SCHEMES["unified_affine"], SCHEMES["per_channel_pow2"]

VALUE = st.floats(-1e6, 1e6) | st.floats(-3e38, 3e38) | st.sampled_from([0.0, -0.0, 2.0**-128, 1e-30, -1e30])


@st.composite
def quantized_models(draw: st.DrawFn) -> Quantized:
    scheme, bits = draw(st.sampled_from(list(SCHEMES.values()))), draw(st.integers(2, 16))
    values = np.array(draw(st.lists(VALUE, min_size=2, max_size=9)))
    qparams = choose_qparams(values, bits, scheme, draw(arrays(bool, len(values))))
    bias = None if scheme.quantized_bias else draw(st.floats(width=32, allow_nan=False, allow_infinity=False))
    return Quantized(scheme, bits, quantize(values, qparams, bits), qparams, bias)


def with_pow2_scales(exponents: list[int], bits: int = 4, zeros: int = 0) -> Quantized:
    scale = np.array([2.0**exponent for exponent in exponents] + [0.0] * zeros)
    codes = np.arange(len(scale)) % 2**bits * (scale != 0)
    return Quantized(POW2, bits, codes, QParams(scale, np.full(len(scale), (2**bits - 1) / 2)), 0.5)


def unified(p: int, bits: int) -> Quantized:
    return Quantized(UNIFIED, bits, np.arange(p + 1) % 2**bits, QParams(np.array([0.125]), np.array([1.0])), None)


def assert_comes_back(quantized: Quantized) -> None:
    again = from_plain(to_plain(quantized))
    assert (again.scheme, again.bits, again.bias) == (quantized.scheme, quantized.bits, quantized.bias)
    assert again.codes.tolist() == quantized.codes.tolist()
    assert again.model.coef.tolist() == quantized.model.coef.tolist()
    assert again.model.intercept == quantized.model.intercept


@given(quantized_models())
@settings(max_examples=150, deadline=None)
def test_the_payload_gives_the_same_model_back(quantized: Quantized) -> None:
    assert_comes_back(quantized)


@given(quantized_models())
@settings(max_examples=60, deadline=None)
def test_the_payload_holds_the_counted_bits(quantized: Quantized) -> None:
    assert len(to_plain(quantized)["payload"]) == (payload_bits(quantized) + 7) // 8


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("p", [1, 8, 33])
def test_a_unified_model_costs_its_codes_a_scale_and_a_zero_point(p: int, bits: int) -> None:
    assert payload_bits(unified(p, bits)) == (p + 1) * bits + 32 + bits


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("p", [1, 8])
def test_a_bias_is_a_float32_beside_the_codes_or_one_of_them(p: int, bits: int) -> None:
    affine = QParams(np.array([0.125]), np.array([1.0]))
    beside = Quantized(SCHEMES["per_tensor_affine"], bits, np.arange(p) % 2**bits, affine, -0.1)
    assert payload_bits(beside) == p * bits + 32 + bits + 32
    pow2 = QParams(np.full(p + 1, 0.5), np.full(p + 1, (2**bits - 1) / 2))
    among = Quantized(SCHEMES["integer_only"], bits, np.arange(p + 1) % 2**bits, pow2, None)
    assert payload_bits(among) == (p + 1) * bits + 4 * (p + 1) + 8
    assert_comes_back(among)


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("exponents", [[0], [5, 5, 5], [-20, -6, -13], [0, 14], [100, 86], [-126, -120], [127, 128]])
def test_neighbouring_exponents_cost_4_bits_each_and_a_base(exponents: list[int], bits: int) -> None:
    p = len(exponents)
    quantized = with_pow2_scales(exponents, bits)
    assert payload_bits(quantized) == p * bits + 4 * p + 8 + 32
    assert_comes_back(quantized)


@pytest.mark.parametrize("bits", [2, 9, 16])
@pytest.mark.parametrize("exponents", [[0, 15], [-126, 0, 128], [-126, 128], [50, 0, 10]])
def test_exponents_far_apart_cost_8_bits_each(exponents: list[int], bits: int) -> None:
    p = len(exponents)
    quantized = with_pow2_scales(exponents, bits)
    assert payload_bits(quantized) == p * bits + 8 * p + 32
    assert_comes_back(quantized)


@pytest.mark.parametrize("exponents", [[], [-126], [128], [0, 14], [0, 15], [-126, 128]])
def test_scales_of_zero_are_kept(exponents: list[int]) -> None:
    quantized = with_pow2_scales(exponents, zeros=2)
    assert_comes_back(quantized)
    assert from_plain(to_plain(quantized)).model.coef[-2:].tolist() == [0, 0]


def test_a_unified_payload_by_hand() -> None:
    quantized = Quantized(UNIFIED, 8, np.array([253, 7, 0]), QParams(np.array([0.15625]), np.array([250.0])), None)
    assert to_plain(quantized)["payload"] == struct.pack("<3BfB", 253, 7, 0, 0.15625, 250)


def test_a_pow2_payload_by_hand() -> None:
    # scales 2**(E + 1) with E = -3 and 4; base 4 - 15 = -11, so that the 4-bit codes are 8 and 15
    quantized = Quantized(POW2, 8, np.array([255, 1]), QParams(np.array([0.25, 32.0]), np.full(2, 127.5)), -37.0)
    assert to_plain(quantized)["payload"] == struct.pack("<2BBbf", 255, 1, 15 << 4 | 8, -11, -37.0)


def test_a_plain_payload_is_made_of_plain_containers() -> None:
    def check(value: Any) -> None:
        assert type(value) in (dict, list, tuple, str, int, bytes)
        if isinstance(value, dict | list | tuple):
            for each in value.values() if isinstance(value, dict) else value:
                check(each)

    check(to_plain(unified(3, 8)))
    check(to_plain(with_pow2_scales([0, 3])))


@given(quantized_models(), st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_a_truncated_payload_is_refused(quantized: Quantized, missing: int) -> None:
    plain = to_plain(quantized)
    with pytest.raises(ValueError, match="bytes instead of"):
        from_plain({**plain, "payload": plain["payload"][:-missing]})
    with pytest.raises(ValueError, match="bytes instead of"):
        from_plain({**plain, "payload": plain["payload"] + b"\0"})


def test_the_least_scales_take_four_bits_each() -> None:
    quantized = with_pow2_scales([-126, -123, -120])  # exponents from -127, the least one
    assert payload_bits(quantized) == 3 * 4 + 3 * 4 + 8 + 32
    assert payload_bytes(quantized) == 8  # no more than whole bytes need
    assert_comes_back(quantized)
