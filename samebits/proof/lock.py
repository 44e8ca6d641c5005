"""Is `dvc.lock` the record of a run of this very tree? Told from hashes alone, without data and without a run."""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dvc.dependency.param import ParamsDependency
from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.repo import Repo
from dvc.repo.reproduce import plan_repro
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.stage import PipelineStage
from voluptuous import Invalid

from samebits.artifacts import LOCK, check_merged
from samebits.errors import UserError
from samebits.params import flatten, read

Kind = Literal[
    "lock-edited",  # dvc.lock says what no run can have written
    "stage-unrecorded",  # a stage of dvc.yaml is not in dvc.lock, or the reverse, or has other deps or outs there
    "command-changed",
    "parameter-changed",
    "dependency-changed",  # a file that a stage reads: code, data, pins
    "dependency-missing",
    "package-changed",  # a pinned version, or an installed one
    "output-edited",  # a file that a stage wrote
    "output-missing",
    "cache-edited",  # an object of DVC's cache
    "stage-failed",
    "not-deterministic",
    "computes-otherwise",  # other bytes from the same inputs
]
Outputs = dict[str, tuple[str, str | None]]  # by path: the stage that made it, and its hash


@dataclass(frozen=True)
class Problem:
    """Why a commit does not describe its outputs, with the stage and, if there is one, the file or parameter."""

    stage: str
    kind: Kind
    path: str | None
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
        content = (Path(root) / LOCK).read_bytes()
    except OSError:
        return {}
    check_merged(content, LOCK)
    try:
        found = read(content, LOCK)
        COMPILED_LOCKFILE_SCHEMA(found)
        return found["stages"] or {}
    except (UserError, Invalid, KeyError, TypeError):
        raise UserError(
            f"{LOCK}: broken, not what DVC writes, as after a run that was killed; "
            f"`git checkout {LOCK}` puts back the committed one, `make` the one of the last run"
        ) from None


def problems(lock: dict[str, Any], pipeline: list[PipelineStage]) -> list[Problem]:
    """All that a lock says of the tree of a pipeline and is not so, in the order of the stages.

    >>> problems(recorded(), stages())  # in a repository whose dvc.lock is the record of its tree
    []
    """
    found = list(_broken_chain(lock))
    for stage in pipeline:
        if stage.name in lock:
            found += _problems_of_stage(stage, lock[stage.name], outputs(lock))
        else:
            text = f"is not in {LOCK}: it never ran, or was deleted from the lock"
            found.append(Problem(stage.name, "stage-unrecorded", None, text))
    names = {stage.name for stage in pipeline}
    text = f"is in {LOCK}, but not in dvc.yaml"
    found += [Problem(name, "stage-unrecorded", None, text) for name in lock if name not in names]
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
            path = dep["path"]
            maker, written = made.get(path, (None, None))
            if maker and written != dep.get("md5"):
                text = (
                    f"{path}: {LOCK} says that it wrote {written} and that {reader} read {dep.get('md5')}: "
                    "the lock was edited, or merged from different runs"
                )
                yield Problem(maker, "lock-edited", path, text)


def _problems_of_stage(stage: PipelineStage, entry: dict[str, Any], made: Container[str]) -> Iterator[Problem]:
    name = stage.name
    if entry.get("cmd") != stage.cmd:
        text = f"its command is `{stage.cmd}`; the run had `{entry.get('cmd')}`"
        yield Problem(name, "command-changed", None, text)
    files = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    for part, declared in (("deps", files), ("outs", stage.outs)):
        hashes = {each["path"]: each.get("md5") for each in entry.get(part, [])}
        by_path = {each.def_path: each for each in declared}
        for path in by_path.keys() ^ hashes.keys():
            where = ("in dvc.yaml", f"among the {part} of the run")
            here, not_there = where if path in by_path else reversed(where)
            yield Problem(name, "stage-unrecorded", path, f"{path}: {here}, but not {not_there}")
        for path in by_path.keys() & hashes:
            if path not in made if part == "deps" else not by_path[path].use_cache:
                yield from _changed(name, part, by_path[path], hashes[path])
    yield from _changed_params(stage, entry.get("params", {}))


def _changed(stage: str, part: str, file: Output, hash_of_run: str | None) -> Iterator[Problem]:
    path, is_dep = file.def_path, part == "deps"
    if not file.exists:
        yield Problem(stage, "dependency-missing" if is_dep else "output-missing", path, f"{path}: missing")
    elif (now := file.get_hash().value) != hash_of_run:
        text = f"{path}: changed since the run ({hash_of_run} then, {now} now)"
        yield Problem(stage, "dependency-changed" if is_dep else "output-edited", path, text)


def _changed_params(stage: PipelineStage, of_run: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            then, now = flatten(of_run.get(dep.def_path, {})), flatten(dep.read_params())
            for key in sorted(then.keys() | now.keys()):
                if then.get(key) != now.get(key):
                    text = f"parameter {key}: {then.get(key)!r} in the run, {now.get(key)!r} in {dep.def_path}"
                    yield Problem(stage.name, "parameter-changed", key, text)
