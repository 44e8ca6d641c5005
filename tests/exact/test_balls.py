from fractions import Fraction

from flint import arb
from hypothesis import example, given
from hypothesis import strategies as st

from samebits.exact.balls import middle, nearest
from samebits.exact.precision import working_precision


@given(st.integers(-(2**120), 2**120), st.integers(-1300, 1100))
@example(2**53 + 1, -1074)  # ties, among them one of subnormal numbers
@example(2**53 + 3, 0)
@example(3, -1075)
@example(1, -1075)
@example(2**54 - 1, 970)  # half above the greatest
@example(2**55 - 3, 969)
def test_the_middle_is_rounded_as_a_fraction_is(mantissa: int, exponent: int) -> None:
    with working_precision(300):
        ball = arb(mantissa) * arb(2) ** exponent
    try:
        expected = float(Fraction(mantissa) * Fraction(2) ** exponent)
    except OverflowError:
        expected = float("inf") if mantissa > 0 else -float("inf")
    assert middle(ball).hex() == expected.hex()


def test_what_no_fraction_holds_is_0_or_infinite() -> None:
    assert middle(arb(2) ** 10**15) == float("inf")
    assert middle(-(arb(2) ** -(10**15))) == 0


def test_a_ball_decides_where_both_ends_round_alike() -> None:
    with working_precision(200):
        assert nearest(arb(1, 2.0**-60)) == 1
        assert nearest(arb(1, 2.0**-60) + arb(2) ** -53) is None  # about halfway to the next number
        assert nearest(arb(1) / 3) == 1 / 3
        assert nearest(arb(0, 2.0**-60)) is None
