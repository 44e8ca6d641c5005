"""A tree between base and head, and what tells the runs of its stages apart."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from samebits.proof.record.values import ParamsFiles
from samebits.proof.repository.export import Export
from samebits.proof.repository.paths import Paths
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Item, Stage

Told = Callable[[Stage, Item], str]  # what an output of a stage holds, as a text


@dataclass(frozen=True)
class Hybrid:
    """A tree between base and head, ready to run.

    files: of each file but those that stages make, what it holds, as a text. environment: which packages it runs with.
    unsaid: what the files hold that no stage declares, which a stage may read all the same. not_told: files that no key
    counts, as they have no effect here. firm: the deps of a stage without which it cannot run.
    """

    tree: Export
    files: Mapping[str, str]
    pipeline: Pipeline
    environment: str = ""
    unsaid: str = ""
    not_told: frozenset[str] = frozenset()
    firm: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def running(self) -> list[Stage]:
        """The stages that run, in their order."""
        return [stage for stage in self.pipeline.stages if stage.runs]

    def key(self, stage: Stage, told: Told) -> str:
        """What tells a run of a stage from others: its commands, and what all holds that it declares."""
        about = {
            "commands": stage.commands,
            "folder": os.path.relpath(stage.wdir, self.tree.top),
            "deps": {dep.path: self.held(dep.path, told) for dep in stage.deps if dep.here},
            "elsewhere": [(dep.name, dep.recorded and dep.recorded.value) for dep in stage.deps if not dep.here],
            "params": {each.path: self._values(each.path, each.declared, told) for each in stage.params},
            "environment": self.environment,
            "unsaid": self.unsaid,
        }
        return hashlib.sha256(json.dumps(about, sort_keys=True, default=repr).encode()).hexdigest()

    @cached_property
    def planned(self) -> dict[str, str]:
        """A key of each stage that needs no run: what a stage made is told by the key of the stage."""
        found: dict[str, str] = {}

        def told(stage: Stage, out: Item) -> str:
            return found[stage.name] if stage.runs else recorded(stage, out)

        for stage in self.running:
            found[stage.name] = self.key(stage, told)
        return found

    @cached_property
    def _paths(self) -> Paths:
        return Paths(self.files)

    @cached_property
    def _params(self) -> ParamsFiles:
        return ParamsFiles(self.pipeline.contents)

    def _values(self, path: str, declared: list[str], told: Told) -> object:
        if path not in self.files:  # a stage makes it
            return self.held(path, told)
        return sorted((key, repr(each)) for key, each in (self._params.values(path, declared) or {}).items())

    def held(self, path: str, told: Told) -> list[tuple[str, str]]:
        """What is at a path: of each file and each output, what it holds."""
        around = self._paths.around(path)  # a submodule, which is told as one
        names = [path] if path in self.files else self._paths.within(path) or ([around] if around else [])
        own = [(name, self.files[name]) for name in names if name not in self.not_told]
        return [*own, *((each, told(*self.pipeline.outputs[each])) for each in self.pipeline.outputs_at(path))]


def recorded(_: Stage, out: Item) -> str:
    """What DVC has recorded of an output."""
    return f"{out.recorded.name}:{out.recorded.value}" if out.recorded else "none"
