"""Quantization by hand: the parameters of a linear model as b-bit codes, value = scale * (code - zero_point).

The vocabulary is that of torchao and ONNX. A format is a row of `SCHEMES`, not a copy of code: what differs is how the
scales are stored (one float32, or a power of two for each value) and whether the bias is one of the codes.
"""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from samebits.errors import UserError
from samebits.model.linear import LinearModel

LEAST_EXPONENT = -127  # of a power-of-two scale, so that it fits into int8 with -128 to spare
EXPONENT_WINDOW = 15  # neighbouring powers of two that 4 bits can tell apart, with code 0 to spare


@dataclass(frozen=True)
class Scheme:
    """A quantization format.

    name: as in params.yaml.
    scales: "float32" is one scale and one integer zero point for all values. "pow2" makes value i an odd multiple of
        its own power of two, (2 code - quant_max) * 2**E_i (mid-rise: symmetric about 0, and no code is 0).
    quantized_bias: the bias is the last of the quantized values; else it is a float32 beside them.
    """

    name: str
    scales: Literal["float32", "pow2"]
    quantized_bias: bool


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("unified_affine", "float32", quantized_bias=True),
        Scheme("per_tensor_affine", "float32", quantized_bias=False),
        Scheme("per_channel_pow2", "pow2", quantized_bias=False),
        Scheme("integer_only", "pow2", quantized_bias=True),
    )
}


@dataclass(frozen=True)
class QParams:
    """Scales and zero points, float64, (1,) for all values or (m,) for each. A scale of 0 makes the value 0."""

    scale: np.ndarray
    zero_point: np.ndarray

    @classmethod
    def pow2(cls, scale: np.ndarray, bits: int) -> Self:
        """The parameters of power-of-two scales (m,), whose zero points lie half-way between the codes."""
        return cls(scale, np.full(len(scale), quant_max(bits) / 2))


@dataclass(frozen=True)
class Quantized:
    """A quantized linear model.

    codes: int64 (m,), the weights and, where the scheme quantizes it, the bias.
    bias: a float32 number where the scheme does not quantize it.
    """

    scheme: Scheme
    bits: int
    codes: np.ndarray
    qparams: QParams
    bias: float | None

    @property
    def model(self) -> LinearModel:
        """The de-quantized model."""
        values = dequantize(self.codes, self.qparams)
        return LinearModel(values[:-1], float(values[-1])) if self.bias is None else LinearModel(values, self.bias)


def quant_max(bits: int) -> int:
    """The largest code; the smallest is 0."""
    return 2**bits - 1


def choose_qparams(values: np.ndarray, bits: int, scheme: Scheme, significant: np.ndarray) -> QParams:
    """The narrowest scales under which no finite value (m,) saturates: a min-max observer.

    The range of the affine scale includes 0, so that the zero point is a code even where all values share a sign.
    significant: (m,) which values deserve a power of two of their own where that of the others would round them to 0.
    Raises UserError where a value lies beyond float32.
    """
    if (greatest := np.abs(values).max()) > np.finfo(np.float32).max:
        raise UserError(
            f"train: the parameter {greatest} exceeds the range of float32; rescale the columns in data.query"
        )
    if scheme.scales == "pow2":
        return QParams.pow2(_pow2_scales(values, bits, significant), bits)
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    least = np.finfo(np.float32).tiny if high > low else 1.0  # below it float32 has fewer bits
    scale = np.array([max(np.float32((high - low) / quant_max(bits)), least)], dtype=np.float64)
    return QParams(scale, np.clip(np.rint(-low / scale), 0, quant_max(bits)))


def _pow2_scales(values: np.ndarray, bits: int, significant: np.ndarray) -> np.ndarray:
    """2**(E + 1) with the least E for which |value| <= quant_max * 2**E.

    E is raised into one window of exponents, unless that would round a significant value to 0.
    """
    size = np.abs(values)
    exponents = np.frexp(values)[1] - bits
    exponents += size > np.ldexp(float(quant_max(bits)), exponents)
    nonzero = 2 * size >= np.ldexp(1.0, LEAST_EXPONENT)
    lowest = max(exponents[nonzero].max(initial=LEAST_EXPONENT) - EXPONENT_WINDOW + 1, LEAST_EXPONENT)
    if not (2 * size[nonzero & significant] >= np.ldexp(1.0, lowest)).all():
        lowest = LEAST_EXPONENT
    nonzero &= 2 * size >= np.ldexp(1.0, lowest)
    return np.where(nonzero, np.ldexp(2.0, np.maximum(exponents, lowest)), 0)


def quantize(values: np.ndarray, qparams: QParams, bits: int) -> np.ndarray:
    """The codes, int64 (m,), nearest to finite values (m,), saturated to 0 .. quant_max.

    >>> qparams = QParams(scale=np.array([0.5]), zero_point=np.array([3.0]))
    >>> codes = quantize(np.array([-1.5, 0.0, 0.7]), qparams, bits=3)
    >>> codes, dequantize(codes, qparams)
    (array([0, 3, 4]), array([-1.5,  0. ,  0.5]))
    """
    scaled = np.divide(values, qparams.scale, out=np.full(len(values), -np.inf), where=qparams.scale != 0)
    return np.clip(np.rint(scaled + qparams.zero_point), 0, quant_max(bits)).astype(np.int64)


def dequantize(codes: np.ndarray, qparams: QParams) -> np.ndarray:
    """The values, float64 (m,), that codes (m,) stand for; the products are exact."""
    return qparams.scale * (codes - qparams.zero_point)
