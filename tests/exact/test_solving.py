"""Refinement gives the bits of balls and fractions; each bound of its proof in docs/exact.md holds."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest
from flint import arb_mat, fmpq, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import cho_solve

from samebits.errors import UserError
from samebits.exact import least_squares
from samebits.exact.inference.eigenvalues import is_positive_definite
from samebits.exact.moments import Moments
from samebits.exact.precision import working_precision
from samebits.exact.rational import exactly
from samebits.exact.solving import collinear, definite, factor, refinement
from samebits.exact.solving.equations import Equations
from samebits.exact.solving.factor import Factor
from samebits.exact.solving.refinement import Enclosure
from samebits.exact.solving.system import System
from tests.exact.test_least_squares import MODERATE, SMALL, WIDE, Rows, assert_nearest_to_exact, tables

EXAMPLES = int(os.environ.get("SYSTEMS", "60"))  # `make systems` tries more
MANY = os.environ.get("SYSTEMS") is not None

Generator = np.random.Generator
Table = Callable[[Generator, int, int], np.ndarray]


def nearly_collinear(random: Generator, n: int, p: int) -> np.ndarray:
    return random.normal(size=(n, 1)) + random.normal(size=(n, p)) * 10.0 ** -random.integers(1, 15)


TABLES: dict[str, Table] = {
    "normal": lambda random, n, p: random.normal(size=(n, p)),
    "far from 0": lambda random, n, p: random.normal(size=(n, p)) + 1e6,
    "small integers": lambda random, n, p: random.integers(-3, 4, (n, p)).astype(float),
    "decimals": lambda random, n, p: random.normal(size=(n, p)).round(2),
    "one-hot": lambda random, n, p: (random.integers(0, p, (n, 1)) == np.arange(p)).astype(float),
    "Hilbert": lambda random, n, p: 1 / (1 + np.arange(n)[:, None] + np.arange(p)),
    "Vandermonde": lambda random, n, p: np.vander(np.linspace(0.1, 1.3, n), p),
    "other scales": lambda random, n, p: random.normal(size=(n, p)) * 10.0 ** random.integers(-300, 300, p),
    "subnormal": lambda random, n, p: random.integers(-(2**40), 2**40, (n, p)) * 5e-324,
    "nearly collinear": nearly_collinear,
    "a walk": lambda random, n, p: np.cumsum(random.normal(size=(n, p)) * 1e-9, axis=1) + random.normal(size=(n, 1)),
    "a constant": lambda random, n, p: np.c_[random.normal(size=(n, p - 1)), np.full(n, 0.1)],
    "copies": lambda random, n, p: random.normal(size=(n, 1 + p // 2))[:, random.integers(0, 1 + p // 2, p)],
}


def targets(X: np.ndarray, kind: str, random: Generator) -> np.ndarray:
    if kind == "noise":
        return random.normal(size=len(X))
    if kind == "zero":
        return np.zeros(len(X))
    if kind == "whole numbers":
        return random.integers(-5, 6, len(X)).astype(float)
    return X @ random.integers(-2, 3, X.shape[1])  # no residuals, and zeros among the parameters


@contextmanager
def solved_by(refined: bool) -> Iterator[None]:
    with mock.patch.object(least_squares, "WIDE", 0 if refined else 10**9):
        yield


def outcome(moments: Moments, refined: bool, *how: float) -> object:
    alpha, fit_intercept, standardize = how
    with solved_by(refined):
        try:
            found = least_squares.solve(moments, alpha, bool(fit_intercept), bool(standardize))
        except UserError as error:
            return str(error)
    return found.model.parameters.tobytes(), found.rank


@given(tables(SMALL), st.sampled_from([0.0, 0.5, 3.7]))
@settings(max_examples=EXAMPLES, deadline=None)
def test_refined_parameters_of_minimum_norm_are_nearest_to_the_exact_ones(rows: Rows, alpha: float) -> None:
    with solved_by(refined=True):
        assert_nearest_to_exact(*rows, alpha)


@given(tables(MODERATE) | tables(WIDE), st.sampled_from([0.0, 1e-3, 1.0, 1e300]))
@settings(max_examples=EXAMPLES, deadline=None)
def test_refined_parameters_are_nearest_to_the_exact_ones(rows: Rows, alpha: float) -> None:
    with solved_by(refined=True):
        assert_nearest_to_exact(*rows, alpha)


@given(
    st.sampled_from(list(TABLES)),
    st.sampled_from(["noise", "zero", "whole numbers", "without residuals"]),
    st.integers(1, 60 if MANY else 12),
    st.sampled_from([0.5, 1.0, 1.5, 4.0]),
    st.tuples(st.sampled_from([0.0, 0.0, 1e-30, 1e-3, 1.0, 1e30]), st.booleans(), st.booleans()),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=5 * EXAMPLES, deadline=None)
def test_refinement_gives_the_bits_of_balls_and_fractions(
    kind: str, target: str, p: int, rows: float, how: tuple[float, bool, bool], seed: int
) -> None:
    random = np.random.default_rng(seed)
    X = TABLES[kind](random, 1 + int(rows * p), p)
    y = targets(X, target, random)
    if np.isfinite(y).all():
        moments = Moments.of(X, y)
        assert outcome(moments, True, *how) == outcome(moments, False, *how)


@pytest.mark.parametrize("kind", ["normal", "far from 0", "one-hot", "a walk"])
def test_wide_tables_have_the_bits_of_balls(kind: str) -> None:
    random = np.random.default_rng(0)
    X = TABLES[kind](random, 300, least_squares.WIDE)
    moments = Moments.of(X, random.normal(size=300))
    assert outcome(moments, False, 0.0, True, False) == outcome(moments, True, 0.0, True, False)
    assert least_squares.solve(moments).model.parameters.tobytes() == outcome(moments, True, 0.0, True, False)[0]  # type: ignore[index]


def systems(count: int) -> Iterator[System]:
    """Positive definite ones, well and ill conditioned."""
    for seed in range(count):
        random = np.random.default_rng(seed)
        p = int(random.integers(1, 13))
        kind = list(TABLES)[seed % 10]
        X = TABLES[kind](random, 2 * p + 2, p)
        system = Equations.of(Moments.of(X, X[:, 0]), bool(seed % 3)).system
        if system.matrix.rank() == p:
            yield system


def exact_scaled(system: System) -> list[list[fmpq]]:
    """T = S C S."""
    scale = [fmpq(2) ** -int(each) for each in system.scale]
    return [
        [a * b * each for b, each in zip(scale, row, strict=True)]
        for a, row in zip(scale, system.matrix.tolist(), strict=True)
    ]


def is_below_all_eigenvalues(bound: float, T: list[list[fmpq]]) -> bool:
    shifted = [[each - exactly(bound) * (i == j) for j, each in enumerate(row)] for i, row in enumerate(T)]
    with working_precision(2000):
        return is_positive_definite(arb_mat(shifted))


def test_the_scaled_matrix_has_a_diagonal_from_a_quarter_to_one() -> None:  # 1. Scale
    for system in systems(80):
        T = exact_scaled(system)
        assert all(fmpq(1, 4) <= T[i][i] < 1 for i in range(system.size))
        assert system.scaled.tolist() == [[int(each.p) / int(each.q) for each in row] for row in T]


def test_the_bound_is_below_all_eigenvalues() -> None:  # 2. Definite
    proved = 0
    for system in systems(100):
        found = Factor.of(system)
        if found is not None and found.R is None:
            proved += 1
            assert found.least > 0
            assert is_below_all_eigenvalues(found.least, exact_scaled(system))
    assert proved > 10


def test_the_bound_is_not_far_below_the_least_eigenvalue() -> None:
    G = np.diag([1.0, 0.5, 2.0**-20])
    least = definite.least_eigenvalue(G, np.sqrt(G))
    assert 2.0**-23 < least < 2.0**-20
    singular = np.ones((3, 3))
    assert definite.least_eigenvalue(singular, np.eye(3)) == 0


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-3, 1.0]))
@settings(max_examples=EXAMPLES, deadline=None)
def test_whatever_lapack_says_the_bound_holds(seed: int, error: float) -> None:  # 2. Definite
    random = np.random.default_rng(seed)
    A = random.normal(size=(4, 3 + seed % 3))  # with 3 columns it is singular
    T = A @ A.T / 100
    L = np.linalg.cholesky(T + 1e-3 * np.eye(4)) + error * np.tril(random.normal(size=(4, 4)))
    with mock.patch.object(definite, "cholesky", return_value=L):
        bound = definite.least_eigenvalue(T, L)
    assert bound == 0 or is_below_all_eigenvalues(bound, [[exactly(each) for each in row] for row in T.tolist()])


def test_the_norm_is_an_upper_bound() -> None:
    for scale in (1e-200, 1.0, 1e200):
        A = np.random.default_rng(0).normal(size=(50, 50)) * scale
        assert exactly(definite.norm(A)) ** 2 > sum((exactly(each) ** 2 for each in A.ravel().tolist()), fmpq(0))
    assert definite.norm(np.zeros(3)) == 0


def test_a_preconditioner_leaves_a_bound_below_all_eigenvalues() -> None:  # 3. Precondition
    used = 0
    for system in systems(100):
        found = Factor.of(system)
        if found is not None and found.R is not None:
            used += 1
            R = [[each * fmpq(2) ** -factor.UNIT for each in row] for row in found.R.tolist()]
            k = range(system.size)
            T = exact_scaled(system)
            RT = [[sum((R[i][m] * T[m][j] for m in k), fmpq(0)) for j in k] for i in k]
            A = [[sum((RT[i][m] * R[j][m] for m in k), fmpq(0)) for j in k] for i in k]
            assert is_below_all_eigenvalues(found.least, A)
    assert used > 10


@pytest.mark.parametrize("corrections", ["good", "none", "wrong"])
def test_every_enclosure_holds_the_solution(corrections: str) -> None:  # 4. Enclose
    random = np.random.default_rng(0)
    solve = {"good": cho_solve, "none": lambda L, b, **_: b * 0 + 1e-30}.get(
        corrections, lambda L, b, **_: random.normal(size=len(b))
    )
    seen = preconditioned = 0
    with mock.patch.object(refinement, "cho_solve", solve):
        for system in systems(80):
            right = random.integers(-(2**50), 2**50, system.size).tolist()
            x = system.matrix.solve(fmpz_mat(system.size, 1, right)).entries()
            enclosures: list[Enclosure] = []
            found = Factor.of(system)
            if found is None:
                continue
            preconditioned += found.R is not None
            refinement.refined(system, found, right, enclosures.append)
            for each in enclosures[:5]:
                seen += 1
                for true, middle, error in zip(x, each.integers, each.errors, strict=True):
                    assert abs(true * fmpq(2) ** each.bits - middle) <= error
    assert seen > 100
    assert preconditioned > 5


def test_numbers_of_few_bits_are_decided_though_they_are_0_or_halfway() -> None:  # 5. Short solutions
    C = fmpz_mat([[3, 1, 0], [1, 5, 1], [0, 1, 7]])
    x = [0, 2**53 + 1, -(2**54) - 3]  # 0, and two that lie halfway between float64 numbers
    right = [int(each) for each in (C * fmpz_mat(3, 1, x)).entries()]

    def decide(found: Enclosure) -> list[int] | None:
        return None if any(found.errors) else [each >> found.bits for each in found.integers]

    assert refinement.solution(System.of(C), right, decide) == x


def test_a_zero_beside_thirds_is_left_to_fractions() -> None:
    X = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1], [0, 1]])
    moments = Moments.of(X, np.array([1.0, 0, 0, 1, -1]))
    assert Equations.of(moments, False).solve() is None
    with solved_by(refined=True):
        assert least_squares.solve(moments, fit_intercept=False).model.coef.tolist() == [1 / 3, 0]


@pytest.mark.parametrize("prime", [2, 3, 5])
def test_a_prime_that_divides_a_determinant_changes_nothing(prime: int) -> None:
    random = np.random.default_rng(3)
    with mock.patch.object(collinear, "PRIME", prime), mock.patch.object(factor, "PRIME", prime):
        for _ in range(30):
            X = random.integers(-2, 3, (8, 5)).astype(float)
            with solved_by(refined=True):
                assert_nearest_to_exact(X, X[:, 0] + random.normal(size=8), 0.0)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_fewer_rows_than_columns_have_the_solution_of_minimum_norm_without_fractions(fit_intercept: bool) -> None:
    random = np.random.default_rng(4)
    X = random.normal(size=(12, least_squares.WIDE))
    moments = Moments.of(X, random.normal(size=12))
    by_fractions = Equations.of(moments, fit_intercept)
    expected = collinear.Collinear.of(by_fractions, None).solve_by_fractions()  # type: ignore[union-attr]
    with mock.patch.object(collinear.Collinear, "relations", property(lambda _: pytest.fail("fractions"))):
        found = least_squares.solve(moments, fit_intercept=fit_intercept, rows=12)
    assert found.rank == 12 - fit_intercept
    assert found.model.parameters.tobytes() == expected.parameters.tobytes()
    assert len(found.relations) == least_squares.WIDE - found.rank
