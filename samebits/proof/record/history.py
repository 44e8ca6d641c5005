"""What git knows of a change of which dvc.lock knows only hashes."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from samebits.artifacts import md5
from samebits.errors import UserError
from samebits.git import git
from samebits.proof.record.pins import is_pins, pinned, told
from samebits.proof.repository.hashes import LINE_ENDS, with_line_ends
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.verdict import Kind, Problem
from samebits.proof.words import some

MOST_COMMITS = 200  # that are looked through for a version of a file


def explained(problems: Iterable[Problem], pipeline: Pipeline) -> Iterator[Problem]:
    """Problems of a tree with its lock; after each change of a file in git, what changed in it."""
    for problem in problems:
        yield problem
        if problem.kind in ("code-changed", "cannot-tell") and problem.path:
            explain = _changed_pins if is_pins(problem.path) else _changed_files
            with suppress(UserError):  # there may be no repository
                yield from explain(problem.stage, problem.kind, problem.path, pipeline)


def _changed_files(stage: str, kind: Kind, path: str, pipeline: Pipeline) -> Iterator[Problem]:
    """The files of a folder that changed since the commit that wrote dvc.lock."""
    lock = next(each.lock for each in pipeline.stages if each.name == stage)
    of_lock = git("log", "-1", "--format=%H", "HEAD", "--", lock, cwd=pipeline.root).decode().strip()
    listing = git("diff", "--relative", "--name-only", "-z", of_lock, "--", path, cwd=pipeline.root)
    listing += git("ls-files", "-z", "--others", "--exclude-standard", "--", path, cwd=pipeline.root)
    names = [name for name in listing.decode(errors="replace").split("\0") if name not in ("", path)]
    if names:
        text = f"since {lock} was last committed, these changed: {some(names)}"
        yield Problem(stage, kind, path, text)


def _changed_pins(stage: str, kind: Kind, path: str, pipeline: Pipeline) -> Iterator[Problem]:
    """Which versions differ from those that the run had."""
    deps = [dep for each in pipeline.stages if each.name == stage for dep in each.deps if dep.path == path]
    then = pinned(path, _version(path, deps[0].recorded.value, pipeline.root) if deps and deps[0].recorded else b"")
    now = pinned(path, Path(pipeline.root, path).read_bytes())
    for name in sorted(then.keys() | now.keys()):
        if then and then.get(name) != now.get(name):
            text = f"package {name}: {told(then.get(name))} in the run, {told(now.get(name))} pinned now"
            yield Problem(stage, "package-changed" if kind == "code-changed" else kind, path, text)


def _version(path: str, hash_of_run: str, folder: Path) -> bytes:
    """The version of a file in the history of HEAD that has a hash, or nothing."""
    for commit in git("rev-list", f"--max-count={MOST_COMMITS}", "HEAD", "--", path, cwd=folder).decode().split():
        with suppress(UserError):  # it may not be there at that commit
            content = git("show", f"{commit}:./{path}", cwd=folder)
            if hash_of_run in (md5(content), *(md5(with_line_ends(content, ends)) for ends in LINE_ENDS)):
                return content
    return b""
