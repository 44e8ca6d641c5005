"""From a file to a model: rows a second, beside pandas and DuckDB, and by rows and workers, in docs/performance.md.

`python -m benchmarks.stream` needs Linux, 12 GB of disk for a while, and what is in benchmarks/requirements.txt;
`make bench` installs it. `python -m benchmarks.stream ROWS FILE` only writes a table of so many rows.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
from tqdm import tqdm

from benchmarks import others_python, publish
from samebits import markdown
from samebits.errors import run

ROWS_OF_FILES = 3_000_000
TURNS = 3
ROWS = [100_000, 1_000_000, 10_000_000, 100_000_000]
WORKERS = [1, 2]

# Half of the features with all 53 bits, two counts, a price and a share
TABLE = """
SELECT *, a + b + f + random() AS y
FROM (SELECT random() AS a, 100 * random() AS b, random() - 0.5 AS c, sqrt(random()) AS d,
             (50 * random())::INTEGER AS e, (1000 * random())::INTEGER AS f,
             round(500 * random(), 2) AS g, round(random(), 3) AS h FROM range({rows}))
"""

SAMEBITS = """
import resource, sys, time
from benchmarks import resident
from samebits import params
from samebits.exact import score
from samebits.tables import summary
from samebits.exact.estimator import ExactLinearRegression
from samebits.model.linear import LinearModel
from samebits.tables.table import Table

imports, begin = resident("VmRSS"), time.perf_counter()
data = params.Data(sys.argv[1], "FROM source", "y", 0.2, 42, "hash", 1_000_000)
table = Table.of(data.source, data.query, data.target)
parts = summary.of(table, data, 5, params.Compute("loky", int(sys.argv[2]), None))
rows = [each.sample.rows() for each in parts.values()]
model = ExactLinearRegression().fit_moments(parts["train"].moments)
r2 = score.scores(parts["test"].moments, LinearModel(model.coef_, model.intercept_))["r2"]
workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3 if int(sys.argv[2]) > 1 else 0
print([time.perf_counter() - begin, resident("VmHWM") - imports, workers, r2])
"""
PANDAS = """
import sys, time, pandas
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

begin = time.perf_counter()
table = (pandas.read_csv if sys.argv[1].endswith("csv") else pandas.read_parquet)(sys.argv[1])
train_X, test_X, train_y, test_y = train_test_split(table.drop(columns="y"), table["y"], test_size=0.2, random_state=42)
r2 = LinearRegression().fit(train_X, train_y).score(test_X, test_y)
print([time.perf_counter() - begin, r2])
"""
DUCKDB = """
import sys, time, duckdb, nanoarrow

begin = time.perf_counter()
with duckdb.connect() as connection:
    connection.execute("SET enable_progress_bar = false")
    for chunk in nanoarrow.ArrayStream(connection.sql(f"FROM '{sys.argv[1]}'")).iter_chunks():
        pass
print([time.perf_counter() - begin])
"""


def write(rows: int, path: Path) -> None:
    """A table of random rows, the same each time."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SELECT setseed(0.5)")
        connection.execute(f"COPY ({TABLE.format(rows=rows)}) TO '{path}'")


def measure(python: str, program: str, *arguments: str) -> list[float]:
    """What a program prints: its seconds without imports, then more."""
    command = [python, "-c", program, *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def files(folder: Path) -> str:
    """Markdown: from CSV and from Parquet."""
    programs = {
        "DuckDB, reading only": (sys.executable, DUCKDB),
        "samebits": (sys.executable, SAMEBITS, str(os.cpu_count())),
        "pandas, scikit-learn": (others_python(), PANDAS),
    }
    rows = []
    for suffix in ("csv", "parquet"):
        path = folder / f"table.{suffix}"
        write(ROWS_OF_FILES, path)
        seconds: dict[str, list[float]] = {name: [] for name in programs}
        for turn in tqdm(range(1 + TURNS), desc=suffix, unit="turn", disable=None):
            for name, (python, program, *more) in programs.items():
                found = measure(python, program, str(path), *more)
                if turn:  # in the first, files come from the disk
                    seconds[name].append(found[0])
        size = f"{suffix}, {path.stat().st_size / 1e6:,.0f} MB"
        for name, each in seconds.items():
            median = statistics.median(each)
            rows.append([size, name, f"{median:.2f}", f"{ROWS_OF_FILES / median / 1e6:.2f}"])
            size = ""
        path.unlink()
    return markdown.table(rows, ["file", "program", "s", "million rows a second"], colalign=ALIGNED)


ALIGNED = ("left", "left", "right", "right")


def growth(folder: Path) -> str:
    """Markdown: against rows and workers."""
    rows = []
    for size in tqdm(ROWS, unit="table", disable=None):
        path = folder / "table.parquet"
        write(size, path)
        for count in WORKERS:
            seconds, memory, of_worker, _ = measure(sys.executable, SAMEBITS, str(path), str(count))
            cells = [f"{seconds:.2f}", f"{size / seconds / 1e6:.2f}", f"{memory:,.0f}"]
            rows.append(
                [f"{size:,}" if count == 1 else "", str(count), *cells, f"{of_worker:,.0f}" if of_worker else ""]
            )
        path.unlink()
    headers = ["rows", "workers", "s", "million rows a second", "memory, MB", "of a worker, MB"]
    return markdown.table(rows, headers, colalign=["right"] * 6)


def main() -> None:
    """Measure, and write the tables."""
    if len(sys.argv) == 3:
        write(int(sys.argv[1]), Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, table in (("files", files), ("growth", growth)):
            publish(name, table(Path(folder)))


if __name__ == "__main__":
    run(main)
