"""A run of all stages that a check is about: each once, after those that it needs, from nothing."""

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from samebits.proof.repository.export import Export
from samebits.proof.repository.paths import Paths, lies_in
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Stage
from samebits.proof.running.chosen import Plan, ancestors
from samebits.proof.running.failing import hints, large_to_change
from samebits.proof.running.layers import Layers
from samebits.proof.running.made import Made
from samebits.proof.running.order import along
from samebits.proof.running.run import Runner
from samebits.proof.running.sources import Sources
from samebits.proof.verdict import Problem

LAST_LINES = 20  # of what a failed stage printed


@dataclass
class Run:
    """What came of it.

    runner: ran the stages. running: those that were to run. taken: the others, and why. made: by name, of those that
    ended. blocked: by name, why a stage did not run to its end. problems: of these. aside: what git holds of their
    outputs, by path. wide: stages that only made what they promise where they saw what earlier ones made, of which they
    declare nothing; and what that is.
    """

    runner: Runner
    running: list[Stage]
    taken: dict[str, str]
    aside: dict[str, Path]
    made: dict[str, Made] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    layers: dict[str, Layers] = field(default_factory=dict)
    wide: dict[str, list[str]] = field(default_factory=dict)

    def block(self, problem: Problem) -> None:
        """Note that a stage cannot run, or did not run to its end."""
        self.problems.append(problem)
        self.blocked.setdefault(problem.stage, problem.text)

    @property
    def ended(self) -> list[Stage]:
        """The stages that ran to their end."""
        return [stage for stage in self.running if stage.name not in self.blocked]


def executed(
    plan: Plan,
    runner: Runner,
    sources: Sources,
    hidden: Sequence[Path] = (),
    caches: Sequence[Path] = (),
    jobs: int = 1,
) -> Run:
    """Take out the outputs, put in the sources, set up, run.

    hidden: folders of which `setup` sees nothing, but for `caches` in them. jobs: how many stages at a time.
    """
    tree, pipeline = runner.tree, runner.pipeline
    run = Run(runner, list(plan.chosen), dict(plan.taken), {})
    for stage in plan.chosen:
        if stage.name in plan.may_be_taken:
            places = [sources.place(stage, out, True) for out in stage.outs if out.here and out.cached]
            if not any(places):
                run.taken[stage.name] = plan.may_be_taken[stage.name]
                run.running.remove(stage)
    for path, command in tree.absent.items():
        text = f"{path} is not available: `{command}` gets it"
        run.notes.append(text)
        for stage in run.running:
            if Paths(stage.reads).overlapping(path):
                run.block(Problem(stage.name, "missing-source", path, text))
    for problem in [*_outputs_out(tree, run), *sources.provide(run.running)]:
        run.block(problem)
    if changed := runner.set_up(hidden, caches):
        run.notes.append(f"setup changes {', '.join(changed[:3])} of the commit; the stages saw the commit's")
    if runner.settings.commands:
        run.notes.append("setup ran first, with the network; what it brought is not of the commit")
    steps = _Steps(pipeline, run)
    along(steps.names, steps.before, steps.step, jobs)
    run.problems.sort(key=lambda each: pipeline.places.get(each.stage, len(pipeline.places)))
    return run


@dataclass(frozen=True)
class _Tried:
    """One attempt at a stage, in a tree of these layers. made: None where it did not start. problem: why it failed."""

    layers: Layers
    made: Made | None
    problem: Problem | None


@dataclass
class _Steps:
    """The steps of a run, a stage each; several at a time, with one lock for what they share."""

    pipeline: Pipeline
    run: Run

    def __post_init__(self) -> None:
        self.stages = {stage.name: stage for stage in self.run.running}
        self.names = list(self.stages)
        self.places = {name: place for place, name in enumerate(self.names)}
        self.before = ancestors(self.pipeline)
        self.lock, self.tried = threading.Lock(), set[str]()

    def step(self, name: str) -> list[str] | None:
        """Run a stage; where it did not make what it promises, and may lack what it does not declare, once more.

        Returns the stages that must have run before that.
        """
        earlier = self.names[: self.places[name]]
        if name in self.tried:
            self._with_all(name, earlier)
            return None
        self.tried.add(name)
        needed = [each for each in earlier if each in self.before[name]]
        with self.lock:
            for other in (each for each in needed if each in self.run.blocked):
                self.run.blocked.setdefault(name, f"{other}, whose outputs it reads, did not run to its end")
            if name in self.run.blocked:
                return None
        tried = self._try(name, needed, name)
        with self.lock:
            self._keep(name, tried)
        return earlier if len(earlier) > len(needed) and not self._is_good(name, tried) else None

    def _try(self, name: str, seen: Sequence[str], told: str) -> _Tried:
        """Run a stage in a tree with what some others made."""
        stage, runner, made = self.stages[name], self.run.runner, self.run.made
        with self.lock:
            layers = runner.base.over(*(made[each].layer for each in reversed(seen) if each in made))
        if problem := _absent(runner, stage, layers):
            return _Tried(layers, None, problem)
        with runner.progress.step(told, self.places[name] + 1, len(self.names)):
            found = runner.run(stage, layers)
        with self.lock:
            large = large_to_change(runner, stage, found.failed) if found.failed else []
            copies = runner.large_copied(large) if large else None
        if copies:
            layers = layers.over(copies)
            with runner.progress.step(f"{told}, which may change its large sources"):
                found = runner.run(stage, layers)
        return _Tried(layers, found, _failure(runner, stage, found))

    def _with_all(self, name: str, earlier: Sequence[str]) -> None:
        """Run a stage in a tree with what all stages before it made, as DVC does; it counts where it is better."""
        run = self.run
        others = [each for each in earlier if each in run.made and each not in self.before[name]]
        undeclared = sorted({path for each in others for path in run.made[each].undeclared})
        if not undeclared:
            return
        tried = self._try(name, earlier, f"{name}, with all that was made before it")
        if self._is_good(name, tried):
            with self.lock:
                run.blocked.pop(name, None)
                run.problems[:] = [each for each in run.problems if each.stage != name]
                run.wide[name] = undeclared
                self._keep(name, tried)

    def _keep(self, name: str, tried: _Tried) -> None:
        if tried.made:
            self.run.made[name], self.run.layers[name] = tried.made, tried.layers
        if tried.problem:
            self.run.block(tried.problem)

    def _is_good(self, name: str, tried: _Tried) -> bool:
        return tried.made is not None and not tried.problem and _as_promised(self.stages[name], tried.made)


def _absent(runner: Runner, stage: Stage, layers: Layers) -> Problem | None:
    for dep in (each for each in stage.deps if each.here):
        name = os.path.normpath(os.path.join(runner.prefix, dep.path))
        there = os.path.lexists(runner.place.top / name) if name.startswith("..") else layers.find(name)
        if not there:
            text = f"{dep.path}, which it reads, is not there: not in git, not promised by a `.dvc` file, not made"
            return Problem(stage.name, "missing-source", dep.path, text)
    return None


def _failure(runner: Runner, stage: Stage, made: Made) -> Problem | None:
    if not made.failed:
        return None
    runner.progress.failed("\n".join(made.failed.output.splitlines()[-LAST_LINES:]))
    text = made.failed.reason + hints(runner, made.failed, stage.name in runner.settings.network)
    return Problem(stage.name, "stage-failed", None, text)


def _as_promised(stage: Stage, made: Made) -> bool:
    outs = [out for out in stage.outs if out.here]
    return all(out.recorded is not None and made.hashes.get(out.path) == out.recorded for out in outs)


def _outputs_out(tree: Export, run: Run) -> Iterator[Problem]:
    """Take out what git holds of the outputs of stages, so that they start from nothing."""
    for stage in run.running:
        for out in stage.outs:
            path = tree.root / out.path
            if not out.here or not lies_in(path, tree.top):
                text = f"it writes {out.name}, outside of the repository; the check cannot run it"
                yield Problem(stage.name, "stage-failed", out.path, text)
            elif os.path.lexists(path):
                run.aside[out.path] = tree.folder / "promised" / out.path
                run.aside[out.path].parent.mkdir(parents=True, exist_ok=True)
                shutil.move(path, run.aside[out.path])
