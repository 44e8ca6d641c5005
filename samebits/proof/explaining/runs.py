"""Runs of stages, each once: what a stage makes is known by its key, from a record of DVC or from a run here."""

import os
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samebits.errors import UserError
from samebits.params import flatten
from samebits.proof.explaining.hybrid import Hybrid, recorded
from samebits.proof.explaining.side import Side
from samebits.proof.record.values import parsed
from samebits.proof.repository.export import Export
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Item, Stage
from samebits.proof.repository.store import Store
from samebits.proof.running.chosen import ancestors
from samebits.proof.running.failing import hints
from samebits.proof.running.layers import Layers, copy_file
from samebits.proof.running.progress import Progress
from samebits.proof.running.run import Runner
from samebits.proof.running.sources import Sources

Metric = tuple[str, str]  # a file, and the dotted name of a value in it


class SpentError(Exception):
    """A run is needed, and the budget allows none."""


@dataclass
class Budget:
    """How many runs of a pipeline are allowed, and until when. used: so far."""

    runs: int
    until: float | None = None
    used: int = 0

    def take(self) -> None:
        """Note a run. Raises SpentError where none is left."""
        if self.used >= self.runs or (self.until is not None and time.monotonic() > self.until):
            raise SpentError
        self.used += 1


@dataclass
class Result:
    """What a stage made: hashes, by path; layer: a folder with it, once it is needed. record: whose it is, if DVC's.

    seconds: of its run here. failed: why it did not run to its end.
    """

    hashes: dict[str, str]
    layer: Path | None = None
    record: "Record | None" = None
    seconds: float = 0.0
    failed: str | None = None


@dataclass(frozen=True)
class Record:
    """What dvc.lock of a side records of a stage."""

    side: Side
    stage: Stage


@dataclass
class Outcome:
    """What came of a hybrid.

    values: of metrics; where a stage failed, those of files that were made. results: of each stage that has one; keys:
    theirs. ran: names of the stages that ran for it. failed: why it has not all results.
    """

    values: dict[Metric, Any] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    failed: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Started:
    """A hybrid that can run. refused: why a stage cannot, by name."""

    runner: Runner
    refused: dict[str, str]


@dataclass
class Runs:
    """Gives outcomes of hybrids; each run of a stage is done once.

    new_runner: makes a runner for a tree. relevant: the stages that are looked at. files: those of metrics and outputs.
    shared: whether large sources may stay in the cache. folder: for what is restored from records. prefix: the root of
    DVC from the top of the tree. known: results by key. wide: stages that ran only with what all before them made.
    """

    new_runner: Callable[[Export, Pipeline, dict[str, Path]], Runner]
    relevant: Callable[[Hybrid], list[str]]
    files: Collection[str]
    store: Store
    budget: Budget
    shared: bool
    folder: Path
    prefix: str
    progress: Progress
    known: dict[str, Result] = field(default_factory=dict)
    wide: set[str] = field(default_factory=set)
    stages_run: int = 0
    seconds: float = 0.0
    _environments: dict[str, Runner] = field(default_factory=dict)
    _started: dict[Path, Started] = field(default_factory=dict)
    _read: dict[tuple[str, str], dict[Metric, Any]] = field(default_factory=dict)

    def remember(self, hybrid: Hybrid, side: Side, contradicted: Collection[str]) -> None:
        """Take as known what a side records. hybrid: that side. contradicted: stages of which dvc.lock is no record."""
        own = {stage.name: stage for stage in side.running}

        def told(stage: Stage, out: Item) -> str:
            outs = own[stage.name].outs if stage.name in own else []
            return recorded(stage, next((each for each in outs if each.path == out.path), out))

        for stage in hybrid.running:
            there = own.get(stage.name)
            if there is None or there.entry is None or there.name in contradicted:
                continue
            hashes = {out.path: recorded(there, out) for out in there.outs if out.here and out.recorded}
            if len(hashes) == len(there.makes):
                self.known.setdefault(hybrid.key(stage, told), Result(hashes, record=Record(side, there)))

    def outcome(self, hybrid: Hybrid, name: str, again: Collection[str] = ()) -> Outcome:
        """Run what is not known of a hybrid. name: in words. again: stages that run even if they are known.

        Raises SpentError where it needs a run, and none is left.
        """
        return _Steps(self, hybrid, name, frozenset(again)).outcome()

    def forget_records(self, outcome: Outcome) -> None:
        """Know no longer what DVC recorded, but what a run made."""
        self.known = {key: each for key, each in self.known.items() if not each.record}
        self.known |= {outcome.keys[name]: outcome.results[name] for name in outcome.ran}

    def started(self, hybrid: Hybrid) -> Started:
        """A hybrid with its sources in their places, in the environment that it needs, which is set up once."""
        place = hybrid.tree.folder
        if place not in self._started:
            sources = Sources(hybrid.pipeline, hybrid.tree, self.store, self.shared)
            refused = {each.stage: each.text for each in sources.provide(hybrid.running)}
            for path, command in hybrid.tree.absent.items():
                for stage in hybrid.pipeline.readers(path):
                    refused[stage.name] = f"{path} is not available: `{command}` gets it"
            there = self._environments.get(hybrid.environment)
            if there:
                runner = there.of(hybrid.tree, hybrid.pipeline, sources.shown)
            else:
                runner = self.new_runner(hybrid.tree, hybrid.pipeline, sources.shown)
                runner.set_up()
                self._environments[hybrid.environment] = runner
            self._started[place] = Started(runner, refused)
        return self._started[place]

    def layer(self, result: Result) -> Path | None:
        """A folder with what a stage made; None where a record's data is not available."""
        if result.layer is None and result.record:
            folder = self.folder / f"r{len(list(self.folder.iterdir()))}"
            if all(self._restored(result.record, out, folder) for out in result.record.stage.outs if out.here):
                result.layer = folder
        return result.layer

    def file(self, result: Result, path: str) -> Path | None:
        """A file or folder that a stage made; None where it did not, or where it is not available."""
        if result.layer is None and result.record:
            return self._recorded(result.record, path)
        found = result.layer and result.layer / self.prefix / path
        return found if found and os.path.lexists(found) else None

    def _recorded(self, record: Record, path: str) -> Path | None:
        if _is_in_git(record.side, path):
            return record.side.tree.root / path
        for out in record.stage.outs:
            if out.recorded is None or not (path == out.path or path.startswith(f"{out.path}/")):
                continue
            if path == out.path:
                return self.store.get(out.recorded, out.remote)
            inner = (self.store.manifest(out.recorded, out.remote) or {}).get(path[len(out.path) + 1 :])
            return self.store.get(inner, out.remote) if inner else None
        return None

    def _restored(self, record: Record, out: Item, folder: Path) -> bool:
        """Put an output that a side records into a folder, as what the stage wrote; False where it is not available."""
        place = folder / self.prefix / out.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if _is_in_git(record.side, out.path):
            there = record.side.tree.root / out.path
            if there.is_dir():
                Layers((there,)).copied(place)
            else:
                copy_file(there, place)
            return True
        if out.recorded is None:
            return False
        files = {"": out.recorded}
        if out.recorded.is_folder:
            manifest = self.store.manifest(out.recorded, out.remote)
            if manifest is None:
                return False
            place.mkdir(exist_ok=True)
            files = dict(manifest)
        for name, hash_ in files.items():
            source = self.store.get(hash_, out.remote)
            if source is None:
                return False
            target = place / name if name else place
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_file(source, target)
            target.chmod(0o755 if out.isexec else 0o644)
        return True

    def values(self, result: Result, path: str) -> dict[Metric, Any]:
        """The values of a file of metrics; none where it is not there, or cannot be read."""
        around = (each for each in result.hashes if path == each or path.startswith(f"{each}/"))
        key = path, result.hashes.get(next(around, ""), "not made")
        if key not in self._read:
            file = self.file(result, path)
            found: Any = {}
            if file and file.is_file():
                with suppress(UserError):
                    found = parsed(file.read_bytes(), path)
            self._read[key] = {(path, name): each for name, each in flatten(found).items()}
        return self._read[key]


@dataclass
class _Steps:
    """The stages of one hybrid, in their order."""

    runs: Runs
    hybrid: Hybrid
    name: str
    again: frozenset[str]

    def __post_init__(self) -> None:
        self.before = ancestors(self.hybrid.pipeline)
        by_name = {stage.name: stage for stage in self.hybrid.running}
        self.stages = {name: by_name[name] for name in self.runs.relevant(self.hybrid)}
        self.found = Outcome()
        self._started: Started | None = None

    def outcome(self) -> Outcome:
        results = self.found.results
        for name, stage in self.stages.items():
            needed = [each for each in self.stages if each in self.before[name]]
            if any(each not in results or results[each].failed for each in needed):
                continue
            if missing := self._missing(stage):
                self._fail(f"{name}: {missing}, which it reads, is not there")
                continue
            key = self.hybrid.key(stage, self._told)
            if name in self.runs.wide:
                key += "".join(f" {each} {results[each].hashes}" for each in self._earlier(name) if each in results)
            self.found.keys[name] = key
            if name in self.again or key not in self.runs.known:
                results[name] = self._run(stage)
                if name not in self.again:
                    self.runs.known[key] = results[name]
            else:
                results[name] = self.runs.known[key]
            if results[name].failed:
                self._fail(f"{name}: {results[name].failed}")
        for path in self.runs.files:
            for maker in self.hybrid.pipeline.makers(path):
                result = results.get(maker.name)
                self.found.values |= self.runs.values(result, path) if result and not result.failed else {}
        return self.found

    def _fail(self, why: str) -> None:
        self.found.failed = self.found.failed or why

    def _told(self, stage: Stage, out: Item) -> str:
        return self.found.results[stage.name].hashes.get(out.path, "not made") if stage.runs else recorded(stage, out)

    def _missing(self, stage: Stage) -> str | None:
        """A dep that must be there and is not."""
        for path in sorted(self.hybrid.firm.get(stage.name, ())):
            held = self.hybrid.held(path, self._told)
            if all(each == "not made" for _, each in held) and not self._is_outside(path):
                return path
        return None

    def _is_outside(self, path: str) -> bool:
        """Whether a path is one of this machine, outside of the repository."""
        tree = self.hybrid.tree
        return not Path(os.path.normpath(tree.root / path)).is_relative_to(tree.top)

    def _earlier(self, name: str) -> list[str]:
        names = list(self.stages)
        return names[: names.index(name)]

    def _run(self, stage: Stage) -> Result:
        """Run a stage with what those made that it needs; if it fails, once more with what all before it made."""
        self._start()
        runs, earlier = self.runs, self._earlier(stage.name)
        needed = [each for each in earlier if each in self.before[stage.name] or stage.name in runs.wide]
        made = self._made(stage, needed)
        others = [each for each in earlier if each not in needed and each in self.found.results]
        if made.failed and others:
            second = self._made(stage, earlier)
            if not second.failed:
                runs.wide.add(stage.name)
                return second
        return made

    def _made(self, stage: Stage, seen: Sequence[str]) -> Result:
        runs, started = self.runs, self._start()
        if why := started.refused.get(stage.name):
            return Result({}, failed=why)
        runner = started.runner
        layers = runner.base.over(*(each for name in reversed(seen) if (each := self._layer(name))))
        with runs.progress.step(f"{self.name}: {stage.name}", runs.budget.used, runs.budget.runs):
            made = runner.run(stage, layers)
        runs.stages_run += 1
        runs.seconds += made.seconds
        self.found.ran.append(stage.name)
        self.found.seconds += made.seconds
        failed = None
        if made.failed:
            failed = made.failed.reason + hints(runner, made.failed, stage.name in runner.settings.network)
        hashes = {path: f"{each.name}:{each.value}" for path, each in made.hashes.items()}
        return Result(hashes, made.layer, None, made.seconds, failed)

    def _layer(self, name: str) -> Path | None:
        """What a stage of this hybrid made; it runs where that is recorded and not available."""
        result = self.found.results.get(name)
        if result is None:
            return None
        found = self.runs.layer(result)
        if found is None and result.record:
            made = self._run(self.stages[name])
            result.layer, result.failed = made.layer, made.failed
            found = made.layer
        return found

    def _start(self) -> Started:
        """The hybrid, ready to run; takes a run of the budget."""
        if self._started is None:
            self.runs.budget.take()
            self._started = self.runs.started(self.hybrid)
        return self._started


def _is_in_git(side: Side, path: str) -> bool:
    """Whether an output is one that git holds."""
    return os.path.lexists(side.tree.root / path)
