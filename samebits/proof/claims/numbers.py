"""Numbers as people write them: how many digits they show, which values they may stand for, how another would look."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

LEAST_DIGITS = 3  # significant ones; a shorter number equals too many values
MOST_DIGITS = 40  # of a text that is read as a number
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
SIGNS = "-+−\N{EN DASH}"  # noqa: RUF001 - people write them

# A comma, a thin or hard blank, and what LaTeX has for them
GROUPED = r"\d{1,3}(?:(?P<comma>,|\{,\}|\\,|\\thinspace |[\u00a0\u2009\u202f'])\d{3})(?:(?P=comma)\d{3})*(?!\d)"
EXPONENT = r"(?:[eE](?P<e>[-+−]?\d{1,3})|\s?(?:×|x|\*|·|\\times|\\cdot)\s?10(?:\^\{?(?P<power>[-+−]?\d{1,3})\}?|(?P<high>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)))"  # noqa: E501, RUF001
NUMBER = re.compile(
    rf"""
    (?<![\w.])(?<![A-Za-z_.]-)(?:(?<!\d[-/:,+])|(?=\d*\.\d+))  # not within a word, a version, a date, a time
    (?P<sign>[{SIGNS}]\s?)?          # a dash between two numbers is no sign: it stands after one
    (?P<mantissa>{GROUPED}(?:\.\d+)?|0,\d+|\d*\.\d+|\d+,\d{{4,}}|\d+)
    {EXPONENT}?
    (?P<percent>\s?(?:\\?%|(?:percent|per\ cent)\b))?
    (?!\d|\.\d|[-/:,+]\d+(?![\d.])|[-_]?[A-Za-z_]{(4,)}|\.[A-Za-z]|[A-Za-z]\w*[.\d/\\(])  # nor at its head
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Number:
    """A number in a text.

    text: as it stands there. value: what it says; of a percentage, the number before the sign. step: one unit of its
    last digit. digits: how many significant ones it shows. percent: whether a percent sign follows.
    """

    text: str
    value: Decimal
    step: Decimal
    digits: int
    percent: bool

    @property
    def whole(self) -> bool:
        """Whether it is written without a fraction: a count, a year, a size."""
        return self.step >= 1

    def rounds(self, value: Decimal) -> bool:
        """Whether a value, rounded to the digits shown, is this number; a tie may go either way."""
        return abs(value - self.value) * 2 <= self.step

    def near(self, value: Decimal) -> bool:
        """Whether a value may have been meant, whoever cut off or rounded its digits, with or without its sign."""
        return abs(abs(value) - abs(self.value)) < self.step


def find(text: str) -> Iterator[tuple[int, Number]]:
    """The numbers in a text, with the place at which each begins."""
    for found in NUMBER.finditer(text):
        mantissa = found["mantissa"]
        if len(mantissa) > MOST_DIGITS:
            continue
        digits = _plain(found)
        exponent = _exponent(found)
        try:
            value = Decimal(digits).scaleb(exponent)
        except InvalidOperation:
            continue
        sign = (found["sign"] or "").strip()
        fraction = len(digits.partition(".")[2])
        yield (
            found.start(),
            Number(
                text=found[0],
                value=-value if sign and sign != "+" else value,
                step=Decimal(1).scaleb(exponent - fraction),
                digits=_significant(digits),
                percent=bool(found["percent"]),
            ),
        )


def as_shown(number: Number, value: Decimal) -> str:
    """A value in place of a number: with as many decimals, and its thousands separator, exponent and percent sign."""
    found = NUMBER.fullmatch(number.text)
    assert found, number.text
    exponent, fraction = _exponent(found), len(_plain(found).partition(".")[2])
    rounded = abs(value).scaleb(-exponent).quantize(Decimal(1).scaleb(-fraction))
    mantissa = f"{rounded:,f}" if found["comma"] else f"{rounded:f}"
    if found["comma"]:
        mantissa = mantissa.replace(",", found["comma"])
    elif "," in found["mantissa"]:
        mantissa = mantissa.replace(".", ",")
    elif found["mantissa"].startswith("."):
        mantissa = mantissa.removeprefix("0")
    given = found["sign"] or ""
    minus = given if given.strip() and given.strip() != "+" else "-"
    sign = minus if value < 0 else "+" if given.strip() == "+" else ""
    return sign + mantissa + number.text[found.end("mantissa") :]


def decimal(value: int | float) -> Decimal:
    """A value of a file, with the digits by which Python tells it."""
    return Decimal(repr(value))


def _plain(found: re.Match[str]) -> str:
    """The digits of the mantissa, with a point before the decimals."""
    mantissa = found["mantissa"]
    return mantissa.replace(found["comma"], "") if found["comma"] else mantissa.replace(",", ".")


def _exponent(found: re.Match[str]) -> int:
    given = found["e"] or found["power"] or (found["high"] or "0").translate(SUPERSCRIPTS)
    return int(given.replace("−", "-"))  # noqa: RUF001


def _significant(digits: str) -> int:
    """How many digits of a number say something: no zeros before them, nor, of a round number, after them."""
    whole, point, fraction = digits.partition(".")
    shown = (whole + fraction).lstrip("0")
    told = shown.rstrip("0")
    return len(shown) if point and len(told) > 1 else len(told)
