import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from samebits.split import shuffle


def assert_as_scikit_learn(rows: int, test_size: float, seed: int) -> None:
    train, test = shuffle(rows, test_size, seed)
    theirs_train, theirs_test = train_test_split(np.arange(rows), test_size=test_size, random_state=seed)
    assert train.tolist() == theirs_train.tolist()
    assert test.tolist() == theirs_test.tolist()


@given(
    st.integers(2, 500), st.floats(0, 1, exclude_min=True, exclude_max=True) | st.just(0.2), st.integers(0, 2**32 - 1)
)
@settings(max_examples=100, deadline=None)
def test_the_split_is_that_of_scikit_learn(rows: int, test_size: float, seed: int) -> None:
    assume(np.ceil(test_size * rows) < rows)
    assert_as_scikit_learn(rows, test_size, seed)


@pytest.mark.parametrize("rows", [5, 10, 20640, 100_003])
@pytest.mark.parametrize("test_size", [0.1, 0.2, 0.25, 1 / 3, 0.7])
def test_the_split_of_common_sizes_is_that_of_scikit_learn(rows: int, test_size: float) -> None:
    assert_as_scikit_learn(rows, test_size, 42)


@given(st.integers(0, 300), st.floats(0, 1, exclude_min=True, exclude_max=True), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_every_row_is_in_one_part(rows: int, test_size: float, seed: int) -> None:
    train, test = shuffle(rows, test_size, seed)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(rows))
