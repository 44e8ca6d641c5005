"""Where the boxes of a graph without circles stand, from left to right, and what way its edges take.

Layers, after Sugiyama, Tagawa and Toda (Methods for visual understanding of hierarchical system structures, IEEE
Transactions on Systems, Man, and Cybernetics 11, 1981): a box stands right of all that lead to it; an edge over several
layers has a place in each; barycenters order a layer.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

GAP, BETWEEN, WAY = 64, 22, 8  # pixels between layers, between boxes, for an edge between boxes
NARROWEST = 40
MOST_PLACES = 3000  # of boxes and edges in all layers: nobody could follow more
SWEEPS = 12
Links = Mapping[str, list[tuple[str, int]]]  # of each, those in the next layer (1) and in the one before (-1)


class Box(NamedTuple):
    """In pixels, y down."""

    x: float
    y: float
    width: float
    height: float


class Layout(NamedTuple):
    """The boxes; for each edge, the boxes between its ends through which it goes; the size of all."""

    boxes: dict[str, Box]
    ways: dict[tuple[str, str], list[Box]]
    width: float
    height: float


def layout(before: Mapping[str, Sequence[str]], order: Sequence[str], sizes: Mapping[str, Box]) -> Layout | None:
    """Lay out a graph; None where it is too large to look at.

    before: by box, those from which an edge leads to it. order: all boxes, each after those. sizes: without places.
    """
    layer = _layers(before, order)
    edges = [(maker, reader) for reader in order for maker in before[reader]]
    if len(order) + sum(layer[reader] - layer[maker] - 1 for maker, reader in edges) > MOST_PLACES:
        return None
    layers: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name in order:
        layers[layer[name]].append(name)
    chains = {}
    for number, (maker, reader) in enumerate(edges):
        places = {at: f"\0{number} {at}" for at in range(layer[maker] + 1, layer[reader])}
        for at, place in places.items():
            layers[at].append(place)
        chains[maker, reader] = [maker, *places.values(), reader]
    links: dict[str, list[tuple[str, int]]] = {name: [] for each in layers for name in each}
    for chain in chains.values():
        for one, other in itertools.pairwise(chain):
            links[one].append((other, 1))
            links[other].append((one, -1))
    _order(layers, links)
    heights = {name: sizes[name].height if name in sizes else WAY for name in links}
    middles = _middles(layers, links, heights)
    x = 1.0
    boxes: dict[str, Box] = {}
    for each in layers:
        width = max((sizes[name].width for name in each if name in sizes), default=NARROWEST)
        boxes |= {name: Box(x, middles[name] - heights[name] / 2, width, heights[name]) for name in each}
        x += width + GAP
    return Layout(
        boxes={name: boxes[name] for name in order},
        ways={edge: [boxes[place] for place in chain[1:-1]] for edge, chain in chains.items()},
        width=x - GAP + 1,
        height=max(box.y + box.height for box in boxes.values()) + 1,
    )


def _layers(before: Mapping[str, Sequence[str]], order: Sequence[str]) -> dict[str, int]:
    """In which layer each box is: as far left as it can be, but what nothing leads to, as far right."""
    layer: dict[str, int] = {}
    after: dict[str, list[str]] = {name: [] for name in order}
    for name in order:
        layer[name] = max((layer[maker] + 1 for maker in before[name]), default=0)
        for maker in before[name]:
            after[maker].append(name)
    first = [name for name in order if not before[name] and after[name]]
    return layer | {name: min(layer[reader] for reader in after[name]) - 1 for name in first}


def _order(layers: list[list[str]], links: Links) -> None:
    """Order each layer by where its neighbours stand, to and fro."""
    place = {name: index for layer in layers for index, name in enumerate(layer)}
    for sweep in range(SWEEPS):
        side = 1 if sweep % 2 else -1
        for layer in layers if side < 0 else reversed(layers):
            of = {name: [place[other] for other, where in links[name] if where == side] for name in layer}
            layer.sort(key=lambda name: sum(of[name]) / len(of[name]) if of[name] else place[name])
            place |= {name: index for index, name in enumerate(layer)}


def _middles(layers: list[list[str]], links: Links, heights: Mapping[str, float]) -> dict[str, float]:
    """The y of each, near that of its neighbours, without overlaps."""
    middle: dict[str, float] = {}
    for layer in layers:
        middle |= zip(layer, _below([0.0] * len(layer), [heights[name] for name in layer]), strict=True)
    for sweep in range(SWEEPS):
        side = 1 if sweep % 2 else -1
        for layer in layers if side < 0 else reversed(layers):
            near = [[middle[other] for other, where in links[name] if where == side] for name in layer]
            wanted = [sum(ys) / len(ys) if ys else middle[name] for name, ys in zip(layer, near, strict=True)]
            sizes = [heights[name] for name in layer]
            down = _below(wanted, sizes)
            up = [-y for y in _below([-y for y in wanted[::-1]], sizes[::-1])[::-1]]
            middle |= {name: (one + other) / 2 for name, one, other in zip(layer, down, up, strict=True)}
    top = min(middle[name] - heights[name] / 2 for name in middle)
    return {name: y - top + 1 for name, y in middle.items()}


def _below(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """The y of each, from the first on, as wanted, or as far below as those above it need."""
    found, end = [], float("-inf")
    for want, height in zip(wanted, heights, strict=True):
        found.append(max(want, end + height / 2))
        end = found[-1] + height / 2 + BETWEEN
    return found
