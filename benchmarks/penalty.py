"""The time that cross-validation takes for its solutions, quoted in docs/exact.md: `python -m benchmarks.penalty`."""

import time

import numpy as np

from samebits.errors import run
from samebits.exact.cross_validation import CrossValidation, Fold
from samebits.exact.moments import Moments

ROWS, FOLDS = 10_000, 5
ALPHAS = [2.0**power for power in range(-25, 25)]


def main() -> None:
    """Time the choice between 50 alphas, without the moments."""
    random = np.random.default_rng(0)
    for columns in (8, 50, 200):
        X = random.normal(size=(ROWS, columns))
        y = X.sum(axis=1) + random.normal(size=ROWS)
        folds = Fold.each_of([Moments.of(X[fold::FOLDS], y[fold::FOLDS]) for fold in range(FOLDS)])
        for standardize in (False, True):
            begin = time.process_time()
            CrossValidation.of(folds, ALPHAS, standardize=standardize)
            print(f"{columns} columns, standardize {standardize}: {time.process_time() - begin:.2f} s")


if __name__ == "__main__":
    run(main)
