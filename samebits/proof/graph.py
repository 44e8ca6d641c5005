"""The graph of a pipeline as a drawing: a card a stage, its outputs in it, what it reads to its left.

Layers, after Sugiyama, Tagawa and Toda (Methods for visual understanding of hierarchical system structures, 1981): a
stage stands right of all that it reads; an edge over several layers has a place in each; barycenters order a layer.
"""

import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Literal, NamedTuple

from samebits.proof.verdict import Output, Verdict

State = Literal["same", "allowed", "unknown", "differs"]
STATES: list[State] = ["same", "allowed", "unknown", "differs"]  # from the best to the worst
FOREACH = 5  # so many stages of one `foreach` are one card
MOST_LINES = 8  # in a card
MOST_KINDS = 3  # of problems, in a card
MOST_CARDS = 150
LONGEST = 30  # characters in a line of a card; in its title, which is larger, 24
CHARACTER, LINE, HEAD, PAD = 7.0, 20, 30, 10  # pixels: of the letters, of a card's lines, its head, beside its texts
GAP, BETWEEN, WAY = 64, 22, 8  # between layers, between cards, for an edge between cards
SWEEPS = 12


class Line(NamedTuple):
    """A line of a card: an output, or several; whose full names `title` has."""

    text: str
    title: str
    state: State | None


@dataclass
class Card:
    """A stage, or all of a `foreach`, or data that no stage of the check makes; and where it is drawn, in pixels."""

    name: str
    title: str
    state: State | None
    lines: list[Line] = field(default_factory=list)
    about: str = ""
    layer: int = 0
    x: float = 0
    y: float = 0
    width: float = 0

    @property
    def height(self) -> float:
        """In pixels."""
        return HEAD + LINE * len(self.lines) + (6 if self.lines else 0)

    def port(self, line: int | None) -> float:
        """The height at which the edges of a line begin."""
        return self.y + (HEAD / 2 if line is None else HEAD + LINE * (line + 0.5))


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
        return _laid_out(plan, order) if 0 < len(order) <= MOST_CARDS else None
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


def clipped(text: str, longest: int = LONGEST) -> str:
    """The end of a text, which of a path says the most, in so many letters; some are as wide as two."""
    sizes = [0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF") for each in text]
    if sum(sizes) <= longest:
        return text
    kept = sum(1 for total in itertools.accumulate(reversed(sizes)) if total < longest)
    return f"…{text[len(text) - kept :]}"


def _laid_out(plan: _Plan, order: Sequence[str]) -> Drawing:
    cards, before = plan.cards, plan.before
    after: dict[str, list[str]] = {name: [] for name in cards}
    for name in order:
        cards[name].layer = max((cards[maker].layer + 1 for maker in before[name]), default=0)
        for maker in before[name]:
            after[maker].append(name)
    for name in order:
        if not before[name] and after[name]:  # data stands right before who reads it
            cards[name].layer = min(cards[reader].layer for reader in after[name]) - 1
    layers: list[list[str]] = [[] for _ in range(max(card.layer for card in cards.values()) + 1)]
    for name in order:
        layers[cards[name].layer].append(name)
    ways = _ways(plan, layers)
    links: dict[str, list[tuple[str, int]]] = {name: [] for layer in layers for name in layer}
    for chain in ways.values():
        for one, other in itertools.pairwise(chain):
            links[one].append((other, 1))
            links[other].append((one, -1))
    _order(layers, links)
    heights = {name: cards[name].height if name in cards else WAY for layer in layers for name in layer}
    middles = _middles(layers, links, heights)
    x = 1.0
    lefts, widths = [], []
    for layer in layers:
        here = [cards[name] for name in layer if name in cards]
        widths.append(max(_width(card) for card in here) if here else 40)
        lefts.append(x)
        for card in here:
            card.x, card.width, card.y = x, widths[-1], middles[card.name] - card.height / 2
        x += widths[-1] + GAP
    edges = []
    for (maker, reader), lines in plan.joins.items():
        chain = ways[maker, reader][1:-1]
        for line in lines:
            source = cards[maker]
            path, at = f"M{source.x + source.width:.1f} {source.port(line):.1f}", source.x + source.width
            height = source.port(line)
            for number, way in enumerate(chain, source.layer + 1):
                path += _curve(at, height, lefts[number], middles[way]) + f"H{lefts[number] + widths[number]:.1f}"
                at, height = lefts[number] + widths[number], middles[way]
            path += _curve(at, height, cards[reader].x, cards[reader].port(None))
            edges.append(Edge(path, source.state if line is None else source.lines[line].state))
    edges.sort(key=lambda edge: STATES.index(edge.state) if edge.state else -1)  # what differs lies on top
    bottom = max(card.y + card.height for card in cards.values())
    return Drawing(list(cards.values()), edges, x - GAP + 1, max(bottom, *middles.values()) + 1)


def _ways(plan: _Plan, layers: list[list[str]]) -> dict[tuple[str, str], list[str]]:
    """For each pair of cards, the names from one to the other, a layer each; new ones stand for places of the edge."""
    ways = {}
    for number, (maker, reader) in enumerate(plan.joins):
        between = range(plan.cards[maker].layer + 1, plan.cards[reader].layer)
        names = [f"\0way {number} {layer}" for layer in between]
        for layer, name in zip(between, names, strict=True):
            layers[layer].append(name)
        ways[maker, reader] = [maker, *names, reader]
    return ways


def _order(layers: list[list[str]], links: dict[str, list[tuple[str, int]]]) -> None:
    """Order each layer by where its neighbours stand, to and fro."""
    place = {name: index for layer in layers for index, name in enumerate(layer)}
    for sweep in range(SWEEPS):
        side = 1 if sweep % 2 else -1
        for layer in layers if side < 0 else reversed(layers):
            of = {name: [place[other] for other, where in links[name] if where == side] for name in layer}
            layer.sort(key=lambda name: sum(of[name]) / len(of[name]) if of[name] else place[name])
            place |= {name: index for index, name in enumerate(layer)}


def _middles(
    layers: list[list[str]], links: dict[str, list[tuple[str, int]]], heights: dict[str, float]
) -> dict[str, float]:
    """The height of each, near those of its neighbours, without overlaps."""
    middle: dict[str, float] = {}
    for layer in layers:
        top = 0.0
        for name in layer:
            middle[name] = top + heights[name] / 2
            top += heights[name] + BETWEEN
    for sweep in range(SWEEPS):
        side = 1 if sweep % 2 else -1
        for layer in layers if side < 0 else reversed(layers):
            wanted = []
            for name in layer:
                near = [middle[other] for other, where in links[name] if where == side]
                wanted.append(sum(near) / len(near) if near else middle[name])
            down = _apart(wanted, [heights[name] for name in layer])
            up = [
                -each
                for each in reversed(
                    _apart([-each for each in reversed(wanted)], [heights[name] for name in reversed(layer)])
                )
            ]
            middle |= {name: (one + other) / 2 for name, one, other in zip(layer, down, up, strict=True)}
    top = min(middle[name] - heights[name] / 2 for name in middle)
    return {name: each - top + 1 for name, each in middle.items()}


def _apart(wanted: list[float], heights: list[float]) -> list[float]:
    """Places from the first on, each as wanted, or as far below as those above it need."""
    found, end = [], float("-inf")
    for want, height in zip(wanted, heights, strict=True):
        found.append(max(want, end + height / 2))
        end = found[-1] + height / 2 + BETWEEN
    return found


def _width(card: Card) -> float:
    head = 8 * _letters(card.title) + 6 * len(card.about) + 14
    return 2 * PAD + max(head, *(20 + CHARACTER * _letters(clipped(line.text)) for line in card.lines), 60)


def _letters(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in text)


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    half = (to_x - x) / 2
    return f"C{x + half:.1f} {y:.1f} {to_x - half:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
