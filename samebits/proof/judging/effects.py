"""What it means that a stage wrote what is not its own."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from samebits.proof.comparators import compare
from samebits.proof.judging.judge import Judge
from samebits.proof.repository.hashes import hash_of, line_ends_of_file
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Stage
from samebits.proof.running.effects import Change
from samebits.proof.running.layers import same_file
from samebits.proof.running.made import Made
from samebits.proof.verdict import Kind, Problem
from samebits.proof.words import some


@dataclass
class Effects:
    """What a stage wrote beside its outputs.

    problems: what is wrong with it, unless another environment explains other bytes. replaced: outputs of other stages.
    doubts: what only has other line ends. noted: files that nobody declares. notes: what else is to be said.
    unproved: results at the top of a dvc.yaml that depend on what was there.
    """

    problems: list[Problem] = field(default_factory=list)
    replaced: list[Problem] = field(default_factory=list)
    doubts: list[Problem] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)


def open_questions(pipeline: Pipeline, made: Made, judge: Judge) -> list[Change]:
    """Files of the commit that only the stage wrote: a run without them tells whether it makes them whole."""
    found = [each for each in made.changes if not each.maker and each.after and each.before]
    lone = [each for each in found if not each.readers or each.path in pipeline.promised_at_top]
    return [each for each in lone if not judge.allows(each.path, each.before, each.after)]  # type: ignore[arg-type]


def judged(
    pipeline: Pipeline, stage: Stage, made: Made, without: Made | None, judge: Judge, strict: bool = False
) -> Effects:
    """What a stage changed that is not its own.

    without: a run in a tree without the files of `open_questions`, where there are any. strict: whether what nobody
    declares is an error.
    """
    found, inputs = Effects(), []
    for each in made.changes:
        if each.maker and not each.of_source:
            text = f"{each.path}: {stage.name} replaced what {each.maker} made"
            found.replaced.append(Problem(each.maker, "output-edited", each.path, text))
        elif each.before and each.after and judge.allows(each.path, each.before, each.after):
            continue
        elif system := _other_line_ends(each):
            text = f"{each.path}: the same text but for its line ends, which were those of {system}"
            found.doubts.append(Problem(stage.name, "environment-differs", each.path, text))
        elif each.readers and each.path not in pipeline.promised_at_top:
            inputs.append(each)
        elif each.of_source:
            found.notes.append(f"{stage.name} overwrites its own source {each.path}; write to another path")
        else:
            _undeclared(pipeline, stage, each, without, strict, found)
    found.problems += _overwritten(stage, inputs)
    if found.noted:
        found.notes.append(f"{stage.name} changes files of the commit that nobody declares: {some(found.noted)}")
    return found


def _undeclared(
    pipeline: Pipeline, stage: Stage, change: Change, without: Made | None, strict: bool, found: Effects
) -> None:
    """A file of the commit that nobody declares, or only the top of a dvc.yaml does."""
    at_top, whole = change.path in pipeline.promised_at_top, _same_without(change, without)
    how = ""
    if change.before and change.after and (told := compare(change.path, change.before, change.after, []).differences):
        how = f" ({told[0].sentence()})"
    if whole or strict:
        does = "writes it, and the commit holds other bytes" if whole else "changes or deletes it without declaring it"
        kind: Kind = "output-edited" if whole and at_top else "undeclared-output"
        found.problems.append(Problem(stage.name, kind, change.path, f"{change.path}: {stage.name} {does}{how}"))
    elif at_top:
        found.unproved.append(change.path)
    else:
        found.noted.append(change.path)


def _other_line_ends(change: Change) -> str | None:
    """The system whose line ends the file of the commit has, where that is all in which it differs."""
    if not change.before or not change.after or change.before.is_symlink() or change.after.is_symlink():
        return None
    return line_ends_of_file(hash_of(change.before, "md5"), change.after)


def unproved(pipeline: Pipeline, ran: Sequence[Made], prefix: str) -> list[str]:
    """Metrics and plots at the top of dvc.yaml, in git, that no stage wrote."""
    names = {os.path.normpath(os.path.join(prefix, path)): path for path in pipeline.promised_at_top}
    written = {each.name for made in ran for each in made.changes} | {name for made in ran for name in made.same}
    return [path for name, path in names.items() if name not in written]


def _same_without(change: Change, without: Made | None) -> bool:
    """Whether a run without a file made it as the run with it did: so it does not depend on what was there."""
    if without is None or without.failed or change.after is None:
        return False
    again = next((each.after for each in without.changes if each.path == change.path), None)
    return again is not None and same_file(change.after, again)


def _overwritten(stage: Stage, changes: Sequence[Change]) -> Iterator[Problem]:
    """Inputs of other stages that a stage changed, a line each kind; the others are judged on the commit's bytes."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in changes:
        verb = "deletes" if each.after is None else "overwrites" if each.before else "adds"
        found.setdefault((verb, some(each.readers)), []).append(each.path)
    for (verb, readers), paths in found.items():
        text = (
            f"{some(paths)}: {stage.name} {verb} {'it' if len(paths) == 1 else 'them'}, an input of {readers}, which "
        )
        text += "the check gave the commit's bytes; write to another path"
        yield Problem(stage.name, "input-overwritten", paths[0], text)
