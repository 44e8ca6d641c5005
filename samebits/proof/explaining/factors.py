"""What differs between two trees, as small as it can be taken from one of them alone."""

import difflib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Literal

from samebits.proof.comparators.findings import short
from samebits.proof.explaining.side import Side, raw_name
from samebits.proof.record.pins import is_pins, pinned, told
from samebits.proof.record.values import ABSENT, same
from samebits.proof.repository.paths import Paths
from samebits.proof.repository.stages import PIPELINE, Stage, lock_of

Kind = Literal["parameter", "code", "source", "stage", "packages", "undeclared", "commit"]
CODE = {
    *(".py", ".ipynb", ".r", ".rmd", ".qmd", ".jl", ".sh", ".bash", ".sql", ".c", ".h", ".cc", ".cpp", ".cu", ".go"),
    *(".rs", ".java", ".scala", ".js", ".ts", ".pl", ".m", ".do", ".yaml", ".yml", ".toml", ".json", ".cfg", ".ini"),
}
# Of a stage in dvc.yaml, what only says what is read and written: a hybrid has what both sides say
BOOKKEEPING = ("deps", "params", "outs", "metrics", "plots", "desc", "meta", "always_changed")
OUTS = ("outs", "metrics", "plots")
# Files that no stage reads: prose, and settings of git and of services
PROSE = {".md", ".rst", ".adoc", ".tex", ".pdf", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".html", ".css"}
NOT_READ = {"docs", "doc", "tests", "test", ".github", ".gitlab", ".circleci", ".devcontainer", ".vscode", ".dvc"}
NAMES = ("readme", "license", "licence", "changelog", "contributing", "citation", "dockerfile", "makefile")
ENVIRONMENT = (
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "Pipfile",
    "Pipfile.lock",
    "pdm.lock",
    "pixi.lock",
    "renv.lock",
)
ORDER: tuple[Kind, ...] = ("stage", "code", "packages", "source", "parameter", "undeclared", "commit")  # in a name
MOST = 4  # parts that a name has
LONGEST = 40  # characters of a value in a name


@dataclass(frozen=True)
class Change:
    """A piece of a difference: a file, or of a file of parameters or a dvc.yaml the value of some keys."""

    path: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Factor:
    """What a hybrid takes from the head or leaves as at the base.

    name: of the parameter, file or stage. then, now: as at the base and at the head, in words, where that says more.
    parts: the labels of several that were put together.
    """

    kind: Kind
    name: str
    changes: tuple[Change, ...]
    then: str | None = None
    now: str | None = None
    parts: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """In words: `quantize.bits 8 -> 4`."""
        if self.then is None:
            return self.name
        return f"{self.name} ({self.then})" if self.now is None else f"{self.name} {self.then} -> {self.now}"


@dataclass(frozen=True)
class Found:
    """The factors of a difference.

    factors: what a hybrid can take. unread: files that no stage declares and that are not code or data. left_out: the
    packages, where no `setup` installs them.
    """

    factors: list[Factor]
    unread: list[str]
    left_out: Factor | None


def factors(base: Side, head: Side, commands: Sequence[str] = ()) -> Found:
    """What differs between two trees. commands: of `setup`, which installs the packages."""
    return _Difference(base, head, commands).found()


@dataclass(frozen=True)
class _Difference:
    base: Side
    head: Side
    commands: Sequence[str]

    def found(self) -> Found:
        packages = [path for path in self.paths if self._is_of_packages(path)]
        pieces: list[Factor] = []
        data: dict[str, list[str]] = {}
        unread: list[str] = []
        for path in self.paths:
            if path in packages or self._is_made(path):
                continue
            if posixpath.basename(path) == PIPELINE:
                pieces += self._of_pipeline(path)
            elif path in self.locks:
                pieces += self._frozen(path)
            elif path in self.params and None not in (self.base.document(path), self.head.document(path)):
                pieces += self._leaves(path)
            elif path.endswith(".dvc"):
                pieces.append(self._source(path))
            elif not self.readers(path) and is_prose(path):
                unread.append(path)
            elif folder := self._folder(path):
                data.setdefault(folder, []).append(path)
            else:
                kind: Kind = "code" if PurePosixPath(path).suffix.lower() in CODE else "source"
                pieces.append(Factor(kind, path, (Change(path),)))
        for folder, names in data.items():
            count = f" ({len(names)} files)" if len(names) > 1 else ""
            name = f"{folder}/{count}" if len(names) > 1 else names[0]
            pieces.append(Factor("source", name, tuple(map(Change, names))))
        both = self._packages(packages) if packages else None
        merged = self._with_needs(pieces)
        if both and self.commands:
            return Found([*merged, both], unread, None)
        return Found(merged, unread, both)

    @cached_property
    def paths(self) -> list[str]:
        """The files that differ."""
        names = sorted({*self.base.files, *self.head.files})
        return [each for each in names if self.base.files.get(each) != self.head.files.get(each)]

    @cached_property
    def sides(self) -> tuple[Side, Side]:
        return self.base, self.head

    @cached_property
    def stages(self) -> list[Stage]:
        return [stage for side in self.sides for stage in side.running]

    @cached_property
    def locks(self) -> set[str]:
        files = {stage.file for side in self.sides for stage in side.pipeline.stages if stage.in_pipeline}
        return {lock_of(each) for each in files}

    @cached_property
    def params(self) -> set[str]:
        """The files of parameters: those that a stage names, and those from which a dvc.yaml takes its variables."""
        found = {each.path for stage in self.stages for each in stage.params}
        for file in {stage.file for stage in self.stages}:
            folder = posixpath.dirname(file)
            names = ["params.yaml"]
            for side in self.sides:
                names += [str(each).partition(":")[0] for each in split_vars(side.document(file))[0]]
            found |= {posixpath.normpath(posixpath.join(folder, each)) for each in names}
        return found

    @cached_property
    def reading(self) -> Paths:
        return Paths([dep.path for stage in self.stages for dep in stage.deps if dep.here])

    def readers(self, path: str, side: Side | None = None) -> list[Stage]:
        """The stages that run and read a path, at one side or any."""
        sides = (side,) if side else self.sides
        return [stage for each in sides for stage in each.pipeline.readers(path) if stage.runs]

    def _is_made(self, path: str) -> bool:
        """Whether a path is no factor, as a stage makes it."""
        return any(side.made().at_or_around(path) for side in self.sides)

    def _is_of_packages(self, path: str) -> bool:
        if is_pins(path):
            return True
        name = posixpath.basename(path)
        named = any(word.endswith(name) for command in self.commands for word in command.split())
        return bool(self.commands) and (name in ENVIRONMENT or named) and not self.readers(path)

    def _folder(self, path: str) -> str | None:
        """The folder of data that a stage reads whole, in which a path lies."""
        if PurePosixPath(path).suffix.lower() in CODE or self.reading.at_or_around(path)[:1] == [path]:
            return None
        return self.reading.around(path)

    def _leaves(self, path: str) -> Iterator[Factor]:
        then, now = (side.document(path) or {} for side in self.sides)
        prefix = "" if posixpath.basename(path) == "params.yaml" else f"{path}: "
        found = list(leaves(then, now))
        for keys in found:
            yield _parameter(prefix, Change(path, keys), value(then, keys), value(now, keys))
        if not found:  # comments and blanks
            yield Factor("code", f"{path} (not its values)", (Change(path),))

    def _source(self, path: str) -> Factor:
        known = {stage.file: stage for side in self.sides for stage in side.pipeline.stages if not stage.in_pipeline}
        outs = ", ".join(out.path for out in known[path].outs) if path in known else path
        hashes = []
        for side in self.sides:
            found = [each for each in side.pipeline.stages if each.file == path and not each.in_pipeline]
            values = [out.recorded.value[:7] for stage in found for out in stage.outs if out.recorded]
            hashes.append(", ".join(values) or "none")
        return Factor("source", outs, (Change(path),), hashes[0], hashes[1])

    def _frozen(self, lock: str) -> Iterator[Factor]:
        """Outputs of frozen stages, which are sources."""
        file = posixpath.join(posixpath.dirname(lock), PIPELINE)
        known: dict[str, list[Any]] = {}
        for number, side in enumerate(self.sides):
            for stage in side.pipeline.stages:
                if stage.file == file and stage.frozen:
                    known.setdefault(stage.name.removeprefix(f"{file}:"), [None, None])[number] = stage.entry
        for name, (then, now) in known.items():
            if then is not None and now is not None and then != now:
                yield Factor("source", f"the outputs of {name}, which is frozen", (Change(lock, ("stages", name)),))

    def _packages(self, paths: Sequence[str]) -> Factor:
        then, now = (
            {name: each for path in paths for name, each in pinned(path, side.content(path)).items()}
            for side in self.sides
        )
        names = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
        shown = [f"{name} {told(then.get(name))} -> {told(now.get(name))}" for name in names[:3]]
        more = [f"{len(names) - 3} more"] if len(names) > 3 else []
        return Factor("packages", f"packages: {', '.join([*shown, *more] or paths)}", tuple(map(Change, paths)))

    # dvc.yaml

    def _of_pipeline(self, path: str) -> Iterator[Factor]:
        then, now = (side.document(path) or {} for side in self.sides)
        for keys in leaves(split_vars(then)[1], split_vars(now)[1]):
            values = (value(split_vars(each)[1], keys) for each in (then, now))
            yield _parameter("vars: ", Change(path, ("vars", *keys)), *values)
        stages = [each.get("stages") or {} for each in (then, now)]
        for name in dict.fromkeys([*stages[0], *stages[1]]):
            one, other = stages[0].get(name), stages[1].get(name)
            change = (Change(path, ("stages", name)),)
            shown = name if path == PIPELINE else f"{path}:{name}"
            if one is None or other is None:
                yield Factor("stage", f"stage {shown} ({'new' if one is None else 'gone'})", change)
            elif what := self._redefined(path, name, one, other):
                pair: tuple[str | None, str | None] = (None, None)
                if what == ["cmd"] and all(isinstance(each.get("cmd"), str) for each in (one, other)):
                    pair = _apart(one["cmd"], other["cmd"])
                yield Factor("stage", f"stage {shown}: {', '.join(what)}", change, *pair)

    def _redefined(self, path: str, name: str, then: dict[str, Any], now: dict[str, Any]) -> list[str]:
        """What a stage does otherwise, by the keys of dvc.yaml."""
        found = [
            key
            for key in dict.fromkeys([*then, *now])
            if key not in BOOKKEEPING and not same(_without_books(then.get(key)), _without_books(now.get(key)))
        ]
        own = [{path for stage in side.stages_of(path, name) for path in stage.makes} for side in self.sides]
        moved = [
            each
            for side, others in ((self.head, own[0] - own[1]), (self.base, own[1] - own[0]))
            for each in others
            if any(raw_name(maker) != name for maker in side.pipeline.makers(each)) or each in side.files
        ]
        return [*found, "outs"] if moved else found

    # A stage that is new or gone, with what it needs

    def _with_needs(self, pieces: list[Factor]) -> list[Factor]:
        """Each stage that is new or gone as one factor with what only it needs, or what replaces it."""
        sets = list(range(len(pieces)))

        def root(number: int) -> int:
            while sets[number] != number:
                number = sets[number]
            return number

        def join(one: int, other: int) -> None:
            sets[max(root(one), root(other))] = min(root(one), root(other))

        own = {number: each for number, each in enumerate(pieces) if each.kind == "stage"}
        stages = {
            number: [{stage.name: stage for stage in side.stages_of(each.changes[0].path, each.changes[0].keys[1])}
                     for side in self.sides]
            for number, each in own.items()
        }  # fmt: skip
        only = {number: at for number, each in stages.items() for at in (0, 1) if not each[1 - at] and each[at]}
        for at, side in enumerate(self.sides):
            alone = {name: number for number, where in only.items() if where == at for name in stages[number][at]}
            for number, piece in enumerate(pieces):
                if number not in only and all(self._is_only_at(side, each) for each in piece.changes):
                    readers = {stage.name for each in piece.changes for stage in self._using(side, each)}
                    if readers and readers <= alone.keys():
                        for name in readers:
                            join(number, alone[name])
            for name, number in alone.items():
                stage = stages[number][at][name]
                for maker in side.pipeline.needed(stage):
                    if maker.name in alone:
                        join(number, alone[maker.name])
                for path in stage.makes:  # which another stage makes at the other side
                    for maker in self.sides[1 - at].pipeline.makers(path):
                        for other, each in stages.items():
                            if maker.name in each[1 - at]:
                                join(number, other)
        groups: dict[int, list[Factor]] = {}
        for number, piece in enumerate(pieces):
            groups.setdefault(root(number), []).append(piece)
        return [joined(each) for each in groups.values()]

    def _is_only_at(self, side: Side, change: Change) -> bool:
        other = self.head if side is self.base else self.base
        if not change.keys:
            return change.path not in other.files
        return value(other.document(change.path) or {}, change.keys) is ABSENT

    def _using(self, side: Side, change: Change) -> list[Stage]:
        """The stages at a side that declare a file or a parameter."""
        if not change.keys:
            outs = [path for stage in side.pipeline.stages if stage.file == change.path for path in stage.makes]
            return [stage for path in [change.path, *outs] for stage in self.readers(path, side)]
        name = ".".join(change.keys)
        return [
            stage
            for stage in side.running
            for each in stage.params
            if each.path == change.path and (not each.declared or any(_overlap(key, name) for key in each.declared))
        ]


def joined(pieces: Sequence[Factor]) -> Factor:
    """Several factors as one: stages first, as they tell most."""
    if len(pieces) == 1:
        return pieces[0]
    first, *others = sorted(pieces, key=lambda each: ORDER.index(each.kind))
    parts = tuple(label for each in (first, *others) for label in each.parts or (each.label,))
    changes = tuple(change for each in (first, *others) for change in each.changes)
    more = f" and {len(parts) - MOST} more" if len(parts) > MOST else ""
    return Factor(first.kind, f"{parts[0]} with {', '.join(parts[1:MOST])}{more}", changes, parts=parts)


def is_prose(path: str) -> bool:
    """Whether a path is one of those that no stage reads: prose, tests, settings of services."""
    parts = PurePosixPath(path).parts
    name = parts[-1].lower()
    hidden = name.startswith(".") or any(part in NOT_READ for part in parts[:-1])
    return hidden or name.startswith(NAMES) or PurePosixPath(name).suffix in PROSE


def leaves(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The keys at which two trees of values differ; a part that only one of them has is one leaf."""
    for key in dict.fromkeys([*then, *now]):
        one, other = then.get(key, ABSENT), now.get(key, ABSENT)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from ((key, *keys) for keys in leaves(one, other))
        elif ABSENT in (one, other) or not same(one, other) or type(one) is not type(other):
            yield (key,)


def value(document: Any, keys: Sequence[str]) -> Any:
    """What a tree of values has at some keys."""
    for key in keys:
        if not isinstance(document, Mapping) or key not in document:
            return ABSENT
        document = document[key]
    return document


def _parameter(prefix: str, change: Change, then: Any, now: Any) -> Factor:
    name = prefix + ".".join(map(str, change.keys[1:] if prefix == "vars: " else change.keys))
    if all(isinstance(each, str) and ("\n" in each or len(each) > LONGEST) for each in (then, now)):
        lines = list(difflib.ndiff(then.splitlines(), now.splitlines()))
        gone, new = (sum(line.startswith(sign) for line in lines) for sign in ("- ", "+ "))
        text = f"{new} of {len(now.splitlines())} lines new, {gone} gone"
        return Factor("parameter", name, (change,), text)
    return Factor("parameter", name, (change,), _shown(then), _shown(now))


def _shown(found: Any) -> str:
    if found is ABSENT:
        return "none"
    text = " ".join((found if isinstance(found, str) else short(found)).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _apart(then: str, now: str) -> tuple[str, str]:
    """Where two commands differ, with a word around."""
    one, other = then.split(), now.split()
    start = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    texts = (" ".join(each[max(0, start - 1) :]) for each in (one, other))
    first, second = (text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..." for text in texts)
    return f"`{first}`", f"`{second}`"


def _without_books(found: Any) -> Any:
    """The `do` of a `foreach` without what only says what is read and written."""
    if isinstance(found, Mapping) and "cmd" in found:
        return {key: each for key, each in found.items() if key not in BOOKKEEPING}
    return found


def split_vars(document: Mapping[str, Any] | None) -> tuple[list[str], dict[str, Any]]:
    """The files and the values among the `vars` of a dvc.yaml."""
    found = (document or {}).get("vars") or []
    files = [each for each in found if isinstance(each, str)]
    return files, {key: each for part in found if isinstance(part, Mapping) for key, each in part.items()}


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
