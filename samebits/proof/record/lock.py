"""Is `dvc.lock` the record of a run of this very tree? Told from hashes alone, without data and without a run."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from dvc.dependency.param import BadParamFileError
from dvc.exceptions import DvcException

from samebits.git import is_or_was_in_git
from samebits.params import flatten
from samebits.proof.comparators.findings import short
from samebits.proof.repository.pipeline import Item, Params, Pipeline, Stage, lock_of, name_of
from samebits.proof.repository.tree import Hash, Missing, Unknown, line_ends_of
from samebits.proof.verdict import Kind, Problem

MOST = 5  # paths that a line names
ABSENT = object()


def problems(pipeline: Pipeline) -> list[Problem]:
    """All that dvc.lock says of a tree and is not so, or cannot be told of it, in the order of the stages."""
    found: list[Problem] = []
    for stage in pipeline.stages:
        if not stage.commands:
            continue
        if stage.in_pipeline and stage.entry is None:
            if not stage.dvc.frozen:
                text = f"is not in {stage.lock}: it never ran, or was deleted from the lock"
                found.append(Problem(stage.name, "stage-unrecorded", None, text))
            continue
        found += _unrecorded(stage)
        if not stage.dvc.frozen:
            found += _command(stage)
            for dep in stage.deps:
                found += _dependency(pipeline, stage, dep)
            for params in stage.params:
                found += _params(pipeline, stage, params)
        for out in stage.outs:
            if not out.cached and out.here:
                found += _output_in_git(pipeline, stage, out)
    for file, name in pipeline.strangers:
        text = f"is in {lock_of(file)}, but not in {file}; delete it there, `dvc repro` leaves it"
        found.append(Problem(name_of(file, name), "stage-unrecorded", None, text))
    return in_order(found, pipeline)


def line_ends(pipeline: Pipeline) -> dict[str, list[str]]:
    """The texts that are those of the run but for their line ends, by the system that has the line ends of the run."""
    contents, found = pipeline.contents, dict[str, list[str]]()
    for stage in pipeline.stages:
        deps = [(item, contents.of) for item in stage.deps]
        outs = [(item, contents.on_disk) for item in stage.outs if not item.cached]
        for item, read in deps + outs if stage.in_pipeline else []:
            if item.here and item.recorded and (system := line_ends_of(item.recorded, partial(read, item.path))):
                found.setdefault(system, []).append(item.path)
    return found


def some(paths: Sequence[str]) -> str:
    """The first few of some paths, as they are named in a line."""
    distinct = list(dict.fromkeys(paths))
    more = f" and {len(distinct) - MOST} more" if len(distinct) > MOST else ""
    return ", ".join(distinct[:MOST]) + more


def in_order(found: Iterable[Problem], pipeline: Pipeline) -> list[Problem]:
    """Problems in the order of the stages, those of unknown stages last."""
    return sorted(found, key=lambda problem: pipeline.places.get(problem.stage, len(pipeline.places)))


def _unrecorded(stage: Stage) -> Iterator[Problem]:
    """Deps and outs that only one of dvc.yaml and dvc.lock has."""
    if stage.entry is None:
        return
    for part, items in (("deps", stage.deps), ("outs", stage.outs)):
        recorded = {each["path"] for each in stage.entry.get(part) or []}
        declared = {each.name for each in items}
        for name in sorted(declared ^ recorded):
            here, not_there = f"in {stage.file}", f"among the {part} of the run"
            where = f"{here}, but not {not_there}" if name in declared else f"{not_there}, but not {here}"
            yield Problem(stage.name, "stage-unrecorded", name, f"{name}: {where}")


def _command(stage: Stage) -> Iterator[Problem]:
    if stage.entry is not None and stage.entry.get("cmd") != stage.dvc.cmd:
        text = f"its command is `{_line(stage.dvc.cmd)}`; the run had `{_line(stage.entry.get('cmd'))}`"
        yield Problem(stage.name, "command-changed", None, text)


def _line(command: object) -> str:
    return "; ".join(command if isinstance(command, list) else str(command).splitlines())


def _dependency(pipeline: Pipeline, stage: Stage, dep: Item) -> Iterator[Problem]:
    """A file that a stage read, against what the tree holds."""
    path, recorded = dep.path, dep.recorded
    if stage.entry is not None and dep.name not in {each["path"] for each in stage.entry.get("deps") or []}:
        return  # told already
    if recorded is None or not dep.here:
        why = "lies elsewhere" if recorded or not dep.here else f"{stage.lock} has no hash of it"
        yield Problem(stage.name, "cannot-tell", path, f"{path}: {why}; only a run tells whether it is the same")
        return
    holds = pipeline.contents.of(path, recorded.name)
    makers = [each for each in pipeline.makers(path) if each.outs]
    if isinstance(holds, Unknown):
        text = f"{path}: {holds.why}" + (f"; `dvc pull {holds.pull}` would tell" if holds.pull else "")
        yield Problem(stage.name, "cannot-tell", path, text, holds.pull)
    elif isinstance(holds, Missing):
        yield _missing(pipeline, stage, path, "dependency-missing")
    elif holds.value != recorded.value and not line_ends_of(recorded, partial(pipeline.contents.of, path)):
        if holds.name != recorded.name:
            where = makers[0].name if makers else path
            text = f"{path}: {stage.lock} has its {recorded.name}, and {where} its {holds.name}"
            yield Problem(stage.name, "cannot-tell", path, text, path)
        else:
            yield _changed(pipeline, stage, dep, makers, recorded, holds)


def _changed(pipeline: Pipeline, stage: Stage, dep: Item, makers: list[Stage], read: Hash, holds: Hash) -> Problem:
    path, then = dep.path, dep.dvc.meta.nfiles or 0
    hashes = f"({read.value} then, {holds.value} now)"
    if made := [each for each in makers if each.runs]:
        maker = made[0]
        text = (
            f"{path}: {stage.lock} says that {maker.name} wrote {holds.value} and that {stage.name} read "
            f"{read.value}: the lock was edited, merged from different runs, or is of a run of one stage alone"
        )
        return Problem(maker.name, "lock-edited", path, text)
    if makers:
        text = f"{path}: {makers[0].name} promises other data than the run read {hashes}"
        return Problem(stage.name, "dependency-changed", path, text)
    if read.is_folder and then > (now := sum(1 for _ in pipeline.contents.files(path))):
        text = (
            f"{path}: the run read {then} files in it, and {now} are here; what git ignores, as __pycache__, counts too"
        )
        return Problem(stage.name, "cannot-tell", path, text)
    return Problem(stage.name, "code-changed", path, f"{path}: changed since the run {hashes}")


def _missing(pipeline: Pipeline, stage: Stage, path: str, kind: Kind) -> Problem:
    if is_or_was_in_git(path, pipeline.root):
        return Problem(stage.name, kind, path, f"{path}: missing")
    text = f"{path}: neither in git nor promised by a `.dvc` file; what the run had is not part of the commit"
    return Problem(stage.name, "cannot-tell", path, text)


def _params(pipeline: Pipeline, stage: Stage, params: Params) -> Iterator[Problem]:
    if not params.dvc.exists:
        if pipeline.makers(params.path):
            text = f"{params.path}: a stage makes it, and it is not here; only a run tells its parameters"
            yield Problem(stage.name, "cannot-tell", params.path, text)
        else:
            yield _missing(pipeline, stage, params.path, "dependency-missing")
        return
    try:
        now = flatten(params.dvc.read_params())
    except (DvcException, BadParamFileError) as error:
        yield Problem(stage.name, "parameter-changed", params.path, f"{params.path}: {error}")
        return
    then = flatten(params.recorded)
    for key in sorted(then.keys() | now.keys()):
        if key not in then or key not in now or then[key] != now[key]:
            name, was, is_ = _first_difference(key, then.get(key, ABSENT), now.get(key, ABSENT))
            texts = ["none" if each is ABSENT else short(each) for each in (was, is_)]
            text = f"parameter {name}: {texts[0]} in the run, {texts[1]} in {params.path}"
            yield Problem(stage.name, "parameter-changed", key, text)


def _output_in_git(pipeline: Pipeline, stage: Stage, out: Item) -> Iterator[Problem]:
    """An output that git holds, against its hash in the lock."""
    if out.recorded is None:
        return
    read = partial(pipeline.contents.on_disk, out.path)
    holds = read(out.recorded.name)
    if isinstance(holds, Missing):
        yield _missing(pipeline, stage, out.path, "output-missing")
    elif isinstance(holds, Hash) and holds.value != out.recorded.value and not line_ends_of(out.recorded, read):
        text = f"{out.path}: changed since the run ({out.recorded.value} then, {holds.value} now)"
        yield Problem(stage.name, "output-edited", out.path, text)


def _first_difference(name: str, then: Any, now: Any) -> tuple[str, Any, Any]:
    """A parameter and its two values; of lists of one length, the first item that differs."""
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        at = next(at for at, pair in enumerate(zip(then, now, strict=True)) if pair[0] != pair[1])
        return _first_difference(f"{name}[{at}]", then[at], now[at])
    return name, then, now
