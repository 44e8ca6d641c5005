"""The table of results: what the pipeline measured of each form of the model."""

from collections.abc import Iterator
from typing import NamedTuple

from samebits import artifacts, markdown
from samebits.results import scores


class Model(NamedTuple):
    """A form of the model, its scores by their names in metrics/, and its sizes in bytes, where they are known."""

    name: str
    scores: dict[str, float]
    payload: int | None
    file: int | None


def results(tablefmt: str = "github") -> str:
    """The models that the files in metrics/ describe, as a line and a table; `simple` is for a terminal."""
    headers, cells = of_models()
    return f"{rows()}\nBytes: all parameters; file: the file that stores them.\n\n" + markdown.table(
        cells, headers, tablefmt, colalign=("left", *["right"] * (len(headers) - 1))
    )


def of_models() -> tuple[list[str], list[list[str]]]:
    """The headers and the rows of the table: a form of the model each."""
    found = list(models())
    names = scores.known(found[0].scores)
    headers = ["model", *(scores.SCORES[name].name for name in names), "bytes", "file"]
    return headers, [
        [
            each.name,
            *(format(each.scores[name], scores.SCORES[name].how) if name in each.scores else "" for name in names),
            *("" if size is None else str(size) for size in (each.payload, each.file)),
        ]
        for each in found
    ]


def rows() -> str:
    """What the scores are of, as a line."""
    data = artifacts.read_json("metrics/data.json")
    names = scores.known(artifacts.read_json("metrics/evaluate.json")["float"])
    counts = data["rows"]
    head = f"{data['features']} features, {counts['train']:,} training rows. "
    told = scores.listed(names)
    head += f"{told[0].upper()}{told[1:]} are of {counts['test']:,} test rows."
    if (sample := data["kept_rows"]["test"]) < counts["test"]:
        which = "MAE, and R2 in PyTorch, are" if "r2" in names else "All are"
        head += f" {which} of a sample of {sample:,} test rows."
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
                of_test = {key.removeprefix("test_"): of for key, of in row.items() if key.startswith("test_")}
                yield Model(name, of_test, (row["payload_bits"] + 7) // 8, None)
