"""A verdict as a page to look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from samebits import html
from samebits.proof.comparators.text import first_difference
from samebits.proof.telling import graph, report
from samebits.proof.telling.graph import State
from samebits.proof.verdict import Difference, Row, Verdict

SIGNS: dict[State, str] = {"same": "✓", "allowed": "≈", "differs": "✕", "unknown": "?"}
MEANING: dict[State, str] = {
    "same": "the same bytes",
    "allowed": "other bytes, which a setting allows",
    "differs": "differs, or is missing",
    "unknown": "not known",
}
STATE: dict[str, State] = {"reproduced": "same", "not reproduced": "differs", "inconclusive": "unknown"}
NAMES = {"cpu": "CPU", "blas": "BLAS", "numpy": "NumPy"}
Pieces = list[tuple[str, bool]]  # of a text: whether the other version has something else there


class Pair(NamedTuple):
    """Two versions of a text, with where they differ."""

    promised: Pieces | None
    obtained: Pieces | None


@dataclass(frozen=True)
class Shown:
    """A difference: where, what, and both sides; rows: lines or bytes around it."""

    difference: Difference
    where: str
    what: str
    pair: Pair | None
    notes: list[str]
    rows: list[tuple[Row, Pair]]


def render(checked: Verdict) -> str:
    """The page of a verdict: graph, outputs, differences side by side, the machine and what the verdict rests on."""
    told = [each for each in checked.outputs if each.differences and each.verdict != "unknown"]
    return html.render(
        "proof/telling/page.html",
        verdict=checked,
        sentence=report.SENTENCE[checked.conclusion],
        state=STATE[checked.conclusion],
        counted=report.counted(checked),
        kinds=report.deciding(checked),
        problems=report.problems(checked.problems),
        drawing=graph.draw(checked),
        differing=[(each, [_shown(difference) for difference in each.differences]) for each in told],
        anchors={each.path: f"difference-{number}" for number, each in enumerate(told, 1)},
        facts=list(facts(checked)),
        allowed=[each for each in checked.outputs if each.rule and each.allowed],
        state_of=graph.state,
        signs=SIGNS,
        meaning=MEANING,
        head=graph.HEAD,
        line=graph.LINE,
        pad=graph.PAD,
    )


def facts(checked: Verdict) -> Iterator[tuple[str, str]]:
    """What the verdict rests on, by name."""
    yield "Commit", checked.commit
    for path, digest in checked.locks.items():
        yield path, f"SHA-256 {digest}"
    everything = "all that the commit holds; `--strict` would tell what is read and not declared"
    yield "Inputs", "only what each stage declares, in other surroundings" if checked.strict else everything
    network = "cut off from every stage"
    if checked.network is None:
        network = "could not be cut off on this system"
    elif checked.network:
        network = f"only for {', '.join(checked.network)}, by the settings"
    yield "Network", network
    if checked.setup:
        yield "Setup", "ran first, with the network"
    for each in checked.isolation or []:
        yield "Not isolated", each
    if checked.unproved:
        yield "Not proved", ", ".join(checked.unproved)
    for name, value in checked.machine.items():
        yield NAMES.get(name, name.capitalize()), value
    if checked.seconds:
        yield "Time", f"{sum(checked.seconds.values()):.1f} s for the stages that ran"
    yield "samebits", checked.version


def _shown(difference: Difference) -> Shown:
    text = difference.text.removesuffix(":")
    pair = None
    if difference.promised is not None:
        pair = _pair(difference.promised, difference.obtained)
    notes = [each for each in (difference.size(), difference.note) if each]
    divided = _bytes if difference.unit == "byte" else _pair
    rows = [(row, divided(row.promised, row.obtained)) for row in difference.rows]
    what = "" if text == "is" else text
    return Shown(difference, difference.place.removesuffix(":"), what, pair, notes, rows)


def _pair(promised: str | None, obtained: str | None) -> Pair:
    """Two texts, divided where they begin and end to differ."""
    if promised is None or obtained is None:
        only = [None if each is None else [(each, True)] for each in (promised, obtained)]
        return Pair(only[0], only[1])
    start = first_difference(promised, obtained)
    end = first_difference(promised[start:][::-1], obtained[start:][::-1])
    one, other = (
        [(each[:start], False), (each[start : len(each) - end], True), (each[len(each) - end :], False)]
        for each in (promised, obtained)
    )
    return Pair(one, other)


def _bytes(promised: str | None, obtained: str | None) -> Pair:
    """Two rows of bytes, divided into bytes."""
    sides = [(each or "").split() for each in (promised, obtained)]
    one, other = (
        [piece for at, byte in enumerate(side) for piece in ((byte, others[at : at + 1] != [byte]), (" ", False))]
        for side, others in (sides, sides[::-1])
    )
    return Pair(one or None, other or None)
