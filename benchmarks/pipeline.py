"""The whole pipeline beside the assignment's two scripts, cold, in docs/performance.md.

`python -m benchmarks.pipeline` needs the environment of `make dev`. The scripts are the assignment's, written anew: one
trains and scores, the other quantizes all parameters with one scale to 8 bits and scores them in PyTorch.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tqdm import tqdm

from benchmarks import publish
from benchmarks.tables import bundled
from samebits import markdown, pickles
from samebits.errors import UserError, run

TURNS = 9

TRAIN = """
import joblib
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
table = joblib.load("table.joblib")
X, X_test, y, y_test = train_test_split(table["X"], table["y"], test_size=0.2, random_state=42)
model = LinearRegression().fit(X, y)
print("R2:", r2_score(y_test, model.predict(X_test)))
joblib.dump(model, "model.joblib")
"""

QUANTIZE = """
import joblib
import numpy as np
import torch
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
model = joblib.load("model.joblib")
joblib.dump({"coef": model.coef_, "intercept": model.intercept_}, "unquant_params.joblib")
values = np.append(model.coef_, model.intercept_)
low, high = values.min(), values.max()
scale = (high - low) / 255
zero_point = int(np.clip(round(-low / scale), 0, 255))
codes = np.clip(np.round(values / scale + zero_point), 0, 255).astype(np.uint8)
joblib.dump({"codes": codes, "scale": scale, "zero_point": zero_point}, "quant_params.joblib")
back = (codes.astype(np.float32) - zero_point) * np.float32(scale)
layer = torch.nn.Linear(len(model.coef_), 1)
with torch.no_grad():
    layer.weight.copy_(torch.from_numpy(back[:-1])[None])
    layer.bias.copy_(torch.from_numpy(back[-1:]))
table = joblib.load("table.joblib")
_, X_test, _, y_test = train_test_split(table["X"], table["y"], test_size=0.2, random_state=42)
with torch.inference_mode():
    predicted = layer(torch.tensor(X_test, dtype=torch.float32)).numpy()
print("R2:", r2_score(y_test, predicted))
"""


def main() -> None:
    """Run both in turn, in folders of their own, and publish medians."""
    seconds: dict[str, list[float]] = {"dvc repro --force": [], "the assignment's two scripts": []}
    with tempfile.TemporaryDirectory() as name:
        clone, scripts = Path(name) / "clone", Path(name) / "scripts"
        subprocess.run(["git", "clone", "--quiet", ".", clone], check=True)
        scripts.mkdir()
        X, y = bundled()
        pickles.dump({"X": X, "y": y}, scripts / "table.joblib")
        for _ in tqdm(range(TURNS + 1)):
            seconds["dvc repro --force"].append(_seconds([["-m", "dvc", "repro", "--force"]], clone))
            seconds["the assignment's two scripts"].append(_seconds([["-c", TRAIN], ["-c", QUANTIZE]], scripts))
    ours, theirs = (each[1:] for each in seconds.values())  # the first ones warm the disk's cache
    rows = [[program, f"{statistics.median(each[1:]):.2f}"] for program, each in seconds.items()]
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    rows.append(["ratio, pair by pair", f"{ratio:.2f}"])
    text = markdown.table(rows, ["program", "s"], colalign=("left", "right"))
    publish("pipeline", text)


def _seconds(programs: list[list[str]], folder: Path) -> float:
    """How long Python takes to run programs one after the other."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    begin = time.perf_counter()
    for arguments in programs:
        done = subprocess.run([sys.executable, *arguments], cwd=folder, env=env, capture_output=True, check=False)
        if done.returncode:
            raise UserError(f"{arguments[0]}: failed: {done.stderr.decode()[-300:]}")
    return time.perf_counter() - begin


if __name__ == "__main__":
    run(main)
