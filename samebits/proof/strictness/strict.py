"""The strict check: each stage once more with only what it declares, in surroundings that are other in every way."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from samebits.proof.judging.judge import Judge
from samebits.proof.repository.stages import Stage
from samebits.proof.running.execute import Run
from samebits.proof.running.order import along
from samebits.proof.running.surroundings import Surroundings, together
from samebits.proof.running.views import View
from samebits.proof.strictness.kinds import all_kinds, possible
from samebits.proof.strictness.trial import Seen, Trial
from samebits.proof.verdict import Problem
from samebits.proof.words import some

SOON, LONGEST = 60, 600  # seconds for one search
Item = TypeVar("Item")


@dataclass
class Strict:
    """Runs stages of a run again. notes: what could not be varied, or tried. jobs: how many stages at a time."""

    run: Run
    judge: Judge
    notes: list[str] = field(default_factory=list)
    jobs: int = 1

    def told(self, problems: Sequence[Problem]) -> list[Problem]:
        """Problems, those that are new and the reasons of the known ones included."""
        ended, kinds = self.run.ended, list(self._possible())
        unsteady = {each.stage for each in problems if each.kind == "not-deterministic"}
        new: dict[str, list[Problem]] = {}
        reasons: dict[str, str] = {}

        def search(name: str) -> None:
            number = next(number for number, each in enumerate(ended) if each.name == name)
            with self.run.runner.progress.step(f"{name}, strictly", number + 1, len(ended)):
                stage = ended[number]
                one = Search(Trial(self.run, stage, self.judge, self.notes), stage, kinds, self.notes)
                if name in unsteady:
                    reasons[name] = one.reason()
                else:
                    new[name] = list(one.found())

        # without views, the stages share a folder that stands for HOME
        along([each.name for each in ended], {}, search, self.jobs if self.run.runner.place.isolated else 1)
        explained = {name for name, each in new.items() if any(problem.decides for problem in each)}
        found = [_with_reason(each, reasons) for each in problems]
        found = [each for each in found if each.kind != "computes-otherwise" or each.stage not in explained]
        return [*found, *(each for stage in ended for each in new.get(stage.name, []))]

    def _possible(self) -> Iterator[Surroundings]:
        """What can be varied here; notes the rest."""
        env, _ = self.run.runner.environment()
        home = self.run.runner.new_folder("home")
        for kind in all_kinds(env, self.run.runner.settings.pass_env, home):
            if possible(kind):
                yield kind
            else:
                self.notes.append(f"this system cannot vary {kind.name}")
                if kind.variables:
                    yield Surroundings(kind.name, kind.variables, hidden=kind.hidden)


def _with_reason(problem: Problem, reasons: Mapping[str, str]) -> Problem:
    why = reasons.get(problem.stage) if problem.kind == "not-deterministic" else None
    return replace(problem, text=f"{problem.text}; {why}") if why else problem


@dataclass
class Search:
    """The search for the hidden inputs of one stage."""

    trial: Trial
    stage: Stage
    kinds: Sequence[Surroundings]
    notes: list[str]

    def __post_init__(self) -> None:
        self.declared = self.trial.declared

    def found(self) -> Iterator[Problem]:
        """What the stage reads without declaring it."""
        files = list(self.declared.files)
        everywhere = self.trial.run(files, self.kinds)
        if not everywhere:
            return
        unstable, opened = self._in_whole(files)
        if unstable:
            yield self._unstable(unstable)
            return
        if alone := self.trial.run(files):
            if not self.trial.run(files):
                yield self._unstable(alone)
                return
            problem, more = self._undeclared(files, opened, alone)
            yield problem
            files += more
            if not more or not (everywhere := self.trial.run(files, self.kinds)):
                return
        yield from self._depends(files, everywhere)

    def reason(self) -> str:
        """Why a stage that is not deterministic may be so, in words; nothing where that cannot be told."""
        files = self.declared.others([])
        seen = self.trial.run(files, whole=True)
        if seen and seen.timed:
            return "the clock: it holds the time of the run"
        with_seed = Surroundings(variables={"PYTHONHASHSEED": "0"})
        if self.trial.steady(files, with_seed) and not self.trial.steady(files, Surroundings()):
            return "the order of a set or another hash of Python: with PYTHONHASHSEED=0 it made the same three times"
        return ""

    def _depends(self, files: Sequence[str], everywhere: Seen) -> Iterator[Problem]:
        """On what of its surroundings a stage depends. everywhere: how it was with all of them varied."""
        guilty = self._guilty(files, self.kinds)
        found = [(kind, seen) for kind in guilty if (seen := self._sure(files, kind))]
        if not found:  # several together may do what none does alone
            kinds = _enough(self.kinds, lambda few: bool(self.trial.run(files, few)))
            if seen := self._sure(files, together(kinds)):
                found = [(together(kinds), seen)]
        if not found:
            yield self._unstable(everywhere)
        for kind, seen in found:
            if kind.hidden:
                of_machine = ", ".join(self._of_machine(files, kind)) or f"a file in {kind.name}"
                text = f"reads {of_machine}, which no commit holds: without, {seen}"
                yield Problem(self.stage.name, "undeclared-dependency", None, text)
            elif not seen.failed:
                text = f"{seen.path}: not deterministic, it depends on {kind.name}{seen.told and f' ({seen.told})'}"
                yield Problem(self.stage.name, "not-deterministic", seen.path, text)
            else:  # it may not run there, but does not show other bytes
                self.notes.append(f"{self.stage.name}: not varied for it: {kind.name}; with another, {seen}")

    def _unstable(self, seen: Seen) -> Problem:
        if seen.failed:
            return Problem(self.stage.name, "stage-failed", None, f"in a tree of its own, {seen}; nothing explains it")
        why = self.reason()
        text = f"{seen.path}: not deterministic, two runs here made different bytes{seen.told and f' ({seen.told})'}"
        return Problem(self.stage.name, "not-deterministic", seen.path, text + (f"; {why}" if why else ""))

    def _undeclared(self, files: Sequence[str], opened: list[str], seen: Seen) -> tuple[Problem, list[str]]:
        """What a stage lacks in a tree of what it declares, and that."""
        others, by_files = self.declared.others(files), True
        if not opened or self.trial.run([*files, *opened]):
            if by_files := not self.trial.run([*files, *others]):
                rest, known = [each for each in others if each not in opened], [*files, *opened]
                opened = opened + _enough(rest, lambda some: not self.trial.run([*known, *some]))
        elif len(opened) > 1:  # all that it opened, unless it can be told soon which of it counts
            opened = _enough(opened, lambda some: not self.trial.run([*files, *some]), SOON) or opened
        if by_files:
            names = [each for each in opened if not any(other.startswith(f"{each}/") for other in opened)]
            prefix = self.trial.runner.prefix
            paths = [os.path.relpath(each, prefix).replace(os.sep, "/") for each in names]
            text = f"reads {some(paths) or 'a file'}, which it does not declare: without, {seen}"
            return Problem(self.stage.name, "undeclared-dependency", paths[0] if paths else None, text), opened
        if not self.trial.run([*files, *others], whole=True):
            text = f"reads the history in .git, which is no dependency: with another, {seen}"
            return Problem(self.stage.name, "undeclared-dependency", ".git", text), []
        text = f"in a tree of only what it declares, {seen}; no file that is missing there explains it"
        return Problem(self.stage.name, "stage-failed", None, text), []

    def _of_machine(self, files: Sequence[str], kind: Surroundings) -> list[str]:
        """What of the folders that a kind hides suffices for a stage."""
        paths = [path for folder in kind.hidden for path in _inside(folder)]
        if not self.trial.run(files, [kind], shown=paths):
            paths = _enough(paths, lambda some: not self.trial.run(files, [kind], shown=some))
            return [str(path) for path in paths]
        return []

    def _in_whole(self, files: Sequence[str]) -> tuple[Seen | None, list[str]]:
        """Run a stage in all of its tree; whether it is not deterministic, and which other files it opened."""
        others = self.declared.others(files)
        opened: list[str] = []

        def watch(view: View) -> Callable[[], None]:
            paths = {each: view.tree / each for each in others if (view.tree / each).is_file()}
            for path in paths.values():
                os.utime(path, ns=(0, path.stat().st_mtime_ns))

            def after() -> None:
                opened.extend(each for each, path in paths.items() if path.is_file() and path.stat().st_atime_ns)

            return after

        everything = [*files, *others]
        seen = self.trial.run(everything, whole=True, watch=watch) or self.trial.run(everything, whole=True)
        return seen, opened

    def _guilty(self, files: Sequence[str], kinds: Sequence[Surroundings]) -> list[Surroundings]:
        """Of kinds that together make a stage fail or make other bytes, those that may do so alone."""
        if len(kinds) == 1:
            return list(kinds)
        one, other = kinds[: len(kinds) // 2], kinds[len(kinds) // 2 :]
        found = self._guilty(files, one) if self.trial.run(files, one) else []
        if not found or self.trial.run(files, other):
            found += self._guilty(files, other)
        return found

    def _sure(self, files: Sequence[str], kind: Surroundings) -> Seen | None:
        """How a stage was not as at first with one kind, if it is as at first without."""
        seen = self.trial.run(files, [kind])
        return seen if seen and not self.trial.run(files) else None


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # it is another user's
        return []


def _enough(items: Sequence[Item], holds: Callable[[Sequence[Item]], bool], within: float = LONGEST) -> list[Item]:
    """Of items for all of which something holds, few for which it does: by halves, one after the other.

    within: seconds, after which there are none.
    """
    found, left, deadline = list[Item](), list(items), time.monotonic() + within
    while left and not holds(found):
        few, enough = 0, len(left)  # the first `enough` of them do, the first `few` do not
        while enough - few > 1:
            if time.monotonic() > deadline:
                return []
            middle = (few + enough) // 2
            few, enough = (few, middle) if holds([*found, *left[:middle]]) else (middle, enough)
        found.append(left[enough - 1])
        left = left[: enough - 1]
    for each in found[:] if len(found) > 1 else []:
        if holds(fewer := [other for other in found if other != each]):
            found = fewer
    return found
