"""Markdown for people: what the pipeline measured."""

from pathlib import Path

from tabulate import tabulate

from samebits import artifacts
from samebits.errors import UserError
from samebits.reproduce import Verdict

BEGIN, END = "<!-- results: made by `make readme` -->", "<!-- end of results -->"


def results() -> str:
    """The models that the metrics files describe, as a line and a table."""
    rows, features = (artifacts.read_json("metrics/data.json")[key] for key in ("rows", "features"))
    scores = artifacts.read_json("metrics/evaluate.json")
    quantize = artifacts.read_json("metrics/quantize.json")
    train = artifacts.read_json("metrics/train.json")
    size = quantize["file_bytes"]
    parameters = len(train["coefficients"]) + 1
    quantized = f"{quantize['bits']} bits, {quantize['scheme']}, {quantize['rounding']}"
    models = [
        ("float64", scores["float"], 8 * parameters, size["unquantized"]),
        ("float64, in PyTorch", scores["torch"], "", ""),
        (quantized, scores["quantized"], quantize["payload_bytes"], size["quantized"]),
        ("the same, in PyTorch", scores["torch_quantized"], "", ""),
    ]
    head = f"{features} features, {rows['train']:,} training rows, {rows['test']:,} test rows.\n\n"
    return head + tabulate(
        [
            [name, *(f"{score[key]:.7f}" if key in score else "" for key in ("r2", "rmse", "mae")), payload, file]
            for name, score, payload, file in models
        ],
        headers=["model", "test R2", "test RMSE", "test MAE", "parameters, bytes", "file, bytes"],
        tablefmt="github",
        disable_numparse=True,
        colalign=("left", *["right"] * 5),
    )


def verdict_lines(verdict: Verdict, tablefmt: str) -> str:
    """A verdict of the reproduction check for people, in a table format of tabulate."""
    rows = [
        (
            output.stage,
            output.path,
            _short(output.promised),
            _short(output.obtained),
            "same" if output.same else "differs",
        )
        for output in verdict.outputs
    ]
    table = tabulate(
        rows, headers=["stage", "output", "promised", "obtained", ""], tablefmt=tablefmt, disable_numparse=True
    )
    same = sum(output.same for output in verdict.outputs)
    lines = [f"commit {verdict.commit[:10]}: {verdict.subject}", "", table, ""]
    if verdict.problems:
        first = verdict.problems[0].stage
        lines += [f"The first stage that diverged is {first}:"]
        lines += [f"- {problem.text}" for problem in verdict.problems if problem.stage == first]
        later = [problem for problem in verdict.problems if problem.stage != first]
        lines += ["", "Then:", *(f"- {problem.stage}: {problem.text}" for problem in later)] if later else []
        lines += [""]
    if verdict.varied:
        bad = [name for name, good in verdict.varied.items() if not good]
        lines += [f"{len(verdict.varied) - len(bad)} of {len(verdict.varied)} environments gave the same bytes."]
        lines += [*(f"- other bytes: {name}" for name in bad), ""]
    proof = "Reproduced" if verdict.reproduced else "NOT reproduced"
    machine = ", ".join(f"{key} {value}" for key, value in verdict.machine.items())
    network = "without network" if verdict.network_cut_off else "with network, which this system cannot cut off"
    return "\n".join([*lines, f"{proof}: {same} of {len(rows)} outputs are the same ({machine}; {network})."])


def _short(md5: str | None) -> str:
    return md5[:12] if md5 else "-"


def write_into(path: str | Path) -> None:
    """Put the table between its markers in a Markdown file. Raises UserError where they are missing."""
    text = artifacts.read_bytes(path).decode()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{path}: the lines {BEGIN} and {END} are missing; the table goes between them")
    artifacts.write_text(f"{before}{BEGIN}\n{results()}\n{END}{after}", path)
