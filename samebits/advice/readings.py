"""How a text may be read as a number, a date or a time: one small unit a form. A sample proposes, all rows decide.

DuckDB's sniffer knows numbers and a few dates; dateparser and skrub's cleaner guess cell by cell, in Python. Here a
form is a predicate and an expression of SQL: the query says how a text is read, and all rows are asked at once.
"""

import collections
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from samebits.tables.diagnosis import string

FIRST = 20  # texts of a sample that show which times of day to try
HALF = 0.5  # the share of a sample that a form must fit to be asked of all rows
MINUS = "\u2212"  # as typographers write it
SIGN = rf"[-+{MINUS}]?\s*"
SPACES = " '\u2019"  # between thousands; those that do not break are spaces here
# A number without its sign: how it is told, what it looks like, what to replace for DuckDB to read it
BODIES = {
    "": (r"(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", ()),
    "thousands as 1,234": (r"([1-9]\d{0,2}(,\d{2,3})*,\d{3}|\d+)(\.\d*)?", ((",", ""),)),
    "decimal commas as 3,14": (r"\d*,\d+|\d+", ((",", "."),)),
    "decimal commas and thousands as 1.234,5": (r"([1-9]\d{0,2}(\.\d{3})+|\d+)(,\d+)?", ((".", ""), (",", "."))),
    "thousands as 1 234": (rf"([1-9]\d{{0,2}}([{SPACES}]\d{{3}})+|\d+)([.,]\d+)?", ()),
}
CURRENCY = r"[$€£¥₹₩₽฿₺]|(US|A|C|R|NZ|HK)\$|USD|EUR|GBP|CHF|CAD|AUD|JPY|INR|CNY|Rs\.?|kr\.?|zł"
UNIT = rf"%|{CURRENCY}|°?[A-Za-zµΩ°\"][A-Za-zµΩ°/²³\".-]*([23]|\^[23])?( [A-Za-z]+)?"
AFFIXED = re.compile(
    rf"[-+{MINUS}(]?\s*(?P<before>{CURRENCY})?\s*[-+{MINUS}]?[\d.,{SPACES}]*\d\.?(?P<after>\s*(?![eE][-+]?\d)({UNIT}))?\s*\)?"
)
MULTIPLES = {"K": "e3", "k": "e3", "M": "e6", "B": "e9"}  # and, in any case, words:
MULTIPLES |= {"thousand": "e3", "lac": "e5", "lakh": "e5", "lacs": "e5", "lakhs": "e5", "mn": "e6", "million": "e6"}
MULTIPLES |= {"crore": "e7", "crores": "e7", "cr": "e7", "bn": "e9", "billion": "e9", "trillion": "e12"}
MULTIPLE = re.compile(rf"[\d.]\s*({'|'.join(sorted(MULTIPLES, key=len, reverse=True))})\s*$", re.IGNORECASE)
UNITS_OF_TIME = ["d(ay)?s?", "h((ou)?r)?s?", "m(in(ute)?)?s?", "s(ec(ond)?)?s?"]
DURATION = "".join(rf"(\d+\s*{each}\s*)?" for each in UNITS_OF_TIME)
DAYS = {  # how days are written, for strptime
    "day first": ["%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d %m %Y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y"],
    "month first": ["%m/%d/%Y", "%m.%d.%Y", "%m-%d-%Y", "%m %d %Y", "%m/%d/%y", "%m.%d.%y", "%m-%d-%y"],
    "": [
        *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y %m %d", "%Y-%b-%d", "%Y %b %d"),
        *("%d %b %Y", "%d-%b-%Y", "%d/%b/%Y", "%d.%b.%Y", "%d%b%Y", "%d-%b-%y", "%d %b %y", "%d. %B %Y"),
        *("%b %d, %Y", "%b %d %Y", "%b. %d, %Y", "%b-%d-%Y", "%a, %b %d, %Y", "%a %b %d %Y", "%A, %B %d, %Y"),
        *("%d %B %Y", "%d-%B-%Y", "%B %d, %Y", "%B %d %Y", "%Y%m%d"),
        *("%a %d %b %Y", "%a, %d %b %Y", "%A %d %B %Y", "%A, %d %B %Y", "%A, %d. %B %Y"),
    ],
}
MONTHS = ["%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%b %Y", "%B %Y", "%b-%Y", "%B-%Y", "%b-%y", "%b %y", "%Y-%b", "%Y %b"]
MONTHS += ["%b, %Y", "%B, %Y", "%YM%m", "%Y %B", "%Y-%B"]
CLOCKS = ["%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%H.%M", "%H.%M.%S", "%H:%M:%S.%f", "%H%M%S"]
BETWEEN = ["", " ", "T", ", ", ":"]  # a day and a time of day
PARTS = {"%d": r"\d{1,2}", "%m": r"\d{1,2}", "%Y": r"\d{4}", "%y": r"\d{2}", "%H": r"\d{1,2}", "%I": r"\d{1,2}"}
PARTS |= {"%M": r"\d{2}", "%S": r"\d{2}", "%f": r"\d{1,6}", "%p": "[AaPp][Mm]", "%b": "[A-Za-z]{3}"}
PARTS |= {"%B": "[A-Za-z]{3,9}", "%a": "[A-Za-z]{3}", "%A": "[A-Za-z]{6,9}"}
WITH_ZONE = r"\d{4}-\d\d-\d\d[T ].*(Z|[+-]\d\d(:?\d\d)?)"  # a time that DuckDB leaves as text


@dataclass(frozen=True)
class Reading:
    """A way to read a text. `{t}` in its SQL is the text.

    kind: number, date or time. told: for people. fits: whether a text has this form. value: what it says, NULL where it
    says nothing. habit: what a table has in common, as `day first`; a reading with another habit may fit as well.
    """

    kind: str
    told: str
    fits: str
    value: str
    habit: str = ""
    looks: Callable[[str], bool] = field(default=lambda _: False, compare=False)

    def of(self, text: str) -> "Reading":
        """The reading of the SQL of a text."""
        return Reading(self.kind, self.told, self.fits.replace("{t}", text), self.value.replace("{t}", text))


def proposed(sample: Sequence[str]) -> list[Reading]:
    """The readings that fit at least half of a sample of texts, those first that are taken where several fit alike."""
    seen = list(dict.fromkeys(sample))
    found = itertools.chain.from_iterable(form(seen) for form in FORMS)
    return [each for each in found if seen and sum(map(each.looks, seen)) >= HALF * len(seen)]


def _numbers(sample: Sequence[str]) -> Iterator[Reading]:
    """Numbers, also between a currency or a unit that all of them have, or some."""
    minus = ((MINUS, "-"),) if any(MINUS in each for each in sample) else ()
    for before, after in dict.fromkeys([_affixes(sample), _affixes(sample, some=True)]):
        for style, (body, replaced) in BODIES.items():
            yield _number(style, before, after, body, (*minus, *replaced))
        if (before or after) and after != "%" and not _multiple(after):  # 5 is not 5 %, nor 5K
            for style, (body, replaced) in BODIES.items():
                yield _number(style, before, after, body, (*minus, *replaced), optional=True)


def _affixes(sample: Sequence[str], some: bool = False) -> tuple[str, str]:
    """What stands before and after most numbers. some: not nothing, if anything does."""
    matches = filter(None, map(AFFIXED.fullmatch, sample))
    counted = collections.Counter((each["before"] or "", (each["after"] or "").strip()) for each in matches)
    if some and len(counted) > 1:
        del counted["", ""]
    [(affixes, _)] = counted.most_common(1) or [(("", ""), 0)]
    return affixes


def _number(
    style: str, before: str, after: str, body: str, replaced: Sequence[tuple[str, str]], optional: bool = False
) -> Reading:
    """Numbers of a style. optional: what stands before and after may be missing, or in other case."""
    affix = (lambda text: rf"(?i:{_literal(text)})?" if text else "") if optional else _literal
    pattern = rf"\s*{SIGN}{affix(before)}{SIGN}({body}){affix(after)}\s*"
    text = "{t}"
    if optional:
        text = (
            f"regexp_replace({text}, {string('|'.join(re.escape(each) for each in (before, after) if each))}, '', 'gi')"
        )
    else:
        for each in filter(None, (before, after)):
            text = f"replace({text}, {string(each)}, '')"
    for old, new in replaced:
        text = f"replace({text}, {string(old)}, {string(new)})"
    if style == "thousands as 1 234":
        text = f"replace(regexp_replace({text}, {string(f'[{SPACES}]')}, '', 'g'), ',', '.')"
    unit = " ".join(filter(None, [before, after]))
    told = ", ".join(filter(None, [f"in {unit}" if unit else "", "some without" if optional else "", style]))
    habit = "decimal comma" if style.startswith("decimal") else "thousands" if style == "thousands as 1,234" else ""
    return _of_pattern("number", told, pattern, f"TRY_CAST({text} AS DOUBLE)", habit)


def _bookkeeping(sample: Sequence[str]) -> Iterator[Reading]:
    """Numbers below zero in brackets, as (1,200)."""
    if any(each.strip().startswith("(") for each in sample):
        before, _ = _affixes(sample)
        pattern = rf"\s*\(?{_literal(before)}\(?([1-9]\d{{0,2}}(,\d{{3}})+|\d+)(\.\d*)?\)?\s*"
        plain = f"TRY_CAST(regexp_replace({{t}}, {string(f'[(),{before}]')}, '', 'g') AS DOUBLE)"
        told = ", ".join(filter(None, [f"in {before}" if before else "", "below zero as (5)"]))
        yield _of_pattern("number", told, pattern, f"CASE WHEN {{t}} LIKE '%(%' THEN -{plain} ELSE {plain} END")


def _multiples(sample: Sequence[str]) -> Iterator[Reading]:
    """Numbers as 1.2K and 3M, or 1.2 million and 3 billion."""
    before, _ = _affixes(sample)
    found = [match[1] for match in map(MULTIPLE.search, sample) if match]
    ends = sorted({each for each in found if _multiple(each)})
    if len(ends) > 1 or (ends and any(each.strip()[-1:].isdigit() for each in sample)):
        text = f"replace({{t}}, {string(before)}, '')" if before else "{t}"
        for end in ends:
            power = string(_multiple(end))
            if any(each.strip().endswith(f" {end}") for each in sample):
                text = f"regexp_replace({text}, {string(f' *{end}')}, {power})"
            else:
                text = f"replace({text}, {string(end)}, {power})"
        pattern = rf"\s*{SIGN}{_literal(before)}(\d+\.?\d*|\.\d+)(\s*({'|'.join(ends)}))?\s*"
        told = ", ".join(filter(None, [f"in {before}" if before else "", f"multiples as 1{min(ends)}"]))
        yield _of_pattern("number", told, pattern, f"TRY_CAST({text} AS DOUBLE)")


def _multiple(end: str) -> str:
    """The power of ten that a letter or word stands for, as in 1e3; empty where it stands for none."""
    return MULTIPLES.get(end) or (MULTIPLES.get(end.lower(), "") if len(end) > 1 else "")


def _ordinals(sample: Sequence[str]) -> Iterator[Reading]:
    """Numbers as 1st and 22nd."""
    if any(re.search(r"\d(st|nd|rd|th)\b", each, re.IGNORECASE) for each in sample):
        plain = "TRY_CAST(regexp_replace({t}, '(st|nd|rd|th)', '', 'i') AS DOUBLE)"
        yield _of_pattern("number", "ordinals as 1st", r"\s*\d+\s*(?i:st|nd|rd|th)?\s*", plain)


def _durations(sample: Sequence[str]) -> Iterator[Reading]:
    """Durations of two units or more, as 2h 50m: in hours. Those of one unit are numbers with it."""
    if any(re.fullmatch(r"\s*\d+\s*[a-z]+\s*\d+\s*[a-z]+.*", each, re.IGNORECASE) for each in sample):
        yield _of_pattern(
            "number", "hours, written as 2h 50m", rf"\s*(?i:{DURATION})", "epoch(TRY_CAST({t} AS INTERVAL)) / 3600"
        )


def _times_with_zone(sample: Sequence[str]) -> Iterator[Reading]:
    """Times as 2026-01-31T10:00:00+02:00, in their local time."""
    yield _of_pattern("date", "", WITH_ZONE, "TRY_CAST({t} AS TIMESTAMP)")


def _dates(sample: Sequence[str]) -> Iterator[Reading]:
    """Dates, with or without a time of day, and months."""
    clocks = ["", *(between + clock for clock in CLOCKS for between in BETWEEN[1:])]
    clocks = [each for each in clocks if any(re.search(rf"\d{_shape(each)}\s*$", text) for text in sample[:FIRST])]
    for habit, days in DAYS.items():
        for day, clock in itertools.product(days, clocks):
            yield _strptime(day + clock, "date", "" if clock else "::DATE", habit)
    for month in MONTHS:
        yield _strptime(month, "date", "::DATE", "")


def _quarters(sample: Sequence[str]) -> Iterator[Reading]:
    """Quarters as 2020Q1, 2020-Q1, Q1 2020 and 1Q2020, and weeks as 2020-W05 (ISO 8601)."""
    for told, pattern, year, quarter in (
        ("2020Q1", r"\d{4}[- :]?Q[1-4]", "left({t}, 4)", "right({t}, 1)"),
        ("Q1 2020", r"Q[1-4][- :/]?\d{4}", "right({t}, 4)", "substr({t}, 2, 1)"),
        ("1Q2020", r"[1-4]Q[- :/]?\d{4}", "right({t}, 4)", "left({t}, 1)"),
    ):
        fits = f"regexp_full_match({{t}}, {string(pattern)})"
        value = f"make_date({year}::INT, 3 * {quarter}::INT - 2, 1)"
        yield _of_pattern("date", f"quarters as {told}", pattern, f"CASE WHEN {fits} THEN {value} END")
    monday = "try_strptime({t} || '-1', '%G-W%V-%u')::DATE"
    yield _of_pattern("date", "weeks as 2020-W05, their Mondays", r"\d{4}-W\d{2}", monday)


def _clocks(sample: Sequence[str]) -> Iterator[Reading]:
    """Times of a day."""
    for each in CLOCKS[:-1]:
        if each == "%H.%M":  # a number
            continue
        yield _strptime(each, "time", "::TIME", "")


FORMS = [_numbers, _bookkeeping, _multiples, _ordinals, _durations, _times_with_zone, _quarters, _dates, _clocks]


@functools.cache
def _shape(how: str) -> str:
    """What a text of a format of strptime looks like, as a regular expression."""
    return "".join(PARTS.get(each) or re.escape(each) for each in re.findall(r"%.|[^%]", how))


@functools.cache
def _strptime(how: str, kind: str, cast: str, habit: str) -> Reading:
    looks = re.compile(rf"\s*{_shape(how)}\s*").fullmatch
    value = f"try_strptime({{t}}, {string(how)})"
    told = f"written {how}{f', {habit}' if habit else ''}"
    return Reading(kind, told, f"{value} IS NOT NULL", value + cast, habit, lambda text: bool(looks(text)))


def _of_pattern(kind: str, told: str, pattern: str, value: str, habit: str = "") -> Reading:
    fits = f"regexp_full_match({{t}}, {string(pattern)})"
    return Reading(kind, told, fits, value, habit, lambda text: bool(re.fullmatch(pattern, text)))


def _literal(affix: str) -> str:
    return rf"\s*{re.escape(affix)}\s*" if affix else ""
