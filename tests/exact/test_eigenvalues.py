"""The largest eigenvalue, and the condition number made of it, where eigenvalues repeat or lie close together."""

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb_mat, ctx, fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

from samebits import ExactLinearRegression
from samebits.exact.inference.eigenvalues import is_positive_definite, largest_eigenvalue
from tests import definitions


def reflection(random: np.random.Generator, size: int) -> fmpq_mat:
    """Orthogonal, in fractions."""
    v = random.integers(-3, 4, size).tolist()
    v[0] = v[0] or 1
    twice = fmpq(2, sum(each * each for each in v))
    return fmpq_mat([[int(i == j) - twice * v[i] * v[j] for j in range(size)] for i in range(size)])


def with_eigenvalues(random: np.random.Generator, eigenvalues: list[fmpq]) -> fmpq_mat:
    size = len(eigenvalues)
    D = fmpq_mat([[eigenvalues[i] * int(i == j) for j in range(size)] for i in range(size)])
    Q = reflection(random, size) * reflection(random, size)
    return Q * D * Q.transpose()


def condition_number(X: np.ndarray, intercept: bool) -> float | None:
    model = ExactLinearRegression(fit_intercept=intercept).fit(X, np.arange(len(X)) ** 2.0)
    summary = model.summary()
    assert "condition_number" not in summary.undecided
    return summary.condition_number


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 120))
@settings(max_examples=100, deadline=None)
def test_the_largest_eigenvalue_is_enclosed_however_close_others_are(seed: int, size: int, close: int) -> None:
    random = np.random.default_rng(seed)
    below = [int(each) * fmpq(1, 2**close) for each in random.integers(0, 3, size)]
    eigenvalues = [fmpq(3) - each * int(random.integers(0, 2)) for each in below]
    S = with_eigenvalues(random, eigenvalues)
    with ctx.workprec(256):
        found = largest_eigenvalue(arb_mat(S))
        assert found.rel_accuracy_bits() > 120
        assert found.contains(max(eigenvalues))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_definite_is_what_has_no_eigenvalue_below_0(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    tiny = fmpq(1, 2**60)
    eigenvalues = [fmpq(int(random.integers(1, 9))) * (tiny if random.random() < 0.5 else 1) for _ in range(size)]
    with ctx.workprec(128):
        assert is_positive_definite(arb_mat(with_eigenvalues(random, eigenvalues)))
        for least in (fmpq(0), -tiny):
            assert not is_positive_definite(arb_mat(with_eigenvalues(random, [*eigenvalues[1:], least])))


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
@settings(max_examples=100, deadline=None)
def test_the_condition_number_of_a_design_with_repeated_singular_values(seed: int, size: int) -> None:
    """X = D R for a multiple R of a reflection: X'X has the squares of D as its eigenvalues, but for the factor."""
    random = np.random.default_rng(seed)
    v = random.integers(-2, 3, size)
    v[0] = v[0] or 1
    R = int(v @ v) * np.eye(size, dtype=int) - 2 * np.outer(v, v)
    D = random.integers(1, 4, size)
    assert condition_number((R @ np.diag(D) @ R).astype(float), False) == float(Fraction(int(max(D)), int(min(D))))
    rows = (np.diag(D) @ R).astype(float)
    assert condition_number(np.vstack([rows, -rows]), False) == float(Fraction(int(max(D)), int(min(D))))


@pytest.mark.parametrize("intercept", [True, False])
def test_the_condition_number_of_small_designs_is_that_of_mpmath(intercept: bool) -> None:
    random, seen = np.random.default_rng(5), 0
    while seen < 60:
        X = random.integers(-1, 2, (int(random.integers(4, 9)), int(random.integers(2, 5)))).astype(float)
        A = np.column_stack([np.ones(len(X)), X]) if intercept else X
        if len(definitions.echelon([[Fraction(value) for value in row] for row in A.tolist()])[1]) < A.shape[1]:
            continue
        with mp.workdps(60):
            eigenvalues = sorted(mpmath.eigsy(mp.matrix((A.T @ A).tolist()), eigvals_only=True))
            expected = float(mpmath.sqrt(eigenvalues[-1] / eigenvalues[0]))
        assert condition_number(X, intercept) == expected, X.tolist()
        seen += min(b - a for a, b in itertools.pairwise(eigenvalues)) < 1e-30


def test_the_least_eigenvalue_three_times() -> None:
    """X'X has the eigenvalues 1, 1, 1 and 8."""
    X = np.array([[1, 0, -1, 1], [1, 1, -1, 0], [-1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 1]], float)
    assert condition_number(X, False) == math.sqrt(8)
