"""Separated classes are proved to be so, and those that are nearly separated are solved."""

import itertools

import numpy as np
import pytest

from samebits import ExactLogisticRegression
from samebits.exact.logistic.separation import SeparationError
from tests.exact.logistic import reference


def integers(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Small integers, of which a line often touches several."""
    random = np.random.default_rng(seed)
    return random.integers(-3, 4, size=(25, 2)).astype(float), random.integers(-2, 3, size=2).astype(float)


def separated(X: np.ndarray, y: np.ndarray) -> bool:
    """By brute force: all lines through two of the points, and all gaps, in a plane of integers."""
    points = np.unique(X, axis=0)
    sides = np.where(y, 1, -1)
    for a, b in itertools.combinations(points, 2):
        normal = np.array([a[1] - b[1], b[0] - a[0]])
        for direction in (normal, -normal):
            margins = sides * ((X - a) @ direction)
            if (margins >= 0).all() and (margins > 0).any():
                return True
    return False


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("touching", [False, True])
def test_separated_classes_are_named_as_such(seed: int, touching: bool) -> None:
    X, normal = integers(seed)
    if not normal.any():
        normal[0] = 1
    side = X @ normal
    y = np.where(side == 0, np.arange(len(X)) % 2 == 0, side > 0) if touching else side > 0
    if y.all() or not y.any():
        pytest.skip("one class")
    with pytest.raises(SeparationError, match="give a penalty, such as C=1") as error:
        ExactLogisticRegression().fit(X, y)
    assert set(error.value.columns) <= {"x1", "x2"}
    model = ExactLogisticRegression(C=1).fit(X, y)  # with a penalty there is a maximum
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize("seed", range(30))
def test_random_classes_are_separated_only_where_a_line_does_it(seed: int) -> None:
    X, _ = integers(seed)
    X = X[:9]
    y = np.random.default_rng(seed).integers(0, 2, size=len(X))
    if len(set(y)) < 2 or np.linalg.matrix_rank(X - X.mean(axis=0)) < 2:
        pytest.skip("one class, or points on a line")
    try:
        ExactLogisticRegression().fit(X, y)
    except SeparationError:
        assert separated(X, y)
    else:
        assert not separated(X, y)


@pytest.mark.parametrize("seed", range(30))
def test_classes_that_one_row_keeps_from_being_separated_are_solved(seed: int) -> None:
    random = np.random.default_rng(seed)
    X = random.normal(size=(60, 2))
    side = X[:, 0] - 2 * X[:, 1]
    y = side > 0.1
    other = int(np.argsort(np.abs(side - 0.1))[12])  # far enough from the line that no other line does it
    y[other] = not y[other]
    model = ExactLogisticRegression().fit(X, y)
    true = reference.maximum(X, y)
    assert [*model.intercept_, *model.coef_[0]] == [float(each) for each in true]


def test_a_single_column_is_named() -> None:
    X = np.column_stack([[1.0, 4, 3, 2, 5, 6], [0.0, 0, 0, 1, 1, 1]])
    with pytest.raises(SeparationError, match="separated by x2, so") as error:
        ExactLogisticRegression().fit(X, X[:, 1] > 0.5)
    assert error.value.columns == ["x2"]


def test_many_rows_are_separated_too() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(50_000, 5))
    with pytest.raises(SeparationError):
        ExactLogisticRegression().fit(X, X @ [1, -2, 0.5, 0, 3] > 0.3)
