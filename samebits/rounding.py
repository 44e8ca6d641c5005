"""Which codes to choose for the parameters of a trained model."""

import numpy as np
from flint import fmpq

from samebits.errors import UserError
from samebits.linear import LinearModel
from samebits.moments import Moments
from samebits.quantization import Quantized, Scheme, choose_qparams, dequantize, quantize
from samebits.rational import exactly, nearest_float


def nearest(model: LinearModel, moments: Moments, bits: int, scheme: Scheme) -> Quantized:
    """Each parameter on its own to the nearest code; a bias that is no code is re-fitted to the rounded weights.

    The re-fit, mean(y) - mean(X) @ weights over the training rows, is the bias correction of Nagel, van Baalen,
    Blankevoort and Welling (Data-free quantization through weight equalization and bias correction, ICCV 2019,
    arXiv:1906.04721), exact here.
    """
    values = np.append(model.coef, model.intercept) if scheme.quantized_bias else model.coef
    qparams = choose_qparams(values, bits, scheme)
    codes = quantize(values, qparams, bits)
    bias = None if scheme.quantized_bias else fit_bias(dequantize(codes, qparams), moments)
    return Quantized(scheme, bits, codes, qparams, bias)


def fit_bias(weights: np.ndarray, moments: Moments) -> float:
    """The float32 bias under which the weights (p,) predict the mean of y. Raises UserError beyond float32."""
    *means, mean_y = moments.means().entries()
    bias = mean_y - sum((mean * exactly(weight) for mean, weight in zip(means, weights, strict=True)), fmpq(0))
    with np.errstate(over="ignore"):
        rounded = np.float32(nearest_float(bias))
    if not np.isfinite(rounded):
        raise UserError(f"train: the bias {nearest_float(bias)} lies beyond float32; rescale the columns in data.query")
    return float(rounded)
