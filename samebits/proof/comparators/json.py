"""JSON, as Python reads it: NaN and infinities are numbers; the order of keys does not count."""

import json
import math
from typing import Any

from samebits.proof.comparators.formats import Budget
from samebits.proof.comparators.values import Digits, Parts

DIGITS = 4000  # Python reads integers of up to 4300


def read(content: bytes, name: str, budget: Budget) -> Any:
    """The document."""
    return json.loads(content, object_pairs_hook=_object, parse_float=_float, parse_int=integer)


def integer(text: str) -> int | Digits:
    """An integer with all its digits."""
    return int(text) if len(text) <= DIGITS else Digits(text)


def _float(text: str) -> float | Digits:
    value = float(text)
    return value if math.isfinite(value) else Digits(text)


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """A dict; where a key stands twice, which a dict would lose, its pairs in order."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else Parts("an object with a key twice", pairs)
