"""The table of results: what the pipeline measured of each form of the model."""

from samebits import artifacts, markdown


def results() -> str:
    """The models that the files in metrics/ describe, as a line and a table."""
    data, quantize, torch, metrics = (
        artifacts.read_json(f"metrics/{name}.json") for name in ("data", "quantize", "torch", "evaluate")
    )
    rows, size = data["rows"], quantize["file_bytes"]
    quantized = f"{metrics['bits']} bits, {quantize['scheme']}, {quantize['rounding']}"
    models = [
        ("float64", metrics["float"], 8 * (data["features"] + 1), size["unquantized"]),
        ("float64, in PyTorch", torch["float"], "", ""),
        (quantized, metrics["quant"], metrics["bytes"], size["quantized"]),
        ("the same, in PyTorch", torch["quant"], "", ""),
    ]
    curve = artifacts.read_json("plots/bits.json")
    for scheme, rounding, bits, name in (
        ("float32", "nearest", 32, "float32 copy"),
        ("float16", "nearest", 16, "float16 copy"),
        ("unified_affine", "as published", 8, "8 bits, the assignment's scheme as published"),
        ("per_channel_pow2", "exact", 2, "2 bits, per_channel_pow2, exact"),
    ):
        for row in curve:
            if (row["scheme"], row["rounding"], row["bits"]) == (scheme, rounding, bits):
                models.append((name, {"r2": row["test_r2"]}, (row["payload_bits"] + 7) // 8, ""))
    cells = [
        [name, *(f"{score[key]:.7f}" if key in score else "" for key in ("r2", "rmse", "mae")), str(payload), str(file)]
        for name, score, payload, file in models
    ]
    headers = ["model", "test R2", "test RMSE", "test MAE", "parameters, bytes", "file, bytes"]
    head = f"{data['features']} features, {rows['train']:,} training rows, {rows['test']:,} test rows."
    if (sample := data["kept_rows"]["test"]) < rows["test"]:
        head += f" MAE, and R2 in PyTorch, are of a sample of {sample:,} test rows."
    return f"{head}\n\n" + markdown.table(cells, headers, colalign=("left", *["right"] * 5))
