"""How much test R2 each format costs over many splits: writes numbers here and a table into docs/quantization.md."""

import statistics
from pathlib import Path

from tqdm import tqdm

from samebits import artifacts, least_squares, params, report, score, split, sweep, table
from samebits.moments import Moments
from samebits.quantization import SCHEMES
from samebits.rational import nearest_float

SEEDS = range(20)
NUMBERS = Path("benchmarks/quantization.json")
DOCUMENT = Path("docs/quantization.md")

Losses = dict[str, list[float]]  # by scheme: for each bit-width


def losses(rows: table.Table, test_size: float, seed: int) -> Losses:
    """The test R2 that the best codes of each scheme and bit-width cost, for the split of a seed."""
    train, test = (Moments.of(rows.X[part], rows.y[part]) for part in split.shuffle(len(rows.y), test_size, seed))
    model = least_squares.solve(train).model
    found = sweep.choices(model, train)
    r2 = score.r2(test, model)
    return {
        scheme: [
            nearest_float(r2 - score.r2(test, found[scheme, "exact", bits].quantized.model)) for bits in sweep.BITS
        ]
        for scheme in SCHEMES
    }


def bundled() -> tuple[table.Table, float]:
    """The table of params.yaml and the share of its test rows."""
    options = params.load().data
    return table.read(options.source, options.query, options.target), options.test_size


def summary(by_seed: list[Losses]) -> str:
    """Markdown: median and worst loss of test R2 by scheme and bits."""
    rows = []
    for index, bits in enumerate(sweep.BITS):
        columns = [[each[scheme][index] for each in by_seed] for scheme in SCHEMES]
        rows.append([str(bits), *(f"{statistics.median(each):.2g} / {max(each):.2g}" for each in columns)])
    return report.table(rows, ["bits", *SCHEMES], "github")


def main() -> None:
    """Measure, and write the numbers and the table."""
    rows, test_size = bundled()
    by_seed = [losses(rows, test_size, seed) for seed in tqdm(SEEDS, unit="split", disable=None)]
    artifacts.write_json(by_seed, NUMBERS)
    artifacts.write_text(report.between_markers(DOCUMENT, "seeds", summary(by_seed)), DOCUMENT)


if __name__ == "__main__":
    main()
