"""What readers give: plain values (dicts, lists, numbers, texts), and these where they would lose something."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Parts:
    """An object of a kind, with labelled parts in order, where a dict would lose something.

    kind: a text, or what says more and reads as one. shared: whether it matters that two places hold one and the same
    object.
    """

    kind: Hashable
    entries: list[tuple[Any, Any]]
    shared: bool = False


class Ordered(dict[str, Any]):
    """Values by their names, whose order counts."""


@dataclass(eq=False)
class Graph:
    """Objects that hold one another, with the order in which they were made and changed."""

    root: Any
    log: list[Any]


class Exact(int):
    """An integer that no tolerance is for: it may be a shape, or say how to read the rest."""


class Digits(str):
    """A number of more digits, or larger, than Python reads; as it is written."""


@dataclass(eq=False)
class Lines:
    """Values one after the other, read when asked for."""

    values: Iterator[Any]


@dataclass(eq=False)
class Table:
    """Rows of cells, read when asked for, after the names of their columns, where there are any.

    number: the number that a cell says, or None.
    """

    form: str
    columns: list[str]
    rows: Iterator[list[str]]
    number: Callable[[str], Any]


@dataclass(eq=False)
class Array:
    """Numbers of one type: values (ndarray); of floats also their bits, as unsigned integers (ndarray).

    exact: no tolerance is for them, as they are times, or bits that stand for something else.
    """

    dtype: str
    values: Any
    bits: Any = None
    exact: bool = False


@dataclass(eq=False)
class File:
    """A file in another: its name, by which its format is known; content; about: what else counts, as its mode.

    values: what its bytes are, where the other file says so.
    """

    name: str
    content: bytes
    about: dict[str, Any] = field(default_factory=dict)
    values: Any = None


@dataclass(eq=False)
class Archive:
    """Files by their names, and what else counts."""

    files: dict[str, File]
    about: dict[str, Any] = field(default_factory=dict)
