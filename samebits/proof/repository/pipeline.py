"""The pipelines of a repository, as DVC's own index reads them, with what `dvc.lock` records of their runs."""

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Self

from samebits.errors import UserError
from samebits.git import not_checked_out
from samebits.proof.repository import aliases
from samebits.proof.repository.contents import Contents
from samebits.proof.repository.hashes import sha256_of
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.paths import Paths
from samebits.proof.repository.stages import PIPELINE, Item, Stage
from samebits.proof.repository.store import Store


@dataclass(frozen=True)
class Pipeline:
    """All stages of a repository, in the order in which DVC runs them.

    strangers: stages of a dvc.lock, by file and name, that its dvc.yaml does not have. store: what is at hand of it.
    at_top: what stands among the metrics, plots, params and artifacts at the top of a dvc.yaml, by path from the root.
    """

    root: Path
    repo: Repository
    stages: list[Stage]
    strangers: list[tuple[str, str]]
    store: Store
    at_top: list[str]

    @classmethod
    def read(cls, repo: Repository, store: Store | None = None) -> Self:
        """The pipelines of a repository. Raises UserError where DVC cannot read them."""
        aliases.refuse_in(repo.root)
        found = repo.read()
        stages = _ordered(found.stages)
        if not any(stage.commands for stage in stages):
            raise UserError(f"{PIPELINE}: no stages; it must define the pipeline")
        return cls(repo.root, repo, stages, found.strangers, store or Store(repo), found.at_top)

    @cached_property
    def outputs(self) -> dict[str, tuple[Stage, Item]]:
        """Every output on this machine, by path, with its stage."""
        return {item.path: (stage, item) for stage in self.stages for item in stage.outs if item.here}

    @cached_property
    def contents(self) -> Contents:
        """What its paths hold where every output is as promised."""
        promised = {path: item.recorded for path, (_, item) in self.outputs.items()}
        return Contents(self.repo, promised, self.store.manifest, self.unchecked)

    @cached_property
    def unchecked(self) -> dict[str, str]:
        """The files of git that a sparse checkout leaves out, with their objects."""
        with suppress(UserError):  # there may be no repository
            return not_checked_out(self.root)
        return {}

    def fresh(self, root: Path = Path(), sha256: bool = False) -> Contents:
        """What its paths hold on disk now, there or in another root. sha256: whether that of files is asked, too."""
        unchecked = {} if root != Path() else self.unchecked
        return Contents(self.repo, {}, self.store.manifest, unchecked, root, {} if sha256 else None)

    def locks(self) -> dict[str, str]:
        """The SHA-256 of each file that records a run, by path from the root, of those that are there."""
        paths = sorted({stage.lock for stage in self.stages if stage.commands})
        return {path: sha256_of(self.root / path) for path in paths if os.path.isfile(self.root / path)}

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each stage in the order of the run, by name."""
        return {stage.name: place for place, stage in enumerate(self.stages)}

    @cached_property
    def promised_at_top(self) -> list[str]:
        """Files of the tree that stand at the top of a dvc.yaml and that no stage declares."""
        found: dict[str, None] = {}
        for path in self.at_top:
            place = self.root / path
            inside = [f"{path}/{each}" for each in self.fresh().files(path)] if os.path.isdir(place) else [path]
            found |= dict.fromkeys(each for each in inside if os.path.isfile(self.root / each))
        return [each for each in found if not self.makers(each) and not self.readers(each)]

    def makers(self, path: str) -> list[Stage]:
        """The stages, `.dvc` files too, of which an output lies in, around or at a path."""
        found = (self.outputs[each][0] for each in self.outputs_at(path))
        return list({stage.name: stage for stage in found}.values())

    def readers(self, path: str) -> list[Stage]:
        """The stages that read something in, around or at a path."""
        found = (stage for each in self._read_paths.overlapping(path) for stage in self._readers[each])
        return list({stage.name: stage for stage in found}.values())

    def outputs_at(self, path: str) -> list[str]:
        """The outputs that lie in, around or at a path."""
        return self._output_paths.overlapping(path)

    @cached_property
    def _output_paths(self) -> Paths:
        return Paths(self.outputs)

    @cached_property
    def _readers(self) -> dict[str, list[Stage]]:
        found: dict[str, list[Stage]] = {}
        for stage in self.stages:
            for path in stage.reads:
                found.setdefault(path, []).append(stage)
        return found

    @cached_property
    def _read_paths(self) -> Paths:
        return Paths(self._readers)

    def inputs(self, stage: Stage) -> list[str]:
        """The paths of the outputs, those of `.dvc` files too, that a stage reads."""
        found = {made: None for path in stage.reads for made in self.outputs_at(path)}
        return [path for path in found if path not in stage.makes]

    def needed(self, stage: Stage) -> list[Stage]:
        """The stages, `.dvc` files too, of which a stage reads an output."""
        found = {maker.name: maker for path in stage.reads for maker in self.makers(path)}
        return [maker for maker in found.values() if maker is not stage]


def _ordered(stages: list[Stage]) -> list[Stage]:
    """Stages after those of which they read an output. Raises UserError where they go round in a circle.

    DVC's own graph is not asked: it looks for circles in a time that is quadratic in the number of stages.
    """
    makers = {path: stage for stage in stages for path in stage.makes}
    paths = Paths(makers)
    before = {
        stage.name: [makers[made].name for path in stage.reads for made in paths.overlapping(path)]
        for stage in stages
        if stage.runs
    }
    by_name = {stage.name: stage for stage in stages}
    sorter = TopologicalSorter({name: dict.fromkeys(before.get(name, [])) for name in by_name})
    try:
        return [by_name[name] for name in sorter.static_order()]
    except CycleError as error:
        raise UserError(f"{PIPELINE}: the stages {', '.join(error.args[1])} need one another's outputs") from None
