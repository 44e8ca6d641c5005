"""Why a stage made other bytes than the commit promises, although it read the same."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from samebits.artifacts import LOCK
from samebits.proof.comparators import compare
from samebits.proof.judging.judge import Judge
from samebits.proof.repository.hashes import hash_of
from samebits.proof.repository.stages import Item, Stage
from samebits.proof.running.made import Made
from samebits.proof.verdict import Problem

DURING = "a dependency changed while its stage ran"  # DVC then records the later bytes (treeverse/dvc#11058)


def causes(
    stage: Stage, different: Sequence[Item], made: Made, again: Sequence[Made], judge: Judge, machine: str
) -> Iterator[Problem]:
    """What can be known of outputs that differ from their promises.

    made: the first run; again: more of them, in the same surroundings. machine: in words.
    """
    for out in different:
        others = [each for each in again if not each.failed and each.hashes.get(out.path) != made.hashes[out.path]]
        if not others:
            yield _other_bytes(stage, out, made, judge, machine)
            continue
        told = difference(out.path, made.root / out.path, others[0].root / out.path)
        text = f"{out.path}: not deterministic, two runs here made different bytes{told and f' ({told})'}"
        yield Problem(stage.name, "not-deterministic", out.path, text)


def _other_bytes(stage: Stage, out: Item, made: Made, judge: Judge, machine: str) -> Problem:
    path, kept, obtained = out.path, judge.aside.get(out.path), made.hashes[out.path]
    if kept and kept.is_file() and hash_of(kept, obtained.name) == obtained:
        text = f"{path}: {LOCK} was edited; the committed file is what the run made"
        return Problem(stage.name, "lock-edited", path, text)
    if judge.rounding_explains(out, made) is False:
        what = LOCK if out.cached else f"{path}, and {LOCK} with it,"
        text = (
            f"{path}: other values than rounding explains, from the same inputs: {what} was edited or merged, {DURING},"
        )
        text += " or the run read what the commit does not hold"
        return Problem(stage.name, "lock-edited" if out.cached else "output-edited", path, text)
    text = f"{path}: other bytes from the same inputs: {LOCK} was edited or merged, {DURING}, or {machine} computes "
    return Problem(stage.name, "computes-otherwise", path, f"{text}otherwise")


def difference(path: str, one: Path, other: Path) -> str:
    """The first of what differs between two runs; nothing where it cannot be told."""
    if not other.exists():
        return "it was not made"
    if one.is_file() and other.is_file():
        found = compare(path, one, other, []).differences
        return found[0].sentence("in one", "in the other") if found else ""
    for file in sorted(each for each in one.rglob("*") if each.is_file()):
        name = file.relative_to(one).as_posix()
        if not (other / name).is_file():
            return f"{path}/{name} in one only"
        if told := difference(f"{path}/{name}", file, other / name):
            return f"{path}/{name}: {told}"
    return ""
