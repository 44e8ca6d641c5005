import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samebits.tables.sample import Sample


def rows_of(priority: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows that tell their priorities."""
    values = priority.astype(float)
    return np.column_stack([values, -values]), values + 1


@given(st.integers(1, 60), st.integers(0, 300), st.lists(st.integers(0, 100), max_size=12), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_the_rows_of_the_lowest_priorities_are_kept_in_their_order(
    size: int, rows: int, cuts: list[int], seed: int
) -> None:
    priority = np.random.default_rng(seed).permutation(1000)[:rows].astype(np.uint64)
    sample = Sample(size, 2)
    for part in np.split(priority, sorted(min(cut, rows) for cut in cuts)):
        sample.add(*rows_of(part), part)
    X, y = sample.rows()
    expected_X, expected_y = rows_of(np.sort(priority)[:size])
    assert np.array_equal(X, expected_X)
    assert np.array_equal(y, expected_y)


def test_rows_above_the_limit_need_not_be_added() -> None:
    priority = np.random.default_rng(0).permutation(10_000).astype(np.uint64)
    whole, limited = Sample(100, 2), Sample(100, 2)
    for part in np.split(priority, 50):
        whole.add(*rows_of(part), part)
        low = part[part <= limited.limit]
        limited.add(*rows_of(low), low)
    assert limited.limit < 1000
    assert np.array_equal(whole.rows()[0], limited.rows()[0])


@pytest.mark.parametrize("size", [1, 5])
def test_equal_rows_have_equal_priorities(size: int) -> None:
    sample = Sample(size, 2)
    priority = np.full(1000, 7, np.uint64)
    sample.add(*rows_of(priority), priority)
    X, y = sample.rows()
    assert X.tolist() == [[7, -7]] * size
    assert y.tolist() == [8] * size
