"""Exact least squares beside the usual solvers: time, memory and correct digits, as a table in docs/performance.md.

`python -m benchmarks.fit` measures all; statsmodels takes part where it is installed.
"""

import functools
import importlib.util
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from scipy.sparse import issparse
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import OneHotEncoder
from tqdm import tqdm

from benchmarks import OTHERS, publish, resident
from benchmarks.tables import bundled
from samebits import ExactLinearRegression, markdown
from samebits.exact import compiled, kernel
from samebits.model import prediction

SHAPES = [(20_000, 8), (100_000, 8), (1_000_000, 8), (4_000_000, 8), (1_000_000, 50), (100_000, 200)]
SECONDS = 4  # of a turn, at most, which is repeated 3 to 31 times
RIDGE = "Ridge(1e-9, cholesky)"  # the same sums of products as ours, but rounded
NUMPY = "samebits, without a compiler"
TAKE_SPARSE = ("samebits", "LinearRegression")

Table = tuple[np.ndarray, np.ndarray]
Fit = Callable[[np.ndarray, np.ndarray], np.ndarray]


def with_ones(X: np.ndarray) -> np.ndarray:
    """[1, X]."""
    return np.column_stack([np.ones(len(X)), X])


def statsmodels(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ordinary least squares by the pseudoinverse."""
    import statsmodels.api as sm  # type: ignore[import-not-found, unused-ignore]

    return np.asarray(sm.OLS(y, with_ones(X)).fit().params[1:])


def through_numpy(call: Callable[[], Any]) -> Any:
    """What a call gives where no C is compiled."""
    with (
        mock.patch.object(compiled, "library", return_value=None),
        mock.patch.object(prediction, "library", return_value=None),
    ):
        return call()


FITS: dict[str, Fit] = {
    "samebits": lambda X, y: ExactLinearRegression().fit(X, y).coef_,
    NUMPY: lambda X, y: through_numpy(lambda: FITS["samebits"](X, y)),
    "LinearRegression": lambda X, y: LinearRegression().fit(X, y).coef_,
    RIDGE: lambda X, y: Ridge(alpha=1e-9, solver="cholesky").fit(X, y).coef_,
    "numpy.linalg.lstsq": lambda X, y: np.linalg.lstsq(with_ones(X), y)[0][1:],
}
sys.path += map(str, OTHERS.glob("lib/python*/site-packages"))  # last: what the project pins comes first
if importlib.util.find_spec("statsmodels"):
    FITS["statsmodels OLS"] = statsmodels


def random_table(rows: int, columns: int, condition: float = 1) -> Table:
    """Normal columns, of all 53 bits, and a linear y with noise; the larger the condition, the more alike columns."""
    random = np.random.default_rng(0)
    X = random.normal(size=(rows, columns))
    if condition > 1:
        X = X * np.geomspace(1, 1 / condition, columns) @ np.linalg.qr(random.normal(size=(columns, columns)))[0]
    return X, X.sum(axis=1) + random.normal(size=rows)


def one_hot(rows: int, features: int, levels: int) -> Table:
    """A sparse table: so many levels of each categorical feature."""
    random = np.random.default_rng(0)
    codes = random.integers(0, levels + 1, (rows, features))
    X = OneHotEncoder(drop="first").fit_transform(codes)
    return X, X @ random.normal(size=X.shape[1]) + random.normal(size=rows)


TABLES: dict[str, Callable[[], Table]] = {
    "20,640 x 8, housing": bundled,
    "50 x 200": lambda: random_table(50, 200),
    **{f"{n:,} x {p}": functools.partial(random_table, n, p) for n, p in SHAPES},
    "20,000 x 400, condition 1e5": lambda: random_table(20_000, 400, 1e5),
    "20,000 x 800, condition 1e5": lambda: random_table(20_000, 800, 1e5),
    "100,000 x 2,000, sparse one-hot": lambda: one_hot(100_000, 20, 100),
}


def fits(X: np.ndarray) -> dict[str, Fit]:
    """Those that take a table."""
    return {name: fit for name, fit in FITS.items() if not issparse(X) or name in TAKE_SPARSE}


def seconds(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median time of each call, all in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}

    def turn() -> None:
        for name, call in calls.items():
            time.sleep(0.1)  # the threads of BLAS spin for a while after a fit and would slow down the next one
            begin = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - begin)

    turn()
    repetitions = min(31, int(3 * SECONDS / sum(map(sum, times.values()))))
    if repetitions:  # else the first turn must do
        times = {name: [] for name in calls}
    for _ in range(repetitions):
        turn()
    return {name: statistics.median(each) for name, each in times.items()}


def digits(found: np.ndarray, true: np.ndarray) -> str:
    """The correct decimal digits of the worst coefficient."""
    worst = float(np.max(np.abs(found - true) / np.abs(true)))
    return f"{-math.log10(worst):.1f}" if worst else "all"


def megabytes(name: str, table: str) -> float:
    """How much memory a fit takes beside its data, at its peak, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.fit", name, table]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_memory(name: str, table: str) -> None:
    """Print the growth of the resident memory, in MB, from the loaded data to the peak of the fit."""
    X, y = TABLES[table]()
    FITS[name](X[:1000], y[:1000])  # imports what it needs
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    begin = resident("VmRSS")
    FITS[name](X, y)
    print(resident("VmHWM") - begin)


def measure_fits() -> None:
    """Measure all fits of all tables, and write the results."""
    rows = []
    for table, load in tqdm(TABLES.items(), unit="table", disable=None):
        X, y = load()
        true = ExactLinearRegression().fit(X, y).coef_
        those = fits(X)
        times = seconds({name: functools.partial(fit, X, y) for name, fit in those.items()})
        for name, spent in times.items():
            speed, right = (
                f"{spent / times['samebits']:.1f}",
                digits(true if name == "samebits" else those[name](X, y), true),
            )
            row = [f"{spent * 1e3:,.1f}", speed, f"{megabytes(name, table):,.0f}", right]
            rows.append(["" if name != "samebits" else table, name, *row])
        del X, y
    headers = ["rows x columns", "fit", "ms", "times samebits", "peak memory, MB", "correct digits"]
    publish("fit", markdown.table(rows, headers, colalign=("left", "left", *["right"] * 4)))


def measure_predictions() -> None:
    """Measure the predictions for a million rows, and write the results."""
    rows = []
    for columns in (8, 50):
        X, y = random_table(1_000_000, columns)
        exact, theirs = ExactLinearRegression().fit(X, y), LinearRegression().fit(X, y)
        ours = functools.partial(exact.predict, X)
        calls = {"samebits": ours, NUMPY: functools.partial(through_numpy, ours)}
        times = seconds({**calls, "LinearRegression": functools.partial(theirs.predict, X)})
        for name, spent in times.items():
            speed = f"{spent / times['samebits']:.1f}"
            rows.append([f"{len(X):,} x {columns}" if name == "samebits" else "", name, f"{spent * 1e3:,.1f}", speed])
    headers = ["rows x columns", "predict", "ms", "times samebits"]
    publish("predict", markdown.table(rows, headers, colalign=("left", "left", "right", "right")))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure_memory(sys.argv[1], sys.argv[2])
    else:
        print(f"samebits.exact.kernel(): {kernel()}")
        measure_predictions()
        measure_fits()
