"""Markdown for people: what the pipeline measured, what changed, and whether it was reproduced."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from samebits import artifacts, compare, params
from samebits.errors import UserError

if TYPE_CHECKING:  # it imports DVC
    from samebits.proof import Proof
    from samebits.reproduce import Verdict


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
    head = f"{features} features, {rows['train']:,} training rows, {rows['test']:,} test rows."
    if (sample := scores["rows"]["mae_torch"]) < rows["test"]:
        head += f" MAE, and R2 in PyTorch, are of a sample of {sample:,} test rows."
    return f"{head}\n\n" + table(cells, headers, "github", colalign=("left", *["right"] * 5))


def verdict(checked: "Verdict", tablefmt: str) -> str:
    """A verdict of the reproduction check, its table in a format of tabulate."""
    rows = [
        (each.stage, each.path, _short(each.promised), _short(each.obtained), "same" if each.same else "differs")
        for each in checked.outputs
    ]
    lines = [
        f"Commit {checked.commit[:10]}: {checked.subject}",
        "",
        table(rows, ["stage", "output", "promised", "obtained", "verdict"], tablefmt),
        "",
    ]
    if checked.problems:
        first = checked.problems[0].stage
        lines += [f"The first stage that diverged is {first}:", ""]
        lines += [f"- {each.text}" for each in checked.problems if each.stage == first]
        later = [f"- {each.stage}: {each.text}" for each in checked.problems if each.stage != first]
        lines += ["", "After it:", "", *later, ""] if later else [""]
    if checked.varied:
        bad = [name for name, good in checked.varied.items() if not good]
        lines += [f"{len(checked.varied) - len(bad)} of {len(checked.varied)} environments gave the same bytes."]
        lines += [*(f"- other bytes: {name}" for name in bad), ""]
    return "\n".join([*lines, conclusion(checked)])


def conclusion(checked: "Verdict") -> str:
    """A verdict of the reproduction check in one line."""
    same = sum(each.same for each in checked.outputs)
    machine = ", ".join(f"{key} {value}" for key, value in checked.machine.items())
    network = "without network" if checked.network_cut_off else "the network could not be cut off"
    proof = "Reproduced" if checked.reproduced else "NOT reproduced"
    return f"{proof}: {same} of {len(checked.outputs)} outputs are the same ({machine}; {network})."


def proof(checked: "Proof") -> str:
    """Whether an image is the one that its commit describes."""
    verdict = checked.verdict
    lines = [f"The image says that it is of commit {verdict.commit[:10]}: {verdict.subject}", conclusion(verdict)]
    lines += [f"- {each.stage}: {each.text}" for each in verdict.problems]
    lines += [f"- {each}" for each in checked.differences]
    holds = f"the image holds the program of this commit and the model that it makes ({checked.compared} files)"
    return "\n".join([*lines, f"Proved: {holds}." if checked.proved else f"NOT proved that {holds}."])


def comparison(base: str, checks: Sequence["Verdict"]) -> tuple[str, list[str]]:
    """Markdown of what changed since the revision `base`, and the names of the metrics that fail the gate."""
    gate = params.load().gate
    options, metrics = compare.changed_params(base), compare.metrics(base, gate)
    failed = [metric.name for metric in metrics if metric.name in gate and metric.verdict in ("worse", "gone")]
    lines = [f"## Against {base}", ""]
    lines += ["Parameters:", "", table([_row(each) for each in options], COLUMNS[:4], "github"), ""] if options else []
    verdicts = [f"**{each.verdict}**" if each.name in failed else each.verdict for each in metrics]
    rows = [[*_row(each), DIRECTION[each.higher_is_better], seen] for each, seen in zip(metrics, verdicts, strict=True)]
    lines += [table(rows, COLUMNS, "github"), ""]
    lines += [f"Gate: {', '.join(failed)} worse than `gate:` in params.yaml allows." if failed else "Gate: passed.", ""]
    lines += [bits_chart(), ""]
    lines += [f"- {conclusion(each)}" for each in checks]
    return "\n".join(lines).rstrip() + "\n", failed


COLUMNS = ["name", "base", "now", "change", "better", "verdict"]
DIRECTION = {True: "higher", False: "lower", None: ""}


def _row(change: compare.Change) -> list[str]:
    difference = "" if not change.difference else f"{change.difference:+.3g}"
    return [change.name, _value(change.base), _value(change.now), difference]


def _value(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.9g}" if isinstance(value, float) else " ".join(str(value).split()).replace("|", "\\|")
    return text if len(text) <= 40 else f"{text[:37]}..."


def bits_chart() -> str:
    """A Mermaid chart of test R2 by bits a weight, a line for each scheme, from 0 up."""
    rows = [row for row in artifacts.read_json("plots/bits.json") if row["rounding"] == "exact"]
    schemes = list(dict.fromkeys(row["scheme"] for row in rows))
    lines = {name: [max(row["test_r2"], 0.0) for row in rows if row["scheme"] == name] for name in schemes}
    bits = sorted({row["bits"] for row in rows})
    top = math.ceil(20 * max(max(line) for line in lines.values())) / 20 or 1.0
    return "\n".join(
        [
            "```mermaid",
            "xychart-beta",
            f'    title "Test R2 by bits a weight: {", ".join(schemes)}"',
            f"    x-axis {bits}",
            f'    y-axis "R2, 0 if below" 0 --> {top}',
            *(f"    line [{', '.join(f'{value:.4f}' for value in line)}]" for line in lines.values()),
            "```",
        ]
    )


def table(
    rows: Sequence[Sequence[str]], headers: Sequence[str], tablefmt: str, colalign: Sequence[str] | None = None
) -> str:
    """A table of texts in a format of tabulate."""
    return tabulate(rows, headers=headers, tablefmt=tablefmt, disable_numparse=True, colalign=colalign)


def _short(md5: str | None) -> str:
    return md5[:12] if md5 else "-"


def bits_picture() -> str:
    """The plot of quality against size as SVG, from the template and the data of `dvc plots`."""
    import vl_convert  # not needed to make anything else

    template = artifacts.read_json(".dvc/plots/bits.json")
    anchors = {
        "<DVC_METRIC_DATA>": artifacts.read_json("plots/bits.json"),
        "<DVC_METRIC_TITLE>": "Quality against size, the best codes of each format",
        "<DVC_METRIC_X>": "payload_bits",
        "<DVC_METRIC_X_LABEL>": "stored bits of all parameters",
        "<DVC_METRIC_Y>": "test_r2",
        "<DVC_METRIC_Y_LABEL>": "test R2 (0 if below)",
    }
    return str(vl_convert.vegalite_to_svg(_filled(template, anchors), vl_version="5.20"))


def _filled(template: Any, anchors: dict[str, Any]) -> Any:
    if isinstance(template, dict):
        return {key: _filled(value, anchors) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, anchors) for value in template]
    if not isinstance(template, str):
        return template
    if template in anchors:
        return anchors[template]
    for anchor in anchors:
        if anchor in template:  # only texts stand within a text
            template = template.replace(anchor, anchors[anchor])
    return template


def between_markers(path: str | Path, name: str, text: str) -> str:
    """A Markdown file with `text` between its markers of that name. Raises UserError where they are missing."""
    begin, end = f"<!-- {name}: generated -->", f"<!-- end of {name} -->"
    before, found_begin, rest = artifacts.read_bytes(path).decode().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise UserError(f"{path}: the lines {begin} and {end} are missing; what is generated goes between them")
    return f"{before}{begin}\n{text}\n{end}{after}"
