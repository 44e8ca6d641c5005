import math
import sys
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LinearRegression, Ridge

from samebits.errors import UserError
from samebits.exact import score
from samebits.exact.least_squares import Solution, solve
from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float
from samebits.exact.solving.collinear import Relation
from tests import definitions, housing

SMALL = st.integers(-3, 3).map(float)  # which gives many collinear columns
MODERATE = st.floats(-1e3, 1e3)
WIDE = st.floats(-1e80, 1e80)

Rows = tuple[np.ndarray, np.ndarray]


@st.composite
def tables(draw: st.DrawFn, elements: st.SearchStrategy[float]) -> Rows:
    rows, features = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    return draw(arrays(np.float64, (rows, features), elements=elements)), draw(
        arrays(np.float64, rows, elements=elements)
    )


def solution_of(X: np.ndarray, y: np.ndarray, alpha: float = 0.0) -> Solution:
    return solve(Moments.of(X, y), alpha)


def assert_nearest_to_exact(X: np.ndarray, y: np.ndarray, alpha: float) -> None:
    weights, intercept = definitions.least_squares(X, y, alpha)
    try:
        expected = [float(weight) for weight in weights], float(intercept)
    except OverflowError:
        with pytest.raises(UserError, match="rescale"):
            solution_of(X, y, alpha)
        return
    model = solution_of(X, y, alpha).model
    assert (model.coef.tolist(), model.intercept) == expected


@given(tables(SMALL), st.sampled_from([0.0, 0.5, 3.7]))
@settings(max_examples=100, deadline=None)
def test_every_parameter_is_nearest_to_the_exact_one_of_minimum_norm(rows: Rows, alpha: float) -> None:
    assert_nearest_to_exact(*rows, alpha)


@given(tables(MODERATE) | tables(WIDE), st.sampled_from([0.0, 1e-3, 1.0, 1e300]))
@settings(max_examples=100, deadline=None)
def test_every_parameter_is_nearest_to_the_exact_one(rows: Rows, alpha: float) -> None:
    assert_nearest_to_exact(*rows, alpha)


@given(tables(SMALL))
@settings(max_examples=100, deadline=None)
def test_rank_is_that_of_the_centred_columns(rows: Rows) -> None:
    X, y = rows
    assert solution_of(X, y).rank == np.linalg.matrix_rank(len(X) * X - X.sum(axis=0))


@given(tables(SMALL))
@settings(max_examples=100, deadline=None)
def test_relations_hold_in_every_row(rows: Rows) -> None:
    X, y = rows
    solution = solution_of(X, y)
    assert len(solution.relations) == X.shape[1] - solution.rank
    for relation in solution.relations:
        for row in X.tolist():
            others = [definitions.rational(coef) * Fraction(row[other]) for other, coef in relation.terms.items()]
            assert row[relation.feature] == sum(others) + definitions.rational(relation.constant)


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 1.0, 250.0])
def test_alpha_is_that_of_scikit_learn(alpha: float) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 5)) + 3
    y = X @ np.arange(5.0) + random.normal(size=60)
    theirs = (Ridge(alpha=alpha) if alpha else LinearRegression()).fit(X, y)
    model = solution_of(X, y, alpha).model
    np.testing.assert_allclose(model.coef, theirs.coef_, rtol=1e-10)
    assert model.intercept == pytest.approx(theirs.intercept_, rel=1e-10)


def test_collinear_columns_get_the_solution_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    a, b = random.integers(0, 100, size=(2, 80)).astype(float)
    X = np.column_stack([a, b, 2 * a, a - b + 3, np.full(80, 7.0)])
    y = random.normal(size=80)
    theirs = LinearRegression().fit(X, y)
    solution = solution_of(X, y)
    np.testing.assert_allclose(solution.model.coef, theirs.coef_, rtol=1e-10, atol=1e-15)
    assert solution.model.intercept == pytest.approx(theirs.intercept_, rel=1e-10)
    assert solution.rank == theirs.rank_ == 2


def test_collinear_columns_are_no_obstacle_to_ridge() -> None:
    a = np.arange(10.0)
    solution = solution_of(np.column_stack([a, a]), a, 1.0)
    assert solution.rank == 2
    assert not solution.relations
    assert solution.model.coef.tolist() == [82.5 / 166, 82.5 / 166]


def test_constant_columns_alone_predict_the_mean() -> None:
    solution = solution_of(np.full((4, 2), 0.1), np.array([1.0, 2.0, 3.0, 5.0]))
    assert solution.rank == 0
    assert solution.model.coef.tolist() == [0, 0]
    assert solution.model.intercept == 2.75


A, B = np.random.default_rng(2).integers(-50, 50, size=(2, 30)).astype(float)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"AveBedrms": A, "AveRooms": 2 * A}, "AveRooms = 2 * AveBedrms"),
        ({"AveRooms": 2 * A, "AveBedrms": A}, "AveRooms = 2 * AveBedrms"),
        ({"x": A, "Pop": np.full(30, 5.0)}, "Pop = 5"),
        ({"x": A, "zero": np.zeros(30)}, "zero = 0"),
        ({"x": A, "tenth": np.full(30, 0.1)}, "tenth = 0.1"),
        ({"x": A, "copy": A}, "copy = x"),
        ({"x": A, "minus": -A}, "minus = -1 * x"),
        ({"Rooms": A, "Bedrooms": B, "Total": A + B}, "Total = Rooms + Bedrooms"),
        ({"a": A, "b": B, "c": 3 * A - B - 4}, "c = 3 * a - b - 4"),
        ({"celsius": 5 * A, "fahrenheit": 9 * A + 32}, "fahrenheit = 9/5 * celsius + 32"),
        ({"fahrenheit": 9 * A + 32, "celsius": 5 * A}, "fahrenheit = 9/5 * celsius + 32"),
        ({"x": A, "shifted": A - 0.25}, "shifted = x - 1/4"),
        ({"x": A, "huge": A * 2.0**40}, "huge = 1.09951e+12 * x"),
    ],
)
def test_a_relation_reads_as_an_equation(columns: dict[str, np.ndarray], text: str) -> None:
    [relation] = solution_of(np.column_stack(list(columns.values())), A * A + B).relations
    assert relation.text(list(columns)) == text


def test_a_relation_names_its_features() -> None:
    assert Relation(2, {0: fmpq(1, 3), 1: fmpq(-2)}, fmpq(1)).text(["a", "b", "c"]) == "c = 1/3 * a - 2 * b + 1"


@pytest.mark.parametrize(("x", "y"), [(1e-200, 1e200), (5e-324, 1.0)])
def test_a_coefficient_beyond_float64_is_a_mistake_of_the_user(x: float, y: float) -> None:
    with pytest.raises(UserError, match="rescale the columns"):
        solution_of(np.array([[0.0], [x], [2 * x]]), np.array([0.0, y, 2 * y]))


def test_coefficients_near_the_limits_of_float64_are_found() -> None:
    X = np.array([[0.0, 0.0], [1e-300, 0.0], [0.0, 1e300], [0.0, 0.0]])
    model = solution_of(X, np.array([1.0, 2.0, 2.0, 1.0])).model
    assert model.intercept == 1
    assert model.coef.tolist() == [1 / 1e-300, 1 / 1e300]


def test_the_housing_solution_is_known_to_the_last_bit() -> None:
    train_X, test_X, train_y, test_y = housing.split()
    train, test = Moments.of(train_X, train_y), Moments.of(test_X, test_y)
    solution = solve(train)
    assert solution.model.intercept == housing.MODEL.intercept
    assert solution.model.coef.tolist() == housing.MODEL.coef.tolist()
    assert solution.rank == 8
    assert nearest_float(score.r2(test, solution.model)) == 0.575787706032451
    assert nearest_float(score.r2(train, solution.model)) == 0.6125511913966952


def test_the_housing_gradient_vanishes() -> None:
    X, _, y, _ = housing.split()
    residual = y - housing.MODEL.predict(X)
    gradient = [math.fsum(residual)] + [math.fsum(residual * column) for column in X.T]
    size = [math.fsum(np.abs(residual))] + [math.fsum(np.abs(residual * column)) for column in X.T]
    assert (np.abs(gradient) < 1e-12 * np.array(size)).all()


def test_the_largest_float_is_a_parameter_although_a_ball_around_it_leaves_the_range() -> None:
    greatest = sys.float_info.max
    y = np.array([greatest, math.ldexp(1 + 2**-52, 1023), -2 * math.ldexp(2**-10 + 2**-50, 1023)])
    found = solve(Moments.of(np.array([[1.0], [2.0**-53], [2.0**-150]]), y), fit_intercept=False)
    assert found.model.coef.tolist() == [greatest]
