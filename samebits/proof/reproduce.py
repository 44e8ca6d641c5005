"""The reproduction check: run the pipeline of a commit from nothing and compare every output with its promise."""

import dataclasses
import functools
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from dvc.exceptions import DvcException
from dvc.repo import Repo

from samebits import artifacts
from samebits.artifacts import LOCK, md5
from samebits.errors import UserError
from samebits.git import commit_of, git
from samebits.proof import difference, environment, history, lock
from samebits.proof.export import Export, can_cut_off_network, export
from samebits.proof.lock import Problem


@dataclass(frozen=True)
class Output:
    """A file that a stage writes: its hash in dvc.lock and in the run, None where there is none."""

    stage: str
    path: str
    promised: str | None
    obtained: str | None

    @property
    def same(self) -> bool:
        """Whether the run made the bytes that the lock promises."""
        return self.promised is not None and self.promised == self.obtained


@dataclass(frozen=True)
class Verdict:
    """What the check found.

    problems: why the commit does not describe its model, those of the first stage that diverged first.
    machine: where the check ran. network_cut_off: whether the run had no network.
    varied: for each environment that was tried, whether it gave the same bytes.
    """

    commit: str
    subject: str
    outputs: list[Output]
    problems: list[Problem]
    machine: dict[str, str]
    network_cut_off: bool
    varied: dict[str, bool]

    @property
    def reproduced(self) -> bool:
        """Whether the commit is proved to describe its model."""
        return not self.problems and all(output.same for output in self.outputs) and all(self.varied.values())

    def to_plain(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return {"reproduced": self.reproduced, **dataclasses.asdict(self)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """The verdict that `to_plain` gave."""
        fields = {field.name: plain[field.name] for field in dataclasses.fields(cls)}
        outputs = [Output(**each) for each in plain["outputs"]]
        return cls(**{**fields, "outputs": outputs, "problems": [Problem(**each) for each in plain["problems"]]})


def check(
    revision: str = "HEAD",
    vary: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    keep: str | None = None,
) -> Verdict:
    """Run the pipeline of a commit of the repository in the working directory from nothing, and compare.

    vary: run it in other environments, too. progress: is told what is being done. keep: a folder for the outputs of
    the run, if they are what the commit promises; apart from it, only a temporary folder is written to. Raises
    UserError where the check cannot run.

    >>> verdict = check("HEAD")
    >>> verdict.reproduced, verdict.problems
    (True, [])
    """
    commit = commit_of(revision)
    subject = git("log", "-1", "--format=%s", commit).decode().strip()
    progress(f"{commit[:10]}: running the pipeline from nothing")
    with export(commit) as tree:
        promised = lock.recorded(tree.root)
        pipeline = lock.stages(tree.root)
        found = lock.problems(promised, pipeline)
        committed = _take_outputs(tree, promised)
        run = tree.reproduce("--force")
        obtained = lock.recorded(tree.root)
        outputs = sorted(_compare(lock.outputs(promised), lock.outputs(obtained)), key=lock.place_in(pipeline))
        found += [*_replaced_in_cache(promised), *_failed(run), *_edited_files(outputs, committed, tree)]
        found = list(history.explained(found, promised, commit))
        if not found and (first := next((output for output in outputs if not output.same), None)):
            found += _same_inputs_other_bytes(first.stage, outputs, committed, tree)
        if keep and not found and all(output.same for output in outputs):
            _copy(outputs, tree.root, Path(keep))
    varied = {}
    for variation in environment.variations() if vary else []:
        name = " ".join(f"{key}={value}" for key, value in variation.items())
        progress(f"{commit[:10]}: {name}")
        with export(commit, "a folder with spaces") as tree:
            _take_outputs(tree, promised)
            tree.reproduce("--force", env=variation)
            varied[name] = lock.outputs(lock.recorded(tree.root)) == lock.outputs(obtained)
    found.sort(key=lock.place_in(pipeline))
    return Verdict(commit, subject, outputs, found, environment.describe(), can_cut_off_network(), varied)


def _take_outputs(tree: Export, promised: dict[str, Any]) -> dict[str, bytes]:
    """Remove the lock and all outputs that git holds, so that the run starts from nothing; returns the outputs."""
    (tree.root / LOCK).unlink(missing_ok=True)
    files = {path: tree.root / path for path in lock.outputs(promised) if (tree.root / path).is_file()}
    taken = {path: file.read_bytes() for path, file in files.items()}
    for file in files.values():
        file.unlink()
    return taken


def _compare(promised: lock.Outputs, obtained: lock.Outputs) -> list[Output]:
    """Every output that the lock or the run knows, by path."""
    nothing = (None, None)
    return [
        Output(
            stage=(promised.get(path) or obtained[path])[0],
            path=path,
            promised=promised.get(path, nothing)[1],
            obtained=obtained.get(path, nothing)[1],
        )
        for path in sorted({*promised, *obtained})
    ]


def _failed(run: subprocess.CompletedProcess[str]) -> Iterator[Problem]:
    """The stage at which the run stopped."""
    if run.returncode:
        lines = [line for line in run.stdout.splitlines() if line.strip()]
        stopped = [found for line in lines if (found := re.search(r"failed to reproduce '(.+?)': (.*)", line))]
        stage, reason = stopped[-1].groups() if stopped else ("(dvc)", lines[-1] if lines else "no message")
        said = [
            line
            for line in lines
            if not line.startswith(("ERROR: failed to", "Running", ">", "Updating", "Generating"))
        ]
        text = f"the run stopped here: {reason}" + (f" ({said[-1].strip()})" if said else "")
        yield Problem(stage, "stage-failed", None, text)


def _copy(outputs: list[Output], root: Path, folder: Path) -> None:
    try:
        for output in outputs:
            artifacts.write_bytes((root / output.path).read_bytes(), folder / output.path)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; the outputs of the run cannot be kept there") from None


def _replaced_in_cache(promised: dict[str, Any]) -> Iterator[Problem]:
    """Objects of the local DVC cache that are not what their names, their hashes, say."""
    for path, (stage, promised_md5) in lock.outputs(promised).items():
        content = _cached(promised_md5)
        if content is not None and md5(content) != promised_md5:
            text = f"{path}: replaced in the cache of DVC, where {promised_md5} has other bytes than its name says"
            yield Problem(stage, "cache-edited", path, text)


def _cached(name: str | None) -> bytes | None:
    """The object of the local DVC cache under a hash, where there is one."""
    cache = _cache()
    if not cache or not name:
        return None
    file = cache / name[:2] / name[2:]
    return file.read_bytes() if file.is_file() else None


@functools.cache
def _cache() -> Path | None:
    try:
        return Path(Repo().cache.local.path)
    except DvcException:
        return None


def _edited_files(outputs: list[Output], committed: dict[str, bytes], tree: Export) -> Iterator[Problem]:
    """Outputs in git that are neither what the lock promises nor what the run made."""
    for output in outputs:
        content = committed.get(output.path)
        if content is not None and output.same and md5(content) != output.promised:
            made = (tree.root / output.path).read_bytes()
            for text in difference.describe(output.path, content, made):
                text = f"{text}: the committed file was edited"
                yield Problem(output.stage, "output-edited", output.path, text)


def _same_inputs_other_bytes(
    stage: str, outputs: list[Output], committed: dict[str, bytes], tree: Export
) -> Iterator[Problem]:
    """What can be known of a stage that made other bytes from what the lock says are the same inputs."""
    for text in environment.differing_pins(tree.root / history.REQUIREMENTS):
        yield Problem(stage, "package-changed", history.REQUIREMENTS, f"package {text}")
    tree.reproduce("--force", "--single-item", stage)
    again = lock.outputs(lock.recorded(tree.root))
    here = ", ".join(f"{key} {value}" for key, value in environment.describe().items())
    for output in outputs:
        if output.stage != stage or output.same:
            continue
        path = output.path
        if again.get(path, (None, None))[1] != output.obtained:
            text = f"{path}: not deterministic, two runs here made different bytes"
            yield Problem(stage, "not-deterministic", path, text)
            continue
        content = committed.get(path) or _cached(output.promised)
        if content and md5(content) == output.obtained:
            text = f"{path}: {LOCK} was edited; the committed file is what the run made"
            yield Problem(stage, "lock-edited", path, text)
            continue
        text = f"{path}: other bytes from the same inputs: {LOCK} was edited or merged, or {here} computes otherwise"
        yield Problem(stage, "computes-otherwise", path, text)
        if content:
            made = (tree.root / path).read_bytes()
            yield from (
                Problem(stage, "computes-otherwise", path, each) for each in difference.describe(path, content, made)
            )
