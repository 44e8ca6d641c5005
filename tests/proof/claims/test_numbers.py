from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebits.proof.claims.numbers import as_shown, find


def found(text: str) -> list[str]:
    return [each.text.strip() for _, each in find(text)]


@pytest.mark.parametrize(
    ("text", "value", "digits"),
    [
        ("0.5758", "0.5758", 4),
        ("0.570", "0.570", 3),  # a zero that is shown
        ("0.500", "0.500", 1),  # a round number
        ("16,512", "16512", 5),
        ("1,234.50", "1234.50", 6),
        ("1{,}234", "1234", 4),
        ("12\u2009345", "12345", 5),
        ("0,5758", "0.5758", 4),
        ("−0.94", "-0.94", 2),  # noqa: RUF001 - a minus of its own
        ("57.58%", "57.58", 4),
        (r"57.58\%", "57.58", 4),
        ("1.23e-4", "0.000123", 3),
        ("5.75×10⁻³", "0.00575", 3),  # noqa: RUF001
        (r"1.23 \times 10^{-3}", "0.00123", 3),
        (".5758", "0.5758", 4),
    ],
)
def test_a_number_is_read_as_people_write_it(text: str, value: str, digits: int) -> None:
    [(_, number)] = find(f"R2 is {text}, or so.")
    assert (number.text.strip(), number.value, number.digits) == (text, Decimal(value), digits)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("R2=0.5758/rmse=0.7456", ["0.5758", "0.7456"]),
        ("0.5758 ± 0.0123", ["0.5758", "0.0123"]),
        ("AUC 0.912(0.890-0.934)", ["0.912", "0.890", "0.934"]),
        ("acc:0.9123,loss:0.123", ["0.9123", "0.123"]),
        (r"\num{0.5758}", ["0.5758"]),
        ("v1.2.3, 3.11.7, 10.0.0.1, 2020-01-02, 12:30:11, 12/05/2020", []),
        ("ResNet50, fig_0.123.png, model-0.5758.pt, 224x224, 0.123abc45", []),
    ],
)
def test_only_numbers_are(text: str, numbers: list[str]) -> None:
    assert found(text) == numbers


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("0.5758", "0.54123", "0.5412"),
        ("57.58%", "54.123", "54.12%"),
        ("1,234.5", "12345.678", "12,345.7"),
        ("−1{,}234.50", "-21234.5", "−21{,}234.50"),  # noqa: RUF001
        ("0,5758", "0.54123", "0,5412"),
        ("5.75×10⁻³", "0.0123456", "12.35×10⁻³"),  # noqa: RUF001
        (".5758", "0.54123", ".5412"),
        ("0.5758", "-0.54123", "-0.5412"),
    ],
)
def test_another_value_looks_as_the_number_did(text: str, value: str, shown: str) -> None:
    [(_, number)] = find(text)
    assert as_shown(number, Decimal(value)) == shown


@given(st.decimals(-(10**6), 10**6, places=5), st.integers(0, 5))
def test_a_rounded_value_is_the_number_that_shows_it(value: Decimal, places: int) -> None:
    text = f"{value:.{places}f}"
    [(_, number)] = find(text)
    assert number.rounds(value)
    assert number.near(value)
    assert as_shown(number, value) in (text, text.removeprefix("-"))  # -0.00 has no sign
    assert not number.rounds(value + 2 * number.step)
