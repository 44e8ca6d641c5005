"""The walk over the values of two files: what differs, and where."""

import itertools
from collections.abc import Callable
from typing import Any

from samebits.proof.comparators import numbers
from samebits.proof.comparators.findings import Place, Scope, short
from samebits.proof.comparators.text import first_difference
from samebits.proof.comparators.values import Archive, Array, File, Graph, Lines, Ordered, Parts, Table
from samebits.proof.verdict import Difference

ONLY = {which: Difference(f"is only in the {which} file") for which in ("promised", "obtained")}


class Walk:
    """Compares two values and notes what differs.

    one_number_type: whether 1 and 1.0 are one number. enter: compares two files.
    """

    def __init__(self, one_number_type: bool, enter: Callable[[File, File, Place, Scope], None]) -> None:
        self.one_number_type = one_number_type
        self.enter = enter
        self._twins: dict[int, tuple[Parts, Parts]] = {}  # holds the objects: an id is one only while its object lives
        self._twins_of_obtained: dict[int, Parts] = {}

    def compare(self, promised: Any, obtained: Any, place: Place, scope: Scope) -> None:
        """Compare the values at a place."""
        if isinstance(promised, dict) and isinstance(obtained, dict):
            self._dicts(promised, obtained, place, scope)
        elif isinstance(promised, list) and isinstance(obtained, list):
            self._lists(promised, obtained, place, scope)
        elif type(promised) is type(obtained) and (compare := _COMPARE.get(type(promised))):
            compare(self, promised, obtained, place, scope)
        else:
            self._leaves(promised, obtained, place, scope)

    def _leaves(self, promised: Any, obtained: Any, place: Place, scope: Scope) -> None:
        distance, close = None, False
        if numbers.is_number(promised) and numbers.is_number(obtained):
            if type(promised) is type(obtained) or self.one_number_type:
                if numbers.equal(promised, obtained):
                    return
                close = scope.tolerance is not None and numbers.close(promised, obtained, scope.tolerance)
                floats = isinstance(promised, float) or isinstance(obtained, float)
                if floats and (apart := numbers.ulps(promised, obtained)) is not None:
                    distance = numbers.distance(promised, obtained, apart)
        elif type(promised) is type(obtained):
            # others are None, dates and decimals, where == takes two times of two zones for one
            if promised == obtained if isinstance(promised, str | bytes | int) else repr(promised) == repr(obtained):
                return
            if isinstance(promised, str | bytes) and len(promised) > 40:
                scope.note(place, _first_difference(promised, obtained))
                return
        else:
            one, other = (f"{type(each).__name__} {short(each)}" for each in (promised, obtained))
            scope.note(place, Difference("is", one, other))
            return
        scope.note(place, Difference("is", short(promised), short(obtained), distance), close)

    def _dicts(self, promised: dict[Any, Any], obtained: dict[Any, Any], place: Place, scope: Scope) -> None:
        for key, value in promised.items():
            inner = scope.into(key)
            if key in obtained:
                self.compare(value, obtained[key], (place, key), inner)
            else:
                inner.note((place, key), ONLY["promised"])
        for key in obtained:
            if key not in promised:
                scope.into(key).note((place, key), ONLY["obtained"])
        if isinstance(promised, Ordered):
            orders = [
                [key for key in one if key in other] for one, other in ((promised, obtained), (obtained, promised))
            ]
            if orders[0] != orders[1]:
                scope.note(place, Difference("stand in another order"))

    def _lists(self, promised: list[Any], obtained: list[Any], place: Place, scope: Scope) -> None:
        _lengths(len(promised), len(obtained), "items", place, scope)
        for index, (one, other) in enumerate(zip(promised, obtained, strict=False)):
            self.compare(one, other, (place, index), scope)

    def _parts(self, promised: Parts, obtained: Parts, place: Place, scope: Scope) -> None:
        if promised.shared or obtained.shared:
            known, known_obtained = self._twins.get(id(promised)), self._twins_of_obtained.get(id(obtained))
            if known or known_obtained:
                if not known or known[1] is not obtained or known_obtained is not promised:
                    scope.note(place, Difference("is one and the same object as another in one file only"))
                return
            self._twins[id(promised)] = promised, obtained
            self._twins_of_obtained[id(obtained)] = promised
        if promised.kind != obtained.kind:
            scope.note(place, Difference("is", str(promised.kind), str(obtained.kind)))
            return
        _lengths(len(promised.entries), len(obtained.entries), "parts", place, scope)
        for (label, one), (other_label, other) in zip(promised.entries, obtained.entries, strict=False):
            inner = scope.into(label)
            if label != other_label:
                inner.note(place, Difference("has", short(label), short(other_label), note="at the same place"))
                return
            self.compare(one, other, place if label == "" else (place, label), inner)

    def _graphs(self, promised: Graph, obtained: Graph, place: Place, scope: Scope) -> None:
        self.compare(promised.root, obtained.root, place, scope)
        same = len(promised.log) == len(obtained.log) and all(
            self._twins.get(id(one), (None, None))[1] is other if isinstance(one, Parts) else one == other
            for one, other in zip(promised.log, obtained.log, strict=True)
        )
        if not same:
            scope.note(place, Difference("the objects are made in another order"))

    def _streams(self, promised: Lines, obtained: Lines, place: Place, scope: Scope) -> None:
        end = object()
        for number, (one, other) in enumerate(itertools.zip_longest(promised.values, obtained.values, fillvalue=end)):
            if end in (one, other):
                scope.note((place, f"line {number + 1}"), ONLY["obtained" if one is end else "promised"])
                return
            self.compare(one, other, (place, f"line {number + 1}"), scope)

    def _tables(self, promised: Table, obtained: Table, place: Place, scope: Scope) -> None:
        self._leaves(promised.form, obtained.form, place, scope)
        columns, others = promised.columns, obtained.columns
        here = {name: index for index, name in enumerate(others)}
        if columns != others:
            missing = [(name, "promised") for name in columns if name not in here]
            missing += [(name, "obtained") for name in others if name not in columns]
            for name, which in missing:
                scope.into(name).note((place, f"column {name}"), ONLY[which])
            if len({*columns}) != len(columns) or len(here) != len(others):
                scope.note(place, Difference("columns of one name: no rows compared"))
                return
            if [name for name in columns if name in here] != [name for name in others if name in columns]:
                scope.note(place, Difference("the columns stand in another order"))
        pairs = [
            (index, index if columns == others else here[name], name, scope.into(name))
            for index, name in enumerate(columns)
            if name in here
        ]
        for number, (one, other) in enumerate(itertools.zip_longest(promised.rows, obtained.rows), 1):
            row: Place = (place, f"row {number}")
            if one is None or other is None:
                count = number + sum(1 for _ in (promised.rows if other is None else obtained.rows))
                rows = (number - 1, count) if one is None else (count, number - 1)
                scope.note(place, Difference("has", f"{rows[0]:,} rows", f"{rows[1]:,}"))
                return
            if one == other and columns == others:
                continue
            if len(one) != len(columns) or len(other) != len(others):
                if len(one) - len(columns) != len(other) - len(others):
                    scope.note(row, Difference("has", f"{len(one)} cells", f"{len(other)}"))
                    continue
                if not columns or len(one) < len(columns) or one[len(columns) :] != other[len(others) :]:
                    self._cells(one, other, promised, row, scope)
                    continue
            for index, other_index, name, inner in pairs:
                if one[index] != other[other_index]:
                    self._cell(one[index], other[other_index], promised, (row, f"column {name}"), inner)

    def _cells(self, one: list[str], other: list[str], table: Table, row: Place, scope: Scope) -> None:
        if len(one) != len(other):
            scope.note(row, Difference("has", f"{len(one)} cells", f"{len(other)}"))
            return
        for index, (cell, other_cell) in enumerate(zip(one, other, strict=True)):
            if cell != other_cell:
                self._cell(cell, other_cell, table, (row, f"column {index + 1}"), scope)

    def _cell(self, one: str, other: str, table: Table, place: Place, scope: Scope) -> None:
        values = table.number(one), table.number(other)
        promised, obtained = (one, other) if None in values else values
        self._leaves(promised, obtained, place, scope)

    def _arrays(self, promised: Array, obtained: Array, place: Place, scope: Scope) -> None:
        from samebits.proof.comparators import arrays  # needs numpy

        arrays.compare(promised, obtained, place, scope)

    def _files(self, promised: File, obtained: File, place: Place, scope: Scope) -> None:
        self._dicts(promised.about, obtained.about, place, scope)
        if promised.values is not None and obtained.values is not None:
            self.compare(promised.values, obtained.values, place, scope)
        else:
            self.enter(promised, obtained, place, scope)

    def _archives(self, promised: Archive, obtained: Archive, place: Place, scope: Scope) -> None:
        self._dicts(promised.about, obtained.about, place, scope)
        for name in dict.fromkeys([*promised.files, *obtained.files]):
            inner, where = scope.member(name), (place, f"{name}:")
            if name in promised.files and name in obtained.files:
                self._files(promised.files[name], obtained.files[name], where, inner)
            else:
                inner.note(where, ONLY["promised" if name in promised.files else "obtained"])


_COMPARE: dict[type, Callable[[Walk, Any, Any, Place, Scope], None]] = {
    Parts: Walk._parts,
    Graph: Walk._graphs,
    Lines: Walk._streams,
    Table: Walk._tables,
    Array: Walk._arrays,
    File: Walk._files,
    Archive: Walk._archives,
}


def _lengths(promised: int, obtained: int, what: str, place: Place, scope: Scope) -> None:
    if promised != obtained:
        scope.note(place, Difference("has", f"{promised:,} {what}", f"{obtained:,}"))


def _first_difference(promised: Any, obtained: Any) -> Difference:
    at = first_difference(promised, obtained)
    start = max(at - 20, 0)
    one, other = (short(each[start : start + 50]) for each in (promised, obtained))
    return Difference(f"differs from character {at:,} on:", one, other)
