"""Which rows are test rows: the split of scikit-learn's `train_test_split`, without importing scikit-learn."""

import math

import numpy as np


def shuffle(rows: int, test_size: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the train and of the test rows, as `train_test_split(test_size=test_size, random_state=seed)`.

    numpy guarantees that the stream of RandomState never changes.
    """
    order = np.random.RandomState(seed).permutation(rows)
    test_rows = math.ceil(test_size * rows)
    return order[test_rows:], order[:test_rows]
