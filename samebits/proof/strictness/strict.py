"""The strict check: each stage once more with only what it declares, in surroundings that are other in every way."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from samebits.proof.judging.judge import Judge
from samebits.proof.record.lock import some
from samebits.proof.repository.pipeline import Stage
from samebits.proof.repository.tree import Paths
from samebits.proof.running.run import Runner
from samebits.proof.strictness import kinds as surroundings
from samebits.proof.strictness.kinds import Surroundings, together
from samebits.proof.strictness.trial import Seen, Trial
from samebits.proof.verdict import Problem

SOON, LONGEST = 60, 600  # seconds for one search
Item = TypeVar("Item")


@dataclass
class Strict:
    """Runs stages of which the first run ended well, and whose outputs are still in the tree.

    linked: files that share their bytes with the user's cache. notes: what could not be varied, or tried.
    """

    runner: Runner
    judge: Judge
    linked: list[Path]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trial = Trial(self.runner, self.judge, self.linked, self.notes)
        self.declared = self.trial.declared
        self.kinds = list(self._possible())

    def before(self, stage: Stage) -> None:
        """To be called before the first run of a stage."""
        self.trial.folders[stage.name] = self.declared.folders(stage)

    def told(self, ended: Sequence[Stage], problems: Sequence[Problem]) -> list[Problem]:
        """Problems, those that are new and the reasons of the known ones included. ended: stages that ran."""
        found = list(problems)
        replaced = Paths(each.path for each in problems if each.kind == "output-edited" and each.path)
        for number, stage in enumerate(ended, 1):
            if any(replaced.overlapping(path) for path in (*stage.reads, *stage.makes)):
                continue
            with self.runner.progress.step(f"{stage.name}, strictly", number, len(ended)):
                known = [each for each in found if (each.stage, each.kind) == (stage.name, "not-deterministic")]
                if not known:
                    new = list(self.of(stage))
                    if any(each.decides for each in new):  # it says why
                        found = [
                            each for each in found if (each.stage, each.kind) != (stage.name, "computes-otherwise")
                        ]
                    found += new
                elif why := self.reason(stage):
                    found = [replace(each, text=f"{each.text}; {why}") if each in known else each for each in found]
        return found

    def of(self, stage: Stage) -> Iterator[Problem]:
        """What a stage reads without declaring it."""
        files = self.declared.of(stage)
        everywhere = self.trial.run(stage, files, self.kinds)
        if not everywhere:
            return
        unstable, opened = self._in_whole(stage, files)
        if unstable:
            yield self._unstable(stage, unstable)
            return
        if alone := self.trial.run(stage, files):
            if not self.trial.run(stage, files):
                yield self._unstable(stage, alone)
                return
            problem, more = self._undeclared(stage, files, opened, alone)
            yield problem
            files += more
            if not more or not (everywhere := self.trial.run(stage, files, self.kinds)):
                return
        yield from self._depends(stage, files, everywhere)

    def reason(self, stage: Stage) -> str:
        """Why a stage that is not deterministic may be so, in words; nothing where that cannot be told."""
        files = self.declared.others(stage, [])
        seen = self.trial.run(stage, files, whole=True)
        if seen and seen.timed:
            return "the clock: it holds the time of the run"
        with_seed = Surroundings(variables={"PYTHONHASHSEED": "0"})
        if self.trial.steady(stage, files, with_seed) and not self.trial.steady(stage, files, Surroundings()):
            return "the order of a set or another hash of Python: with PYTHONHASHSEED=0 it made the same three times"
        return ""

    def _depends(self, stage: Stage, files: Sequence[str], everywhere: Seen) -> Iterator[Problem]:
        """On what of its surroundings a stage depends. everywhere: how it was with all of them varied."""
        guilty = self._guilty(stage, files, self.kinds)
        found = [(kind, seen) for kind in guilty if (seen := self._sure(stage, files, kind))]
        if not found:  # several together may do what none does alone
            kinds = _enough(self.kinds, lambda some: bool(self.trial.run(stage, files, some)))
            if seen := self._sure(stage, files, together(kinds)):
                found = [(together(kinds), seen)]
        if not found:
            yield self._unstable(stage, everywhere)
        for kind, seen in found:
            if kind.hidden:
                of_machine = ", ".join(self._of_machine(stage, files, kind)) or f"a file in {kind.name}"
                text = f"reads {of_machine}, which no commit holds: without, {seen}"
                yield Problem(stage.name, "undeclared-dependency", None, text)
            elif not seen.failed:
                text = f"{seen.path}: not deterministic, it depends on {kind.name}{seen.told and f' ({seen.told})'}"
                yield Problem(stage.name, "not-deterministic", seen.path, text)
            else:  # it may not run there, but does not show other bytes
                self.notes.append(f"{stage.name}: not varied for it: {kind.name}; with another, {seen}")

    def _unstable(self, stage: Stage, seen: Seen) -> Problem:
        if seen.failed:
            return Problem(stage.name, "stage-failed", None, f"in a tree of its own, {seen}; nothing explains it")
        why = self.reason(stage)
        text = f"{seen.path}: not deterministic, two runs here made different bytes{seen.told and f' ({seen.told})'}"
        return Problem(stage.name, "not-deterministic", seen.path, text + (f"; {why}" if why else ""))

    def _undeclared(
        self, stage: Stage, files: Sequence[str], opened: list[str], seen: Seen
    ) -> tuple[Problem, list[str]]:
        """What a stage lacks in a tree of what it declares, and that."""
        others, by_files = self.declared.others(stage, files), True
        if not opened or self.trial.run(stage, [*files, *opened]):
            if by_files := not self.trial.run(stage, [*files, *others]):
                rest, known = [each for each in others if each not in opened], [*files, *opened]
                opened = opened + _enough(rest, lambda some: not self.trial.run(stage, [*known, *some]))
        elif len(opened) > 1:  # all that it opened, unless it can be told soon which of it counts
            opened = _enough(opened, lambda some: not self.trial.run(stage, [*files, *some]), SOON) or opened
        if by_files:
            names = [each for each in opened if not any(other.startswith(f"{each}/") for other in opened)]
            root = self.runner.tree.root
            paths = [os.path.relpath(self.runner.tree.top / each, root).replace(os.sep, "/") for each in names]
            text = f"reads {some(paths) or 'a file'}, which it does not declare: without, {seen}"
            return Problem(stage.name, "undeclared-dependency", paths[0] if paths else None, text), opened
        if not self.trial.run(stage, [*files, *others], whole=True):
            text = f"reads the history in .git, which is no dependency: with another, {seen}"
            return Problem(stage.name, "undeclared-dependency", ".git", text), []
        text = f"in a tree of only what it declares, {seen}; no file that is missing there explains it"
        return Problem(stage.name, "stage-failed", None, text), []

    def _of_machine(self, stage: Stage, files: Sequence[str], kind: Surroundings) -> list[str]:
        """What of the folders that a kind hides suffices for a stage."""
        paths = [path for folder in kind.hidden for path in sorted(folder.iterdir())]
        if not self.trial.run(stage, files, [kind], shown=paths):
            paths = _enough(paths, lambda some: not self.trial.run(stage, files, [kind], shown=some))
            return [str(path) for path in paths]
        return []

    def _in_whole(self, stage: Stage, files: Sequence[str]) -> tuple[Seen | None, list[str]]:
        """Run a stage in all of its tree; whether it is not deterministic, and which other files it opened."""
        others = self.declared.others(stage, files)
        opened: list[str] = []

        def watch(top: Path, before: bool) -> None:
            paths = {each: top / each for each in others}
            paths = {each: path for each, path in paths.items() if path.is_file() and path.stat().st_nlink == 1}
            if before:
                for path in paths.values():
                    os.utime(path, ns=(0, path.stat().st_mtime_ns))
            else:
                opened.extend(each for each, path in paths.items() if path.stat().st_atime_ns)

        everything = [*files, *others]
        seen = self.trial.run(stage, everything, whole=True, watch=watch) or self.trial.run(
            stage, everything, whole=True
        )
        return seen, opened

    def _guilty(self, stage: Stage, files: Sequence[str], kinds: Sequence[Surroundings]) -> list[Surroundings]:
        """Of kinds that together make a stage fail or make other bytes, those that may do so alone."""
        if len(kinds) == 1:
            return list(kinds)
        one, other = kinds[: len(kinds) // 2], kinds[len(kinds) // 2 :]
        found = self._guilty(stage, files, one) if self.trial.run(stage, files, one) else []
        if not found or self.trial.run(stage, files, other):
            found += self._guilty(stage, files, other)
        return found

    def _sure(self, stage: Stage, files: Sequence[str], kind: Surroundings) -> Seen | None:
        """How a stage was not as at first with one kind, if it is as at first without."""
        seen = self.trial.run(stage, files, [kind])
        return seen if seen and not self.trial.run(stage, files) else None

    def _possible(self) -> Iterator[Surroundings]:
        """What can be varied here; notes the rest."""
        env, _ = self.runner.environment()
        for kind in surroundings.all_kinds(env, self.runner.settings.pass_env, self.trial.home):
            if surroundings.possible(kind):
                yield kind
            else:
                self.notes.append(f"this system cannot vary {kind.name}")
                if left := surroundings.without_system(kind):
                    yield left


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
