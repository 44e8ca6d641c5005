"""Is `dvc.lock` the record of a run of this very tree? Told from hashes alone, without data and without a run."""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.dependency.param import ParamsDependency
from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.repo import Repo
from dvc.repo.reproduce import plan_repro
from dvc.stage import PipelineStage

from samebits.artifacts import flatten
from samebits.errors import UserError
from samebits.params import read

LOCK = "dvc.lock"

Outputs = dict[str, tuple[str, str | None]]  # by path: the stage that made it, and its hash


@dataclass(frozen=True)
class Problem:
    """What dvc.lock says that is not so, and the stage that it concerns."""

    stage: str
    text: str


def stages(root: str | Path = ".") -> list[PipelineStage]:
    """The stages of dvc.yaml, as they run in order, with what dvc.lock records of them.

    Raises UserError where DVC cannot read them.
    """
    try:
        found = [stage for stage in plan_repro(Repo(str(root)).index.graph) if isinstance(stage, PipelineStage)]
    except DvcException as error:
        raise UserError(f"DVC: {error}") from None
    if not found:
        raise UserError("dvc.yaml: no stages; it must define the pipeline")
    return found


def recorded(root: str | Path = ".") -> dict[str, Any]:
    """The stages of dvc.lock. Raises UserError where it is not readable."""
    try:
        return read((Path(root) / LOCK).read_bytes(), LOCK)["stages"] or {}
    except OSError:
        return {}
    except (KeyError, TypeError):
        raise UserError(f"{LOCK}: not a lock file of DVC; `dvc repro` writes it") from None


def problems(lock: dict[str, Any], pipeline: list[PipelineStage]) -> list[Problem]:
    """All that a lock says of the tree of a pipeline and is not so, in the order of the stages."""
    found = list(_broken_chain(lock))
    for stage in pipeline:
        if stage.name in lock:
            found += [Problem(stage.name, text) for text in _problems_of_stage(stage, lock[stage.name], outputs(lock))]
        else:
            found.append(Problem(stage.name, f"is not in {LOCK}: it never ran, or was deleted from the lock"))
    names = {stage.name for stage in pipeline}
    found += [Problem(name, f"is in {LOCK}, but not in dvc.yaml") for name in lock if name not in names]
    return sorted(found, key=place_in(pipeline))


def place_in(pipeline: list[PipelineStage]) -> Callable[[Any], int]:
    """A key that sorts what has a `stage` in the order of the pipeline, stages that it does not know last."""
    places = {stage.name: place for place, stage in enumerate(pipeline)}
    return lambda item: places.get(item.stage, len(places))


def outputs(lock: dict[str, Any]) -> Outputs:
    """The outputs that a lock records."""
    return {out["path"]: (name, out.get("md5")) for name, stage in lock.items() for out in stage.get("outs", [])}


def _broken_chain(lock: dict[str, Any]) -> Iterator[Problem]:
    """Outputs that a stage wrote with one hash and another read with a different one: of no single run."""
    made = outputs(lock)
    for reader, stage in lock.items():
        for dep in stage.get("deps", []):
            maker, written = made.get(dep["path"], (None, None))
            if maker and written != dep.get("md5"):
                yield Problem(
                    maker,
                    f"{dep['path']}: {LOCK} says that it wrote {written} and that {reader} read {dep.get('md5')}: "
                    "the lock was edited, or merged from different runs",
                )


def _problems_of_stage(stage: PipelineStage, entry: dict[str, Any], made: Container[str]) -> Iterator[str]:
    if entry.get("cmd") != stage.cmd:
        yield f"its command is `{stage.cmd}`; the run had `{entry.get('cmd')}`"
    files = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    for part, declared in (("deps", files), ("outs", stage.outs)):
        hashes = {each["path"]: each.get("md5") for each in entry.get(part, [])}
        by_path = {each.def_path: each for each in declared}
        yield from (f"{path}: in dvc.yaml, but not among the {part} of the run" for path in by_path.keys() - hashes)
        yield from (f"{path}: among the {part} of the run, but not in dvc.yaml" for path in hashes.keys() - by_path)
        for path in by_path.keys() & hashes:
            in_git = path not in made if part == "deps" else not by_path[path].use_cache
            if in_git and (text := _changed(by_path[path], hashes[path])):
                yield text
    yield from _changed_params(stage, entry.get("params", {}))


def _changed(file: Output, hash_of_run: str | None) -> str | None:
    if not file.exists:
        return f"{file.def_path}: missing"
    now = file.get_hash().value
    return None if now == hash_of_run else f"{file.def_path}: changed since the run ({hash_of_run} then, {now} now)"


def _changed_params(stage: PipelineStage, of_run: dict[str, dict[str, Any]]) -> Iterator[str]:
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            then, now = flatten(of_run.get(dep.def_path, {})), flatten(dep.read_params())
            for key in sorted(then.keys() | now.keys()):
                if then.get(key) != now.get(key):
                    yield f"parameter {key}: {then.get(key)!r} in the run, {now.get(key)!r} in {dep.def_path}"
