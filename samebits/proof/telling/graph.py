"""The graph of a pipeline as a drawing: a card a stage, its outputs in it, what it reads to its left."""

import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Literal, NamedTuple

from samebits.proof.telling.layout import Box, Layout, layout
from samebits.proof.verdict import Output, Verdict

State = Literal["same", "allowed", "unknown", "differs"]
STATES: list[State] = ["same", "allowed", "unknown", "differs"]  # from the best to the worst
FOREACH = 5  # so many stages of one `foreach` are one card
MOST_LINES = 8  # in a card
MOST_KINDS = 3  # of problems, in a card
MOST_CARDS = 150
LONGEST, LONGEST_TITLE = 30, 24  # characters that a card shows of a name
LINE, HEAD, PAD = 20, 30, 10  # pixels: the height of a card's lines and of its head; beside its texts
OF_LINE, OF_TITLE, OF_ABOUT = 7.3, 8, 6  # pixels of a letter


class Line(NamedTuple):
    """A line of a card: an output, or several; whose full names `title` has."""

    text: str
    title: str
    state: State | None

    @property
    def shown(self) -> str:
        """The text, as much as a card has room for."""
        return _clipped(self.text, LONGEST)


@dataclass
class Card:
    """A stage, or all of a `foreach`, or data that no stage of the check makes; box: where it is drawn."""

    name: str
    title: str
    state: State | None
    lines: list[Line]
    about: str = ""
    box: Box = field(init=False)

    def __post_init__(self) -> None:
        head = OF_TITLE * _letters(self.shown) + OF_ABOUT * len(self.about) + 14
        widest = max(head, *(20 + OF_LINE * _letters(line.shown) for line in self.lines), 60)
        self.box = Box(0, 0, 2 * PAD + widest, HEAD + LINE * len(self.lines) + (6 if self.lines else 0))

    @property
    def shown(self) -> str:
        """The title, as much as there is room for."""
        return _clipped(self.title, LONGEST_TITLE)

    def port(self, line: int | None) -> float:
        """The y at which the edges of a line begin; without a line, where edges end."""
        return self.box.y + (HEAD / 2 if line is None else HEAD + LINE * (line + 0.5))


class Edge(NamedTuple):
    """From a line of a card to another card; as a path of SVG."""

    path: str
    state: State | None


class Drawing(NamedTuple):
    """What to draw, and how large it is in pixels."""

    cards: list[Card]
    edges: list[Edge]
    width: float
    height: float


def state(output: Output) -> State:
    """What a verdict means, to look at."""
    if output.verdict in ("same", "unknown"):
        return "same" if output.verdict == "same" else "unknown"
    return "allowed" if output.allowed else "differs"


def draw(checked: Verdict) -> Drawing | None:
    """The graph of a verdict; None where there is none, or one too large to look at."""
    plans = (_Plan(checked, together) for together in (True, False))
    for plan in plans:
        try:
            order = list(TopologicalSorter(plan.before).static_order())
        except CycleError:  # stages of a `foreach` that read one another's
            continue
        if not 0 < len(order) <= MOST_CARDS:
            return None
        before = {name: [*makers] for name, makers in plan.before.items()}
        found = layout(before, order, {name: card.box for name, card in plan.cards.items()})
        return found and _drawn(plan, found)
    return None


class _Plan:
    """Which cards there are, and which reads which.

    before: by the name of a card, those that it reads. joins: the lines from which edges go, by pair of cards.
    """

    def __init__(self, checked: Verdict, together: bool) -> None:
        outputs = {each.path: each for each in checked.outputs}
        bases = {name: _base(name) for name in checked.graph}
        counts = Counter(bases.values())
        card_of = {name: base if together and counts[base] >= FOREACH else name for name, base in bases.items()}
        members: dict[str, list[str]] = {}
        for name, card in card_of.items():
            members.setdefault(card, []).append(name)
        self.cards: dict[str, Card] = {}
        place: dict[str, tuple[str, int | None]] = {}  # of each output: its card and its line there
        for card, names in members.items():
            paths = [path for name in names for path in checked.graph[name].makes]
            self.cards[card] = _card(card, names, paths, outputs, checked)
            for path in paths:
                place[path] = card, _line_of(self.cards[card], path, len(names) > 1)
        readers: dict[str, dict[str, None]] = {}
        for name, node in checked.graph.items():
            for path in node.reads:
                if path not in place:
                    readers.setdefault(path, {})[card_of[name]] = None
        sources: dict[tuple[str, ...], list[str]] = {}
        for path, cards in readers.items():
            sources.setdefault(tuple(cards), []).append(path)
        for number, paths in enumerate(sources.values()):
            name = f"\0{number}"  # no stage has such a name
            lines = _lines((path, None) for path in paths)
            self.cards[name] = Card(name, "data", None, lines)
            place |= {path: (name, _line_of(self.cards[name], path, False)) for path in paths}
        self.before: dict[str, dict[str, None]] = {name: {} for name in self.cards}
        self.joins: dict[tuple[str, str], dict[int | None, None]] = {}
        for name, node in checked.graph.items():
            reader = card_of[name]
            for path in node.reads:
                maker, line = place[path]
                if maker != reader:
                    self.before[reader][maker] = None
                    self.joins.setdefault((maker, reader), {})[line] = None


def _card(card: str, names: list[str], paths: list[str], outputs: dict[str, Output], checked: Verdict) -> Card:
    states = {path: state(outputs[path]) for path in paths if path in outputs}
    several = len(names) > 1 or names[0] != card
    kinds: dict[str, State] = {
        each.kind: "differs" if each.decides else "unknown" for each in checked.problems if each.stage in names
    }
    worst = _worst([*states.values(), *kinds.values()])
    if several:
        counts = Counter(states.values())
        lines = [
            Line(f"{each}: {counts[each]}", f"{counts[each]} outputs: {each}", each) for each in STATES if counts[each]
        ]
        lines = lines or [Line(f"{len(paths)} outputs", "taken as recorded", None)]
    else:
        lines = _lines((path, states.get(path)) for path in paths)
    about = f"{len(names)} stages" if several else ""
    if all(name in checked.taken for name in names):
        about = "not run"
    elif seconds := sum(checked.seconds.get(name, 0) for name in names):
        about = f"{about}, {_time(seconds)}" if about else _time(seconds)
    lines += [Line(kind, f"a problem of kind {kind}", of) for kind, of in list(kinds.items())[:MOST_KINDS]]
    return Card(card, f"{card}…" if several else card, worst, lines, about)


def _base(name: str) -> str:
    """For a stage of a `foreach` or `matrix`, what all of them share."""
    file, colon, stage = name.rpartition(":")
    base, at, _ = stage.partition("@")
    return f"{file}{colon}{base}{at}"


def _worst(states: Iterable[State | None]) -> State | None:
    return STATES[max(known)] if (known := [STATES.index(each) for each in states if each]) else None


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _lines(paths: Iterable[tuple[str, State | None]]) -> list[Line]:
    """Lines of outputs; of many, the worst ones."""
    found = [Line(path, path, of) for path, of in paths]
    if len(found) <= MOST_LINES:
        return found
    found.sort(key=lambda each: -STATES.index(each.state) if each.state else 0)
    left = found[MOST_LINES - 1 :]
    worst = _worst(each.state for each in left)
    return [*found[: MOST_LINES - 1], Line(f"and {len(left)} more", "", worst)]


def _line_of(card: Card, path: str, several: bool) -> int | None:
    if several:
        return None
    return next((at for at, line in enumerate(card.lines) if line.title == path), min(MOST_LINES, len(card.lines)) - 1)


def _clipped(text: str, longest: int) -> str:
    """The end of a text, which of a path says the most, in so many letters; some are as wide as two."""
    sizes = [0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF") for each in text]
    if sum(sizes) <= longest:
        return text
    kept = sum(1 for total in itertools.accumulate(reversed(sizes)) if total < longest)
    return f"…{text[len(text) - kept :]}"


def _drawn(plan: _Plan, found: Layout) -> Drawing:
    for name, card in plan.cards.items():
        card.box = found.boxes[name]
    edges = []
    for (maker, reader), lines in plan.joins.items():
        source, target = plan.cards[maker], plan.cards[reader]
        for line in lines:
            x, y = source.box.x + source.box.width, source.port(line)
            path = f"M{x:.1f} {y:.1f}"
            for way in found.ways[maker, reader]:
                middle = way.y + way.height / 2
                path += _curve(x, y, way.x, middle) + f"H{way.x + way.width:.1f}"
                x, y = way.x + way.width, middle
            path += _curve(x, y, target.box.x, target.port(None))
            edges.append(Edge(path, source.state if line is None else source.lines[line].state))
    edges.sort(key=lambda edge: STATES.index(edge.state) if edge.state else -1)  # what differs lies on top
    return Drawing(list(plan.cards.values()), edges, found.width, found.height)


def _letters(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in text)


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    half = (to_x - x) / 2
    return f"C{x + half:.1f} {y:.1f} {to_x - half:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
