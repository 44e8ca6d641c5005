"""Is `dvc.lock` the record of a run of this very tree? Told from hashes alone, without data and without a run."""

from collections.abc import Iterable, Iterator
from functools import partial

from samebits.errors import UserError
from samebits.git import is_ignored, is_in_git, is_or_was_in_git
from samebits.proof.comparators.findings import short
from samebits.proof.record.at_hand import AtHand
from samebits.proof.record.values import ABSENT, ParamsFiles, as_in_lock, differences
from samebits.proof.repository.contents import Missing, Unknown
from samebits.proof.repository.hashes import Hash, line_ends_of
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Item, Params, Stage, lock_of, name_of
from samebits.proof.verdict import Kind, Problem
from samebits.proof.words import some


def problems(pipeline: Pipeline) -> list[Problem]:
    """All that dvc.lock says of a tree and is not so, or cannot be told of it, in the order of the stages."""
    found: list[Problem] = []
    params, at_hand = ParamsFiles(pipeline.contents), AtHand(pipeline)
    for stage in pipeline.stages:
        if not stage.commands:
            continue
        if stage.in_pipeline and stage.entry is None:
            if not stage.frozen:
                text = f"is not in {stage.lock}: it never ran, or was deleted from the lock"
                found.append(Problem(stage.name, "stage-unrecorded", None, text))
            continue
        found += _unrecorded(stage)
        if not stage.frozen:
            found += _command(stage)
            for dep in stage.deps:
                found += _dependency(pipeline, at_hand, stage, dep)
            for each in stage.params:
                found += _params(pipeline, params, stage, each)
        for out in stage.outs:
            if out.here:
                check = _output_at_hand if out.cached else _output_in_git
                found += check(pipeline, at_hand, stage, out)
    return in_order(found, pipeline)


def leftovers(pipeline: Pipeline) -> list[Problem]:
    """Entries of stages that are gone. They are no fault: DVC calls the pipeline up to date."""
    text = "is in {}, but no longer in {}; `dvc repro` leaves the entry there, and you can delete it"
    return [
        Problem(name_of(file, name), "stage-unrecorded", None, text.format(lock_of(file), file))
        for file, name in pipeline.strangers
    ]


def notes(pipeline: Pipeline) -> list[str]:
    """What else is to know of a lock, and is no fault."""
    found = [f"{each.stage}: {each.text}" for each in leftovers(pipeline)]
    found += [
        f"{stage.name}: {stage.lock} has its command with a blank less, as DVC folds long lines; "
        "`dvc status` calls that a change"
        for stage in pipeline.stages
        if stage.in_pipeline and stage.entry and stage.entry.get("cmd") != stage.cmd and not [*_command(stage)]
    ]
    if hidden := [path for path in pipeline.unchecked if path.endswith((".dvc", "dvc.yaml", "dvc.lock"))]:
        found.append(f"{some(hidden)}: not checked out, so not looked at; `samebits lock --commit HEAD` does")
    return found


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


def in_order(found: Iterable[Problem], pipeline: Pipeline) -> list[Problem]:
    """Problems in the order of the stages, those of unknown stages last."""
    return sorted(found, key=lambda problem: pipeline.places.get(problem.stage, len(pipeline.places)))


def _unrecorded(stage: Stage) -> Iterator[Problem]:
    """Deps and outs that only one of dvc.yaml and dvc.lock has. As for DVC, the deps of a frozen stage do not count."""
    if stage.entry is None:
        return
    for part, items in (("outs", stage.outs),) if stage.frozen else (("deps", stage.deps), ("outs", stage.outs)):
        recorded = {each["path"] for each in stage.entry.get(part) or []}
        declared = {each.name for each in items}
        for name in sorted(declared ^ recorded):
            here, not_there = f"in {stage.file}", f"among the {part} of the run"
            where = f"{here}, but not {not_there}" if name in declared else f"{not_there}, but not {here}"
            yield Problem(stage.name, "stage-unrecorded", name, f"{name}: {where}")


def _command(stage: Stage) -> Iterator[Problem]:
    if stage.entry is not None and not as_in_lock(stage.entry.get("cmd"), stage.cmd, "cmd"):
        text = f"its command is `{_line(stage.cmd)}`; the run had `{_line(stage.entry.get('cmd'))}`"
        yield Problem(stage.name, "command-changed", None, text)


def _line(command: object) -> str:
    return "; ".join(command if isinstance(command, list) else str(command).splitlines())


def _dependency(pipeline: Pipeline, at_hand: AtHand, stage: Stage, dep: Item) -> Iterator[Problem]:
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
        other = holds if holds.name == recorded.name else at_hand.by_another_hash(path, holds, recorded.name)
        if other is None:
            where = makers[0].name if makers else path
            text = f"{path}: {stage.lock} has its {recorded.name}, and {where} its {holds.name}"
            yield Problem(stage.name, "cannot-tell", path, text, path)
        elif other != recorded:
            yield _changed(pipeline, stage, dep, makers, recorded, other)
    yield from _data_at_hand(pipeline, at_hand, stage, dep, makers)


def _data_at_hand(
    pipeline: Pipeline, at_hand: AtHand, stage: Stage, dep: Item, makers: list[Stage]
) -> Iterator[Problem]:
    """Data of a `.dvc` file that lies in the tree, against its promise."""
    for maker in makers:
        for out in () if maker.commands else maker.outs:
            held = _held(pipeline, at_hand, out)
            if isinstance(held, Hash):
                text = (
                    f"{out.path}: the data here is not what {maker.name} promises ({held.value}); "
                    f"`dvc add {out.path}` records it, `dvc checkout {out.path}` restores the promised one"
                )
                yield Problem(stage.name, "dependency-changed", dep.path, text)


def _changed(pipeline: Pipeline, stage: Stage, dep: Item, makers: list[Stage], read: Hash, holds: Hash) -> Problem:
    path, then = dep.path, dep.nfiles or 0
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
    if is_or_was_in_git(path, pipeline.root) and not is_ignored(path, pipeline.root):
        return Problem(stage.name, kind, path, f"{path}: missing")
    text = f"{path}: neither in git nor promised by a `.dvc` file; what the run had is not part of the commit"
    return Problem(stage.name, "cannot-tell", path, text)


def _params(pipeline: Pipeline, files: ParamsFiles, stage: Stage, params: Params) -> Iterator[Problem]:
    """The parameters that a stage declares, against those of the run."""
    path, declared, then = params.path, params.declared, params.recorded
    try:
        now = files.values(path, declared)
    except UserError as error:
        yield Problem(stage.name, "parameter-changed", path, str(error))
        return
    if now is None:
        if pipeline.makers(path):
            text = f"{path}: a stage makes it, and it is not here; only a run tells its parameters"
            yield Problem(stage.name, "cannot-tell", path, text)
        else:
            yield _missing(pipeline, stage, path, "dependency-missing")
        return
    for key in sorted({*then, *now, *declared}):
        was, is_ = then.get(key, ABSENT), now.get(key, ABSENT)
        if was is ABSENT and is_ is ABSENT:
            text = f"parameter {key}: declared in {stage.file}, but not in {path}; no run can have read it"
            yield Problem(stage.name, "parameter-changed", key, text)
        elif ABSENT in (was, is_) or not as_in_lock(was, is_, "params", path, key):
            for name, *values in differences(was, is_, key):
                texts = ["none" if each is ABSENT else short(each) for each in values]
                text = f"parameter {name}: {texts[0]} in the run, {texts[1]} in {path}"
                yield Problem(stage.name, "parameter-changed", name.partition("[")[0], text)


def _output_in_git(pipeline: Pipeline, _: AtHand, stage: Stage, out: Item) -> Iterator[Problem]:
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


def _output_at_hand(pipeline: Pipeline, at_hand: AtHand, stage: Stage, out: Item) -> Iterator[Problem]:
    """An output that DVC keeps, where one lies in the tree, against its hash in the lock."""
    held = _held(pipeline, at_hand, out)
    if isinstance(held, Unknown):
        yield Problem(stage.name, "cannot-tell", out.path, f"{out.path}: {held.why}")
    elif isinstance(held, Hash) and out.recorded:
        text = (
            f"{out.path}: the one here is not what the run wrote ({out.recorded.value} then, {held.value} now); "
            f"`dvc checkout {out.path}` restores that one"
        )
        yield Problem(stage.name, "output-edited", out.path, text)


def _held(pipeline: Pipeline, at_hand: AtHand, out: Item) -> Hash | Unknown | None:
    """The hash of what lies in the tree, where it is not the recorded one; None where it is, or nothing lies there."""
    recorded = out.recorded
    if recorded is None or not out.here or not recorded.name.startswith("md5"):
        return None
    held = at_hand.in_tree(out.path, recorded.name)
    if isinstance(held, Missing) or held == recorded:
        return None
    of_git = isinstance(held, Hash) and is_in_git(out.path, pipeline.root)
    return None if of_git and line_ends_of(recorded, partial(pipeline.contents.on_disk, out.path)) else held
