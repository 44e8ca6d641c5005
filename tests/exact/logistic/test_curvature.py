"""The second moments around a logistic model beside their definition, in use by the search for codes."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from samebits import ExactLinearRegression, ExactLogisticRegression
from samebits.exact.logistic import curvature
from samebits.exact.logistic.log_loss import log_loss
from samebits.exact.loss import LogisticLoss, SquaredLoss
from samebits.model.linear import LinearModel
from samebits.model.schemes import SCHEMES
from samebits.quantization.rounding import Task, choose
from tests import definitions


def fitted(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, LinearModel]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 3)) * [1, 2, 0.1]
    y = X @ [1, -0.5, 3] + 0.3 + random.logistic(size=n) > 0
    model = ExactLogisticRegression().fit(X, y)
    return X, y, LinearModel(model.coef_[0], float(model.intercept_[0]))


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_are_those_of_weights_rounded_to_float32(weighted: bool) -> None:
    X, _, model = fitted(0, 60)
    X[0] *= 1e3  # a row that is all but certain
    c = np.arange(1.0, 61) if weighted else np.ones(60)
    with mpmath.workdps(60):
        p = [1 / (1 + mpmath.exp(-mpmath.mpf(each))) for each in model.predict(X).tolist()]
        of_rows = (np.array([float(a * (1 - a)) for a in p]) * c).astype(np.float32)
    A = np.column_stack([np.ones(60), X, model.predict(X)])
    found = curvature.moments(X, model, c if weighted else None)
    unit = Fraction(2) ** found.exponent
    for i, j in ((0, 0), (0, 2), (1, 3), (4, 4)):
        products = (
            math.prod(map(Fraction, each))
            for each in zip(of_rows.tolist(), A[:, i].tolist(), A[:, j].tolist(), strict=True)
        )
        assert int(found.integers[i, j]) * unit == sum(products)


def test_moments_of_blocks_add_up_and_the_model_solves_them() -> None:
    X, _, model = fitted(1)
    whole = curvature.moments(X, model)
    assert curvature.moments(X[:100], model) + curvature.moments(X[100:], model) == whole
    again = ExactLinearRegression().fit_moments(whole, ["a", "b", "c"])
    np.testing.assert_allclose([*again.coef_, again.intercept_], model.parameters, rtol=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_loss_of_a_quantization_is_what_it_adds_to_the_log_loss(scheme: str) -> None:
    X, y, model = fitted(2)
    loss = LogisticLoss(model, X, y)
    quantized = choose(Task.of(loss, SCHEMES[scheme]), 8, "exact").quantized.model
    form = SquaredLoss(model, loss.moments).of(quantized) * loss.moments.total_sum_of_squares() / (2 * len(y))
    added = (log_loss(quantized.predict(X), y) - log_loss(model.predict(X), y)).nearest()
    assert loss.lost(quantized).nearest() == added == pytest.approx(float(definitions.rational(form)), rel=0.05)
