"""What must hold beside equal bytes: no output leads away, nobody edited it in git or in the cache."""

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from samebits.proof.comparators import compare
from samebits.proof.repository.hashes import Hash, hash_of, line_ends_of_file
from samebits.proof.repository.stages import Item, Stage
from samebits.proof.repository.store import Store
from samebits.proof.running.execute import Run
from samebits.proof.running.made import Made
from samebits.proof.verdict import Output, Problem


def of(run: Run) -> Iterator[Problem]:
    """What is wrong with the outputs of a run, and with the user's own of them."""
    for stage in run.ended:
        for path, target in run.made[stage.name].links.items():
            text = f"{path}: holds a link to {target}, which the commit does not hold"
            yield Problem(stage.name, "missing-source", path, text)
        for out in (each for each in stage.outs if each.here and each.recorded):
            if out.cached and out.recorded:
                yield from _edited_in_cache(run, stage, out.path, out.recorded)


def edited_in_git(out: Item, output: Output, kept: Path | None, made: Made) -> tuple[Output, list[Problem]]:
    """An output that is as the lock promises, against the file that git holds. kept: that file, if git holds it."""
    if output.verdict != "same" or not kept or not kept.is_file() or not out.recorded:
        return output, []
    if line_ends_of_file(out.recorded, kept):
        return output, []
    differences = compare(out.path, kept, made.root / out.path, []).differences
    if not differences:
        return output, []
    problems = [
        Problem(
            output.stage, "output-edited", out.path, f"{out.path}: {each.sentence()}: the committed file was edited"
        )
        for each in differences
    ]
    held = hash_of(kept, out.recorded.name).value
    return replace(output, verdict="differs", allowed=False, promised=held, differences=differences[:1]), problems


def _edited_in_cache(run: Run, stage: Stage, path: str, hash_: Hash) -> Iterator[Problem]:
    local = Store(run.runner.pipeline.store.repo)
    manifest = local.manifest(hash_) if hash_.is_folder else None
    for each in [hash_, *(manifest or {}).values()]:
        local.get(each)
    for edited in local.edited:
        text = f"{path}: replaced in the cache of DVC, where {edited.value} has other bytes than its name says"
        yield Problem(stage.name, "cache-edited", path, text)
