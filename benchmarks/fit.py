"""Exact least squares beside the usual solvers: time, memory and correct digits, as a table in docs/performance.md.

`python -m benchmarks.fit` measures all; statsmodels takes part where it is installed.
"""

import importlib.util
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.linear_model import LinearRegression, Ridge
from tqdm import tqdm

from benchmarks import OTHERS, publish, resident
from benchmarks.tables import bundled
from samebits import ExactLinearRegression, markdown

SHAPES = [(20_000, 8), (100_000, 8), (1_000_000, 8), (4_000_000, 8), (10_000_000, 8), (1_000_000, 50), (100_000, 200)]
SECONDS = 4  # of repetitions for each shape, but 5 to 31 of them
RIDGE = "Ridge(1e-9, cholesky)"  # the same sums of products as ours, but rounded

Fit = Callable[[np.ndarray, np.ndarray], np.ndarray]


def with_ones(X: np.ndarray) -> np.ndarray:
    """[1, X]."""
    return np.column_stack([np.ones(len(X)), X])


def statsmodels(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ordinary least squares by the pseudoinverse."""
    import statsmodels.api as sm  # type: ignore[import-not-found, unused-ignore]

    return np.asarray(sm.OLS(y, with_ones(X)).fit().params[1:])


FITS: dict[str, Fit] = {
    "samebits": lambda X, y: ExactLinearRegression().fit(X, y).coef_,
    "LinearRegression": lambda X, y: LinearRegression().fit(X, y).coef_,
    RIDGE: lambda X, y: Ridge(alpha=1e-9, solver="cholesky").fit(X, y).coef_,
    "numpy.linalg.lstsq": lambda X, y: np.linalg.lstsq(with_ones(X), y)[0][1:],
}
sys.path += map(str, OTHERS.glob("lib/python*/site-packages"))  # last: what the project pins comes first
if importlib.util.find_spec("statsmodels"):
    FITS["statsmodels OLS"] = statsmodels


def random_table(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal columns, of all 53 bits, and a linear y with noise."""
    random = np.random.default_rng(0)
    X = random.normal(size=(rows, columns))
    return X, X.sum(axis=1) + random.normal(size=rows)


def load(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The table of a row of the results: housing for 0 rows."""
    return random_table(rows, columns) if rows else bundled()


def seconds(X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The median time of each fit, all in turn."""
    times: dict[str, list[float]] = {name: [] for name in FITS}

    def turn() -> None:
        for name, fit in FITS.items():
            time.sleep(0.1)  # the threads of BLAS spin for a while after a fit and would slow down the next one
            begin = time.perf_counter()
            fit(X, y)
            times[name].append(time.perf_counter() - begin)

    turn()
    repetitions = min(31, max(5, int(SECONDS / sum(each.pop() for each in times.values()))))
    for _ in range(repetitions):
        turn()
    return {name: statistics.median(each) for name, each in times.items()}


def digits(found: np.ndarray, true: np.ndarray) -> str:
    """The correct decimal digits of the worst coefficient."""
    worst = float(np.max(np.abs(found - true) / np.abs(true)))
    return f"{-math.log10(worst):.1f}" if worst else "all"


def megabytes(name: str, rows: int, columns: int) -> float:
    """How much memory a fit takes beside its data, at its peak, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.fit", name, str(rows), str(columns)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_memory(name: str, rows: int, columns: int) -> None:
    """Print the growth of the resident memory, in MB, from the loaded data to the peak of the fit."""
    X, y = load(rows, columns)
    FITS[name](X[:1000], y[:1000])  # imports what it needs
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    begin = resident("VmRSS")
    FITS[name](X, y)
    print(resident("VmHWM") - begin)


def main() -> None:
    """Measure, and write the table."""
    rows = []
    for shape in tqdm([(0, 8), *SHAPES], unit="table", disable=None):
        X, y = load(*shape)
        true = ExactLinearRegression().fit(X, y).coef_
        times = seconds(X, y)
        wrong = {name: digits(fit(X, y), true) for name, fit in FITS.items()}
        size = f"{len(X):,} x {X.shape[1]}" + ("" if shape[0] else ", housing")
        for name, spent in times.items():
            speed = f"{spent / times['samebits']:.1f}"
            row = [f"{spent * 1e3:,.1f}", speed, f"{megabytes(name, *shape):,.0f}", wrong[name]]
            rows.append(["" if name != "samebits" else size, name, *row])
        del X, y
    headers = ["rows x columns", "fit", "ms", "times samebits", "peak memory, MB", "correct digits"]
    text = markdown.table(rows, headers, colalign=("left", "left", *["right"] * 4))
    publish("fit", text)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measure_memory(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
