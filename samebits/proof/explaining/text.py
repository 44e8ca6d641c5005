"""An explanation as people read it: tables in a terminal and in Markdown."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from samebits import markdown
from samebits.errors import UserError
from samebits.proof.explaining.explanation import Bytes, Explanation, Factor, Metric, Output, Row
from samebits.proof.words import some

STATES = {"not run": "not run", "left out": "left out"}


class Line(NamedTuple):
    """A line of a table: what, how much, and what else is to be said of it."""

    name: str
    number: str = ""
    said: str = ""


def text(found: Explanation) -> str:
    """For a terminal."""
    blocks = [[_head(each), *_indented(rows_of(found, each))] for each in found.metrics]
    blocks += [[Line(each.path, "", _hashes(each)), *_indented(bytes_of(found, each))] for each in found.outputs]
    idle = list(idle_of(found))
    if len(blocks) == 1:
        blocks[0] += _indented(idle)
    elif idle:
        blocks.append([Line("no effect on any of these:" if blocks else "differs:"), *_indented(idle)])
    every = [line for block in blocks for line in block]
    width = max((len(line.name) for line in every), default=0)
    digits = max((len(line.number) for line in every), default=0)
    lines = [*(f"{each}\n" for each in problems_of(found))]
    for block in blocks:
        lines += [_line(line, width, digits) for line in block] + [""]
    lines += [] if found.metrics or found.outputs else ["No metric changed.", ""]
    lines += [*merged_of(found), *(f"note: {each}" for each in found.notes), runs_of(found)]
    return markdown.joined([part for line in lines for part in line.split("\n")], "simple")


def as_markdown(found: Explanation) -> str:
    """For a pull request."""
    lines: list[str] = [part for each in problems_of(found) for part in (f"**{each}**", "")]
    for each in found.metrics:
        head = _head(each)
        lines += [*_table(["what changed it", head.number or "value", ""], head.name, rows_of(found, each)), ""]
    for output in found.outputs:
        lines += [*_table(["what changes its bytes", "", "how far"], output.path, bytes_of(found, output)), ""]
    if idle := list(idle_of(found)):
        lines += ["No effect:", "", *(f"- {each.name}: {each.said}" for each in idle), ""]
    lines += [] if found.metrics or found.outputs else ["No metric changed.", ""]
    lines += [*(f"- {each}" for each in [*merged_of(found), *found.notes]), "", runs_of(found)]
    return markdown.joined(lines, "github")


def folded(found: Explanation | UserError) -> str:
    """A fold of Markdown for a report, or why there is no explanation."""
    if isinstance(found, UserError):
        return markdown.joined([f"Why the metrics changed is not known: {' '.join(str(found).split())}"], "github")
    doubt = "; the answer is doubtful" if found.problems else ""
    title = f"Why the metrics changed, measured in {runs(found)} of the pipeline{doubt}"
    return f"<details><summary>{title}</summary>\n\n{as_markdown(found)}\n\n</details>"


def _table(headers: Sequence[str], title: str, rows: Sequence[Line]) -> list[str]:
    return [
        f"`{title}`",
        "",
        *markdown.table([tuple(each) for each in rows], headers, colalign=("left", "right", "left")).splitlines(),
    ]


def problems_of(found: Explanation) -> list[str]:
    """What makes the answer doubtful, which comes first."""
    return [f"The answer is doubtful: {each}." for each in found.problems]


def rows_of(found: Explanation, metric: Metric) -> list[Line]:
    """What changed a metric; factors that change no metric are told elsewhere."""
    lines = []
    for row in metric.rows:
        if row.how == "alone" and not row.effect and row.effect is not None:
            continue
        said = "within the noise" if row.noise else ""
        lines.append(Line(name_of(found, row), row.shown, said))
    return lines


def name_of(found: Explanation, row: Row) -> str:
    """The factors of a row, in words."""
    names = [found.factors[each].name for each in row.factors]
    if row.how == "rest":
        return "not explained by any of them"
    if row.how == "alone":
        return names[0]
    if row.how == "not separated":
        return f"not separated: {', '.join(names)}"
    if row.effect is None:
        return names[0]
    alone = sum(each.state in ("ran", "not run") for each in found.factors)
    if len(names) == alone:
        return "both together" if alone == 2 else "all together"
    short = [found.factors[each].short for each in row.factors]
    return f"{', '.join(short[:-1])} and {short[-1]} together"


def bytes_of(found: Explanation, output: Output) -> list[Line]:
    """What changes the bytes of an output."""
    return [
        Line(found.factors[each.factor].name, "", _changes(each))
        for each in output.rows
        if each.alone or each.needed or each.alone is None
    ]


def _changes(each: Bytes) -> str:
    if each.alone is None and each.needed is None:
        return "not run"
    if not each.alone:
        return "changes it only with others"
    return f"changes it: {'; '.join(each.differences)}" if each.differences else "changes it"


def idle_of(found: Explanation) -> Iterator[Line]:
    """The factors without an effect, and why none was found."""
    at_work = {
        number
        for metric in found.metrics
        for row in metric.rows
        if row.effect or row.effect is None or row.how == "not separated"
        for number in row.factors
    }
    at_work |= {row.factor for output in found.outputs for row in output.rows if row.alone or row.needed}
    for number, each in enumerate(found.factors):
        if number not in at_work:
            yield Line(each.name, "", _idle(each, bool(found.metrics or found.outputs)))


def _idle(factor: Factor, looked: bool) -> str:
    if factor.state == "ran":
        how = "ran, same bytes" if factor.same_bytes else "ran, other bytes, same value"
        return f"no effect ({how})"
    if factor.state == "no stage" and len(factor.parts) > 1:
        return "no stage depends on them"
    if factor.state == "not run" and not looked:
        return "not run"
    if factor.state == "no stage":
        return factor.why or "no stage depends on it"
    return f"{STATES[factor.state]}: {factor.why}" if factor.why else STATES[factor.state]


def merged_of(found: Explanation) -> list[str]:
    """Which factors are one because they cannot be separated."""
    return [f"{some(each.parts)}: {each.why}" for each in found.factors if each.parts and each.why]


def runs(found: Explanation) -> str:
    """How many runs of the pipeline it took."""
    return "1 run" if found.pipeline_runs == 1 else f"{found.pipeline_runs} runs"


def runs_of(found: Explanation) -> str:
    """What it took."""
    stages = "1 stage" if found.stage_runs == 1 else f"{found.stage_runs} stages"
    took = f"{runs(found)} of the pipeline (at most {found.most_runs}), {stages} ran, {found.seconds:.1f} s"
    return f"{took}; {found.base[:10]} to {found.head[:10]}"


def _head(metric: Metric) -> Line:
    noise = f"noise {metric.noise:.2g}" if metric.noise else ""
    return Line(f"{metric.name}  {metric.shown_base} -> {metric.shown_head}", metric.shown, noise)


def _hashes(output: Output) -> str:
    names = [each.rpartition(":")[2][:10] if each else "none" for each in (output.base, output.head)]
    return f"{names[0]} -> {names[1]}" if names[0] != names[1] else f"{names[0]}, the same bytes"


def _indented(lines: Sequence[Line]) -> list[Line]:
    return [line._replace(name=f"  {line.name}") for line in lines]


def _line(line: Line, width: int, digits: int) -> str:
    if line.number:
        return f"{line.name:<{width}}  {line.number:>{digits}}  {line.said}".rstrip()
    return f"{line.name:<{width}}  {line.said}".rstrip()
