"""What a proof found as annotations of GitHub: workflow commands, each at a line of a file in the repository.

Texts from a repository are escaped as GitHub's toolkit does, so that none can become a command of its own.
Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from samebits import artifacts
from samebits.errors import UserError
from samebits.git import prefix_of
from samebits.markdown import printable
from samebits.params import FILE as PARAMS
from samebits.proof.claims.claims import Claim
from samebits.proof.repository.stages import PIPELINE, lock_of
from samebits.proof.telling import report
from samebits.proof.telling.changes import Changes
from samebits.proof.verdict import Output, Problem, Verdict


class Place(NamedTuple):
    """A line of a file, the first being 1; None for the file as a whole. The path is from the root of DVC."""

    path: str
    line: int | None = None


def write(annotations: Iterable[str], file: str | None) -> None:
    """Write annotations, a line each, to a file, if one is named; GitHub's runner obeys them where they are printed."""
    if file:
        artifacts.write_text("".join(f"{each}\n" for each in annotations), file)


def of_problems(problems: Iterable[Problem], root: Path) -> Iterator[str]:
    """What `lock` found. root: the folder of the repository of DVC."""
    files = Files(root)
    for each in _deciding_first(problems):
        yield _of_problem(each, files, [])


def of_verdict(checked: Verdict, root: Path) -> Iterator[str]:
    """What `check` found: its problems, with the values that differ, and other outputs that do."""
    files = Files(root)
    differ = {(each.stage, each.path): each for each in checked.outputs if not each.allowed and each.differences}
    for problem in _deciding_first(checked.problems):
        output = differ.pop((problem.stage, problem.path or ""), None)
        yield _of_problem(problem, files, report.details(output) if output else [])
    level = "error" if checked.conclusion == "not reproduced" else "warning"
    for output in differ.values():
        if output.verdict != "unknown":
            yield _of_output(output, level, files)


def of_changes(changes: Changes, base: str) -> Iterator[str]:
    """What `report` found: gated metrics that got worse than allowed."""
    for each in changes.of_other_data if changes.gated else ():
        text = f"{each.name}: {each.base} at {base}, {each.now} now: the metrics are of other data"
        yield _command("warning", "gate", text)
    for each in changes.metrics:
        if each.name in changes.failed:
            text = f"{each.name}: {each.base} at {base}, {each.now} now: worse than the settings allow"
            yield _command("error", "gate", text)


def of_claims(stale: Iterable[Claim], root: Path) -> Iterator[str]:
    """What `claims` found: numbers of another run."""
    below = Files(root).below
    for each in stale:
        yield _command("warning", "claims", report.claim(each), Place(each.file, each.line), below)


@dataclass
class Files:
    """The files of DVC in a working tree, and the lines of what they hold."""

    root: Path
    _documents: dict[str, Node | None] = field(default_factory=dict)

    @cached_property
    def below(self) -> str:
        """The root of DVC from that of git, which GitHub's paths begin at."""
        try:
            return prefix_of(self.root)
        except UserError:
            return ""

    def at(self, path: str, *keys: str) -> Place | None:
        """Where the value of a key within a key ... of a file of YAML or JSON stands, if it does."""
        node, line = self._document(path), 0
        for key in keys:
            found = _within(node, key)
            if not found:
                return None
            line, node = found
        return Place(path, line + 1) if node else None

    def texts(self, path: str, *keys: str) -> list[str]:
        """The texts in the value of a key within a key ...: it itself, its items, or the keys of its mappings."""
        node = self._document(path)
        for key in keys:
            found = _within(node, key)
            node = found[1] if found else None
        return [each.value for each in _names(node)]

    def _document(self, path: str) -> Node | None:
        if path not in self._documents:
            file, found = self.root / path, None
            with suppress(OSError, YAMLError, ValueError, RecursionError):  # another format
                found = YAML(typ="safe").compose(file.read_bytes()) if os.path.isfile(file) else None
            self._documents[path] = found
        return self._documents[path]


@dataclass(frozen=True)
class _Stage:
    """Where a stage, by the name that DVC gives it, and its parts stand."""

    name: str
    files: Files

    @property
    def file(self) -> str:
        folder, found, _ = self.name.partition(f"{PIPELINE}:")
        return folder + PIPELINE if found else self.name if self.name.endswith(".dvc") else PIPELINE

    @property
    def lock(self) -> str:
        return lock_of(self.file)

    @property
    def short(self) -> str:
        return self.name.removeprefix(f"{self.file}:")

    @property
    def keys(self) -> list[str]:
        """Its keys in dvc.yaml; of a stage of foreach or matrix, those of its template."""
        template = self.short.partition("@")[0]
        keys = ["stages", self.short if self.files.at(self.file, "stages", self.short) else template]
        return [*keys, "do"] if self.files.at(self.file, *keys, "do") else keys

    def folder(self) -> str:
        """Where its paths begin."""
        given = self.files.texts(self.file, *self.keys, "wdir")
        return (PurePosixPath(self.file).parent / (given[0] if given else ".")).as_posix()

    def declared(self, path: str | None = None, *keys: str) -> Place | None:
        """Its part in dvc.yaml that has a path, or a key; else itself there."""
        if path is None:
            return self.files.at(self.file, *self.keys, *keys)
        parts = ("deps", "outs", "metrics", "plots")
        return self._named(self.file, [[*self.keys, part] for part in parts], path)

    def recorded(self, path: str | None) -> Place | None:
        """The entry of a dependency or an output in dvc.lock."""
        if path is None:
            return None
        return self._named(self.lock, [["stages", self.short, part] for part in ("deps", "outs")], path)

    def parameter(self, name: str) -> Place | None:
        """A parameter in the file that has it, else in dvc.lock."""
        recorded = self.files.texts(self.lock, "stages", self.short, "params")
        names = dict.fromkeys([PARAMS, *self.files.texts(self.file, *self.keys, "params"), *recorded])
        parts = name.split(".")
        for each in names:
            path = os.path.normpath(PurePosixPath(self.folder(), each)).replace(os.sep, "/")
            if place := self.files.at(path, *parts):
                return place
        places = (
            self.files.at(self.lock, "stages", self.short, "params", file, *keys)
            for file in recorded
            for keys in ([name], parts)
        )
        return next(filter(None, places), None)

    def itself(self) -> Place:
        """In dvc.yaml, else in dvc.lock."""
        return self.declared() or self.files.at(self.lock, "stages", self.short) or Place(self.file)

    def _named(self, file: str, lists: Sequence[Sequence[str]], path: str) -> Place | None:
        names = (path, os.path.relpath(path, self.folder()).replace(os.sep, "/"))
        places = (self.files.at(file, *keys, name) for keys in lists for name in names)
        return next(filter(None, places), None)


def _place(problem: Problem, files: Files) -> Place:
    """Where a problem shows."""
    stage, path = _Stage(problem.stage, files), problem.path
    place = None
    match problem.kind:
        case "command-changed" | "stage-failed":
            place = stage.declared(None, "cmd")
        case "parameter-changed":
            place = stage.parameter(path or "")
        case "output-edited" | "package-changed" | "environment-differs":
            place = Place(path) if path and os.path.isfile(files.root / path) else None
        case "stage-unrecorded" | "not-deterministic" | "output-not-made":
            place = stage.declared(path) if path else stage.itself()
    return place or stage.recorded(path) or stage.itself()


def _of_problem(problem: Problem, files: Files, details: Sequence[str]) -> str:
    level = "error" if problem.decides else "warning"
    text = "\n".join([problem.text, *details])
    return _command(level, f"{problem.stage}: {problem.kind}", text, _place(problem, files), files.below)


def _of_output(output: Output, level: str, files: Files) -> str:
    place = _Stage(output.stage, files).recorded(output.path) or _Stage(output.stage, files).itself()
    return _command(level, f"{output.stage}: {output.verdict}", "\n".join(report.details(output)), place, files.below)


def _command(level: str, title: str, text: str, place: Place | None = None, below: str = "") -> str:
    """A workflow command."""
    properties = {"title": title}
    if place:
        properties = {"file": below + place.path, **({"line": str(place.line)} if place.line else {}), **properties}
    given = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items())
    return f"::{level} {given}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    """A text as data of a workflow command, which GitHub shows as it was."""
    for each in f"%\r\n{more}":
        text = text.replace(each, f"%{ord(each):02X}")
    return printable(text)


def _deciding_first(problems: Iterable[Problem]) -> list[Problem]:
    """GitHub shows ten annotations of a level; those that decide come first."""
    return sorted(problems, key=lambda problem: not problem.decides)


def _within(node: Node | None, key: str) -> tuple[int, Node] | None:
    """The line and the value of a key; in a list, of the item that it is, names by `path`, or has as its one key."""
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if isinstance(name, ScalarNode) and name.value == key:
                return name.start_mark.line, value
    for item in node.value if isinstance(node, SequenceNode) else ():
        if any(each.value == key for each in _names(item)):
            return item.start_mark.line, item
    return None


def _names(node: Node | None) -> Iterator[ScalarNode]:
    """The names that a node gives: a text itself, a list those of its items, a mapping its `path` or else its keys."""
    if isinstance(node, ScalarNode):
        yield node
    elif isinstance(node, SequenceNode):
        for item in node.value:
            if isinstance(item, ScalarNode | MappingNode):
                yield from _names(item)
    elif isinstance(node, MappingNode):
        keys = [key for key, _ in node.value if isinstance(key, ScalarNode)]
        paths = [value for key, value in node.value if isinstance(key, ScalarNode) and key.value == "path"]
        yield from (each for each in paths or keys if isinstance(each, ScalarNode))
