"""Which way to read a text fits how many texts of a column, and which is taken."""

from collections.abc import Iterable
from typing import Any

from samebits.advice.readings import Reading
from samebits.tables.diagnosis import MISSING, string

MARKERS = [*MISSING, "?", ".", "-", "--", "NaN", "nan"]  # in a text of numbers, what is no number but missing
# In a column of numbers or dates, words that say that there is no value; they are missing, and told
WORDS = [
    "unknown",
    "n.a.",
    "n.a",
    "n/a.",
    "missing",
    "not available",
    "not applicable",
    "none",
    "nil",
    "unk",
    "no data",
]
WORDS += [
    "nodata",
    "undefined",
    "not known",
    "not reported",
    "tbd",
    "tba",
    "#n/a",
    "#value!",
    "#div/0!",
    "*",
    "**",
    "..",
]


class Fit:
    """Which readings fit how many texts of a column, and the SQL of its cell."""

    def __init__(self, cell: str, missing: set[str], proposed: list[Reading]) -> None:
        self.cell, self.missing, self.proposed = cell, missing, proposed
        self.fits: dict[Reading, int] = {}
        self.wrong: dict[Reading, int] = {}

    def question(self) -> list[str]:
        """The aggregates to be asked."""
        text = f"{self.cell}::VARCHAR"
        known, said = known_in(text, self.missing), ", ".join(map(string, self.missing - set(MARKERS)))
        asked = [
            f"countif(trim({text}) = '')",
            f"countif({text} <> trim({text}))",
            f"countif({known})",
            f"count({text})",
        ]
        asked += [f"countif(trim({text}) IN ({said}))" if said else "0", f"countif({self.code_condition(text)})"]
        asked += [f"countif({known} AND lower(trim({text})) IN ({', '.join(map(string, WORDS))}))"]
        for each in self.proposed:
            of = each.of(text)
            fits = f"coalesce({of.fits}, false)"
            asked += [
                f"countif({known} AND {fits} AND ({of.value}) IS NOT NULL)",
                f"countif(({of.value}) IS NOT NULL AND NOT ({known} AND {fits}))",
            ]
        return asked

    def code_condition(self, text: str) -> str:
        """The SQL of a text that is another if it is read as a number."""
        return f"regexp_full_match(trim({text}), '[-+]?(0\\d+|[1-9]\\d{{16,}}|9[1-9]\\d{{14}}|90[1-9]\\d{{13}})')"

    def answered(self, answers: list[Any]) -> "Fit":
        """The same with what was asked."""
        self.blank, self.padded, self.known, self.given, self.asked, self.codes, self.words = answers[:7]
        self.fits = dict(zip(self.proposed, answers[7::2], strict=True))
        self.wrong = dict(zip(self.proposed, answers[8::2], strict=True))
        return self

    @property
    def best(self) -> list[Reading]:
        """The readings that fit most texts."""
        most = max(self.fits.values(), default=0)
        return [each for each in self.proposed if most and self.fits[each] == most]

    @property
    def habits(self) -> set[str]:
        """The habits of the readings that fit best, where one is needed."""
        return {each.habit for each in self.best} if self.best and self.best[0].habit else set()

    def chosen(self, habits: Iterable[str]) -> Reading | None:
        """The reading that fits best, by a habit of the table where several do."""
        with_habit = [each for each in self.best if self.best[0].habit and each.habit in habits]
        return next(iter([*with_habit, *self.best]), None)

    def other_habit(self, chosen: Reading, habits: Iterable[str]) -> str:
        """How the texts could be read as well, where the table has no habit."""
        if chosen.habit in habits:
            return ""
        others = [each for each in self.best if chosen.habit and each.habit != chosen.habit and each.habit]
        return others[0].told if others else ""


def known_in(text: str, missing: Iterable[str]) -> str:
    """The SQL of a text that stands for no missing value."""
    return f"trim({text}) NOT IN ({', '.join(map(string, sorted(missing)))})"
