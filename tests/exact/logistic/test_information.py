"""The Fisher information of rows beside fractions: it lies where its bounds say."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, fmpq

from samebits.exact.logistic.information import Information, Sliced, Whole, inner
from samebits.exact.precision import working_precision
from samebits.model.double_double import DoubleDouble
from samebits.model.sigmoid import BLOCK


def rows(seed: int, n: int) -> tuple[np.ndarray, DoubleDouble]:
    random = np.random.default_rng(seed)
    A = np.clip(random.normal(size=(n, 3)) / 3, -1, 1) * [1, 1e-5, 1]
    A[:, 2] = 1 - A[:, 0] * 1e-9  # nearly the ones
    high = random.uniform(0, 0.25, size=n) * 2.0 ** -random.integers(0, 60, size=n)
    return A, DoubleDouble(high, np.spacing(high) * random.uniform(-0.49, 0.49, size=n))


def exactly(A: np.ndarray, d: DoubleDouble, i: int, j: int) -> arb:
    each = zip(d.high.tolist(), d.low.tolist(), A[:, i].tolist(), A[:, j].tolist(), strict=True)
    total = sum((Fraction(a) + Fraction(b)) * Fraction(x) * Fraction(y) for a, b, x, y in each)
    return arb(fmpq(total.numerator, total.denominator))


@pytest.mark.parametrize("slices", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [1, 50, 300])
def test_sums_of_slices_are_right_within_their_bound(slices: int, n: int) -> None:
    A, d = rows(n, n)
    with working_precision(256):
        sums = Sliced(3, slices)
        sums.add(A[: n // 2 + 1], d.at(slice(None, n // 2 + 1)))
        if n > 1:
            sums.add(A[n // 2 + 1 :], d.at(slice(n // 2 + 1, None)))
        found = sums.result(arb(0))
        for i in range(3):
            for j in range(3):
                off = abs(found.value[i, j] - exactly(A, d, i, j))
                assert off < found.entries
                assert found.value[i, j] == found.value[j, i]


def test_more_rows_than_a_block_have_the_sum_of_blocks() -> None:
    A, d = rows(0, BLOCK + 100)
    with working_precision(256):
        whole, parts = Sliced(3, 5), Sliced(3, 5)
        whole.add(A, d)
        parts.add(A[:BLOCK], d.at(slice(None, BLOCK)))
        parts.add(A[BLOCK:], d.at(slice(BLOCK, None)))
        off = whole.value - parts.value
        assert all(abs(each) < whole.entries + parts.entries for each in off.entries())


def test_whole_weights_make_no_error_but_their_own() -> None:
    A, d = rows(3, 40)
    with working_precision(256):
        sums = Whole(3)
        sums.add(A, d)
        found = sums.result(arb(0))
        off = abs(found.value[0, 0] - exactly(A, d, 0, 0))
        assert off < found.absolute * 40
        assert found.entries == 0


def test_a_matrix_within_its_errors_of_a_singular_one_is_not_definite() -> None:
    with working_precision(256):
        value = arb_mat([[1, 0], [0, 2.0**-40]])
        near = Information(value, entries=arb(2.0**-41))
        assert Information(value, entries=arb(2.0**-60)).makes_definite(value.inv(), arb(0))
        assert not near.makes_definite(value.inv(), arb(0))
        assert inner(value, value) == (value * value).trace()
