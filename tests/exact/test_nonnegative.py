"""positive=True: the least-squares solution without negative coefficients, against all subsets of columns."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LinearRegression, Ridge

from samebits import ExactLinearRegression
from samebits.exact.moments import Moments
from samebits.exact.solving import nonnegative
from samebits.exact.solving.equations import Equations
from tests import definitions


def centred(columns: list[list[Fraction]], fit_intercept: bool) -> list[list[Fraction]]:
    means = [sum(each, Fraction(0)) / len(each) if fit_intercept else Fraction(0) for each in columns]
    return [[value - mean for value in each] for each, mean in zip(columns, means, strict=True)]


def dot(a: list[Fraction], b: list[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def by_definition(X: np.ndarray, y: np.ndarray, alpha: float, fit_intercept: bool) -> tuple[Fraction, list[Fraction]]:
    """The least loss of all subsets of independent columns whose own solution is not negative, and that solution."""
    *columns, right = centred([list(map(Fraction, each)) for each in [*X.T.tolist(), y.tolist()]], fit_intercept)
    found = []
    for size in range(len(columns) + 1):
        for some in itertools.combinations(range(len(columns)), size):
            normal = [[*(dot(columns[i], columns[j]) for j in some), dot(columns[i], right)] for i in some]
            for k in range(size):
                normal[k][k] += Fraction(alpha)
            rows, pivots = definitions.echelon(normal) if normal else ([], [])
            w = [row[-1] for row in rows[:size]]
            if len(pivots) == size and size not in pivots and min(w, default=Fraction(0)) >= 0:
                full = [Fraction(0)] * len(columns)
                for j, value in zip(some, w, strict=True):
                    full[j] = value
                found.append((loss(columns, right, full, alpha), full))
    return min(found)


def loss(columns: list[list[Fraction]], right: list[Fraction], w: list[Fraction], alpha: float) -> Fraction:
    rest = [
        b - sum((c * v for c, v in zip(row, w, strict=True)), Fraction(0))
        for row, b in zip(zip(*columns, strict=True), right, strict=True)
    ]
    return dot(rest, rest) + Fraction(alpha) * dot(w, w)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 1e-30]), st.booleans(), st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_no_subset_of_columns_is_better(seed: int, alpha: float, fit_intercept: bool, features: int) -> None:
    random = np.random.default_rng(seed)
    X = random.integers(-3, 4, (random.integers(2, 7), features)).astype(float)  # often collinear, often without slope
    y = random.integers(-3, 4, len(X)).astype(float)
    least, w = by_definition(X, y, alpha, fit_intercept)
    model = ExactLinearRegression(alpha=alpha, fit_intercept=fit_intercept, positive=True)
    rank = ExactLinearRegression(fit_intercept=fit_intercept).fit(X, y).rank_
    try:
        model.fit(X, y)
    except ValueError:
        with pytest.raises(ValueError, match="columns are collinear"):
            model.fit(X, y)
        assert (alpha, rank < features) == (0, True)
        return
    assert (model.coef_ >= 0).all()
    assert model.rank_ == (features if alpha else rank)
    if alpha or rank == features:
        assert all(map(definitions.is_nearest, model.coef_.tolist(), w))
    else:
        *columns, right = centred([list(map(Fraction, each)) for each in [*X.T.tolist(), y.tolist()]], fit_intercept)
        assert loss(columns, right, list(map(Fraction, model.coef_.tolist())), alpha) == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize("start", [{}, {0: 1}, {0: 1, 1: 5, 2: 3, 3: 2}])
def test_any_start_leads_to_the_solution(start: dict[int, int]) -> None:
    random = np.random.default_rng(5)
    X, y = random.normal(size=(20, 4)), random.normal(size=20)
    equations = Equations.of(Moments.of(X, y), True)
    expected = np.flatnonzero(LinearRegression(positive=True).fit(X, y).coef_).tolist()
    found = nonnegative._active_set(equations.system.matrix, equations.right, {j: fmpq(v) for j, v in start.items()})
    assert found == expected == nonnegative.free(equations)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_wide_tables_agree_with_scikit_learn(alpha: float) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 180))
    y = X @ random.normal(size=180) + random.normal(size=400)
    theirs = Ridge(alpha=alpha, positive=True, tol=1e-12) if alpha else LinearRegression(positive=True)
    ours = ExactLinearRegression(alpha=alpha, positive=True).fit(X, y)
    assert np.count_nonzero(ours.coef_) > nonnegative.FEW
    np.testing.assert_allclose(ours.coef_, theirs.fit(X, y).coef_, atol=1e-5)


def test_it_takes_what_other_fits_take() -> None:
    random = np.random.default_rng(1)
    X, Y = random.normal(size=(50, 5)), random.normal(size=(50, 2))
    weights = random.integers(1, 4, 50)
    model = ExactLinearRegression(positive=True).fit(X, Y, weights)
    np.testing.assert_allclose(model.coef_, LinearRegression(positive=True).fit(X, Y, weights).coef_, atol=1e-12)
    assert ((model.determined_digits_ == 0) == (model.coef_ == 0)).all()
    of_sparse = ExactLinearRegression(positive=True).fit(sparse.csr_array(X), Y, weights)
    parts = ExactLinearRegression(positive=True).partial_fit(X[:9], Y[:9], weights[:9])
    parts.partial_fit(X[9:], Y[9:], weights[9:])
    assert of_sparse.coef_.tobytes() == parts.coef_.tobytes() == model.coef_.tobytes()


def test_columns_that_all_lessen_the_fit_are_held_at_0() -> None:
    X = np.random.default_rng(2).normal(size=(30, 3))
    model = ExactLinearRegression(positive=True).fit(X, -X.sum(axis=1) * 100)
    assert not model.coef_.any()
    assert not np.signbit(model.coef_).any()
    assert model.intercept_ == pytest.approx(np.mean(-X.sum(axis=1) * 100))


def test_there_is_no_summary() -> None:
    X = np.random.default_rng(3).normal(size=(30, 3))
    with pytest.raises(ValueError, match="no summary with positive=True"):
        ExactLinearRegression(positive=True).fit(X, X[:, 0]).summary()
