"""What people read of a proof: the verdict of a check, and the comparison with another revision."""

from samebits import markdown, params
from samebits.proof import compare
from samebits.proof.reproduce import Verdict

COLUMNS = ["name", "base", "now", "change", "better", "verdict"]
DIRECTION = {True: "higher", False: "lower", None: ""}


def verdict(checked: Verdict, tablefmt: str) -> str:
    """A verdict of the reproduction check, its table in a format of tabulate."""
    rows = [
        (each.stage, each.path, _short(each.promised), _short(each.obtained), "same" if each.same else "differs")
        for each in checked.outputs
    ]
    lines = [
        f"Commit {checked.commit[:10]}: {checked.subject}",
        "",
        markdown.table(rows, ["stage", "output", "promised", "obtained", "verdict"], tablefmt),
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


def conclusion(checked: Verdict) -> str:
    """A verdict of the reproduction check in one line."""
    same = sum(each.same for each in checked.outputs)
    machine = ", ".join(f"{key} {value}" for key, value in checked.machine.items())
    network = "without network" if checked.network_cut_off else "the network could not be cut off"
    proof = "Reproduced" if checked.reproduced else "NOT reproduced"
    return f"{proof}: {same} of {len(checked.outputs)} outputs are the same ({machine}; {network})."


def comparison(base: str) -> tuple[str, list[str]]:
    """Markdown of what changed since the revision `base`, and the names of the metrics that fail the gate."""
    gate = params.load().gate
    options, metrics = compare.changed_params(base), compare.metrics(base, gate)
    failed = [metric.name for metric in metrics if metric.name in gate and metric.verdict in ("worse", "gone")]
    lines = [f"## Against {base}", ""]
    lines += ["Parameters:", "", markdown.table([_row(each) for each in options], COLUMNS[:4]), ""] if options else []
    verdicts = [f"**{each.verdict}**" if each.name in failed else each.verdict for each in metrics]
    rows = [[*_row(each), DIRECTION[each.higher_is_better], seen] for each, seen in zip(metrics, verdicts, strict=True)]
    lines += [markdown.table(rows, COLUMNS), ""]
    lines += [f"Gate: {', '.join(failed)} worse than `gate:` in params.yaml allows." if failed else "Gate: passed."]
    return "\n".join(lines), failed


def _row(change: compare.Change) -> list[str]:
    difference = "" if not change.difference else f"{change.difference:+.3g}"
    return [change.name, _value(change.base), _value(change.now), difference]


def _value(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.9g}" if isinstance(value, float) else " ".join(str(value).split()).replace("|", "\\|")
    return text if len(text) <= 40 else f"{text[:37]}..."


def _short(md5: str | None) -> str:
    return md5[:12] if md5 else "-"
