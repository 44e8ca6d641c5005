"""Predictions for a million rows of CSV beside pandas and scikit-learn: time and memory, in docs/performance.md.

`python -m benchmarks.batch` needs Linux and what is in benchmarks/requirements.txt; `make bench` installs it.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks import others_python, publish, resident
from samebits import artifacts, markdown, pickles
from samebits.errors import UserError, run

ROWS = 1_000_000
TURNS = 3
PREDICT = """
import sys, joblib, pandas
model = joblib.load("models/model.joblib")
y = model.predict(pandas.read_csv(sys.argv[1])[model.feature_names_in_])
"""
WRITES = {  # each as text that gives the same float64 again
    "join, repr": "print('\\n'.join(map(repr, y.tolist())))",
    "to_csv": "pandas.Series(y).to_csv(sys.stdout, index=False, header=False)",
}


def tables() -> dict[str, np.ndarray]:
    """Rows drawn from the bundled table, as they are and with noise, which gives every number all its 53 bits."""
    random = np.random.default_rng(0)
    X = pickles.load("data/train.joblib")["X"]
    X = X[random.integers(len(X), size=ROWS)]
    return {"housing": X, "housing, with noise": X * (1 + 0.01 * random.normal(size=X.shape))}


def write_csv(X: np.ndarray, features: list[str], path: Path) -> None:
    """CSV with a header; each number as its shortest text."""
    with path.open("w") as file:
        print(*features, sep=",", file=file)
        file.writelines(",".join(map(repr, row)) + "\n" for row in X.tolist())


def measure(command: list[str], source: Path, target: Path) -> tuple[float, float]:
    """Seconds and peak memory, in MB, of a process that predicts all rows."""
    megabytes = 0.0
    with source.open("rb") as stdin, target.open("wb") as stdout:
        begin = time.perf_counter()
        with subprocess.Popen(command, stdin=stdin, stdout=stdout) as process:
            while process.poll() is None:  # what `wait4` says begins with the memory of this process
                megabytes = resident("VmHWM", process.pid) or megabytes
                time.sleep(0.005)
        seconds = time.perf_counter() - begin
    if process.returncode or target.read_bytes().count(b"\n") != ROWS:
        raise UserError(f"{' '.join(command[:3])}: failed, or did not predict every row")
    return seconds, megabytes


def main() -> None:
    """Measure, and write the table."""
    python, rows = others_python(), []
    features = list(artifacts.read_json("models/card.json")["features"])
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "rows.csv", Path(folder) / "predictions.txt"
        commands = {"samebits": [sys.executable, "-m", "samebits", "predict"]} | {
            f"pandas, {name}": [python, "-c", PREDICT + write, str(source)] for name, write in WRITES.items()
        }
        for name, X in tables().items():
            write_csv(X, features, source)
            found: dict[str, list[tuple[float, float]]] = {each: [] for each in commands}
            for turn in tqdm(range(1 + TURNS), desc=name, unit="turn", disable=None):
                for each, command in commands.items():
                    measured = measure(command, source, target)
                    if turn:  # in the first, files come from the disk
                        found[each].append(measured)
            medians = {
                each: [statistics.median(column) for column in zip(*of, strict=True)] for each, of in found.items()
            }
            for each, (seconds, megabytes) in medians.items():
                speed = f"{seconds / medians['samebits'][0]:.1f}"
                first = f"{name}, {source.stat().st_size / 1e6:,.0f} MB" if each == "samebits" else ""
                rows.append([first, each, f"{seconds:.2f}", speed, f"{megabytes:,.0f}"])
    headers = ["rows", "program", "s", "times samebits", "peak memory, MB"]
    text = markdown.table(rows, headers, colalign=("left", "left", *["right"] * 3))
    publish("batch", text)


if __name__ == "__main__":
    run(main)
