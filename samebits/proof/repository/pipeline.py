"""The pipelines of a repository, as DVC's own index reads them, with what `dvc.lock` records of their runs."""

import gc
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Self

from dvc.dependency import DatasetDependency, DbDependency, ParamsDependency, RepoDependency
from dvc.dvcfile import load_file
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.fs import LocalFileSystem
from dvc.output import Output as DvcOutput
from dvc.repo import Repo
from dvc.repo.index import Index
from dvc.stage import PipelineStage
from dvc.stage import Stage as DvcStage

from samebits.artifacts import LOCK, check_merged
from samebits.errors import UserError
from samebits.git import not_checked_out
from samebits.params import read
from samebits.proof.repository import aliases, workarounds  # noqa: F401 - the latter mends DVC where it is imported
from samebits.proof.repository.store import Store
from samebits.proof.repository.tree import Contents, Hash, Paths, sha256_of

PIPELINE = "dvc.yaml"


@dataclass(frozen=True)
class Item:
    """A dependency or an output of a stage.

    path: from the root of DVC, with / between its parts; of what lies elsewhere, its path or URL as the stage names it.
    name: as the stage names it. recorded: its hash in dvc.lock or in the `.dvc` file. here: whether it is a path of
    this machine. cached: whether DVC keeps it in its cache, not git.
    """

    path: str
    name: str
    recorded: Hash | None
    here: bool
    cached: bool
    size: int | None
    dvc: DvcOutput


@dataclass(frozen=True)
class Params:
    """The parameters of a file that a stage reads: what dvc.lock records of them, and how DVC reads them now."""

    path: str
    recorded: dict[str, Any]
    dvc: ParamsDependency


@dataclass(frozen=True)
class Stage:
    """A stage: of a dvc.yaml, or a `.dvc` file, which is a source where it has no command.

    name: as DVC names it from the root. entry: what dvc.lock records, if anything.
    """

    name: str
    file: str
    commands: list[str]
    deps: list[Item]
    outs: list[Item]
    params: list[Params]
    entry: dict[str, Any] | None
    dvc: DvcStage

    @property
    def in_pipeline(self) -> bool:
        """Whether a dvc.yaml holds it."""
        return isinstance(self.dvc, PipelineStage)

    @property
    def lock(self) -> str:
        """The file that records its run."""
        return lock_of(self.file) if self.in_pipeline else self.file

    @property
    def runs(self) -> bool:
        """Whether `dvc repro` runs it: it has a command and is not frozen."""
        return bool(self.commands) and not self.dvc.frozen

    @property
    def folder(self) -> Path:
        """Where its commands run."""
        return Path(self.dvc.wdir)

    @property
    def reads(self) -> list[str]:
        """The paths on this machine that it reads, the files of its parameters included."""
        return [*(dep.path for dep in self.deps if dep.here), *(each.path for each in self.params)]

    @property
    def makes(self) -> list[str]:
        """The paths on this machine that it makes."""
        return [out.path for out in self.outs if out.here]


@dataclass(frozen=True)
class Pipeline:
    """All stages of a repository, in the order in which DVC runs them.

    strangers: stages of a dvc.lock, by file and name, that its dvc.yaml does not have. store: what is at hand of it.
    at_top: what stands among the metrics, plots, params and artifacts at the top of a dvc.yaml, by path from the root.
    """

    root: Path
    repo: Repo
    stages: list[Stage]
    strangers: list[tuple[str, str]]
    store: Store
    at_top: list[str]

    @classmethod
    def read(cls, repo: Repo, store: Store | None = None) -> Self:
        """The pipelines of a repository. Raises UserError where DVC cannot read them."""
        top = Path(repo.root_dir)
        aliases.refuse_in(top)
        collects = gc.isenabled()
        gc.disable()  # DVC makes millions of small objects, none of them garbage: to look takes a third of the time
        try:
            found = repo.index.stages
            repo.index.outs_trie  # noqa: B018 - raises where two stages make one path
            paths = {each.path for each in found if isinstance(each, PipelineStage)}
            files = {path: load_file(repo, path) for path in sorted(paths)}
            stages = _ordered([_stage(each, top, files.get(each.path)) for each in found])
        except UserError:
            raise
        except Exception as error:  # of a file that nobody expects, DVC raises errors of any kind
            _explain_unreadable(repo)
            raise UserError(f"DVC cannot read this repository: {_told(error, top)}") from error
        finally:
            if collects:
                gc.enable()
        if not any(stage.commands for stage in stages):
            raise UserError(f"{PIPELINE}: no stages; it must define the pipeline")
        known = {(each.path, each.name) for each in found if isinstance(each, PipelineStage)}
        strangers = [
            (_relative(path, top), name)
            for path, file in files.items()
            for name in file.lockfile_contents.get("stages") or {}
            if (path, name) not in known
        ]
        return cls(top, repo, stages, strangers, store or Store(repo), _at_top(repo.index, top))

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

    def fresh(self, root: Path = Path()) -> Contents:
        """What its paths hold on disk now, there or in another root."""
        return Contents(self.repo, {}, self.store.manifest, {} if root != Path() else self.unchecked, root)

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
        read = Paths(path for stage in self.stages for path in stage.reads)
        found: dict[str, None] = {}
        for path in self.at_top:
            place = self.root / path
            inside = [f"{path}/{each}" for each in self.fresh().files(path)] if os.path.isdir(place) else [path]
            found |= dict.fromkeys(each for each in inside if os.path.isfile(self.root / each))
        return [each for each in found if not self.makers(each) and not read.overlapping(each)]

    def makers(self, path: str) -> list[Stage]:
        """The stages, `.dvc` files too, of which an output lies in, around or at a path."""
        found = (self.outputs[each][0] for each in self._output_paths.overlapping(path))
        return list({stage.name: stage for stage in found}.values())

    @cached_property
    def _output_paths(self) -> Paths:
        return Paths(self.outputs)

    def inputs(self, stage: Stage) -> list[str]:
        """The paths of the outputs, those of `.dvc` files too, that a stage reads."""
        found = {made: None for path in stage.reads for made in self._output_paths.overlapping(path)}
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


def name_of(file: str, name: str) -> str:
    """How DVC names a stage of a dvc.yaml, from the root."""
    return name if file == PIPELINE else f"{file}:{name}"


def lock_of(file: str) -> str:
    """The dvc.lock beside a dvc.yaml."""
    return file.removesuffix(PIPELINE) + LOCK


def repository(folder: str | Path | None = None, config: dict[str, Any] | None = None) -> Repo:
    """The repository of DVC in a folder, or around the working directory.

    config: settings that stand above those of the repository. Raises UserError where there is none.
    """
    try:
        return Repo(folder and str(folder), config=config)
    except NotDvcRepoError as error:
        raise UserError(f"DVC: {error}; run in a repository that has a {PIPELINE}") from None
    except DvcException as error:
        raise UserError(f"DVC: {error}") from None


def _stage(stage: DvcStage, root: Path, file: Any) -> Stage:
    entry = None
    path = _relative(stage.path, root)
    name = path
    if isinstance(stage, PipelineStage):
        name = name_of(path, stage.name)
        entry = (file.lockfile_contents.get("stages") or {}).get(stage.name)
    of_params = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
    commands = stage.cmd.splitlines() if isinstance(stage.cmd, str) else stage.cmd or []
    return Stage(
        name=name,
        file=path,
        commands=[each for each in commands if each.strip()],
        deps=[_item(dep, root) for dep in stage.deps if dep not in of_params],
        outs=[_item(out, root) for out in stage.outs],
        params=[
            Params(_relative(dep.fs_path, root), ((entry or {}).get("params") or {}).get(dep.def_path) or {}, dep)
            for dep in of_params
        ],
        entry=entry,
        dvc=stage,
    )


def _item(item: DvcOutput, root: Path) -> Item:
    elsewhere = isinstance(item, DatasetDependency | DbDependency | RepoDependency)
    here = not elsewhere and isinstance(item.fs, LocalFileSystem)
    info = item.hash_info
    recorded = Hash(info.name, info.value) if info and isinstance(info.value, str) else None
    path = _relative(item.fs_path, root) if here else str(item.def_path)
    return Item(path, str(item.def_path), recorded, here, bool(item.use_cache), item.meta.size, item)


def _at_top(index: Index, root: Path) -> list[str]:
    """The paths of the metrics, plots, params and artifacts at the top of the dvc.yaml files."""
    found: dict[str, None] = {}
    for named in (index._metrics, index._plots, index._params, index._artifacts):
        for file, content in named.items():
            for path in _named(content):
                whole = os.path.normpath(os.path.join(os.path.dirname(file), path))
                found[_relative(os.path.join(root, whole), root)] = None
    return [each for each in found if not each.startswith("../")]


def _named(content: Any) -> Iterator[str]:
    """The paths in such a part: in a list, as names of plots, or as what a plot or an artifact reads."""
    if isinstance(content, list):
        for each in content:
            yield from _named(each) if isinstance(each, dict) else [each] if isinstance(each, str) else []
    elif isinstance(content, dict):
        for name, each in content.items():
            axes = [each.get(axis) for axis in ("x", "y")] if isinstance(each, dict) else []
            files = [path for axis in axes if isinstance(axis, dict) for path in axis]
            if isinstance(each, dict) and isinstance(each.get("path"), str):
                files = [each["path"]]
            yield from files or [name]


def _relative(path: str, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


def _explain_unreadable(repo: Repo) -> None:
    """Raise UserError where one file is to blame: it names it, and says what is wrong with it."""
    root = Path(repo.root_dir)
    for path in _files_of_dvc(repo):
        relative = _relative(str(path), root)
        content = path.read_bytes()
        check_merged(content, relative)
        if path.name == LOCK:
            try:
                load_file(repo, str(path.with_name(PIPELINE)))._lockfile.load()
            except Exception as error:
                raise UserError(_broken_lock(content, relative, _told(error, root))) from error
        elif path.name.endswith(".dvc"):
            try:
                load_file(repo, str(path)).stage  # noqa: B018 - it reads the file
            except Exception as error:
                raise UserError(f"{relative}: DVC cannot read it ({_told(error, root)})") from error


def _broken_lock(content: bytes, path: str, why: str) -> str:
    """Why a lock cannot be read, and what to do."""
    with suppress(UserError):
        found = read(content, path)
        if isinstance(found, dict) and found and "schema" not in found and "stages" not in found:
            return f"{path}: DVC 1 wrote it, before schema 2.0; delete it, then `dvc repro` writes it anew"
    return (
        f"{path}: broken, as after a run that was killed ({why}); "
        f"`git checkout {path}` restores the committed one, then `dvc repro` writes what is new"
    )


def _told(error: Exception, root: Path) -> str:
    """An error of DVC, or of what it calls, in a line, with paths from the root."""
    causes = (error, error.__cause__) if isinstance(error, DvcException) else (error,)
    text = ": ".join(filter(None, (" ".join(str(each or "").split()) for each in causes))) or type(error).__name__
    for around in (os.path.relpath(root), str(root)):
        if around != ".":
            text = text.replace(f"{around}{os.sep}", "")
    return text if isinstance(error, DvcException) else f"{text} ({type(error).__name__})"


def _files_of_dvc(repo: Repo) -> Iterator[Path]:
    for folder, _, names in repo.dvcignore.walk(repo.fs, repo.root_dir):
        for name in names:
            if name in (PIPELINE, LOCK) or name.endswith(".dvc"):
                yield Path(folder, name)
