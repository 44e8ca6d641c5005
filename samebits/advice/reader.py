"""What SQL gives the value of each column of a table, whatever form its text has: asked of all rows."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import duckdb
import numpy as np

from samebits.advice import readings
from samebits.advice.column import Cells, Column
from samebits.advice.fit import MARKERS, Fit, known_in
from samebits.advice.readings import Reading
from samebits.tables.diagnosis import identifier, string

KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint", "hugeint"), "number"),
    **dict.fromkeys(("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint", "bignum", "decimal"), "number"),
    **dict.fromkeys(("float", "double"), "number"),
    **dict.fromkeys(("varchar", "enum", "uuid"), "text"),
    **dict.fromkeys(("date", "timestamp", "timestamp with time zone"), "date"),
    **dict.fromkeys(("timestamp_s", "timestamp_ms", "timestamp_ns"), "date"),
    "boolean": "boolean",
    "time": "time",
}
AT_ONCE = 16  # columns in a question; more take more memory at a time
SAMPLE = 500  # rows that propose how a text is read
STRAY = 0.05  # the share of values of another form that are taken as missing; of more, the column stays text
WORDS = 0.5  # the same of words as unknown
SPACES = "\t\u00a0\u202f\u3000"  # that trim of SQL leaves
ROW = identifier("row of the table")  # its number, from 0


@dataclass(frozen=True)
class Asked:
    """What the person has said.

    missing: columns, or None for all, with the text or number that is none. positive: the value of the target that is
    1. model: linear or logistic, None where the target decides.
    """

    missing: tuple[tuple[str | None, str], ...] = ()
    dates: str | None = None
    categories: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    positive: str | None = None
    model: Literal["linear", "logistic"] | None = None

    def missing_in(self, name: str) -> list[str]:
        """What is missing in a column."""
        return list(dict.fromkeys(value for column, value in self.missing if column in (None, name)))


class Reader:
    """Reads the columns of a table of DuckDB, whose column ROW counts its rows, as the person has said."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, cells: str, asked: Asked) -> None:
        """cells: the SQL name of the table."""
        self._connection, self._cells, self._asked_for = connection, cells, asked
        self._habits: set[str] = {asked.dates} if asked.dates else set()

    def read(self, columns: list[Column]) -> list[Column]:
        """The columns with their kinds and what SQL gives a value."""
        chosen: dict[str, Column] = {}
        texts = [each for each in columns if KINDS.get(each.type) == "text"]
        fits: dict[str, Fit] = {}
        for start in range(0, len(texts), AT_ONCE):
            some = texts[start : start + AT_ONCE]
            fits |= dict(zip((each.name for each in some), self._fitting(some), strict=True))
        if self._has_fractions(columns):  # with points
            self._habits.add("thousands")
        sure = [fit.habits for fit in fits.values() if fit.habits]
        said = {"day first", "month first"} if self._asked_for.dates else set()
        self._habits |= {each for habits in sure if len(habits) == 1 for each in habits} - said
        for column in columns:
            kind = KINDS.get(column.type, column.type)
            if kind == "text":
                chosen[column.name] = self._of_text(column, fits[column.name])
            else:
                value = column.cell
                if column.type == "timestamp with time zone":
                    value = f"make_timestamp(epoch_us({value}))"  # in UTC, wherever it is asked
                elif column.type in ("timestamp_s", "timestamp_ms", "timestamp_ns"):
                    value = f"{value}::TIMESTAMP"
                chosen[column.name] = self._without(replace(column, kind=kind, value=value))
        may = [each for each in chosen.values() if each.type in ("float", "double") or each.kind == "date"]
        infinite = self._ask([f"countif(NOT isfinite({each.value}))" for each in may])
        for each, count in zip(may, infinite, strict=True):
            if count:
                finite = f"CASE WHEN isfinite({each.value}) THEN {each.value} END"
                chosen[each.name] = replace(each, value=finite)
        return list(chosen.values())

    def _has_fractions(self, columns: list[Column]) -> bool:
        """Whether numbers that DuckDB has read have a decimal point."""
        doubles = [each for each in columns if each.type == "double"][:AT_ONCE]
        return any(self._ask([f"countif({each.cell} <> trunc({each.cell}))" for each in doubles]))

    def _without(self, column: Column) -> Column:
        """The column without the numbers that are missing because the person said so."""
        values = [each for each in self._asked_for.missing_in(column.name) if _is_number(each)]
        if column.kind != "number" or not values:
            return column
        listed = ", ".join(values)
        [rows] = self._ask([f"countif({column.value} IN ({listed}))"])
        if not rows:
            return column
        value = f"nullif({column.value}, {listed})"
        if len(values) > 1:
            value = f"CASE WHEN {column.value} NOT IN ({listed}) THEN {column.value} END"
        return replace(column, value=value, asked=rows)

    def _fitting(self, columns: list[Column]) -> list[Fit]:
        """What fits the texts of columns."""
        [(rows,)] = self._connection.execute(f"SELECT count(*) FROM {self._cells}").fetchall()
        cells = ", ".join(f"{each.cell}::VARCHAR" for each in columns)
        some = f"SELECT {cells} FROM {self._cells} WHERE {ROW} % {max(1, rows // SAMPLE)} = 0 LIMIT {2 * SAMPLE}"
        seen = list(zip(*self._connection.execute(some).fetchall(), strict=True)) or [()] * len(columns)
        found, asked = [], []
        for column, texts in zip(columns, seen, strict=True):
            missing = {*MARKERS, *self._asked_for.missing_in(column.name)}
            known = [text for text in texts if text is not None and text.strip() not in missing]
            if len(known) < SAMPLE // 10:  # most are missing
                more = (
                    f"SELECT {column.cell}::VARCHAR FROM {self._cells} WHERE {known_in(column.cell, missing)} LIMIT 100"
                )
                known = [text for (text,) in self._connection.execute(more).fetchall()]
            cell = column.cell
            for space in sorted({letter for text in known for letter in text if letter in SPACES}):
                cell = f"replace({cell}, chr({ord(space)}), ' ')"  # so that trim takes it off
            known = [re.sub(f"[{SPACES}]", " ", text) for text in known[:SAMPLE]]
            fit = Fit(cell, missing, readings.proposed(known))
            found.append(fit)
            asked.append(fit.question())
        answers = iter(self._ask([each for question in asked for each in question]))
        return [fit.answered([next(answers) for _ in question]) for fit, question in zip(found, asked, strict=True)]

    def _of_text(self, column: Column, fit: Fit) -> Column:
        """A column of text as what it says."""
        cell = f"{fit.cell}::VARCHAR" if column.type != "varchar" else fit.cell
        column = replace(column, padded=fit.padded, asked=fit.asked)
        chosen = fit.chosen(self._habits)
        others = fit.known - fit.fits.get(chosen, 0) if chosen else 0
        if chosen and chosen.kind == "number" and not others and fit.codes:
            [(example, first)] = self._examples([(cell, fit.code_condition(cell))])
            why = "a leading zero" if example.strip("+- ").startswith("0") else "too many digits for a number"
            column = replace(column, codes=f"{example!r} in row {first + 1}: {why}")
        elif chosen and others - fit.words <= STRAY * fit.known and fit.words <= WORDS * fit.known:
            read = chosen.of(cell)
            value = read.value
            if fit.wrong[chosen]:  # DuckDB takes more for a number
                value = f"CASE WHEN {read.fits} THEN {value} END"
            values = self._asked_for.missing_in(column.name)
            if chosen.kind == "number" and (numbers := [each for each in values if _is_number(each)]):
                value = f"nullif({value}, {numbers[0]})" if len(numbers) == 1 else _none_of(value, numbers)
            strays = self._odd(cell, fit, read) if others else None
            also = fit.other_habit(chosen, self._habits)
            markers = self._markers(cell, fit)
            return replace(
                column, kind=chosen.kind, value=value, read=chosen.told, strays=strays, also=also, markers=markers
            )
        elif chosen and others < fit.known / 2:  # of fewer, the form is a chance
            column = replace(column, mixed=self._odd(cell, fit, chosen.of(cell)))
        value = f"trim({cell})" if fit.padded else cell
        if fit.blank:
            value = f"nullif({value}, '')"
        if gone := self._asked_for.missing_in(column.name):
            value = f"CASE WHEN {value} NOT IN ({', '.join(map(string, gone))}) THEN {value} END"
        return replace(column, kind="text", value=value)

    def _odd(self, cell: str, fit: Fit, read: Reading) -> Cells:
        """The texts that a reading does not fit."""
        odd = f"{known_in(cell, fit.missing)} AND NOT coalesce({read.fits}, false)"
        [(example, first)] = self._examples([(cell, odd)])
        [rows] = self._ask([f"countif({odd})"])
        return Cells(example, rows, first + 1, fit.known)

    def _examples(self, conditions: list[tuple[str, str]]) -> list[tuple[str, int]]:
        """Of cells that meet a condition, the first, with the number of its row, from 0."""
        asked = [f"(arg_min({cell}, {ROW}) FILTER ({odd}), min({ROW}) FILTER ({odd}))" for cell, odd in conditions]
        return self._ask(asked)

    def _markers(self, cell: str, fit: Fit) -> tuple[str, ...]:
        """What stands for a missing value in a column of numbers or dates."""
        if fit.known == fit.given:
            return ()
        listed = ", ".join(string(each) for each in fit.missing if each)
        [found] = self._ask([f"list_sort(list(DISTINCT trim({cell})) FILTER (trim({cell}) IN ({listed})))"])
        return tuple(found or ())

    def _ask(self, aggregates: list[str]) -> list[Any]:
        return ask(self._connection, self._cells, aggregates)


def ask(connection: duckdb.DuckDBPyConnection, table: str, aggregates: Sequence[str | None]) -> list[Any]:
    """The values of aggregates over the rows of a table, some at a time; None where nothing is asked."""
    asked = [each for each in aggregates if each]
    found: list[Any] = []
    for start in range(0, len(asked), 8 * AT_ONCE):
        sql = ", ".join(asked[start : start + 8 * AT_ONCE])
        found += connection.execute(f"SELECT {sql} FROM {table}").fetchall()[0]
    answers = iter(found)
    return [next(answers) if each else None for each in aggregates]


def fields_of(name: str, cell: str, type_: Any) -> list[Column]:
    """A column, or the fields of a struct."""
    if type_.id != "struct":
        return [Column(name, type_.id, cell)]
    return [
        each
        for field, of in type_.children
        for each in fields_of(f"{name}.{field}", f"({cell}).{identifier(field)}", of)
    ]


def _none_of(value: str, numbers: list[str]) -> str:
    return f"CASE WHEN {value} NOT IN ({', '.join(numbers)}) THEN {value} END"


def _is_number(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(np.isfinite(float(text))) and "_" not in text
    return False
