"""What becomes of each column of a table, and what a person must know of it: a pure function of what was found."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from samebits.advice.column import COVERED, LEVEL_ROWS, LEVELS, Cells, Column
from samebits.advice.features import count, percent, short, text
from samebits.advice.reader import Asked

MOSTLY_MISSING = 0.9  # a column of which a greater share is missing is left out
PAIRS = 500  # of columns are compared by their values; what others tell twice is found as combinations of columns
FEW_LEVELS = 20  # with the missing ones, of a column that may be determined by another
MOST_LEVELS = 300  # of all categories; of more, those of the fewest rows are pooled
COUNTS = 0.9  # the share of steps of one that makes a counter of rows
SERIAL = 1.0  # below this, the ratio of von Neumann tells that rows are in the order of time
IDENTIFIERS = {"id", "index", "rowid", "rownames", "row", "key", "uuid", "guid", "unnamed: 0", "column0", "column00"}
NAMED = {"id", "ids", "uuid", "guid", "key", "rowid"}  # as the last word of a name
NUMBERS = {"num", "nr", "no", "number", "nbr"}
NUMBERED = {*NUMBERS, "case", "obs", "observation", "subject", "patient", "record", "serial", "seq", "seqn"}
NO_ID = ("paid", "bid", "grid", "acid", "solid", "fluid", "liquid", "humid", "covid", "hybrid", "lipid", "void", "aid")
CODES = {
    "zip",
    "zipcode",
    "postcode",
    "postal",
    "plz",
    "fips",
    "code",
    "isbn",
    "ean",
    "upc",
    "sku",
    "phone",
    "telephone",
}
OF_TIME = {"t", "time", "date", "day", "days", "week", "weeks", "wk", "month", "months", "quarter", "year", "years"}
OF_TIME |= {"yr", "period", "trend", "hour", "hours", "tick", "step", "minute", "second", "datetime", "timestamp"}
PERIODS = {  # words of names whose numbers come round
    **dict.fromkeys(("hour", "hr"), (0, 24)),
    **dict.fromkeys(("month", "mon", "mnth"), (0, 12)),
    **dict.fromkeys(("weekday", "dow", "wday", "dayofweek"), (0, 7)),
    **dict.fromkeys(("quarter", "qtr", "season"), (0, 4)),
}
CODED = {*CODES, "type", "kind", "category", "class", "subclass", "group", "cluster", "brand", "store", "dept", "sex"}
CODED |= {"region", "district", "county", "state", "country", "city", "birthplace", "department", "race", "gender"}
CODED |= {"ethnicity", "religion", "nationality", "occupation", "industry", "marital"}

ORDERS = [
    ["very low", "low", "medium", "high", "very high"],
    ["low", "mid", "high"],
    ["small", "medium", "large"],
    ["poor", "fair", "good", "excellent"],
    ["po", "fa", "ta", "gd", "ex"],
    ["never", "rarely", "sometimes", "often", "always"],
    ["first", "second", "third"],
    ["young", "middle", "old"],
    ["none", "some", "many"],
]


@dataclass(frozen=True)
class Decision:
    """What becomes of a column: it is left out, with why; or a feature, as a category or as its number.

    periods: of a date or a time, which of them are categories as well.
    """

    column: Column
    why: str = ""
    as_category: bool = False
    periods: tuple[str, ...] = ()


def decide(columns: Sequence[Column], asked: Asked, serial: float) -> list[Decision]:
    """What becomes of each column, seen by itself. serial: the ratio of von Neumann of the target."""
    found = [Decision(each, _left_out(each, columns, asked, serial), _is_category(each, asked)) for each in columns]
    if all(each.why for each in found):  # x = 1, 2, 3 ... of a small example is what its y depends on
        found = [
            replace(each, why="") if _counts_rows(each.column) and not _named(each.column) else each for each in found
        ]
    least = LEVEL_ROWS
    while sum(len(each.column.own) for each in found if each.as_category and not each.why) > MOST_LEVELS:
        least *= 2
        found = [replace(each, column=replace(each.column, level_rows=least)) for each in found]
        found = [
            replace(each, why=_no_category(each.column))
            if each.as_category and not each.why and not each.column.is_category
            else each
            for each in found
        ]
    return found


def pairs(decisions: Sequence[Decision], target: Column, rows: int) -> tuple[list[Column], list[tuple[Column, Column]]]:
    """The columns that the target may determine, and pairs of which the second may determine the first."""
    few = [each.column for each in decisions if not each.why and _has_few(each.column)]
    alike = [each for each in few if target.distinct * LEVEL_ROWS <= rows and _values(each) == _values(target)]
    found = [
        # what a column of numbers determines is no combination of it, unless the other is determined one to one
        (less, more)
        for i, first in enumerate(few)
        for other in few[i + 1 :]
        for less, more in [(first, other) if _values(first) < _values(other) else (other, first)]
        if more.kind == "text" or (less.kind == "text" and _values(less) == _values(more))
    ]
    return alike, found[:PAIRS]


def without_determined(
    decisions: Sequence[Decision], target: Column, alike: dict[str, int], together: dict[tuple[str, str], int]
) -> list[Decision]:
    """The decisions without columns that tell nothing that the target or a category does not tell.

    alike, together: how many combinations of values a column has with the target, and the pairs of columns.
    """
    columns = {each.column.name: each.column for each in decisions}
    why = {
        name: f"the target under another name: each value matches one of {target.name}"
        for name, values in alike.items()
        if values == _values(columns[name])
    }
    for (less, more), values in together.items():
        if values == _values(columns[more]) and not {less, more} & why.keys():
            one_to_one = ", one to one" if _values(columns[less]) == _values(columns[more]) else ""
            why[less] = f"determined by {more}{one_to_one}"
    return [replace(each, why=each.why or why.get(each.column.name, "")) for each in decisions]


def warnings(decisions: Sequence[Decision], target: Column, asked: Asked) -> list[str]:
    """What a person must know of how the table was read."""
    columns = [target, *(each.column for each in decisions)]
    found = [warning for each in columns for warning in _of_reading(each)]
    found += _of_sentinels(columns)
    if asked_for := [f"{each.name} ({count(each.asked, 'value')})" for each in columns if each.asked]:
        found.append(f"taken as missing, as --missing says: {_some(asked_for)}")
    used = [each.column for each in decisions if not each.why]
    unused = [each for each in asked.missing if each[0] and each[0] not in {column.name for column in columns}]
    found += [f"--missing {name}={value}: there is no column {name}" for name, value in unused]
    few = [each for each in used if each.kind == "text" and each.seen_levels <= FEW_LEVELS]
    if ordered := [f"{each.name} ({order})" for each in few if (order := _ordered(each))]:
        found.append(
            f"levels that seem to have an order are categories without one: {_some(ordered)}; to use the order, write "
            "CASE ... WHEN ... THEN 1 ... END in data.query"
        )
    return found


def _some(names: Sequence[str]) -> str:
    """The first of many."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _of_reading(column: Column) -> list[str]:
    found = []
    if odd := column.strays:
        found.append(
            f"{column.name}: {odd.rows:,} of {odd.of:,} values {'is' if odd.rows == 1 else 'are'} no {column.kind}: "
            f"{_first(odd)}; taken as missing"
        )
    if odd := column.mixed:
        found.append(
            f"{column.name}: {odd.rows:,} of {odd.of:,} values are of another form than the others, as {_first(odd)}: "
            f"the column is text; say how to read it in data.query, or, if this value is a missing one: "
            f"--missing '{column.name}={short(odd.example)}'"
        )
    if column.also and column.kind == "date":
        habit = "day" if "day first" in column.read else "month"
        other = "month" if habit == "day" else "day"
        found.append(
            f"{column.name}: its dates can be read with the day first or with the month first; taken as {habit} first; "
            f"if that is wrong: --dates {other}-first"
        )
    elif column.also:
        found.append(f"{column.name}: its numbers are read with {column.read}; they could also have {column.also}")
    return found


def _of_sentinels(columns: Sequence[Column]) -> list[str]:
    """A warning a value that is repeated far from the rest, with the columns that have it."""
    found: dict[str, list[tuple[Column, Cells]]] = {}
    for column in columns:
        for each in column.sentinels:
            found.setdefault(each.example, []).append((column, each))
    told = []
    for value, of in found.items():
        shown = _some([f"{column.name} ({count(cells.rows, 'row')})" for column, cells in of])
        is_in = "is repeated in" if any(cells.rows > 1 for _, cells in of) else "is in"
        told.append(
            f"{value} {is_in} {shown}, far from the other values, and is fitted as a number; if it stands "
            f"for a missing value: --missing {value if len(of) > 1 else repr(f'{of[0][0].name}={value}')}"
        )
    return told


def _first(odd: Cells) -> str:
    return f"{short(odd.example)!r} in row {odd.first:,}"


def _left_out(column: Column, columns: Sequence[Column], asked: Asked, serial: float) -> str:
    """Why a column can be no feature, seen by itself; empty where it can."""
    if not column.known:
        return "no values"
    if not column.has_values:
        return f"{column.kind}, not a number"
    if column.distinct == 1 and not column.missing:
        return f"constant: {text(column.low)}"
    if column.known < (1 - MOSTLY_MISSING) * column.rows:
        return f"{percent(column)} missing"
    if column.name in asked.categories:
        return "" if column.may_be_category else _no_category(column)
    if column.name in asked.numbers:
        return "" if column.kind == "number" else f"{column.kind}, not a number"
    if _counts_rows(column) and not _is_time(column, columns, serial):
        return f"identifier: counts the rows from {column.low:.0f}"
    if column.integral and column.distinct > FEW_LEVELS and _named(column) and not column.is_category:
        return "identifier, by its name"
    if column.is_each_once and column.distinct > FEW_LEVELS and _numbered(column):
        return "identifier, by its name and a different value in each row"
    if column.integral and column.distinct > FEW_LEVELS and _head(column) in CODES and not column.is_category:
        return f"codes by their name, {column.distinct:,} of them: too many for categories, and no quantity"
    if column.kind == "text" and not column.is_category:
        return _no_category(column)
    return ""


def _no_category(column: Column) -> str:
    if column.kind == "text" and column.distinct == column.known:
        return "text with a different value in each row" + (f": {column.codes}" if column.codes else "")
    if column.distinct == 1:
        return f"constant where it is known: {text(column.low)}"
    share = 100 * sum(rows for _, rows in column.own) / max(1, column.seen_rows)
    of = f"those with {column.level_rows} training rows or more"
    if len(column.own) == LEVELS:
        of = f"the {LEVELS} most frequent"
    return (
        f"text with {column.distinct:,} values, as {short(str(column.low))}; {of} have {share:.3g} % of the rows, "
        f"a category needs {COVERED:.0%}"
    )


def _is_category(column: Column, asked: Asked) -> bool:
    if column.name in asked.numbers or not column.has_values:
        return False
    if column.kind == "text" or column.name in asked.categories:
        return column.may_be_category
    if column.kind != "number" or not column.integral or column.distinct <= 2 or not column.is_category:
        return False
    words = _words(column.name)
    periods = [PERIODS[word] for word in words if word in PERIODS]
    if any(low <= column.low and column.high <= high for low, high in periods):
        return True
    return _head(column) in CODED or (_named(column) and not column.is_each_once)


def _counts_rows(column: Column) -> bool:
    """Whether it numbers the rows, also with some gaps."""
    if not column.is_each_once:
        return False
    dense = column.low in (0, 1) and column.high - column.low == column.rows - 1
    return dense or column.steps >= COUNTS * (column.rows - 1)


def _is_time(column: Column, columns: Sequence[Column], serial: float) -> bool:
    """Whether a counter of rows is the time of a table that has no other."""
    others = [each for each in columns if each.name != column.name]
    if any(each.kind in ("date", "time") or OF_TIME & set(_words(each.name)) for each in others):
        return False
    if _named(column) and column.name.lower() != "index":
        return False
    return bool(OF_TIME & set(_words(column.name))) or serial < SERIAL


def _named(column: Column) -> bool:
    """Whether it is an identifier by its name."""
    words = _words(column.name)
    return column.name.lower() in IDENTIFIERS or bool(words and words[-1] in NAMED)


def _numbered(column: Column) -> bool:
    """Whether its name is that of a number given to each row."""
    words = _words(column.name)
    last = words[-1] if words else ""
    return last in NUMBERED or last.endswith(("num", "seqn")) or (last.endswith("id") and not last.endswith(NO_ID))


def _head(column: Column) -> str:
    """The word that says what it is: store of store_id and of store 1, size of store_size."""
    words = [word for word in _words(column.name) if word not in NAMED | NUMBERS and not word.isdigit()]
    return words[-1] if words else ""


def _words(name: str) -> list[str]:
    """The words of a name, as customerId and customer_id have them."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]


def _ordered(column: Column) -> str:
    """The levels that have an order, by their words."""
    levels = {level.lower(): level for level, _ in column.levels}
    for order in ORDERS:
        if len(found := [levels[each] for each in order if each in levels]) > 2:
            return ", ".join(found)
    return ""


def _has_few(column: Column) -> bool:
    return 1 < _values(column) <= FEW_LEVELS and column.kind != "date"


def _values(column: Column) -> int:
    return column.distinct + bool(column.missing)
