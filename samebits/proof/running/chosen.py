"""Which stages a check is about, and which of them run."""

from collections.abc import Sequence
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
        before = ancestors(pipeline)
        wanted = {*stages, *(each for name in stages for each in before[name])}
        running = [stage for stage in running if stage.name in wanted]
    contradicted = {each.stage for each in told if each.decides}
    as_then = {
        stage.name: f"its entry in {LOCK} is that of {since}"
        for stage in running
        if then is not None and stage.entry and then.get(stage.name) == stage.entry and stage.name not in contradicted
    }
    frozen = {each.name: "it is frozen" for each in pipeline.stages if each.commands and each.frozen}
    return Plan(running, frozen, as_then)


def ancestors(pipeline: Pipeline) -> dict[str, set[str]]:
    """Of each stage that runs, by name, the stages that run and of which it needs an output, at any distance."""
    found: dict[str, set[str]] = {}
    for stage in pipeline.stages:  # those that it needs stand before it
        if stage.runs:
            near = [each.name for each in pipeline.needed(stage) if each.runs]
            found[stage.name] = {*near, *(far for name in near for far in found[name])}
    return found
