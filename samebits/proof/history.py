"""What git knows of a change of which dvc.lock knows only hashes."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from samebits.artifacts import LOCK, md5
from samebits.errors import UserError
from samebits.git import git
from samebits.proof import environment
from samebits.proof.lock import Problem

MOST = 5  # files that are named
REQUIREMENTS = "requirements.txt"


def explained(problems: list[Problem], lock: dict[str, Any], commit: str | None = None) -> Iterator[Problem]:
    """Problems that a lock has with a commit, or with the working tree; after each dependency, what changed in it."""
    for problem in problems:
        yield problem
        if problem.kind == "dependency-changed" and problem.path:
            changes = _changed_pins if problem.path == REQUIREMENTS else _changed_files
            with suppress(UserError):  # there may be no repository
                yield from changes(problem.stage, problem.path, lock, commit)


def _changed_files(stage: str, path: str, _: dict[str, Any], commit: str | None) -> list[Problem]:
    """The files of a folder that changed since the commit that wrote dvc.lock."""
    of_lock = git("log", "-1", "--format=%H", commit or "HEAD", "--", LOCK).decode().strip()
    listing = git("diff", "--name-only", "-z", of_lock, *([commit] if commit else []), "--", path)
    if not commit:
        listing += git("ls-files", "-z", "--others", "--exclude-standard", "--", path)
    names = [name for name in listing.decode().split("\0") if name not in ("", path)]
    if not names:
        return []
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    text = f"since {LOCK} was last committed, these changed: {', '.join(names[:MOST])}{more}"
    return [Problem(stage, "dependency-changed", path, text)]


def _changed_pins(stage: str, path: str, lock: dict[str, Any], commit: str | None) -> list[Problem]:
    """Which versions differ from those that the run had."""
    hash_of_run = next(dep["md5"] for dep in lock[stage]["deps"] if dep["path"] == path)
    then = environment.pins(_version(path, hash_of_run, commit or "HEAD").decode())
    now = environment.pins((git("show", f"{commit}:{path}") if commit else Path(path).read_bytes()).decode())
    return [
        Problem(
            stage, "package-changed", path, f"package {name}: {then.get(name)} in the run, {now.get(name)} pinned now"
        )
        for name in sorted(then.keys() | now.keys())
        if then and then.get(name) != now.get(name)
    ]


def _version(path: str, hash_of_run: str, commit: str) -> bytes:
    """The version of a file in the history of a commit that has a hash, or nothing."""
    for each in git("rev-list", commit, "--", path).decode().split():
        content = git("show", f"{each}:{path}")
        if md5(content) == hash_of_run:
            return content
    return b""
