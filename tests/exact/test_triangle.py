"""Symmetric matrices of integers: products through BLAS, quotients as float64."""

import numpy as np
import pytest
from flint import fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from samebits.exact import triangle

INTEGERS = st.integers(-(2**300), 2**300) | st.integers(-3, 3) | st.integers(-9, 9).map(lambda each: each << 64)


@given(st.integers(1, 9), st.data())
@settings(max_examples=60, deadline=None)
def test_products_are_those_of_integers(size: int, data: st.DataObject) -> None:
    count = size * (size + 1) // 2
    each = np.array(data.draw(st.lists(INTEGERS, min_size=count, max_size=count)), dtype=object)
    v = data.draw(st.lists(INTEGERS, min_size=size, max_size=size))
    expected = [int(entry) for entry in (triangle.matrix(each) * fmpz_mat(size, 1, v)).entries()]
    assert triangle.Products(each)(v) == expected
    assert triangle.lower(triangle.matrix(each)).tolist() == each.tolist()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_limbs_sum_exactly(sign: int) -> None:
    assert 2**21 * 2 ** (2 * triangle.LIMB) <= 2**53
    largest = 2**64 - 1  # four limbs of 2^16 - 1
    each = np.full(300 * 301 // 2, sign * largest, dtype=object)
    assert triangle.Products(each)([largest] * 300) == [sign * 300 * largest**2] * 300


def test_quotients_are_rounded_once() -> None:
    each = np.array([2**54 + 1, 2**54 - 1, -(2**1100) - 1, 3, 0, 1], dtype=object)
    exponents = np.array([55, 54, 1100, 2, 1, 1074])
    expected = [int(a) / 2 ** int(b) for a, b in zip(each, exponents, strict=True)]
    assert triangle.lower(triangle.rounded(each, exponents)).tolist() == expected
    small = each[[0, 1, 3]]
    assert triangle.lower(triangle.rounded(small, 60)).tolist() == [int(a) / 2**60 for a in small]
