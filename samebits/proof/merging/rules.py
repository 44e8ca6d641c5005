"""Two versions of a dvc.lock made one, stage by stage: an entry stays whole, as the record of one run, or leaves.

Both sides' entries of a stage are records of real runs. One of them describes the merged tree as well, if what it
records is what a merge of the tree gives: its command, each parameter, each dep from outside and the paths of its outs,
each merged for itself (the side that changed it against the base), and of each dep that another stage makes the hash
that the merged lock says this stage wrote. Where neither side's entry is so, no run of this tree was made, and the
stage leaves the lock: `dvc repro` runs it.
"""

import posixpath
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

from samebits.params import flatten
from samebits.proof.repository.paths import Paths, parents

Side = Literal["ours", "theirs"]
Entries = Mapping[str, Mapping[str, Any]]  # the `stages` of a dvc.lock
SIDES: tuple[Side, Side] = "ours", "theirs"
HASHES = "hash", "md5", "etag", "checksum", "files", "dataset"  # by which DVC knows what a path held
ABSENT, UNKNOWN, CONFLICT, NAN = object(), object(), object(), object()


def entries(lock: Mapping[str, Any]) -> Entries:
    """The stages of a lock, with a value for NaN that is equal to itself."""
    return _with_nan(lock.get("stages") or {})


def _with_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [*map(_with_nan, value)]
    return NAN if value != value else value


@dataclass(frozen=True)
class Merged:
    """What becomes of the stages of two locks.

    taken: the side whose entry stays, by stage, in the order of the merged lock; "ours" where both have the same.
    left: the stages that have an entry on a side, but must run.
    """

    taken: dict[str, Side]
    left: list[str]


@dataclass(frozen=True)
class Run:
    """An entry of a lock, as a record of a run."""

    entry: Mapping[str, Any]

    @cached_property
    def deps(self) -> dict[str, Any]:
        """What was read, by path."""
        return {posixpath.normpath(each["path"]): _hash(each) for each in self.entry.get("deps") or []}

    @cached_property
    def outs(self) -> dict[str, Any]:
        """What was written, by path."""
        return {posixpath.normpath(each["path"]): _hash(each) for each in self.entry.get("outs") or []}

    @cached_property
    def facts(self) -> dict[Hashable, Any]:
        """What must be so in a tree for the record to be of it; of the outs, only that the stage has them."""
        found: dict[Hashable, Any] = {"cmd": self.entry["cmd"]}
        found |= {("dep", path): hash_ for path, hash_ in self.deps.items()}
        found |= {("out", path): True for path in self.outs}
        for file, values in (self.entry.get("params") or {}).items():
            found |= {("param", file, name): value for name, value in flatten(values).items()}
        return found


def merge(
    base: Entries | None,
    ours: Entries,
    theirs: Entries,
    refuted: Callable[[Mapping[str, Any]], bool] = lambda _: False,
) -> Merged:
    """Which entry of each stage stays.

    base: of the common ancestor; None where that is unknown. refuted: whether the merged tree contradicts an entry.
    """
    return _Merge(base, ours, theirs, refuted).result()


def three_way(base: Any, ours: Any, theirs: Any) -> Any:
    """What only one side changed, or both the same; CONFLICT where they changed it differently."""
    if ours == theirs or theirs == base:
        return ours
    return theirs if ours == base else CONFLICT


@dataclass
class _Merge:
    base: Entries | None
    ours: Entries
    theirs: Entries
    refuted: Callable[[Mapping[str, Any]], bool]
    taken: dict[str, Side] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.runs: dict[Side, dict[str, Run]] = {
            side: {name: Run(entry) for name, entry in entries.items()}
            for side, entries in zip(SIDES, (self.ours, self.theirs), strict=True)
        }
        self.makers: dict[str, list[str]] = {}
        for name, run in [pair for side in SIDES for pair in self.runs[side].items()]:
            for path in run.outs:
                self.makers[path] = list(dict.fromkeys([*self.makers.get(path, []), name]))
        self.made = Paths(self.makers)
        self.was = _tree(map(Run, (self.base or {}).values()))
        self.trees = {side: _tree(self.runs[side].values()) for side in SIDES}

    def result(self) -> Merged:
        names = list(dict.fromkeys([*self.ours, *self.theirs]))
        for name in self._in_order(names):
            candidates = [
                side
                for side in self._sides(name)
                if self._describes(name, side) and not self.refuted(self.runs[side][name].entry)
            ]
            if candidates:
                self.taken[name] = candidates[0]
        # Only stages that need one another, which the two pipelines together can hold, were judged before their makers
        torn = [name for name, side in self.taken.items() if self._torn(name, side)]
        taken = {name: self.taken[name] for name in names if name in self.taken and name not in torn}
        return Merged(taken, [name for name in names if name not in taken and not self._removed(name)])

    def _in_order(self, names: list[str]) -> list[str]:
        """The stages, after those that make what they read."""
        before = {
            name: [
                maker
                for side in SIDES
                if name in self.runs[side]
                for path in self.runs[side][name].deps
                for made in self.made.overlapping(path)
                for maker in self.makers[made]
                if maker != name
            ]
            for name in names
        }
        try:
            return list(TopologicalSorter(before).static_order())
        except CycleError:
            return names

    def _sides(self, name: str) -> list[Side]:
        """The sides that have an entry, first the one whose outputs git takes where only one changed them."""
        was, ours, theirs = (each.get(name, ABSENT) for each in (self.base or {}, self.ours, self.theirs))
        theirs_first = was == ours != theirs
        return [side for side in (SIDES[::-1] if theirs_first else SIDES) if name in self.runs[side]]

    def _removed(self, name: str) -> bool:
        """Whether one side took a stage out of the lock that the other did not change."""
        entries = [self.ours.get(name), self.theirs.get(name)]
        return self.base is not None and name in self.base and None in entries and self.base[name] in entries

    def _describes(self, name: str, side: Side) -> bool:
        """Whether a side's entry of a stage is a record of a run of the merged tree, as far as the locks tell."""
        mine = self.runs[side][name].facts
        others = [self.runs[each][name].facts if name in self.runs[each] else None for each in SIDES]
        if None in others:
            return self.base is not None and name not in self.base and self._reads_what_is_there(name, side)
        ours, theirs = (each or {} for each in others)
        base = Run(self.base[name]).facts if self.base and name in self.base else None
        for fact in dict.fromkeys([*ours, *theirs]):
            versions = [each.get(fact, ABSENT) for each in (ours, theirs)]
            was = UNKNOWN if base is None else base.get(fact, ABSENT)
            there = three_way(*(each if each is UNKNOWN else each is not ABSENT for each in (was, *versions)))
            value = mine.get(fact, ABSENT)
            if there is CONFLICT or there != (value is not ABSENT):
                return False
            if value is not ABSENT and three_way(was, *versions) != value and not self._made(name, side, fact):
                return False
        return self._reads_what_is_there(name, side)

    def _reads_what_is_there(self, name: str, side: Side) -> bool:
        """Whether nothing that a side's run of a stage read is otherwise in the merged tree, as other stages tell."""
        mine, other = self.trees[side], self.trees[SIDES[side == "ours"]]
        changed = (
            self.was.get(fact) == value == mine[fact] and other.get(fact, value) not in (value, CONFLICT)
            for fact, value in _read(self.runs[side][name]).items()
            if fact in self.was and not (fact[0] == "dep" and self.made.overlapping(fact[1]))
        )
        return not any(changed) and not self._torn(name, side)

    def _made(self, name: str, side: Side, fact: Hashable) -> bool:
        """Whether a fact is a dep that a stage of the merged lock makes, so that this, not the base, decides on it."""
        if not isinstance(fact, tuple) or fact[0] != "dep":
            return False
        at = (fact[1], *parents(fact[1]))
        return any(path in at for path, *_ in self._links(name, side, fact[1]))

    def _torn(self, name: str, side: Side) -> bool:
        """Whether a side's run of a stage read an output of another run than the one in the merged lock."""
        deps = self.runs[side][name].deps
        return any(then != now for dep in deps for _, then, now in self._links(name, side, dep))

    def _links(self, name: str, side: Side, dep: str) -> Iterator[tuple[str, Any, Any]]:
        """Outputs in the merged lock at, in or around a dep: the path, and what the run of the side read and what is.

        A lock does not say in which folder a stage runs. Where one path is of two files, an output that the side itself
        records otherwise than the dep is another file.
        """
        read = self.runs[side][name].deps[dep]
        for path in self.made.overlapping(dep):
            for maker in self.makers[path]:
                now = self.runs[self.taken[maker]][maker].outs.get(path) if maker in self.taken else None
                if maker == name or now is None:
                    continue
                then = self.runs[side][maker].outs.get(path) if maker in self.runs[side] else None
                if path != dep:
                    yield path, then, now
                elif then is None or then == read:
                    yield path, read, now


def _tree(runs: Iterable[Run]) -> dict[tuple[str, ...], Any]:
    """What the runs of a side say together of the files and parameters of its tree; CONFLICT where they disagree."""
    found: dict[tuple[str, ...], Any] = {}
    for fact, value in (pair for run in runs for pair in _read(run).items()):
        found[fact] = value if found.get(fact, value) == value else CONFLICT
    return found


def _read(run: Run) -> dict[tuple[str, ...], Any]:
    """The facts of what a run read."""
    return {fact: value for fact, value in run.facts.items() if isinstance(fact, tuple) and fact[0] != "out"}


def _hash(item: Mapping[str, Any]) -> Any:
    """By what DVC knows the content of a dep or an output: not its size, and no number of files."""
    return {key: item[key] for key in HASHES if key in item}
