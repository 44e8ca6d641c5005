"""What people read of a proof: a verdict, what a lock records, the comparison with another revision."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from samebits import markdown
from samebits.proof.claims.claims import Claim, Claims
from samebits.proof.comparators.findings import short
from samebits.proof.telling.changes import Change, Changes
from samebits.proof.verdict import Output, Problem, Record, Verdict
from samebits.proof.words import some

COLUMNS = ["name", "base", "now", "change", "better", "verdict"]
DIRECTION = {True: "higher", False: "lower", None: ""}
SENTENCE = {
    "reproduced": "Reproduced",
    "not reproduced": "NOT reproduced",
    "inconclusive": "Inconclusive, neither reproduced nor refuted",
}
RECORDED = {
    "recorded": "dvc.lock is the record of a run of this tree",
    "not recorded": "dvc.lock is not the record of a run of this tree; `dvc repro` makes one",
    "inconclusive": "dvc.lock may be the record of a run of this tree",
}


def as_json(found: msgspec.Struct) -> str:
    """What was found, as indented JSON. A byte of a file name that is no text becomes a question mark.

    Characters that a terminal would obey, or that change the order of a line, are written as escapes.
    """
    text = json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=False).encode(errors="replace").decode()
    return "".join(each if each == "\n" or each.isprintable() else json.dumps(each)[1:-1] for each in text)


def verdict(checked: Verdict, tablefmt: str) -> str:
    """A verdict of the reproduction check, its table in a format of tabulate."""
    rows = [
        (each.stage, each.path, _short(each.promised), _short(each.obtained), each.verdict) for each in checked.outputs
    ]
    headers = ["stage", "output", "promised", "obtained", "verdict"]
    lines = [f"Commit {checked.commit[:10]}: {checked.subject}", ""]
    lines += [*markdown.table(rows, headers, tablefmt).splitlines(), ""] if rows else []
    if told := [each for each in checked.outputs if each.differences and each.verdict != "unknown"]:
        lines += ["What differs:", "", *(f"- {line}" for each in told for line in details(each)), ""]
    if allowed := [each for each in checked.outputs if each.rule and each.allowed]:
        lines += ["Allowed by the settings of the repository:", ""]
        lines += [*(f"- {each.path}: {each.verdict}, by {each.rule}" for each in allowed), ""]
    for title, texts in problems(checked.problems).items():
        lines += [title, "", *(f"- {text}" for text in texts), ""]
    if checked.taken:
        lines += [
            "Not run, outputs taken as recorded:",
            "",
            *(f"- {name}: {why}" for name, why in checked.taken.items()),
            "",
        ]
    if checked.isolation:
        lines += ["What did not hold on this system:", "", *(f"- {each}" for each in checked.isolation), ""]
    if checked.unproved:
        lines += ["Not proved, as no stage wrote them:", "", *(f"- {each}" for each in checked.unproved), ""]
    if checked.notes:
        lines += [*(f"- {note}" for note in checked.notes), ""]
    if checked.strict and checked.seconds:
        lines += ["Each stage that ran to its end ran again with only what it declares, in other surroundings.", ""]
    if checked.varied:
        bad = [name for name, good in checked.varied.items() if not good]
        lines += [f"{len(checked.varied) - len(bad)} of {len(checked.varied)} environments gave the same bytes."]
        lines += [*(f"- other bytes: {name}" for name in bad), ""]
    return markdown.joined([*lines, conclusion(checked)], tablefmt)


def conclusion(checked: Verdict) -> str:
    """A verdict of the reproduction check in one line."""
    machine = ", ".join(f"{key} {value}" for key, value in checked.machine.items())
    kinds = ", ".join(deciding(checked))
    answer = f"{SENTENCE[checked.conclusion]}{kinds and f' ({kinds})'}"
    unproved = f"; {some(checked.unproved)} not proved" if checked.unproved else ""
    return f"{answer}: {counted(checked)}{unproved} ({machine}; {network(checked.network)})."


def network(stages: Sequence[str] | None) -> str:
    """Which stages could use the network, as `Verdict.network` has them, in words."""
    if stages is None:
        return "the network could not be cut off"
    return f"network only for {', '.join(stages)}" if stages else "without network"


def deciding(checked: Verdict) -> list[str]:
    """The kinds of the problems that decided a verdict."""
    decides = checked.conclusion == "not reproduced"
    return list(dict.fromkeys(each.kind for each in checked.problems if each.decides is decides))


def counted(checked: Verdict) -> str:
    """How many outputs are the same, or allowed to differ; where all are, what else is wrong."""
    same = sum(each.verdict == "same" for each in checked.outputs)
    none = "no output was compared" if checked.seconds else "no stage ran"
    if checked.seconds and checked.reproduced:  # with nothing compared, it would be inconclusive
        none = "the stages declare no output, and what the top of dvc.yaml lists is the same"
    count = f"{same} of {len(checked.outputs)} outputs are the same" if checked.outputs else none
    allowed = sum(each.allowed and each.verdict != "same" for each in checked.outputs)
    count += f", {allowed} more allowed by the settings" if allowed else ""
    wrong = checked.conclusion == "not reproduced" and checked.outputs
    if wrong and all(checked.varied.values()) and all(each.allowed for each in checked.outputs):
        return f"the commit is not the record of a run, though {count}"
    return count


def details(output: Output) -> list[str]:
    """How an output differs from its promise, a line each."""
    lines = [f"{each.file or output.path}: {each.sentence()}" for each in output.differences]
    return [*lines, f"{output.path}: and {output.more:,} more"] if output.more else lines


def record(found: Record) -> str:
    """What `lock` says of a tree."""
    lines = [f"{each.stage}: {each.text}" for each in found.problems]
    lines += [f"note: {each}" for each in [*found.notes, *line_ends(found.line_ends)]]
    count = Counter(found.stages.values())
    pull = list(dict.fromkeys(each.pull for each in found.problems if each.pull))
    parts = [f"{count['recorded']} of {len(found.stages)} stages are recorded"]
    parts += [f"{count['not recorded']} not"] if count["not recorded"] else []
    parts += [f"{count['inconclusive']} cannot be known here"] if count["inconclusive"] else []
    lines.append(", ".join(parts) + (f"; `dvc pull {' '.join(pull)}` would tell" if pull else ""))
    lines.append(RECORDED[found.conclusion])
    return markdown.joined(lines, "simple")


def line_ends(converted: Mapping[str, Sequence[str]]) -> list[str]:
    """What to know of texts that the run had with other line ends, by the system that has these."""
    return [
        f"{some(paths)}: as in the run, which had the line ends of {system}; "
        "with `* text=auto eol=lf` in .gitattributes they are the same everywhere"
        for system, paths in converted.items()
    ]


def comparison(changes: Changes, base: str) -> str:
    """Markdown of what changed since the revision `base`."""
    lines = [f"## Against {base}", ""]
    if changes.params:
        rows = [_row(each) for each in changes.params]
        lines += ["Parameters:", "", *markdown.table(rows, COLUMNS[:4]).splitlines(), ""]
    shown = [each for each in changes.metrics if each.verdict != "same" or each.name in changes.gated]
    others = [each for each in changes.metrics if each not in shown]
    lines += [*_metrics(shown, changes), ""] if shown or not others else []
    lines += [*(f"- could not be read: {each}" for each in changes.unread), ""] if changes.unread else []
    lines += [_gate(changes), ""] if changes.gated else []
    text = markdown.joined(lines, "github").rstrip()
    if others:
        folded = markdown.joined(_metrics(others, changes), "github")
        count = f"{len(others)} metrics are unchanged" if len(others) > 1 else "1 metric is unchanged"
        text += f"\n\n<details><summary>{count}</summary>\n\n{folded}\n\n</details>"
    return text


def _metrics(metrics: Sequence[Change], changes: Changes) -> list[str]:
    """Metrics as a table; with their limits, where there is a gate."""
    rows = [
        [*_row(each), DIRECTION[each.higher_is_better]]
        + ([f"{each.tolerance:g}" if each.name in changes.gated else "none"] if changes.gated else [])
        + [f"**{each.verdict}**" if each.name in changes.failed else each.verdict]
        for each in metrics
    ]
    headers = [*COLUMNS[:-1], *(["limit"] if changes.gated else []), COLUMNS[-1]]
    return markdown.table(rows, headers).splitlines() if rows else ["No metrics."]


def _gate(changes: Changes) -> str:
    if changes.of_other_data:
        what = "; ".join(f"{each.name} was {short(each.base)}, is {short(each.now)}" for each in changes.of_other_data)
        return f"Gate: the metrics cannot be compared, they are of other data ({what})."
    if changes.failed:
        return f"Gate: {', '.join(changes.failed)} worse than the settings allow."
    free = [each.name for each in changes.metrics if each.name not in changes.gated and each.verdict != "same"]
    return "Gate: passed" + (f"; no limit holds {some(free)}." if free else ".")


def claims(found: Claims) -> str:
    """What `claims` says of the numbers in documents."""
    lines = [f"{each.file}:{each.line}: {claim(each)}" for each in found.stale]
    lines += [f"note: {each}" for each in found.notes]
    current = len(found.claims) - len(found.stale)
    of = f"numbers in {found.documents:,} documents: {found.numbers:,}"
    lines.append(f"{of}; values of this tree: {current:,}; stale: {len(found.stale):,}; of the others nothing is known")
    return markdown.joined(lines, "simple")


def stale(found: Sequence[Claim]) -> str:
    """A line of Markdown: which numbers in documents are wrong."""
    places = some([f"{each.file}:{each.line} ({each.text}, now {each.now or 'unknown'})" for each in found])
    return markdown.joined([f"Stale numbers in documents, by `samebits claims`: {places}."], "github")


def claim(found: Claim) -> str:
    """What is wrong with a number."""
    if found.verdict == "unnamed":
        beside = "there is no such value" if found.text else "there is no number beside this mark"
        return f"{found.value}: {beside}; a mark names FILE:KEY"
    if found.marked:
        return f"{found.text}: {found.value} is {found.now}; `samebits claims --write` updates it"
    return f"{found.text} was {found.value} at {(found.commit or '')[:10]}; now it is {found.now}"


def problems(found: list[Problem]) -> dict[str, list[str]]:
    """The problems under their titles, those that decide first, and of them those of the first stage."""
    decided, open_ = ([each for each in found if each.decides is decides] for decides in (True, False))
    first = decided[0].stage if decided else None
    parts = {
        f"The first stage that diverged is {first}:": [each.text for each in decided if each.stage == first],
        "After it:": [f"{each.stage}: {each.text}" for each in decided if each.stage != first],
        "What keeps it from being decided:" if not decided else "Besides:": [
            f"{each.stage}: {each.text}" for each in open_
        ],
    }
    return {title: lines for title, lines in parts.items() if lines}


def _row(change: Change) -> list[str]:
    return [_value(change.name), _value(change.base), _value(change.now), _signed(change.difference)]


def _signed(difference: float | None) -> str:
    if not difference or difference != difference:
        return ""
    try:
        return f"{difference:+.3g}"
    except OverflowError:  # an integer beyond float64
        return f"{Decimal(difference):+.3g}"


def _value(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.9g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _short(md5: str | None) -> str:
    return md5[:12] if md5 else "-"
