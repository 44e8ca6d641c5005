"""What becomes of the target: a number, or one of two classes, written as 0 and 1."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from samebits.advice import features
from samebits.advice.column import Column
from samebits.advice.features import Line, count
from samebits.advice.reader import Asked
from samebits.errors import UserError
from samebits.tables.diagnosis import clean, identifier, string

Model = Literal["linear", "logistic"]
SHOWN = 5  # values that are told
LISTED = 1000  # values of a number that are counted
YES = {"yes", "y", "true", "t", "positive", "pos", "present", "success", "survived", "malignant", "case", "abnormal"}
YES |= {"spam", "fraud", "fraudulent", "default", "defaulted", "churn", "churned", "attack", "anomaly", "defective"}
YES |= {"died", "dead", "deceased", "death", "event", "disease", "diseased", "sick", "ill", "infected", "relapse"}
YES |= {"on", "pass", "passed", "approved", "accepted", "win", "won", "bad", "diabetic", "poisonous", "high"}
NO = {"no", "n", "false", "f", "negative", "neg", "absent", "absence", "failure", "benign", "control", "normal", "none"}
NO |= {"ham", "off", "alive", "healthy", "censored", "fail", "failed", "rejected", "denied", "loss", "lost", "good"}
NO |= {"never", "edible", "low", "legitimate", "genuine", "ok"}
NOT = ("no", "non", "not", "never", "without", "<=", "<")  # before the other value


@dataclass(frozen=True)
class Target:
    """What is predicted: the line of the query, and by which model.

    labels: what 0 and 1 mean, None where the table itself holds 0 and 1, or a number is predicted. told: which class is
    1, for people; empty for a number. notes: what a person must know.
    """

    line: Line
    model: Model
    labels: tuple[str, str] | None
    told: str
    notes: list[str]

    @property
    def names(self) -> tuple[str, str]:
        """What 0 and 1 are called."""
        return self.labels or ("0", "1")


@dataclass(frozen=True)
class Value:
    """A value of a target: as people read it, in SQL, and how many rows have it."""

    label: str
    sql: str
    rows: int


def of(y: Column, frequencies: list[tuple[str, int]], words: Mapping[bool, str], asked: Asked, all_rows: int) -> Target:
    """What becomes of the target.

    frequencies: its values as text with how many rows have each; of a number of many values, none are needed. words:
    how the table writes a boolean, where it is no text of true and false. all_rows: of the table, also those without
    target. Raises UserError where nothing can predict it, as it was asked.
    """
    where = f"--target {clean(y.name)}"
    if not y.rows:
        raise UserError(f"{where}: no row has a value" if all_rows else f"{where}: the table has no rows")
    if y.kind not in ("number", "boolean", "text"):
        raise UserError(
            f"{where}: has type {y.kind}; a model predicts a number or one of two values; name such a column"
        )
    if y.distinct == 1:
        raise UserError(f"{where}: every value is {features.text(y.low)}; there is nothing to predict")
    values = _values(y, frequencies, words)
    one = _named(y, values, asked.positive) if asked.positive is not None else None
    if y.distinct == 2:
        return _of_two(y, values, one or positive(y, values), asked.model or "logistic")
    if one:
        rest = Value(f"not {one.label}", "", y.rows - one.rows)
        return _of_classes(y, rest, one, asked.model or "logistic", "")
    if y.kind == "number" and asked.model == "logistic":
        raise UserError(
            f"{where}: a number with {y.distinct:,} values; logistic regression predicts one of two: --positive VALUE "
            f"compares one with the rest; or write a condition into data.query, as ({identifier(y.name)} > "
            f"{values[0].label if values else 0})::INT AS {identifier(y.name)}"
        )
    if y.kind == "text":
        raise UserError(
            f"{where}: text with {y.distinct:,} values ({_shown(values)}); a model predicts a number or one of two "
            f"values: --positive {_word(values[0].label)} compares one with the rest, --missing "
            f"{_word(f'{y.name}={values[-1].label}')} leaves its rows out"
        )
    return Target(_plain(y), "linear", None, "", _of_number(y))


def positive(y: Column, values: list[Value]) -> Value:
    """Which of two values is 1: the one that the column is named for or that its words say, else that of fewer rows.

    Of numbers it is the greater, as everywhere; of as many rows, the later one.
    """
    first, second = sorted(values, key=lambda each: float(each.label) if y.kind == "number" else each.label)
    if y.kind == "number":
        return second
    if y.kind == "boolean":
        return first if first.sql == "true" else second
    one, other = first.label.strip().lower(), second.label.strip().lower()
    if _negates(one, other) or _negates(other, one):
        return second if _negates(one, other) else first
    name = _words(y.name) - {"no", "not"}
    tokens = [_words(one), _words(other)]
    for says in (
        [bool(each & name) for each in tokens],
        [bool(each & YES) and not each & NO for each in tokens],
        [bool(each & YES) or not each & NO for each in tokens],
    ):
        if says[0] != says[1]:
            return first if says[0] else second
    return first if first.rows < second.rows else second


def _negates(text: str, other: str) -> bool:
    """Whether a text says that the other is not so: nonspam, no rain, <=50K."""
    rests = [text.removeprefix(each).lstrip(" -_") for each in NOT if text.startswith(each)]
    return not {other, other.lstrip("> ")}.isdisjoint(rests)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def _values(y: Column, frequencies: list[tuple[str, int]], words: Mapping[bool, str]) -> list[Value]:
    """The values of a target that are known, the most frequent first."""
    if y.kind == "number":
        numbers = [(features.number(float(text)), rows) for text, rows in frequencies]
        return [Value(text, text, rows) for text, rows in numbers]
    if y.kind == "boolean":
        return [Value(words.get(text == "true", text), text, rows) for text, rows in frequencies]
    return [Value(text, string(text), rows) for text, rows in frequencies]


def _named(y: Column, values: list[Value], asked: str) -> Value:
    """The value that the person wants to be 1. Raises UserError where there is none."""
    same = [each for each in values if each.label == asked]
    same = same or [each for each in values if each.label.strip().lower() == asked.strip().lower()]
    if not same and y.kind == "number":
        with suppress(ValueError):
            same = [each for each in values if float(each.label) == float(asked)]
    if len(same) != 1:
        raise UserError(f"--positive {clean(asked)}: {clean(y.name)} has no such value; it has {_shown(values)}")
    return same[0]


def _of_two(y: Column, values: list[Value], one: Value, model: Model) -> Target:
    [zero] = [each for each in values if each != one]
    return _of_classes(y, zero, one, model, f"; --positive {_word(zero.label)} swaps them")


def _of_classes(y: Column, zero: Value, one: Value, model: Model, other_way: str) -> Target:
    """A target of two classes, for logistic regression or, if it was asked for, least squares."""
    ones, zeros = count(one.rows, "row"), count(zero.rows, "row")
    told = f"1 is {clean(one.label)} ({ones}), 0 is {clean(zero.label)} ({zeros})"
    if y.distinct == 2 and (zero.label, one.label) == ("0", "1"):
        told = f"1 in {ones}, 0 in {zeros}"
        line, labels = _plain(y), None
    else:
        sql = f"({y.value} = {one.sql})::INT"
        if y.kind == "boolean":
            sql = f"{y.value}::INT" if one.sql == "true" else f"(NOT {y.value})::INT"
        line, labels = Line(y.name, y.name, sql, f"target: {told}"), (zero.label, one.label)
    if model == "linear":
        note = (
            f"{y.name} has two values: this is a linear probability model, as --model linear says. It predicts the "
            f"share of {clean(one.label)} among similar rows, sometimes below 0 or above 1, and a low R2 is usual"
        )
        return Target(line, model, None, f"{told}{other_way}", [note])
    return Target(line, model, labels, f"logistic regression; {told}{other_way}", [])


def _plain(y: Column) -> Line:
    return Line(y.name, y.name, y.value, "target", y.value == identifier(y.name))


def _of_number(y: Column) -> list[str]:
    if not (y.integral and y.distinct <= 10):
        return []
    return [
        f"{y.name} has {y.distinct} values: fine for counts and grades; if they are codes of classes, "
        f"--positive {features.text(y.high)} compares one with the rest"
    ]


def _shown(values: list[Value]) -> str:
    """The most frequent values."""
    more = f" and {len(values) - SHOWN:,} more" if len(values) > SHOWN else ""
    return ", ".join(clean(features.short(each.label)) for each in values[:SHOWN]) + more


def _word(text: str) -> str:
    """A word of a command."""
    short = clean(features.short(text))
    return short if re.fullmatch(r"[\w.+=-]+", short) else repr(short)
