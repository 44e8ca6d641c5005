"""Columns that are combinations of others up to rounding, and how many digits the data determine."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import datasets

from samebits import ExactLinearRegression
from samebits.exact.fitting import CollinearityWarning

RANDOM = np.random.default_rng(0)
A, B, C = RANDOM.random((3, 500))
Y = A - B + 2 * C + 0.1 * RANDOM.normal(size=500)
CELSIUS = RANDOM.normal(15, 8, 500).round(1)
NET = (100 * RANDOM.random(500)).round(2)
SECONDS = (1.7e9 + RANDOM.integers(0, 10**8, 500)).astype(float)
SHARES = np.column_stack([A, B, C]) / (A + B + C)[:, None]
DERIVED = {
    "shifted": (np.column_stack([A, B, C, C + 2]), "x4 = x3 + 2 up to rounding"),
    "sum": (np.column_stack([A, B, A + 2 * B]), "x3 = x1 + 2 * x2 up to rounding"),
    "temperatures": (np.column_stack([CELSIUS, 9 / 5 * CELSIUS + 32]), "x2 = 1.8 * x1 + 32 up to rounding"),
    "gross": (np.column_stack([NET, NET * 0.19, NET + NET * 0.19]), "x3 = 1.19 * x1 up to rounding"),
    "shares": (SHARES, "x3 = -1 * x1 - x2 + 1 up to rounding"),
    "stacked": (
        np.column_stack([A, B, C, np.column_stack([A, B, C]) @ [1.0, 2, 3] + 0.5]),
        "x4 = x1 + 2 * x2 + 3 * x3 + 1/2 up to rounding",
    ),
    "milliseconds and days": (np.column_stack([1000 * SECONDS, SECONDS / 86400]), "x1 = 86400000 * x2 up to rounding"),
    "seconds and Excel's days": (
        np.column_stack([SECONDS, SECONDS / 86400 + 25569]),
        "x1 = 86400 * x2 - 2209161600 up to rounding",
    ),
    "mean": (np.column_stack([A, B, (A + B) / 2]), "x3 = 1/2 * x1 + 1/2 * x2 up to rounding"),
}
INDEPENDENT = {
    "random": np.column_stack([A, B, C]),
    "one-hot, exactly collinear": np.eye(4)[RANDOM.integers(0, 4, 500)],
    "a noisy sum": np.column_stack([A, B, A + 2 * B + 1e-6 * C]),
    "a year and its square": (1950 + np.arange(500) % 70)[:, None] ** np.array([1.0, 2]),
    "temperatures, printed to one place": np.column_stack([CELSIUS, (9 / 5 * CELSIUS + 32).round(1)]),
    "percentages that are rounded": (100 * SHARES).round(1),
    "a polynomial": np.linspace(0, 1, 500)[:, None] ** np.arange(1, 9),
}


@pytest.mark.parametrize("name", DERIVED)
def test_derived_columns_are_named_and_count_as_collinear(name: str) -> None:
    X, relation = DERIVED[name]
    with pytest.warns(CollinearityWarning, match="up to rounding; this is the solution of minimum norm"):
        model = ExactLinearRegression().fit(X, Y)
    assert relation in [each.text([f"x{j + 1}" for j in range(X.shape[1])]) for each in model.relations_]
    assert np.abs(model.coef_).max() < 100
    assert model.rank_ == X.shape[1] - len(model.relations_)
    assert model.determined_digits_.min() > 8
    assert any("up to rounding" in note for note in model.summary().notes)


@pytest.mark.parametrize("name", DERIVED)
def test_the_exact_solution_of_derived_columns_is_there_for_who_asks(name: str) -> None:
    X, relation = DERIVED[name]
    with pytest.warns(CollinearityWarning, match="rounding errors of X decide"):
        model = ExactLinearRegression(collinear="exact").fit(X, Y)
    assert np.abs(model.coef_).max() > 1e6
    assert not model.determined_digits_.any()
    assert any(relation in note for note in model.summary().notes)


@pytest.mark.parametrize("name", INDEPENDENT)
def test_other_columns_keep_their_exact_solution_without_a_word(name: str) -> None:
    with warnings.catch_warnings(action="error"):
        ours = ExactLinearRegression().fit(INDEPENDENT[name], Y)
        exact = ExactLinearRegression(collinear="exact").fit(INDEPENDENT[name], Y)
    assert ours.coef_.tobytes() == exact.coef_.tobytes()


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "iris", "wine"])
def test_real_tables_give_no_warning(name: str) -> None:
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    with warnings.catch_warnings(action="error"):
        assert not ExactLinearRegression().fit(X, y).relations_


def test_the_solution_hardly_depends_on_the_rounding() -> None:
    """The same numbers from other roundings give about the same coefficients; the exact ones of each have no digit."""
    one, other = (np.column_stack([A, B, each]) for each in (A + 2 * B, (A / 2 + B) * 2 * (1 + 1e-16)))
    with warnings.catch_warnings(action="ignore"):
        models: list[Any] = [ExactLinearRegression().fit(X, Y) for X in (one, np.nextafter(other, 0))]
    np.testing.assert_allclose(models[0].coef_, models[1].coef_, rtol=1e-9)


@pytest.mark.parametrize("noise", [1.0, 1e-1, 1e-2])
def test_roundings_move_coefficients_by_no_more_than_the_digits_say(noise: float) -> None:
    """float32 rounds by 2**29 times more than float64, so that its effect can be seen."""
    X = np.column_stack([A, B, A + 2 * B + noise * C])
    model = ExactLinearRegression().fit(X.astype(np.float32), Y.astype(np.float32).astype(float))
    rounded = ExactLinearRegression().fit(X.astype(np.float32).astype(float), Y.astype(np.float32).astype(float))
    exact = ExactLinearRegression().fit(X, Y)
    moved = np.abs(rounded.coef_ - exact.coef_) / np.abs(exact.coef_)
    digits = model.determined_digits_
    assert (moved < 10.0**-digits).all()
    assert (digits < 8).all()
    assert (moved > 10.0 ** -(digits + 5)).all()  # not by far less either


def test_batches_of_derived_columns_give_the_same_bits() -> None:
    X, _ = DERIVED["stacked"]
    with warnings.catch_warnings(action="ignore"):
        whole = ExactLinearRegression().fit(X, Y)
        parts = ExactLinearRegression().partial_fit(X[300:], Y[300:]).partial_fit(X[:300], Y[:300])
    assert parts.coef_.tobytes() == whole.coef_.tobytes()
