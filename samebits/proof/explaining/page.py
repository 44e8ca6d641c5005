"""An explanation as a page: a waterfall a metric, and the runs behind it."""

from typing import NamedTuple

from samebits import html
from samebits.proof.explaining import text
from samebits.proof.explaining.explanation import Explanation, Metric

WIDTH = 420  # of a waterfall, in pixels


class Bar(NamedTuple):
    """A step of a waterfall. x, width: in pixels. state: as in the style of all pages."""

    name: str
    number: str
    said: str
    x: float
    width: float
    state: str


def render(found: Explanation) -> str:
    """The page of an explanation."""
    return html.render(
        "proof/explaining/page.html",
        found=found,
        waterfalls=[(each, bars(found, each)) for each in found.metrics],
        outputs=[(each, text.bytes_of(found, each)) for each in found.outputs],
        idle=list(text.idle_of(found)),
        merged=text.merged_of(found),
        problems=text.problems_of(found),
        runs=[(", ".join(found.factors[at].name for at in each.factors) or "base", each) for each in found.runs],
        summary=text.runs_of(found),
        width=WIDTH,
    )


def bars(found: Explanation, metric: Metric) -> list[Bar]:
    """From the value at the base, a step a row, to the value at the head; without places where it is no number."""
    lines = text.rows_of(found, metric)
    if not isinstance(metric.base, int | float) or not isinstance(metric.head, int | float) or not metric.exact:
        return [Bar(line.name, line.number, line.said, 0, 0, "unknown") for line in lines]
    effects = [row.effect for row in metric.rows if row.effect]
    ways = [float(metric.base)]
    for effect in effects:
        ways.append(ways[-1] + effect)
    low, high = min(ways), max(ways)
    scale = WIDTH / (high - low) if high > low else 0.0

    def bar(name: str, number: str, said: str, one: float, other: float, state: str) -> Bar:
        return Bar(name, number, said, (min(one, other) - low) * scale, max(2.0, abs(other - one) * scale), state)

    steps = [
        bar(line.name, line.number, line.said, ways[at], ways[at + 1], "allowed" if effects[at] > 0 else "differs")
        for at, line in enumerate(lines)
    ]
    return [
        bar("base", metric.shown_base, "", ways[0], ways[0], "unknown"),
        *steps,
        bar("head", metric.shown_head, "", ways[-1], ways[-1], "unknown"),
    ]
