"""Which stages a check is about, and which of them run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from samebits.artifacts import LOCK
from samebits.errors import UserError
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Stage
from samebits.proof.settings import Settings
from samebits.proof.verdict import Problem


@dataclass(frozen=True)
class Plan:
    """What a check runs.

    chosen: the stages that it is about, in the order of the run. taken: those that do not run, and why.
    may_be_taken: those of `chosen` that need not run where their outputs are available, and why.
    """

    chosen: list[Stage]
    taken: dict[str, str] = field(default_factory=dict)
    may_be_taken: dict[str, str] = field(default_factory=dict)


def planned(
    pipeline: Pipeline,
    settings: Settings,
    stages: Sequence[str] = (),
    since: str | None = None,
    then: dict[str, Any] | None = None,
    told: Sequence[Problem] = (),
) -> Plan:
    """The plan of a check.

    stages: only these and what they need; else all. since, then: a revision, and what its lock says of each stage.
    told: what contradicts the lock. Raises UserError where a name is that of no stage.
    """
    running = [stage for stage in pipeline.stages if stage.runs]
    by_name = {stage.name: stage for stage in running}
    for name in settings.network:
        if name not in pipeline.places:
            raise UserError(f"settings: network: no stage {name}; the stages are {', '.join(by_name)}")
    for name in stages:
        if name not in by_name:
            raise UserError(f"no stage {name} that runs; the stages are {', '.join(by_name)}")
    if stages:
        wanted = {each.name for each in _needed(pipeline, [by_name[name] for name in stages])}
        running = [stage for stage in running if stage.name in wanted]
    contradicted = {each.stage for each in told if each.decides}
    as_then = {
        stage.name: f"its entry in {LOCK} is that of {since}"
        for stage in running
        if then is not None and stage.entry and then.get(stage.name) == stage.entry and stage.name not in contradicted
    }
    frozen = {each.name: "it is frozen" for each in pipeline.stages if each.commands and each.frozen}
    return Plan(running, frozen, as_then)


def _needed(pipeline: Pipeline, stages: list[Stage]) -> Iterator[Stage]:
    """Stages and all of which they need an output, at any distance, that run."""
    wanted, seen = list(stages), set[str]()
    while wanted:
        stage = wanted.pop()
        if stage.name not in seen:
            seen.add(stage.name)
            yield stage
            wanted += [each for each in pipeline.needed(stage) if each.runs]


def ancestors(pipeline: Pipeline, stage: Stage) -> set[str]:
    """The names of the stages that run and of which a stage needs an output, at any distance."""
    return {each.name for each in _needed(pipeline, [stage])} - {stage.name}
