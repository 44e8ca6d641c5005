"""What `optimal` claims, against all codes in fractions."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from samebits.exact import least_squares
from samebits.exact.loss import SquaredLoss
from samebits.exact.moments import Moments
from samebits.model.schemes import SCHEMES
from samebits.quantization.rounding import Task, choose
from tests import definitions

SCHEME, BITS = SCHEMES["per_channel_pow2"], 2


def all_codes(weights: np.ndarray) -> np.ndarray:
    """All 2-bit weights (k, p) in one of the windows of 15 exponents that are searched."""
    highest = int(np.frexp(np.abs(weights).max())[1])
    windows = [np.arange(top - 14, top + 1) for top in range(highest - BITS, highest + 1)]
    values = [np.append(np.outer([-3, -1, 1, 3], 2.0**window).ravel(), 0) for window in windows]
    return np.concatenate([list(itertools.product(each, repeat=len(weights))) for each in values])


def exact_loss(codes: np.ndarray, weights: np.ndarray, C: definitions.Matrix) -> Fraction:
    moved = [Fraction(code) - Fraction(weight) for code, weight in zip(codes.tolist(), weights.tolist(), strict=True)]
    return sum((C[i][j] * a * b for i, a in enumerate(moved) for j, b in enumerate(moved)), Fraction(0))


def least_loss(weights: np.ndarray, C: definitions.Matrix) -> Fraction:
    """Of all codes: pivots from fractions leave those to fractions that lose at most 1 % more than the least."""
    points, p = all_codes(weights), len(weights)
    rest = [row[:p] for row in C[:p]]
    losses = np.zeros(len(points))
    for i in range(p):
        row = [entry / rest[i][i] for entry in rest[i]]
        losses += float(rest[i][i]) * ((points - weights)[:, i:] @ [float(entry) for entry in row[i:]]) ** 2
        rest = [[entry - other[i] * above for entry, above in zip(other, row, strict=True)] for other in rest]
    return min(exact_loss(points[i], weights, C) for i in np.flatnonzero(losses <= losses.min() * 1.01))


@pytest.mark.parametrize(
    ("size", "weights"),  # for which two codes are nearly as good, up to 4e-9 of what they lose
    [
        (2e4, [-2.5529524200348224, 1.1895175862985097, -1.776693004902062]),
        (1e5, [-2.55286129630858, 1.189563148161631, -1.7767613476967439]),
    ],
)
def test_optimal_is_the_best_of_all_codes_where_floats_cannot_tell(size: float, weights: list[float]) -> None:
    generator = np.random.default_rng(1)
    X = np.rint(generator.standard_normal((24, 2)) * size)
    third = np.rint(X @ generator.uniform(-2, 2, 2)) + generator.integers(-3, 4, 24)
    X = np.column_stack([X, third])  # the condition number is 1e9, then 4e10
    y = X @ weights
    moments = Moments.of(X, y)
    model = least_squares.solve(moments).model
    found = choose(Task.of(SquaredLoss(model, moments), SCHEME), BITS, "exact")
    C = definitions.centred(X, y)
    assert found.optimal
    assert exact_loss(found.quantized.model.coef, model.coef, C) <= least_loss(model.coef, C) * (1 + Fraction(1, 10**9))


@pytest.mark.parametrize("seed", range(5))
def test_optimal_codes_of_a_ridge_model_are_those_that_move_its_predictions_least(seed: int) -> None:
    generator = np.random.default_rng(seed)
    X = np.rint(generator.standard_normal((24, 2)) * 64)
    y = X @ [1.5, -0.7] + generator.standard_normal(24)
    moments = Moments.of(X, y)
    model = least_squares.solve(moments, alpha=1e5).model
    found = choose(Task.of(SquaredLoss(model, moments), SCHEME), BITS, "exact")
    C = definitions.centred(X, y)
    assert found.optimal
    assert exact_loss(found.quantized.model.coef, model.coef, C) <= least_loss(model.coef, C) * (1 + Fraction(1, 10**9))
