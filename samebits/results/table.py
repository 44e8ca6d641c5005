"""The table of results: what the pipeline measured of each form of the model."""

from collections.abc import Iterator
from typing import NamedTuple

from samebits import artifacts, markdown

HEADERS = ("model", "R2", "RMSE", "MAE", "bytes", "file")


class Model(NamedTuple):
    """A form of the model, its scores by their names in metrics/, and its sizes in bytes, where they are known."""

    name: str
    scores: dict[str, float]
    payload: int | None
    file: int | None

    @property
    def cells(self) -> list[str]:
        """The row of the table, under `HEADERS`."""
        digits = {"r2": ".6f", "rmse": "#.6g", "mae": "#.6g"}
        scores = [format(self.scores[key], how) if key in self.scores else "" for key, how in digits.items()]
        return [self.name, *scores, *("" if size is None else str(size) for size in (self.payload, self.file))]


def results(tablefmt: str = "github") -> str:
    """The models that the files in metrics/ describe, as a line and a table; `simple` fits 80 columns of a terminal."""
    cells = [model.cells for model in models()]
    return f"{rows()}\nBytes: all parameters; file: the file that stores them.\n\n" + markdown.table(
        cells, HEADERS, tablefmt, colalign=("left", *["right"] * 5)
    )


def rows() -> str:
    """What the scores are of, as a line."""
    data = artifacts.read_json("metrics/data.json")
    counts = data["rows"]
    head = f"{data['features']} features, {counts['train']:,} training rows. "
    head += f"R2, RMSE and MAE are of {counts['test']:,} test rows."
    if (sample := data["kept_rows"]["test"]) < counts["test"]:
        head += f" MAE, and R2 in PyTorch, are of a sample of {sample:,} test rows."
    return head


def models() -> Iterator[Model]:
    """The models that the files in metrics/ describe."""
    data, quantize, torch, metrics = (
        artifacts.read_json(f"metrics/{name}.json") for name in ("data", "quantize", "torch", "evaluate")
    )
    size = quantize["file_bytes"]
    quantized = f"{metrics['bits']} bits, {quantize['scheme']}, {quantize['rounding']}"
    yield Model("float64", metrics["float"], 8 * (data["features"] + 1), size["unquantized"])
    yield Model("float64, in PyTorch", torch["float"], None, None)
    yield Model(quantized, metrics["quant"], metrics["bytes"], size["quantized"])
    yield Model("the same, in PyTorch", torch["quant"], None, None)
    curve = artifacts.read_json("plots/bits.json")
    for scheme, rounding, bits, name in (
        ("float32", "nearest", 32, "float32 copy"),
        ("float16", "nearest", 16, "float16 copy"),
        ("unified_affine", "as published", 8, "8 bits, the assignment's scheme"),
        ("per_channel_pow2", "exact", 2, "2 bits, per_channel_pow2, exact"),
    ):
        for row in curve:
            if (row["scheme"], row["rounding"], row["bits"]) == (scheme, rounding, bits):
                yield Model(name, {"r2": row["test_r2"]}, (row["payload_bits"] + 7) // 8, None)
