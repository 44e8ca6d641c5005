"""The reproduction check: run the pipeline of a commit from nothing and compare every output with its promise."""

import dataclasses
import functools
import hashlib
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from dvc.exceptions import DvcException
from dvc.repo import Repo

from samebits import artifacts, difference, environment, lock
from samebits.errors import UserError
from samebits.export import Export, can_cut_off_network, export
from samebits.lock import Problem
from samebits.repository import commit_of, git

REQUIREMENTS = "requirements.txt"


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
        found += _changed_pins(found, commit, promised)
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
    (tree.root / lock.LOCK).unlink(missing_ok=True)
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
        yield Problem(stage, f"the run stopped here: {reason}" + (f" ({said[-1].strip()})" if said else ""))


def _copy(outputs: list[Output], root: Path, folder: Path) -> None:
    try:
        for output in outputs:
            artifacts.write_bytes((root / output.path).read_bytes(), folder / output.path)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; the outputs of the run cannot be kept there") from None


def _replaced_in_cache(promised: dict[str, Any]) -> Iterator[Problem]:
    """Objects of the local DVC cache that are not what their names, their hashes, say."""
    for path, (stage, md5) in lock.outputs(promised).items():
        content = _cached(md5)
        if content is not None and _md5(content) != md5:
            yield Problem(
                stage, f"{path}: replaced in the cache of DVC, where {md5} has other bytes than its name says"
            )


def _cached(md5: str | None) -> bytes | None:
    """The object of the local DVC cache under a hash, where there is one."""
    cache = _cache()
    if not cache or not md5:
        return None
    file = cache / md5[:2] / md5[2:]
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
        if content is not None and output.same and _md5(content) != output.promised:
            made = (tree.root / output.path).read_bytes()
            for text in difference.describe(output.path, content, made):
                yield Problem(output.stage, f"{text}: the committed file was edited")


def _changed_pins(found: list[Problem], commit: str, promised: dict[str, Any]) -> Iterator[Problem]:
    """Which versions differ where the lock says that the pins changed."""
    for problem in found:
        if problem.text.startswith(f"{REQUIREMENTS}: changed"):
            deps = promised[problem.stage]["deps"]
            md5 = next(dep["md5"] for dep in deps if dep["path"] == REQUIREMENTS)
            now = environment.pins(git("show", f"{commit}:{REQUIREMENTS}").decode())
            then = environment.pins(_of_history(REQUIREMENTS, md5, commit).decode())
            for name in sorted(then.keys() | now.keys()):
                if then and then.get(name) != now.get(name):
                    yield Problem(
                        problem.stage, f"package {name}: {then.get(name)} in the run, {now.get(name)} pinned now"
                    )


def _same_inputs_other_bytes(
    stage: str, outputs: list[Output], committed: dict[str, bytes], tree: Export
) -> Iterator[Problem]:
    """What can be known of a stage that made other bytes from what the lock says are the same inputs."""
    for text in environment.differing_pins((tree.root / REQUIREMENTS).read_text()):
        yield Problem(stage, f"package {text}")
    tree.reproduce("--force", "--single-item", stage)
    again = lock.outputs(lock.recorded(tree.root))
    here = ", ".join(f"{key} {value}" for key, value in environment.describe().items())
    for output in outputs:
        if output.stage != stage or output.same:
            continue
        if again.get(output.path, (None, None))[1] != output.obtained:
            yield Problem(stage, f"{output.path}: not deterministic, two runs here made different bytes")
            continue
        content = committed.get(output.path) or _cached(output.promised)
        if content and _md5(content) == output.obtained:
            yield Problem(stage, f"{output.path}: {lock.LOCK} was edited; the committed file is what the run made")
            continue
        text = f"other bytes from the same inputs: {lock.LOCK} was edited or merged, or {here} computes otherwise"
        yield Problem(stage, f"{output.path}: {text}")
        if content:
            made = (tree.root / output.path).read_bytes()
            yield from (Problem(stage, text) for text in difference.describe(output.path, content, made))


def _of_history(path: str, md5: str, commit: str) -> bytes:
    """The version of a file in the history of `commit` that has the hash `md5`, or nothing."""
    for each in git("rev-list", commit, "--", path).decode().split():
        content = git("show", f"{each}:{path}")
        if _md5(content) == md5:
            return content
    return b""


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
