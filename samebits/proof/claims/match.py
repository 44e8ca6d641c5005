"""Which numbers of a text are values of this commit, and which were: a pure function, and its rule.

A number is stale only if all of this holds; else nothing is said of it:

1. It equals no value now, rounded or cut off, as a share or in percent.
2. At earlier commits it was, rounded to the digits shown, the value of exactly one key that is still there, or of
   several that are equal now, too. Where the text names the measure of some of these keys, only those count that it
   names best.
3. That is no chance. Among N values a number of d digits equals one by chance about N * 10**(1 - d) times; how often it
   may depends on whether the text names the measure, and on whether it said this number while the key had this value.
   N are the former values of all keys that the text names as well.
4. The text does not tell of the past: no word or date says so, its block (table, list, paragraph) does not also hold
   what the value is now, or another of its former ones; and where the block has several numbers of the measure, the
   others are values of other keys, or the words beside this one tell which it is.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from samebits.proof.claims.names import PAST, measure, named, said_in, words
from samebits.proof.claims.numbers import Number
from samebits.proof.claims.values import Value

HUNDRED = Decimal(100)
# How often chance may explain a stale number: by whether its measure is named, and whether text and value met
OF_NOW = 0.01  # the same for a value of now that the text does not name
CHANCE = {(True, True): 0.1, (True, False): 0.01, (False, True): 0.0001, (False, False): 0.00001}


@dataclass(frozen=True)
class Quoted:
    """A number in a document, and what stands around it.

    block: of the document. around: the sentence, or the cell with the names of its row and its column. beside: of
    these, what is nearer to this number than to another. headings: those above.
    """

    file: str
    line: int
    number: Number
    block: int
    around: tuple[str, ...]
    beside: tuple[str, ...]
    headings: tuple[str, ...]

    @cached_property
    def said(self) -> frozenset[str]:
        """The words around it."""
        return said_in(self.around)


@dataclass(frozen=True)
class Former:
    """A value that a key had at earlier commits. when: the places of these commits in the history."""

    value: Value
    when: tuple[range, ...]


@dataclass(frozen=True)
class Match:
    """What a number stands for: a value of now; or one of earlier commits, and what that is now."""

    quoted: Quoted
    now: Value
    former: Former | None = None


@dataclass
class Matcher:
    """Numbers against values.

    now: all values of this commit. former: those that differ from what their key has now. met: whether a document held
    a text at one of some places of the history.
    """

    now: Sequence[Value]
    former: Sequence[Former]
    met: Callable[[Quoted, Former], bool]
    _by_block: dict[tuple[str, int], list[Quoted]] = field(default_factory=lambda: defaultdict(list))

    def match(self, quoted: Sequence[Quoted]) -> list[Match]:
        """What each of the numbers stands for, of those of which it is known."""
        for each in quoted:
            self._by_block[each.file, each.block].append(each)
        return [found for each in quoted if (found := self._current(each) or self._stale(each))]

    def _current(self, quoted: Quoted) -> Match | None:
        """The value of now that a number equals, if that is no chance; first one that the text names best."""
        values = self._is(quoted)
        values.sort(key=lambda each: (-named(each.key, quoted.said), each.name.count("[")))
        if not values or not (
            named(values[0].key, quoted.said) or len(self.now) * 10.0 ** (1 - quoted.number.digits) <= OF_NOW
        ):
            return None
        return Match(quoted, values[0])

    def _stale(self, quoted: Quoted) -> Match | None:
        """The one key that had a number as its value."""
        if self._is(quoted):
            return None
        formers = self._was(quoted)
        best = max((named(each.value.key, quoted.said) for each in formers), default=0)
        formers = [each for each in formers if named(each.value.key, quoted.said) == best]
        if not formers or not self._one(formers, quoted.number):
            return None
        former = max(formers, key=lambda each: each.when[-1].stop)
        met = any(self.met(quoted, each) for each in formers)
        if self._chance(quoted, best) > CHANCE[best > 0, met]:
            return None
        if any(map(PAST.search, (*quoted.around, *quoted.headings))):
            return None
        if self._of_another_time(quoted, former) or self._of_another_thing(quoted, former):
            return None
        return Match(quoted, self._by_key[former.value.key], former)

    def _one(self, formers: Sequence[Former], number: Number) -> bool:
        """Whether former values are of one key, or of several that are equal now, too, at the digits shown."""
        now = {self._by_key[each.value.key].value for each in formers}
        return max(now) - min(now) < number.step

    def _is(self, quoted: Quoted) -> list[Value]:
        """The values of now that a number may stand for."""
        number = quoted.number
        return [
            self.now[at]
            for scale in (Decimal(1), HUNDRED, 1 / HUNDRED)
            for at in self._places(self._sizes_now, number, scale)
            if number.near(self.now[at].value * scale)
        ]

    def _was(self, quoted: Quoted) -> list[Former]:
        """The former values that a number may stand for."""
        number = quoted.number
        return [
            self.former[at]
            for scale in ((Decimal(1), HUNDRED) if number.percent else (Decimal(1),))
            for at in self._places(self._sizes_former, number, scale)
            if number.rounds(self.former[at].value.value * scale)
        ]

    def _chance(self, quoted: Quoted, best: int) -> float:
        """How many of the former values, of those that the text names so well, a number equals by chance."""
        counts = self._former_keys.items()
        count = sum(values for key, values in counts if not best or named(key, quoted.said) >= best)
        digits = quoted.number.digits - (2 if quoted.number.whole else 1)  # counts and years are rounder than they look
        return count * 10.0**-digits

    def _of_another_time(self, quoted: Quoted, former: Former) -> bool:
        """Whether the block of a number also has what its key is now, or another of its former values."""
        now = self._by_key[former.value.key]
        others = [each.value.value for each in self.former if each.value.key == now.key]
        return any(
            number.near(value * scale) and not quoted.number.near(value * scale)
            for number in (each.number for each in self._rivals(quoted))
            for value in (now.value, *others)
            for scale in (Decimal(1), HUNDRED)
        )

    def _of_another_thing(self, quoted: Quoted, former: Former) -> bool:
        """Whether the block has other numbers of the same measure, and does not tell that this one is of the key."""
        key = former.value.key
        rivals = [
            each for each in self._rivals(quoted) if measure(key[1]) <= each.said and not self._explained(each, key)
        ]
        if not rivals:
            return False
        here, there = (said_in(text for each in group for text in each.beside) for group in ([quoted], rivals))
        return not (here - there) & words(" ".join(key)) - measure(key[1])

    def _explained(self, quoted: Quoted, but: tuple[str, str]) -> bool:
        """Whether a number is or was the value of another key."""
        keys = {each.key for each in self._is(quoted)} | {each.value.key for each in self._was(quoted)}
        return bool(keys - {but})

    def _rivals(self, quoted: Quoted) -> list[Quoted]:
        """The other numbers of its block."""
        block = self._by_block[quoted.file, quoted.block]
        return [each for each in block if each is not quoted and each.number.value != quoted.number.value]

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], Value]:
        return {each.key: each for each in self.now}

    @cached_property
    def _former_keys(self) -> dict[tuple[str, str], int]:
        """How many former values each key has."""
        found: dict[tuple[str, str], int] = defaultdict(int)
        for each in self.former:
            found[each.value.key] += 1
        return found

    @cached_property
    def _sizes_now(self) -> tuple[list[float], list[int]]:
        return _sorted(each.value for each in self.now)

    @cached_property
    def _sizes_former(self) -> tuple[list[float], list[int]]:
        return _sorted(each.value.value for each in self.former)

    @staticmethod
    def _places(sizes: tuple[list[float], list[int]], number: Number, scale: Decimal) -> list[int]:
        """Where values of about the size of a number stand."""
        floats, places = sizes
        size, step = float(abs(number.value) / scale), float(number.step / scale) * 1.01
        return places[bisect_left(floats, size - step) : bisect_right(floats, size + step)]


def _sorted(values: Iterable[Decimal]) -> tuple[list[float], list[int]]:
    """Sizes in order, and where in `values` each stands."""
    pairs = sorted((float(abs(value)), at) for at, value in enumerate(values))
    return [size for size, _ in pairs], [at for _, at in pairs]
