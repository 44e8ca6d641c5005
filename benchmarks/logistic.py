"""Logistic regression beside others: time and correct digits, quoted in docs/performance.md.

`python -m benchmarks.logistic` measures all; statsmodels and R take part where they are installed.
"""

import importlib.util
import math
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from benchmarks import publish
from benchmarks.tables import bundled
from samebits import ExactLogisticRegression, markdown
from samebits.errors import run

ROWS, COLUMNS = 1_000_000, 8
REPETITIONS = 5
R = """
source <- commandArgs(TRUE)
numbers <- readBin(source[1], "double", file.size(source[1]) / 8)
table <- as.data.frame(matrix(numbers, ncol = as.integer(source[2])))
seconds <- system.time(fit <- glm(V1 ~ ., binomial, table))["elapsed"]
cat(sprintf("%.17g", c(seconds, coef(fit))))
"""

Timed = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, float]]


def timed(fit: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Timed:
    """The parameters, and the seconds that the fit took."""

    def run(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
        begin = time.perf_counter()
        return fit(X, y), time.perf_counter() - begin

    return run


def r_glm(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Iteratively reweighted least squares, timed by R itself, without reading the rows."""
    with tempfile.NamedTemporaryFile() as rows, tempfile.NamedTemporaryFile("w", suffix=".R") as program:
        Path(rows.name).write_bytes(np.column_stack([y, X]).tobytes("F"))
        program.write(R)
        program.flush()
        command = ["Rscript", program.name, rows.name, str(X.shape[1] + 1)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, *parameters = map(float, done.stdout.split())
    return np.array(parameters), seconds


def samebits(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The intercept and the coefficients, proved."""
    model = ExactLogisticRegression().fit(X, y)
    return np.append(model.intercept_, model.coef_)


def scikit_learn(solver: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """One of scikit-learn's solvers, with its own tolerance."""

    def fit(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        model = LogisticRegression(C=np.inf, solver=solver, max_iter=1000).fit(X, y)
        return np.append(model.intercept_, model.coef_)

    return fit


def statsmodels(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Newton's method, with standard errors, as samebits computes them too."""
    import statsmodels.api as sm  # type: ignore[import-not-found, unused-ignore]

    return np.asarray(sm.Logit(y, sm.add_constant(X)).fit(disp=0).params)


FITS: dict[str, Timed] = {
    "samebits": timed(samebits),
    "scikit-learn lbfgs": timed(scikit_learn("lbfgs")),
    "scikit-learn newton-cholesky": timed(scikit_learn("newton-cholesky")),
}
if importlib.util.find_spec("statsmodels"):
    FITS["statsmodels Logit"] = timed(statsmodels)
if shutil.which("Rscript"):
    FITS["R glm"] = r_glm


def tables() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Housing: is a block group above the median? And a random table of many rows."""
    X, y = bundled()
    random = np.random.default_rng(0)
    many = random.normal(size=(ROWS, COLUMNS))
    return {
        f"{len(X):,} x {X.shape[1]}, housing": (X, (y > np.median(y)).astype(float)),
        f"{ROWS:,} x {COLUMNS}": (many, (many.sum(axis=1) + random.logistic(size=ROWS) > 0).astype(float)),
    }


def main() -> None:
    """Measure, and write the table."""
    warnings.simplefilter("ignore")  # solvers that stop early say so; here their digits do
    rows = []
    for name, (X, y) in tqdm(tables().items(), unit="table", disable=None):
        true = samebits(X, y)
        times: dict[str, list[float]] = {fit: [] for fit in FITS}
        found = {}
        for _ in range(REPETITIONS):
            for each, fit in FITS.items():
                found[each], seconds = fit(X, y)
                times[each].append(seconds)
        for each in FITS:
            worst = float(np.max(np.abs(found[each] - true) / np.abs(true)))
            digits = f"{-math.log10(worst):.1f}" if worst else "all"
            row = [f"{statistics.median(times[each]):,.2f}", digits]
            rows.append([name if each == "samebits" else "", each, *row])
    headers = ["rows x columns", "fit", "s", "correct digits"]
    publish("logistic", markdown.table(rows, headers, colalign=("left", "left", "right", "right")))


if __name__ == "__main__":
    run(main)
