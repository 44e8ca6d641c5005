"""What a quantized model stores, every bit counted: codes, scales, zero points, exponents and bias."""

from pathlib import Path
from typing import Any

import numpy as np

from samebits import pickles
from samebits.errors import UserError
from samebits.model.bitpack import pack, unpack
from samebits.model.schemes import EXPONENT_WINDOW, LEAST_EXPONENT, SCHEMES, QParams, Quantized

FILE = "models/quant_params.joblib"  # where the pipeline keeps it

Fields = list[tuple[np.ndarray, int]]


def save(quantized: Quantized, path: str | Path = FILE) -> None:
    """Write a quantized model to a file."""
    pickles.dump(to_plain(quantized), path)


def load(path: str | Path = FILE) -> Quantized:
    """Read what `save` wrote. Raises UserError if the file is missing or holds anything else."""
    try:
        return from_plain(pickles.load(path))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a quantized model ({error!r}); run `dvc repro`") from None


def fields(quantized: Quantized) -> Fields:
    """The stored numbers in the order of packing: arrays of unsigned integers, each with the bits of one number."""
    stored: Fields = [(quantized.codes, quantized.bits)]
    if quantized.scheme.scales == "pow2":
        stored += _fields_of_pow2(quantized.qparams.scale)
    else:
        stored += [(_bits_of_float32(quantized.qparams.scale), 32), (quantized.qparams.zero_point, quantized.bits)]
    if quantized.bias is not None:
        stored += [(_bits_of_float32(np.array([quantized.bias])), 32)]
    return stored


def payload_bits(quantized: Quantized) -> int:
    """The number of stored bits, without names and header."""
    return sum(len(numbers) * bits for numbers, bits in fields(quantized))


def payload_bytes(quantized: Quantized) -> int:
    """The number of bytes that hold the stored bits."""
    return (payload_bits(quantized) + 7) // 8


def to_plain(quantized: Quantized) -> dict[str, Any]:
    """Plain containers, for a file: the packed payload, and a header that says how to read it."""
    stored = fields(quantized)
    layout = [(len(numbers), bits) for numbers, bits in stored]
    return {"scheme": quantized.scheme.name, "bits": quantized.bits, "layout": layout, "payload": pack(stored)}


def from_plain(plain: dict[str, Any]) -> Quantized:
    """The inverse of `to_plain`. Raises ValueError if the payload has another length."""
    scheme, bits = SCHEMES[plain["scheme"]], plain["bits"]
    codes, *rest = unpack(plain["payload"], plain["layout"])
    bias = None if scheme.quantized_bias else float(_float32_of_bits(rest.pop())[0])
    if scheme.scales == "pow2":
        qparams = QParams.pow2(_pow2_of_fields(rest), bits)
    else:
        scale, zero_point = rest
        qparams = QParams(_float32_of_bits(scale), zero_point.astype(np.float64))
    return Quantized(scheme, bits, codes, qparams, bias)


def _fields_of_pow2(scale: np.ndarray) -> Fields:
    """4-bit exponents over an int8 base, code 0 for a scale of 0; int8 exponents where 4 bits do not span them."""
    exponents = np.frexp(scale)[1] - 2  # scale = 2**(E + 1)
    nonzero = scale != 0
    base = max(int(exponents[nonzero].max(initial=LEAST_EXPONENT)) - EXPONENT_WINDOW, LEAST_EXPONENT - 1)
    if exponents[nonzero].min(initial=base + 1) > base:
        return [(np.where(nonzero, exponents - base, 0), 4), (np.array([base]) & 0xFF, 8)]
    return [(np.where(nonzero, exponents, LEAST_EXPONENT - 1) & 0xFF, 8)]


def _pow2_of_fields(stored: list[np.ndarray]) -> np.ndarray:
    code, *base = stored
    exponents = code + _int8(base[0]) if base else _int8(code)
    zero = code == 0 if base else exponents == LEAST_EXPONENT - 1
    return np.where(zero, 0, np.ldexp(2.0, exponents))


def _int8(code: np.ndarray) -> np.ndarray:
    return (code ^ 0x80) - 0x80


def _bits_of_float32(value: np.ndarray) -> np.ndarray:
    return value.astype("<f4").view("<u4")


def _float32_of_bits(code: np.ndarray) -> np.ndarray:
    return code.astype("<u4").view("<f4").astype(np.float64)
