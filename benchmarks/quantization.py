"""How much test R2 each format costs over many splits, and how long the curve takes.

Writes numbers here and tables into docs/quantization.md.
"""

import os
import statistics
import time
from pathlib import Path

import numpy as np
from sklearn.preprocessing import PolynomialFeatures
from tqdm import tqdm

from benchmarks.tables import bundled
from samebits import artifacts, markdown, params
from samebits.exact import least_squares, score
from samebits.exact.loss import SquaredLoss
from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float
from samebits.model.linear import LinearModel
from samebits.model.schemes import SCHEMES
from samebits.proof.running import machine as environment
from samebits.quantization import sweep
from samebits.tables.split import Shuffle

SEEDS = range(20)
NUMBERS = Path("benchmarks/quantization.json")
DOCUMENT = Path("docs/quantization.md")
TURNS = 5

Losses = dict[str, list[float]]  # by scheme: for each bit-width


def losses(X: np.ndarray, y: np.ndarray, test_size: float, seed: int) -> Losses:
    """The test R2 that the best codes of each scheme and bit-width cost, for the split of a seed."""
    is_test, _ = Shuffle.of(len(y), test_size, seed).decide(0, X, y)
    train, test = (Moments.of(X[part], y[part]) for part in (~is_test, is_test))
    model = least_squares.solve(train).model
    found = sweep.choices(SquaredLoss(model, train))
    r2 = score.r2(test, model)
    return {
        scheme: [
            nearest_float(r2 - score.r2(test, found[scheme, "exact", bits].quantized.model)) for bits in sweep.BITS
        ]
        for scheme in SCHEMES
    }


def summary(by_seed: list[Losses]) -> str:
    """Markdown: median and worst loss of test R2 by scheme and bits."""
    rows = []
    for index, bits in enumerate(sweep.BITS):
        columns = [[each[scheme][index] for each in by_seed] for scheme in SCHEMES]
        rows.append([str(bits), *(f"{statistics.median(each):.2g} / {max(each):.2g}" for each in columns)])
    return markdown.table(rows, ["bits", *SCHEMES])


def seconds(X: np.ndarray, y: np.ndarray) -> float:
    """The CPU time of the choices and the curve, as stage `quantize` makes them, in one thread."""
    moments = Moments.of(X, y)
    loss = SquaredLoss(least_squares.solve(moments).model, moments)

    def scores(model: LinearModel) -> dict[str, float]:
        return {"train_loss": nearest_float(loss.lost(model)), "r2": nearest_float(score.r2(moments, model))}

    measured: list[float] = []
    chosen: sweep.Key = ("per_channel_pow2", "exact", 8)
    for _ in range(TURNS):
        begin = time.process_time()
        found = sweep.choices(loss, chosen)
        sweep.curve(found, loss, scores, chosen)
        measured.append(time.process_time() - begin)
    return statistics.median(measured)


def times(X: np.ndarray, y: np.ndarray) -> str:
    """Markdown: of the bundled table, and of all products of up to three of its columns."""
    rows = []
    for table in (X, PolynomialFeatures(3, include_bias=False).fit_transform(X)):
        rows.append([str(table.shape[1]), f"{seconds(table, y):.2g}"])
    cores = f"{environment.cpu()}, {os.cpu_count()} cores."
    return f"{cores}\n\n{markdown.table(rows, ['features', 'CPU s'], colalign=('right', 'right'))}"


def main() -> None:
    """Measure, and write the numbers and the tables."""
    X, y = bundled()
    artifacts.write_text(markdown.between_markers(DOCUMENT, "sweep", times(X, y)), DOCUMENT)
    test_size = params.load().data.test_size
    by_seed = [losses(X, y, test_size, seed) for seed in tqdm(SEEDS, unit="split", disable=None)]
    artifacts.write_json(by_seed, NUMBERS)
    artifacts.write_text(markdown.between_markers(DOCUMENT, "seeds", summary(by_seed)), DOCUMENT)


if __name__ == "__main__":
    main()
