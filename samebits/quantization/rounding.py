"""Which codes to choose for the parameters of a trained model: nearest, babai or exact.

Near a trained model, its loss grows as a quadratic form: (w' - w)' C (w' - w) / |y - mean(y)|^2 with C the exact
centred second moments, where the bias is re-fitted; where the bias is a code, too, it is one more parameter and C is
not centred. This is by how much the predictions of the training rows move: the mean square of that, over the variance
of y. For least squares without a ridge penalty, it is the training R2 that the quantization costs. Searches for codes
work in floats on the quadratic form; the exact loss decides between what they find.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self, get_args

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat

from samebits.errors import UserError
from samebits.exact.loss import Loss
from samebits.exact.moments import Moments
from samebits.exact.rational import exactly, nearest_float
from samebits.model.schemes import (
    EXPONENT_WINDOW,
    LEAST_EXPONENT,
    QParams,
    Quantized,
    Scheme,
    choose_qparams,
    dequantize,
    quant_max,
    quantize,
)
from samebits.params import Rounding
from samebits.quantization.exchange import improve
from samebits.quantization.quadratic import Quadratic
from samebits.quantization.search import Grids, Points, search, search_all

ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)

MOST_EXACT = 16  # weights for which all codes are searched
KEEP_FIRST = 4  # branches for each scale of the beam search before it
KEEP, KEEP_FEW = 1024, 128  # branches for all scales together of the beam search for more weights
MOST_NODES = 1_000_000  # of the tree in a search of all codes; takes about a second
FEW_NODES = 30_000
SCALES_PER_OCTAVE = 16
SIGNIFICANT = 1e-4  # of training R2: a weight that is worth more gets a power of two of its own if need be


@dataclass(frozen=True)
class Task:
    """A model to be quantized in a scheme.

    values: (m,) the weights and, where the scheme quantizes it, the bias. form: near the loss, as a function of them.
    significant: (m,) which of them are worth more than SIGNIFICANT.
    """

    loss: Loss
    scheme: Scheme
    values: np.ndarray
    form: Quadratic
    significant: np.ndarray

    @classmethod
    def of(cls, loss: Loss, scheme: Scheme) -> Self:
        """Raises UserError where a parameter is not finite."""
        model = loss.model
        values = model.parameters if scheme.quantized_bias else model.coef
        if not np.isfinite(model.parameters).all():
            raise UserError("models/model.joblib: a parameter is not finite; run `dvc repro`")
        form = Quadratic.of(values, _matrix(loss.moments, scheme))
        significant = values * values * np.diag(form.Q) > SIGNIFICANT
        return cls(loss, scheme, values, form, significant)


@dataclass(frozen=True)
class Choice:
    """A quantization and its properties.

    loss: exact, what decided for it; see `Loss`. optimal: whether it is proved that no codes on the searched grids lose
    less; never where the quadratic form only comes near the loss. jitter: what part of its diagonal was added to C to
    make it invertible.
    """

    quantized: Quantized
    loss: Any
    optimal: bool
    jitter: float


def choose(task: Task, bits: int, rounding: Rounding, earlier: Iterable[Choice] = (), thorough: bool = True) -> Choice:
    """Choose scales and codes of `bits` bits.

    nearest: each parameter on its own, on the scales of a min-max observer (`choose_qparams`).
    babai: successive rounding (GPTQ), on the best of the scales below.
    exact: the best codes on the best of these scales. Proved optimal (before the re-fitted bias is rounded to float32)
        if the search came to its end and C was inverted without jitter, for up to 16 weights: among affine scales
        m * 2**e with 16 <= m < 32, from a quarter of the min-max scale to twice that, with every zero point; among
        windows of exponents from the least to the greatest that the greatest parameter can make use of. Not proved for
        other scales. For more weights, a beam search and exchanges of one or two codes.

    earlier: choices of the same bits or less, such as of another rounding; their values are on the grid of `bits`, too,
    and the result loses no more than any of them. thorough: whether a search of all codes may take MOST_NODES nodes of
    the tree, about a second, and not FEW_NODES; for more weights, whether the beam keeps KEEP branches, not KEEP_FEW.
    Raises UserError where a parameter lies beyond float32.

    >>> from samebits import ExactLinearRegression
    >>> from samebits.model.schemes import SCHEMES
    >>> from samebits.exact.loss import SquaredLoss
    >>> from samebits.model.linear import LinearModel
    >>> X = np.array([[1.0, 0.1], [2.0, 0.4], [3.0, 0.2], [4.0, 0.7]])
    >>> exact = ExactLinearRegression().fit(X, X @ [2.0, 10.0] + 0.5)
    >>> loss = SquaredLoss(LinearModel(exact.coef_, exact.intercept_), exact.moments_)
    >>> task = Task.of(loss, SCHEMES["per_channel_pow2"])
    >>> choice = choose(task, bits=3, rounding="exact")
    >>> choice.quantized.codes, choice.quantized.model.coef, choice.optimal
    (array([4, 6]), array([ 2., 10.]), True)
    """
    observed = choose_qparams(task.values, bits, task.scheme, task.significant)
    optimal = False
    if rounding == "nearest":
        found = [_refitted(quantize(task.values, observed, bits), observed, bits, task)]
    else:
        grids = _grids(task, observed, bits)
        error = _spacing(task, grids, bits)
        if rounding == "babai":
            points = search(task.form, grids, error, keep=1)
        elif len(task.loss.model.coef) > MOST_EXACT:
            keep = (KEEP if thorough else KEEP_FEW) // len(grids.scale)
            points = improve(task.form, grids, search(task.form, grids, error, max(keep, 1)))
        else:
            first = search(task.form, grids, error, KEEP_FIRST, task.loss.close)
            most = MOST_NODES if thorough else FEW_NODES
            points = search_all(task.form, grids, error, first.cost[0], most, task.loss.close)
            optimal = points.complete and not task.loss.close  # else the form is not the loss
            points = points if len(points.cost) else first
        found = _decoded(points, grids, bits, task)
    known = [(task.loss.of(each.model), each) for each in found]
    known += [(each.loss, _with_more_bits(each.quantized, bits)) for each in earlier]
    loss, best = min(known, key=lambda pair: pair[0])
    return Choice(best, loss, optimal, task.form.jitter)


def fit_bias(weights: np.ndarray, moments: Moments) -> float:
    """The float32 bias under which the weights (p,) predict the mean of y.

    This is the bias correction of Nagel, van Baalen, Blankevoort and Welling (Data-free quantization through weight
    equalization and bias correction, ICCV 2019, arXiv:1906.04721), exact here. Raises UserError beyond float32.
    """
    *means, mean_y = moments.means().entries()
    bias = mean_y - sum((mean * exactly(weight) for mean, weight in zip(means, weights, strict=True)), fmpq(0))
    with np.errstate(over="ignore"):
        rounded = np.float32(nearest_float(bias))
    if not np.isfinite(rounded):
        raise UserError(
            f"train: the bias {nearest_float(bias)} exceeds the range of float32; rescale the columns in data.query"
        )
    return float(rounded)


def _refitted(codes: np.ndarray, qparams: QParams, bits: int, task: Task) -> Quantized:
    bias = None if task.scheme.quantized_bias else fit_bias(dequantize(codes, qparams), task.loss.moments)
    return Quantized(task.scheme, bits, codes, qparams, bias)


def _decoded(points: Points, grids: Grids, bits: int, task: Task) -> list[Quantized]:
    """The points as codes, without duplicates: scales and windows overlap."""
    values = points.levels * grids.scale[points.grid, None]
    first = {row.tobytes(): i for i, row in reversed(list(enumerate(values)))}
    encoded = [
        _encode(points.levels[i], grids.scale[points.grid[i]], bits, task.scheme) for i in sorted(first.values())
    ]
    return [_refitted(codes, qparams, bits, task) for codes, qparams in encoded]


def _with_more_bits(quantized: Quantized, bits: int) -> Quantized:
    """The same values as codes of more bits."""
    if quantized.scheme.scales == "float32":
        return replace(quantized, bits=bits)
    more = (quant_max(bits) - quant_max(quantized.bits)) // 2
    codes = np.where(quantized.qparams.scale == 0, 0, quantized.codes + more)
    return replace(quantized, bits=bits, codes=codes, qparams=QParams.pow2(quantized.qparams.scale, bits))


def _matrix(moments: Moments, scheme: Scheme) -> fmpq_mat:
    """The matrix Q of the form (x - v)' Q (x - v)."""
    N, p = moments.integers, moments.integers.ncols() - 2
    unit = fmpq(2) ** moments.exponent / (moments.total_sum_of_squares() or fmpq(1))
    order = [*range(1, p + 1), 0] if scheme.quantized_bias else [*range(1, p + 1)]
    second = fmpz_mat([[N[i, j] for j in order] for i in order])
    if scheme.quantized_bias:
        return fmpq_mat(second) * unit
    first = fmpz_mat([[N[0, j] for j in order]])
    return fmpq_mat(second * N[0, 0] - first.transpose() * first) * (unit / N[0, 0])


def _grids(task: Task, observed: QParams, bits: int) -> Grids:
    """The scales and levels that are searched; see `choose`."""
    greatest = quant_max(bits)
    if task.scheme.scales == "float32":
        octaves = np.ldexp(1.0, np.frexp(observed.scale[0])[1] - 1 + np.arange(-2, 2))
        scale = np.outer(octaves, 1 + np.arange(SCALES_PER_OCTAVE) / SCALES_PER_OCTAVE).ravel()
        near = (scale >= observed.scale[0] / 4) & (scale <= observed.scale[0] * 2)
        return Grids(scale[near], np.arange(-greatest, greatest + 1.0), span=greatest)
    exponents = np.frexp(task.values)[1]  # |value| < 2**exponent
    highest = int(exponents[task.values != 0].max(initial=LEAST_EXPONENT))
    window = max(EXPONENT_WINDOW, highest - int(exponents[task.significant].min(initial=highest)) + 1)
    if window > EXPONENT_WINDOW:
        window += bits
        windows = 1
    else:
        windows = bits + 1
    lowest = highest - window + 1
    first = max(lowest - windows + 1, LEAST_EXPONENT)
    return Grids(np.ldexp(1.0, np.arange(first, max(first, lowest) + 1)), _pow2_levels(bits, window))


def _spacing(task: Task, grids: Grids, bits: int) -> np.ndarray:
    """The distance between levels around each of the values (m,)."""
    if task.scheme.scales == "float32":
        return np.ones(len(task.values))
    spacing = np.where(task.values == 0, 0, np.ldexp(1.0, np.frexp(task.values)[1] - bits))
    return np.maximum(spacing, grids.scale[0])


@functools.cache
def _pow2_levels(bits: int, window: int) -> np.ndarray:
    """0 and all odd k * 2**i with |k| <= quant_max and 0 <= i < window, sorted."""
    whole = np.arange(1, 2**bits)
    twos = np.frexp(whole & -whole)[1] - 1
    octave = slice(2 ** (bits - 1) - 1, None)
    octaves = [whole[octave][twos[octave] < window - i] * 2.0**i for i in range(1, window)]
    positive = np.concatenate([whole[twos < window], *octaves])
    return np.concatenate([-positive[::-1], [0.0], positive])


def _encode(level: np.ndarray, scale: float, bits: int, scheme: Scheme) -> tuple[np.ndarray, QParams]:
    """The codes and scales of levels (m,) of a grid."""
    if scheme.scales == "float32":
        zero_point = -min(level.min(), 0.0)
        return (level + zero_point).astype(np.int64), QParams(np.array([scale]), np.array([zero_point]))
    mantissa, exponent = np.frexp(level)
    significand = np.ldexp(mantissa, bits).astype(np.int64)  # has at most `bits` bits
    even = np.maximum(significand & -significand, 1)  # the power of two in it
    codes = np.where(level == 0, 0, (significand // even + quant_max(bits)) // 2)
    unit = np.where(level == 0, 0, even * np.ldexp(scale, exponent - bits))
    return codes, QParams.pow2(2 * unit, bits)
