import struct

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, train_test_split

from samebits.errors import UserError
from samebits.tables.split import Hash, Shuffle


def shuffle(rows: int, test_size: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the train and of the test rows, in the order of their priorities."""
    numbers = np.arange(rows)
    test, priority = Shuffle.of(rows, test_size, seed).decide(0, numbers[:, None], numbers)
    train_rows, test_rows = (part[np.argsort(priority[part])] for part in (numbers[~test], numbers[test]))
    return train_rows, test_rows


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


def test_more_rows_than_a_shuffle_can_take_are_refused() -> None:
    with pytest.raises(UserError, match="shuffle cannot split 4,294,967,296 rows; use hash, which has no limit"):
        Shuffle.of(2**32, 0.2, 0)


@given(st.integers(2, 300), st.integers(2, 20), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_the_folds_are_those_of_scikit_learn(rows: int, folds: int, seed: int) -> None:
    numbers = np.arange(rows)
    split = Shuffle.of(rows, 0.2, seed)
    test, priority = split.decide(0, numbers[:, None], numbers)
    train = numbers[~test]
    found = split.folds(priority[~test], folds)
    if len(train) < folds:  # KFold refuses
        assert np.bincount(found, minlength=folds).tolist() == [1] * len(train) + [0] * (folds - len(train))
        return
    theirs, _ = train_test_split(numbers, test_size=0.2, random_state=seed)
    for fold, (_, scored) in enumerate(KFold(folds).split(theirs)):
        assert set(train[found == fold]) == set(theirs[scored])


@pytest.mark.parametrize("folds", [2, 5, 1000])
def test_the_folds_of_a_hash_are_fair_and_do_not_follow_the_order(folds: int) -> None:
    n = 200_000
    numbers = np.arange(n, dtype=float)
    split = Hash(0.2, 3)
    test, priority = split.decide(0, numbers[:, None], numbers)
    found = split.folds(priority, folds)
    assert [int(each) for each in found[:99]] == [int(p) % 2**32 * folds // 2**32 for p in priority[:99].tolist()]
    for some in (np.full(n, True), test, priority < 2**61):
        counts = np.bincount(found[some], minlength=folds)
        expected = some.sum() / folds
        assert len(counts) == folds
        assert np.abs(counts - expected).max() < 6 * expected**0.5


def splitmix64(state: int) -> int:
    """The state's next output, in Python's integers."""
    state = (state + 0x9E3779B97F4A7C15) % 2**64
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ state >> 27) * 0x94D049BB133111EB % 2**64
    return state ^ state >> 31


def test_the_generator_is_splitmix64() -> None:
    assert [splitmix64(0), splitmix64(0x9E3779B97F4A7C15)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]  # published


@given(
    st.lists(st.lists(st.floats(allow_nan=False), min_size=3, max_size=3), min_size=1, max_size=9),
    st.floats(0, 1, exclude_min=True, exclude_max=True),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=100, deadline=None)
def test_a_row_is_split_by_the_hash_of_its_values(rows: list[list[float]], test_size: float, seed: int) -> None:
    values = np.array(rows)
    test, priority = Hash(test_size, seed).decide(0, values[:, :-1], values[:, -1])
    for i, row in enumerate(rows):
        h = seed
        for value in row:
            h = splitmix64(h ^ int.from_bytes(struct.pack("<d", value or 0.0), "little"))
        assert (test[i], priority[i]) == (h < int(test_size * 2.0**64), splitmix64(h))


def test_a_row_keeps_its_side_wherever_it_stands() -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(10_000, 3)).round(3), random.normal(size=10_000)
    split = Hash(0.2, 7)
    test, priority = split.decide(0, X, y)
    order = random.permutation(len(y))[:5000]
    again, same_priority = split.of_rows(0, 5000).decide(123, np.asfortranarray(X[order]), y[order])
    assert np.array_equal(again, test[order])
    assert np.array_equal(same_priority, priority[order])


@pytest.mark.parametrize("test_size", [0.01, 0.2, 0.5, 0.9])
def test_the_test_rows_are_a_fair_share(test_size: float) -> None:
    n = 200_000
    numbers = np.arange(n, dtype=float)
    for seed in range(5):
        test, priority = Hash(test_size, seed).decide(0, numbers[:, None], numbers)
        sigma = (test_size * (1 - test_size) / n) ** 0.5
        assert abs(test.mean() - test_size) < 5 * sigma
        middle = priority[test] < 2**63  # priorities do not depend on the side
        assert abs(middle.mean() - 0.5) < 5 * (0.25 / test.sum()) ** 0.5


def test_seeds_give_other_splits() -> None:
    numbers = np.arange(1000.0)
    first, second = (Hash(0.5, seed).decide(0, numbers[:, None], numbers)[0] for seed in (1, 2))
    assert 400 < np.count_nonzero(first == second) < 600


def test_negative_zero_is_zero() -> None:
    X, y = np.array([[0.0], [-0.0]]), np.array([-0.0, 0.0])
    _, priority = Hash(0.5, 0).decide(0, X, y)
    assert priority[0] == priority[1]


@given(st.integers(1, 200), st.integers(0, 200), st.integers(0, 200), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_some_rows_are_split_as_in_the_whole(rows: int, first: int, last: int, seed: int) -> None:
    first, last = sorted((min(first, rows), min(last, rows)))
    numbers = np.arange(rows)
    split = Shuffle.of(rows, 0.3, seed)
    whole = split.decide(0, numbers[:, None], numbers)
    part = split.of_rows(first, last).decide(0, numbers[first:last, None], numbers[first:last])
    for all_of_them, some in zip(whole, part, strict=True):
        assert np.array_equal(all_of_them[first:last], some)
