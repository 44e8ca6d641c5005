"""Arrays of numbers, element by element. Needs numpy."""

import math
from typing import Any

import numpy as np

from samebits.proof.comparators.findings import Place, Scope, short
from samebits.proof.comparators.numbers import ulp
from samebits.proof.comparators.reading import UnreadableError
from samebits.proof.comparators.values import Array
from samebits.proof.settings import Rule
from samebits.proof.verdict import Difference


def of(values: np.ndarray) -> Any:
    """An array as values of the walk; a structured one by its fields. Raises UnreadableError where it holds objects."""
    dtype = values.dtype
    if dtype.hasobject:
        raise UnreadableError("an array of Python objects, which are never loaded")
    if dtype.names is not None:
        return {"dtype": str(dtype.descr), **{name: of(values[name]) for name in dtype.names}}
    name = f"{dtype}" if dtype.isnative else f"{dtype.str}"
    values = np.ascontiguousarray(values).reshape(values.shape)  # of 0-d, it makes 1-d
    if dtype.kind == "c":
        values = values[..., None].view(np.dtype(f"{dtype.byteorder}f{dtype.itemsize // 2}"))
    exact = values.dtype.kind in "mM"
    if exact:
        values = values.view(f"{dtype.byteorder}i8".replace("|", ""))
    if values.dtype.kind in "SUV" and dtype.itemsize:
        values = values.view(f"V{dtype.itemsize}")  # compared by their bytes
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    width = values.dtype.itemsize
    return Array(name, values, values.view(f"u{width}") if values.dtype.kind == "f" and width <= 8 else None, exact)


def bfloat16(content: np.ndarray) -> Array:
    """An array of bfloat16, given as uint16."""
    return Array("bfloat16", (content.astype(np.uint32) << 16).view(np.float32), content)


def compare(promised: Array, obtained: Array, place: Place, scope: Scope) -> None:
    """Note which elements differ, and by how much."""
    one, other = promised.values, obtained.values
    if promised.dtype != obtained.dtype or one.shape != other.shape:
        kinds = [f"{each.dtype}{list(each.values.shape)}" for each in (promised, obtained)]
        scope.note(place, Difference("is", kinds[0], kinds[1]))
        return
    different = one != other
    if one.dtype.kind == "f":
        different = (different & ~(np.isnan(one) & np.isnan(other))) | (
            (one == 0) & (other == 0) & (np.signbit(one) != np.signbit(other))
        )
    if not different.any():
        return
    first = np.unravel_index(int(np.argmax(different)), different.shape)
    pair = one[first], other[first]
    at = f"[{', '.join(str(int(index)) for index in first)}]"
    text = f"{different.sum():,} of {different.size:,} values differ"
    changed = Array(promised.dtype, one[different], None if promised.bits is None else promised.bits[different])
    made = Array(obtained.dtype, other[different], None if obtained.bits is None else obtained.bits[different])
    if changed.bits is not None and (finite := np.isfinite(changed.values) & np.isfinite(made.values)).any():
        text += f", by up to {ulp(int(_ulps(changed, made)[finite].max()))}"
    shown = [str(value) if one.dtype.kind == "f" else short(value.item()) for value in pair]
    difference = Difference(f"{text}; first at {at}:", shown[0], shown[1])
    tolerance = None if promised.exact else scope.tolerance
    scope.note(place, difference, close=tolerance is not None and bool(close(changed, made, tolerance).all()))


def close(promised: Array, obtained: Array, rule: Rule) -> np.ndarray:
    """For each element, whether one limit of the rule holds, as `numbers.close`; of complex numbers, for each part.

    |promised - obtained| is exact for integers, and rounded to float64 for floats; so is rtol * |promised|.
    """
    one, other = promised.values, obtained.values
    result = np.asarray(one == other)  # as `equal` cannot, of bits that are no numbers
    if one.dtype.kind == "f":
        result |= np.isnan(one) & np.isnan(other)
        finite = np.isfinite(one) & np.isfinite(other)
        if promised.bits is not None:
            one, other = one.astype(np.float64), other.astype(np.float64)
            if rule.ulp is not None:
                result |= finite & (_ulps(promised, obtained) <= math.floor(min(rule.ulp, 2**63)))
        with np.errstate(all="ignore"):
            apart = np.abs(one - other)
            size = np.abs(one)
        finite &= np.isfinite(apart)
        atol = rule.atol
    elif one.dtype.kind in "iu":
        larger = one > other
        high, low = (np.where(larger, *pair).astype(np.uint64) for pair in ((one, other), (other, one)))
        apart, finite = high - low, True  # modulo 2**64, so exact
        size = np.abs(one.astype(np.float64))
        atol = None if rule.atol is None else math.floor(min(rule.atol, 2**64 - 2**11))
    else:
        return result
    with np.errstate(all="ignore"):
        if atol is not None:
            result |= finite & (apart <= np.asarray(atol, apart.dtype))
        if rule.rtol is not None:
            result |= finite & (apart.astype(np.float64) <= rule.rtol * size)
    return result


def _ulps(promised: Array, obtained: Array) -> np.ndarray:
    """How many numbers of the type lie from one to the other (uint64)."""
    sign = np.uint64(1 << (8 * promised.bits.dtype.itemsize - 1))
    places = []
    for each in (promised, obtained):
        bits = each.bits.astype(np.uint64)
        size = bits & (sign - np.uint64(1))
        places.append(np.where(bits & sign, sign - size, sign + size))
    return np.maximum(*places) - np.minimum(*places)
