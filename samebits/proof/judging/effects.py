"""What it means that a stage wrote what is not its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from samebits.proof.comparators import compare
from samebits.proof.judging.judge import Judge
from samebits.proof.repository.pipeline import Pipeline, Stage
from samebits.proof.running.effects import Change, is_of_tools
from samebits.proof.running.layers import same_file
from samebits.proof.running.run import Made
from samebits.proof.verdict import Kind, Problem
from samebits.proof.words import some


@dataclass(frozen=True)
class Effects:
    """What is wrong with what a stage wrote beside its outputs, and what is only to be noted."""

    problems: list[Problem]
    notes: list[str]


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
    problems: list[Problem] = []
    notes: list[str] = []
    own: list[Change] = []
    noted: list[str] = []
    asked = {each.path for each in open_questions(pipeline, made, judge)}
    whole = {each.path for each in made.changes if each.path in asked and _same_without(each, without)}
    for each in made.changes:
        if each.before and each.after and judge.allows(each.path, each.before, each.after):
            continue
        if each.maker and not each.of_source:
            text = f"{each.path}: {stage.name} replaced what {each.maker} made"
            problems.append(Problem(each.maker, "output-edited", each.path, text))
        elif each.path in whole or each.path in asked:
            differs = compare(each.path, each.before, each.after, []).differences  # type: ignore[arg-type]
            how = f" ({differs[0].sentence()})" if differs else ""
            top = each.path in pipeline.promised_at_top
            if each.path in whole:
                text = f"{each.path}: {stage.name} writes it, and the commit holds other bytes{how}"
                kind: Kind = "output-edited" if top else "undeclared-output"
                problems.append(Problem(stage.name, kind, each.path, text))
            elif strict:
                text = f"{each.path}: {stage.name} changes this file of the commit without declaring it{how}"
                problems.append(Problem(stage.name, "undeclared-output", each.path, text))
            else:
                noted.append(each.path)
        elif each.readers:
            own.append(each)
        elif each.of_source:
            notes.append(f"{stage.name} overwrites its own source {each.path}; write to another path")
        elif strict:
            text = f"{each.path}: {stage.name} deletes this file of the commit"
            problems.append(Problem(stage.name, "undeclared-output", each.path, text))
        else:
            noted.append(each.path)
    problems += _overwritten(stage, own)
    if noted:
        notes.append(f"{stage.name} changes files of the commit that nobody declares: {some(noted)}")
    return Effects(problems, notes)


def unproved(pipeline: Pipeline, ran: Sequence[Made], prefix: str) -> list[str]:
    """Metrics and plots at the top of dvc.yaml, in git, that no stage wrote."""
    import os

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
    """Inputs that a stage changed: the others are judged on the commit's bytes, not on these."""
    seen: set[tuple[str, str | None]] = set()
    for each in changes:
        if is_of_tools(each.path):
            continue
        what = "the source" if each.of_source else "an input" if each.before else "a file in an input"
        verb = "deletes" if each.after is None else "overwrites" if each.before else "makes"
        others = [name for name in each.readers if name != stage.name]
        of = f"{what} of {some(others)}" if others else f"{what} {each.maker}" if each.maker else what
        if (of, each.maker) in seen and len(changes) > 5:
            continue
        seen.add((of, each.maker))
        text = f"{each.path}: {stage.name} {verb} it, {of}; the commit's bytes were used. Write to another path"
        yield Problem(stage.name, "input-overwritten", each.path, text)
