"""Markdown for people: what the pipeline measured."""

from pathlib import Path

from tabulate import tabulate

from samebits import artifacts
from samebits.errors import UserError

BEGIN, END = "<!-- results: made by `make readme` -->", "<!-- end of results -->"


def results() -> str:
    """A table of the models that the metrics files describe."""
    scores = artifacts.read_json("metrics/evaluate.json")
    quantize = artifacts.read_json("metrics/quantize.json")
    train = artifacts.read_json("metrics/train.json")
    size = quantize["file_bytes"]
    parameters = len(train["coefficients"]) + 1
    quantized = f"{quantize['bits']} bits, {quantize['scheme']}, {quantize['rounding']}"
    rows = [
        ("float64", scores["float"], 8 * parameters, size["unquantized"]),
        ("float64, in PyTorch", scores["torch"], "", ""),
        (quantized, scores["quantized"], quantize["payload_bytes"], size["quantized"]),
        ("the same, in PyTorch", scores["torch_quantized"], "", ""),
    ]
    return tabulate(
        [
            [name, *(f"{score[key]:.7f}" if key in score else "" for key in ("r2", "rmse", "mae")), payload, file]
            for name, score, payload, file in rows
        ],
        headers=["model", "test R2", "test RMSE", "test MAE", "parameters, bytes", "file, bytes"],
        tablefmt="github",
        disable_numparse=True,
        colalign=("left", *["right"] * 5),
    )


def write_into(path: str | Path) -> None:
    """Put the table between its markers in a Markdown file. Raises UserError where they are missing."""
    text = artifacts.read_bytes(path).decode()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{path}: the lines {BEGIN} and {END} are missing; the table goes between them")
    artifacts.write_text(f"{before}{BEGIN}\n{results()}\n{END}{after}", path)
