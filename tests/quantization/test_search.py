import itertools

import numpy as np
from flint import fmpq_mat
from hypothesis import example, given, settings
from hypothesis import strategies as st

from samebits.exact.rational import exactly
from samebits.quantization.exchange import improve
from samebits.quantization.quadratic import Quadratic
from samebits.quantization.search import Grids, Points, search, search_all


def random_problem(seed: int, m: int) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    """A minimiser and a positive definite matrix, sometimes an ill-conditioned one."""
    generator = np.random.default_rng(seed)
    A = generator.standard_normal((m + 2, m)) * 10 ** generator.uniform(-1, 1, m)
    A[:, 0] += generator.choice([0, 10]) * A[:, -1]
    return generator, generator.standard_normal(m) * 2, A.T @ A


def quadratic(v: np.ndarray, Q: np.ndarray) -> Quadratic:
    return Quadratic.of(v, fmpq_mat([list(map(exactly, row)) for row in Q.tolist()]))


def cost_of(x: np.ndarray, v: np.ndarray, Q: np.ndarray) -> float:
    return float((x - v) @ Q @ (x - v))


def brute_force(v: np.ndarray, Q: np.ndarray, grids: Grids) -> float:
    """The least cost of all points of the grids."""
    points = np.array(list(itertools.product(grids.levels, repeat=len(v))))
    low, high = np.minimum(points.min(axis=1), 0), np.maximum(points.max(axis=1), 0)
    points = points[high - low <= grids.span]
    offsets = (points[None] * grids.scale[:, None, None]) - v
    return float(np.einsum("gki,ij,gkj->gk", offsets, Q, offsets).min())


GRIDS = [
    Grids(np.array([0.3, 0.5, 0.8]), np.arange(-3.0, 4.0), span=3),  # affine, 2 bits
    Grids(np.array([0.25, 0.4]), np.arange(-4.0, 5.0), span=7),
    Grids(np.array([0.125, 0.25]), np.array([-12.0, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 12])),
]


@given(st.integers(0, 2**32), st.integers(1, 4), st.sampled_from(GRIDS))
@example(25695924, 3, GRIDS[0])  # a condition number of 3e7
@settings(max_examples=300, deadline=None)
def test_a_complete_search_finds_the_optimum(seed: int, m: int, grids: Grids) -> None:
    generator, v, Q = random_problem(seed, m)
    loss, error = quadratic(v, Q), generator.uniform(0.5, 2, m)
    few, many = (search(loss, grids, error, keep=keep) for keep in (1, 8))
    found = search_all(loss, grids, error, many.cost[0], most_nodes=10**6)
    best = brute_force(v, Q, grids)
    assert found.complete
    x = found.levels[0] * grids.scale[found.grid[0]]
    assert np.isclose(cost_of(x, v, Q), best, rtol=1e-9, atol=1e-12)
    assert np.isclose(found.cost[0], best, rtol=1e-9, atol=1e-12)
    assert min(few.cost[0], many.cost[0]) >= best * (1 - 1e-9) - 1e-12


@given(st.integers(0, 2**32), st.integers(2, 6), st.sampled_from(GRIDS))
@settings(max_examples=100, deadline=None)
def test_no_exchange_of_one_or_two_levels_improves_what_improve_returns(seed: int, m: int, grids: Grids) -> None:
    _, v, Q = random_problem(seed, m)
    loss = quadratic(v, Q)
    points = improve(loss, grids, search(loss, grids, np.ones(m), keep=1))
    index, scale = np.searchsorted(grids.levels, points.levels[0]), grids.scale[points.grid[0]]
    cost = cost_of(grids.levels[index] * scale, v, Q)
    assert np.isclose(cost, points.cost[0], rtol=1e-6)
    assert max(points.levels.max(), 0) - min(points.levels.min(), 0) <= grids.span
    for first, second in itertools.combinations_with_replacement(range(m), 2):
        for step, other in itertools.product((-1, 0, 1), repeat=2):
            moved = index.copy()
            moved[first] += step
            moved[second] += other if second != first else 0
            levels = grids.levels[np.clip(moved, 0, len(grids.levels) - 1)]
            if (moved >= 0).all() and (moved < len(grids.levels)).all():
                spread = max(levels.max(), 0) - min(levels.min(), 0)
                assert spread > grids.span or cost_of(levels * scale, v, Q) >= cost * (1 - 1e-8)


def test_a_singular_matrix_gets_no_more_jitter_than_it_needs() -> None:
    A = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [1.0, 2.0, 0.0]])
    assert quadratic(np.zeros(3), np.eye(3)).jitter == 0
    assert 0 < quadratic(np.zeros(3), A.T @ A).jitter <= 1e-9


def test_a_search_of_too_many_nodes_says_so() -> None:
    loss, grids = quadratic(np.full(12, 0.49), np.eye(12)), Grids(np.array([1.0]), np.arange(-2.0, 3.0))
    few, many = (search_all(loss, grids, np.ones(12), 100.0, most_nodes) for most_nodes in (1000, 10**6))
    assert not few.complete
    assert many.complete
    assert np.isclose(many.cost[0], 12 * 0.49**2)


def test_a_search_that_leaves_too_many_equals_to_exact_arithmetic_says_so() -> None:
    loss, grids = quadratic(np.full(12, 0.5), np.eye(12)), Grids(np.array([1.0]), np.arange(-2.0, 3.0))
    found = search_all(loss, grids, np.ones(12), 100.0, most_nodes=10**6)
    assert not found.complete
    assert found.cost[0] == 12 * 0.25


def test_a_damped_loss_proves_nothing() -> None:
    A = np.array([[1.0, 2.0], [2.0, 4.0]])
    found = search_all(quadratic(np.zeros(2), A), GRIDS[0], np.ones(2), bound=1.0, most_nodes=10**6)
    assert not found.complete


def test_an_exchange_that_would_leave_the_span_is_not_made() -> None:
    """From (-1, 0) the best level of the second is 3, but the span allows 2."""
    grids = Grids(np.array([1.0]), np.arange(-3.0, 4.0), span=3)
    start = Points(np.array([[-1.0, 0.0]]), np.array([0]), np.array([np.inf]))
    assert improve(quadratic(np.array([-1.0, 3.0]), np.diag([100.0, 1.0])), grids, start).levels.tolist() == [[-1, 2]]


def test_each_order_of_the_coordinates_has_a_tree_of_its_own() -> None:
    """The coordinate of the largest error comes first; the orders agree in some places."""
    loss = quadratic(np.zeros(4), np.eye(4))
    for error, order in [
        ((4, 3, 2, 1), [0, 1, 2, 3]),
        ((4, 3, 1, 2), [0, 1, 3, 2]),
        ((1, 3, 2, 4), [3, 1, 2, 0]),
        ((8, 6, 4, 2), [0, 1, 2, 3]),
    ]:
        assert loss.tree(np.array(error, float)).order.tolist() == order
    assert len({id(each) for each in loss.trees.values()}) == 3


@given(st.integers(0, 2**32), st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_the_bound_of_rounding_is_that_of_its_derivation(seed: int, m: int) -> None:
    """4 (m + 3) units in the last place times the norm of K = |sqrt(D) inv(L)| |L| / sqrt(D)."""
    _, v, Q = random_problem(seed, m)
    tree = quadratic(v, Q).tree(np.ones(m))
    root = np.sqrt(tree.weight)
    K = np.abs(root[:, None] * np.linalg.inv(tree.moves)) @ (np.abs(tree.moves) / root)
    assert np.isclose(tree.rounding, 4 * (m + 3) * 2.0**-53 * np.linalg.norm(K), rtol=1e-6)
