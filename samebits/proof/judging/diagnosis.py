"""Why a stage made other bytes than the commit promises, although it read the same."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from samebits.artifacts import LOCK
from samebits.proof.comparators import compare
from samebits.proof.judging.judge import Judge
from samebits.proof.repository.pipeline import Item, Stage
from samebits.proof.repository.tree import Hash, hash_of
from samebits.proof.running.run import Runner
from samebits.proof.verdict import Problem

QUICK = 60.0  # seconds; a stage that takes less may run a third time, to tell whether it is deterministic


@dataclass
class Diagnosis:
    """Runs stages again, and looks at what they made."""

    runner: Runner
    judge: Judge

    def of(self, stage: Stage, different: list[Item]) -> Iterator[Problem]:
        """What can be known of outputs that differ from their promises. The outputs of the first run stay."""
        first = {out.path: self.runner.obtained[out.path] for out in different}
        unstable = self._run_again(stage, first)
        if not unstable and self.runner.seconds[stage.name] < QUICK:
            unstable = self._run_again(stage, first)
        for out in different:
            if (told := unstable.get(out.path)) is None:
                yield self._other_bytes(stage, out)
            else:
                text = f"{out.path}: not deterministic, two runs here made different bytes{told and f' ({told})'}"
                yield Problem(stage.name, "not-deterministic", out.path, text)

    def _other_bytes(self, stage: Stage, out: Item) -> Problem:
        path, kept = out.path, self.runner.aside.get(out.path)
        obtained = self.runner.obtained[path]
        if kept and kept.is_file() and hash_of(kept, obtained.name) == obtained:
            text = f"{path}: {LOCK} was edited; the committed file is what the run made"
            return Problem(stage.name, "lock-edited", path, text)
        if self.judge.rounding_explains(out) is False:
            what = LOCK if out.cached else f"{path}, and {LOCK} with it,"
            text = f"{path}: other values than rounding explains, from the same inputs: {what} was edited or merged"
            text += ", or the run read what the commit does not hold"
            return Problem(stage.name, "lock-edited" if out.cached else "output-edited", path, text)
        here = ", ".join(f"{key} {value}" for key, value in self.runner.place.machine.items())
        text = f"{path}: other bytes from the same inputs: {LOCK} was edited or merged, or {here} computes otherwise"
        return Problem(stage.name, "computes-otherwise", path, text)

    def _run_again(self, stage: Stage, first: Mapping[str, Hash]) -> dict[str, str]:
        """Run a stage once more; the outputs that came out otherwise, with the first of what differs."""
        root, kept = self.runner.tree.root, self.runner.tree.folder / "first"
        paths = [out.path for out in stage.outs if out.here and (root / out.path).exists()]
        for path in paths:
            (kept / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(root / path, kept / path)
        failed = self.runner.run(stage)
        second = {} if failed else self.runner.hashes(stage)
        unstable = {
            path: difference(path, kept / path, root / path)
            for path in first
            if not failed and second.get(path) != first[path]
        }
        for path in paths:
            with suppress(FileNotFoundError):
                shutil.rmtree(root / path) if (root / path).is_dir() else (root / path).unlink()
            shutil.move(kept / path, root / path)
        return unstable


def difference(path: str, one: Path, other: Path) -> str:
    """The first of what differs between two runs; nothing where it cannot be told."""
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
