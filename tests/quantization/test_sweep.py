import itertools
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import yaml
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from samebits.errors import UserError
from samebits.exact import least_squares, score
from samebits.exact.loss import SquaredLoss
from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float
from samebits.model import payload
from samebits.model.linear import LinearModel
from samebits.model.schemes import SCHEMES
from samebits.params import Rounding
from samebits.quantization.rounding import ROUNDINGS, Choice, Task, choose
from samebits.quantization.sweep import BITS
from tests import housing
from tests.conftest import ROOT

CURVE: list[dict[str, Any]] = json.loads((ROOT / "plots" / "bits.json").read_text())


def of_curve(scheme: str, method: str, bits: int) -> dict[str, Any]:
    [row] = [row for row in CURVE if (row["scheme"], row["rounding"], row["bits"]) == (scheme, method, bits)]
    return row


@pytest.mark.parametrize(
    ("scheme", "bits", "most_loss", "least_r2", "stored"),
    [
        ("per_channel_pow2", 2, 5.5e-3, 0.570, 88),
        ("per_channel_pow2", 3, 1.0e-3, 0.572, 96),
        ("per_channel_pow2", 4, 9e-4, 0.5735, 104),
        ("per_channel_pow2", 6, 4e-5, 0.5745, 120),
        ("per_channel_pow2", 8, 2e-6, 0.575, 136),
        ("per_tensor_affine", 2, 0.033, 0.560, 82),
        ("per_tensor_affine", 3, 0.023, 0.560, 91),
        ("per_tensor_affine", 4, 0.0145, 0.558, 100),
        ("per_tensor_affine", 6, 0.0065, 0.572, 118),
        ("per_tensor_affine", 8, 2.0e-4, 0.575, 136),
        ("integer_only", 2, 0.014, 0.5, 62),
        ("integer_only", 6, 2e-4, 0.5, 98),
        ("unified_affine", 6, 1, 0.42, 92),
        ("unified_affine", 8, 1, 0.570, 112),
        ("unified_affine", 12, 1, 0.574, 152),
    ],
)
def test_the_best_codes_of_the_housing_model(
    scheme: str, bits: int, most_loss: float, least_r2: float, stored: int
) -> None:
    row = of_curve(scheme, "exact", bits)
    assert row["train_loss"] <= most_loss
    assert row["test_r2"] >= least_r2
    assert row["payload_bits"] == stored


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_width_of_the_housing_model_is_proved_optimal(scheme: str) -> None:
    assert all(of_curve(scheme, "exact", bits)["optimal"] for bits in BITS)


def test_the_curve_says_which_choice_is_that_of_params() -> None:
    [row] = [row for row in CURVE if row["chosen"]]
    options = yaml.safe_load((ROOT / "params.yaml").read_text())["quantize"]
    assert {key: row[key] for key in ("bits", "scheme", "rounding")} == options


def test_training_r2_and_the_loss_of_it_fit() -> None:
    best = of_curve("float64", "nearest", 64)["train_r2"]
    for row in CURVE:
        assert row["train_r2"] == pytest.approx(best - row["train_loss"], rel=1e-12, abs=1e-12)


def test_the_assignment_is_as_chaotic_as_published() -> None:
    r2 = [of_curve("unified_affine", "as published", bits)["test_r2"] for bits in (4, 6, 8, 10)]
    assert np.round(r2, 2).tolist() == [-1212.55, -150.6, 0.57, -0.94]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("method", ROUNDINGS)
def test_the_loss_never_rises_with_bits(scheme: str, method: str) -> None:
    losses = [of_curve(scheme, method, bits)["train_loss"] for bits in BITS]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_better_rounding_loses_no_more(scheme: str) -> None:
    for bits in BITS:
        losses = [of_curve(scheme, method, bits)["train_loss"] for method in ("exact", "babai", "nearest")]
        assert losses == sorted(losses)


def random_table(seed: int, rows: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((rows, features)) * 2.0 ** generator.integers(-3, 4, features)
    X += generator.choice([0.0, 5.0]) * X[:, :1]
    y = X @ generator.standard_normal(features) + generator.standard_normal(rows) + 3
    return X, y


def all_choices(X: np.ndarray, y: np.ndarray, scheme: str, method: Rounding) -> list[Choice]:
    moments = Moments.of(X, y)
    task = Task.of(SquaredLoss(least_squares.solve(moments).model, moments), SCHEMES[scheme])
    found: list[Choice] = []
    for bits in (2, 3, 4, 8, 16):
        found.append(choose(task, bits, method, found[-1:]))
    return found


def train_losses(X: np.ndarray, y: np.ndarray, found: Iterable[Choice]) -> list[fmpq]:
    moments = Moments.of(X, y)
    loss = SquaredLoss(least_squares.solve(moments).model, moments)
    return [loss.lost(each.quantized.model) for each in found]


@given(st.integers(0, 2**32), st.integers(1, 2), st.integers(2, 3))
@settings(max_examples=40, deadline=None)
def test_exact_pow2_codes_equal_brute_force(seed: int, features: int, bits: int) -> None:
    X, y = random_table(seed, 30, features)
    moments = Moments.of(X, y)
    model = least_squares.solve(moments).model
    found = choose(Task.of(SquaredLoss(model, moments), SCHEMES["per_channel_pow2"]), bits, "exact")
    assert found.optimal
    top = int(np.floor(np.log2(np.abs(model.coef).max())))
    odd = np.arange(-(2**bits) + 1, 2**bits, 2.0)
    centred = X - X.mean(axis=0)
    best = np.inf
    for highest in range(top - bits, top + 2):
        values = np.append(np.outer(odd, 2.0 ** np.arange(highest - 14, highest + 1)).ravel(), 0)
        points = np.array(list(itertools.product(values, repeat=features))) - model.coef
        best = min(best, float(((points @ (centred.T @ centred)) * points).sum(axis=1).min()))
    assert np.isclose(
        nearest_float(*train_losses(X, y, [found])), best / ((y - y.mean()) ** 2).sum(), rtol=1e-6, atol=1e-13
    )


@given(st.integers(0, 2**32), st.integers(1, 4), st.sampled_from(list(SCHEMES)), st.sampled_from(ROUNDINGS))
@settings(max_examples=60, deadline=None)
def test_any_model_survives(seed: int, features: int, scheme: str, method: Rounding) -> None:
    X, y = random_table(seed, 20, features)
    found = all_choices(X, y, scheme, method)
    losses = train_losses(X, y, found)
    assert losses == sorted(losses, reverse=True)
    moments = Moments.of(X, y)
    r2 = score.r2(moments, least_squares.solve(moments).model)
    for each, lost in zip(found, losses, strict=True):
        again = payload.from_plain(payload.to_plain(each.quantized)).model
        assert lost == r2 - score.r2(moments, again)
        assert (each.quantized.codes >= 0).all()
        assert (each.quantized.codes < 2**each.quantized.bits).all()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("method", ROUNDINGS)
@pytest.mark.parametrize("case", ["constant y", "constant column", "collinear", "equal", "wide", "fewer rows"])
def test_edge_cases(scheme: str, method: Rounding, case: str) -> None:
    generator = np.random.default_rng(1)
    X = generator.integers(-8, 8, (40, 3)).astype(np.float64)
    y = X @ [1.0, 2.0, 4.0] + generator.integers(-1, 2, 40)
    if case == "constant y":
        y[:] = 7
    elif case == "constant column":
        X[:, 1] = 3
    elif case == "collinear":
        X[:, 1] = 2 * X[:, 0]
    elif case == "equal":
        y = X.sum(axis=1)
    elif case == "wide":
        X *= [2.0**-30, 1, 2.0**30]
    elif case == "fewer rows":
        X, y = X[:3], y[:3]
    found = all_choices(X, y, scheme, method)
    losses = train_losses(X, y, found)
    assert losses == sorted(losses, reverse=True)
    assert (found[0].jitter > 0) == (case in ("constant column", "collinear", "fewer rows"))
    if scheme.startswith(("per_channel", "integer")):
        assert nearest_float(losses[-1]) < 1e-7


def test_many_features_take_the_beam_search_and_gain_by_it() -> None:
    X, y = random_table(3, 200, 40)
    moments = Moments.of(X, y)
    task = Task.of(SquaredLoss(least_squares.solve(moments).model, moments), SCHEMES["per_channel_pow2"])
    found = [choose(task, 4, method) for method in ROUNDINGS]
    assert not found[-1].optimal
    nearest, babai, best = train_losses(X, y, found)
    assert best < babai < nearest


@pytest.mark.parametrize("parameter", [np.nan, np.inf])
def test_a_parameter_that_is_not_finite_is_refused(parameter: float) -> None:
    X, y = random_table(0, 10, 2)
    with pytest.raises(UserError, match="a parameter is not finite"):
        Task.of(
            SquaredLoss(LinearModel(np.array([1.0, parameter]), 0.0), Moments.of(X, y)), SCHEMES["per_channel_pow2"]
        )


def test_no_other_codes_of_one_or_two_weights_lower_the_loss_of_the_optimum() -> None:
    X, _, y, _ = housing.split()
    moments = Moments.of(X, y)
    best = choose(Task.of(SquaredLoss(housing.MODEL, moments), SCHEMES["per_channel_pow2"]), 2, "exact")
    C = np.array([[nearest_float(each) for each in row[:-1]] for row in moments.centred().tolist()[:-1]])
    scale, codes = best.quantized.qparams.scale, best.quantized.codes

    def loss(changed: np.ndarray) -> float:
        error = scale * (changed - 1.5) - housing.MODEL.coef
        return float(error @ C @ error)

    least = loss(codes)
    for first, second in itertools.combinations(range(len(codes)), 2):
        for pair in itertools.product(range(4), repeat=2):
            changed = codes.copy()
            changed[[first, second]] = pair
            assert loss(changed) >= least * (1 - 1e-9)
