"""Many floats from and to text must be those of Python, whichever parser and printer does it."""

import random
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebits.serving import floats

finite = st.floats(allow_nan=False, allow_infinity=False)


def printed(y: list[float]) -> str:
    return "".join(f"{value!r}\n" for value in y)


def decimal(value: Fraction) -> str:
    """All digits of a number whose denominator is a power of two."""
    places = value.denominator.bit_length() - 1
    digits = str(value.numerator * 5**places).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def half_way(rng: random.Random) -> Iterator[str]:
    """Decimals between two neighbouring floats: in the middle, and a trace beside it."""
    for _ in range(2000):
        middle = decimal(Fraction(2 * rng.randrange(2**52, 2**53) + 1) * Fraction(2) ** rng.randint(-120, 60))
        point = "" if "." in middle else "."
        yield from (middle, f"{middle}{point}{'0' * rng.randint(0, 20)}1", middle[:25].rstrip("."))


def all_kinds(rng: random.Random) -> Iterator[str]:
    for _ in range(20_000):
        yield repr(rng.gauss(0, 1) * 10.0 ** rng.randint(-20, 20))
        yield f"{rng.uniform(-1, 1):.16e}"
        yield f"{rng.randrange(10**17)}e{rng.randint(-340, 290)}"
        yield f"{rng.randrange(1000)}.{rng.randrange(10**20):020}"
        yield str(rng.randrange(1, 10 ** rng.randint(15, 40)))


@pytest.mark.parametrize("kind", [half_way, all_kinds])
def test_reads_the_nearest_float(kind: Callable[[random.Random], Iterator[str]]) -> None:
    texts = list(kind(random.Random(1)))
    assert floats.read(",".join(texts)).tolist() == list(map(float, texts))


@given(st.lists(finite, min_size=1))
def test_any_floats_come_back(y: list[float]) -> None:
    assert repr(floats.read(",".join(map(repr, y))).tolist()) == repr(y)


@pytest.mark.parametrize(
    "text", ["-0", "1,-0", "-0,1", "-0 ,1", "-0\t,1", "1e400", "NaN", "true", "null", '"1"', "[1]", "1,", ",1", "", " "]
)
def test_refuses_what_is_not_certain(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        floats.read(text)


@given(st.lists(finite) | st.lists(st.floats(1e-4, 1e16) | st.floats(-1e16, -1e-4)))
def test_writes_as_python_does(y: list[float]) -> None:
    assert floats.write(np.array(y)) == printed(y)


def test_writes_the_same_digits_as_python() -> None:
    rng = random.Random(1)
    for scale in range(-10, 53):
        ties = [rng.randrange(2**52, 2**53) / 2.0**scale for _ in range(2000)]  # the last digit may be a tie
        near = [2.0**scale * (1 + (rng.randrange(2**52) >> 40) * 2.0**-52) for _ in range(200)]
        assert floats.write(np.array(ties)) == printed(ties)
        assert floats.write(np.array(near)) == printed(near)
    cents = [rng.randrange(10**8) / 100 for _ in range(10_000)]
    assert floats.write(np.array(cents)) == printed(cents)
