"""What git calls to merge a file that the pipeline writes: dvc.lock stage by stage, a generated file whole."""

import contextlib
import os
import posixpath
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import YAMLFileCorruptedError, dumps_yaml, parse_yaml, parse_yaml_for_update
from voluptuous import Invalid

from samebits import artifacts
from samebits.artifacts import LOCK
from samebits.errors import UserError
from samebits.git import git
from samebits.markdown import printable
from samebits.proof.merging import rules as merge
from samebits.proof.repository import aliases
from samebits.proof.repository.tree import parents
from samebits.proof.words import some


def merge_lock(base: Path, ours: Path, theirs: Path, path: str) -> None:
    """Write the merged lock over `ours`, as DVC writes it, and say what became of it.

    Raises UserError, and leaves `ours` as it is, where one of the two cannot be read.
    """
    content, other = artifacts.read_bytes(ours), artifacts.read_bytes(theirs)
    was = _ancestor(artifacts.read_bytes(base), path)
    found = merge.merge(
        None if was is None else _stages(was),
        _stages(_lock(content, f"{path} of ours")),
        _stages(_lock(other, f"{path} of theirs")),
    )
    mine, yours = (parse_yaml_for_update(each.decode(), path) for each in (content, other))
    mine.setdefault("schema", "2.0")
    if (datasets := _datasets(was, mine, yours, path)) is not None:
        mine["datasets"] = datasets
    kept = mine.get("stages") or {}
    for name in set(kept) - set(found.taken):
        del kept[name]
    kept.update({name: yours["stages"][name] for name, side in found.taken.items() if side == "theirs"})
    mine["stages"] = kept
    text = dumps_yaml(mine).encode()
    ours.write_bytes(text.replace(b"\n", b"\r\n") if b"\r\n" in content else text)
    _say(path, found)


def merge_generated(base: Path, ours: Path, theirs: Path, path: str) -> None:
    """Write over `ours` the version whose run stays in the merged lock; where none does, `dvc repro` writes the file.

    Git merges file by file, in no order that a driver may count on, so the three locks are read from the commits.
    """
    found = _locks(base, ours, theirs, path)
    takes = any(_taken_from_theirs(path, folder, *versions) for folder, versions in found)
    if takes:
        ours.write_bytes(theirs.read_bytes())
    print(f"{printable(path)}: whole from {'theirs' if takes else 'ours'}", file=sys.stderr)


def _say(path: str, found: merge.Merged) -> None:
    taken = [name for name, side in found.taken.items() if side == "theirs"]
    parts = [f"{some(taken)} from theirs"] if taken else []
    parts.append(f"{some(found.left)} must run: `dvc repro`" if found.left else "all entries stay")
    print(f"{printable(path)}: {printable('; '.join(parts))}", file=sys.stderr)


def _lock(content: bytes, name: str) -> Mapping[str, Any]:
    """A lock; an empty one, where the file is empty. Raises UserError where it is none of DVC 2 or 3."""
    artifacts.check_merged(content, name)
    try:
        aliases.refuse(content, name)
        lock = parse_yaml(content.decode(), name)
        return COMPILED_LOCKFILE_SCHEMA(lock) if lock else {}
    except (YAMLFileCorruptedError, ValueError, RecursionError, Invalid):
        raise UserError(
            f"{name}: broken, or older than schema 2.0, which DVC 2 and newer write; take one side whole, as by "
            "`git checkout --theirs`, then `dvc repro` writes it anew"
        ) from None


def _stages(lock: Mapping[str, Any]) -> merge.Entries:
    return lock.get("stages") or {}


def _ancestor(content: bytes, path: str) -> Mapping[str, Any] | None:
    """The lock of the base, which git may have merged itself; None where it cannot be read."""
    try:
        return _lock(content, f"{path} of the base")
    except UserError:
        return None


def _datasets(base: Mapping[str, Any] | None, ours: Any, theirs: Any, path: str) -> Any:
    """What the lock records of datasets, merged. Raises UserError where both sides changed it."""
    was = merge.UNKNOWN if base is None else base.get("datasets")
    found = merge.three_way(was, ours.get("datasets"), theirs.get("datasets"))
    if found is merge.CONFLICT:
        raise UserError(f"{path}: both sides changed its datasets; take one side, then `dvc ds update` and `dvc repro`")
    return found


def _locks(base: Path, ours: Path, theirs: Path, path: str) -> Iterator[tuple[str, list[merge.Entries]]]:
    """The folders of the locks in the commits that are merged, with the entries of base, ours and theirs.

    None where the commits are not known for sure, as where git merges two ancestors.
    """
    blobs = [_hash(file) for file in (base, ours, theirs)]
    for commits in _commits(path, str(blobs[2])):
        if [_blob(commit, path) for commit in commits] == blobs:
            listing = git("ls-tree", "-r", "-z", "--name-only", commits[2]).decode(errors="surrogateescape")
            for lock in (each for each in listing.split("\0") if posixpath.basename(each) == LOCK):
                with contextlib.suppress(UserError):  # a lock that cannot be read makes a conflict of its own
                    yield posixpath.dirname(lock), [_stages(_lock(_content(commit, lock), lock)) for commit in commits]
            return


def _commits(path: str, blob: str) -> Iterator[tuple[str, str, str]]:
    """Commits that may be base, ours and theirs, in a merge; in a rebase, a pick or a stash."""
    for name in os.environ:
        if name.startswith("GITHEAD_"):
            commit = name.removeprefix("GITHEAD_")
            yield git("merge-base", "HEAD", commit).decode().split()[0], "HEAD", commit
    for commit in git("log", "--all", f"--find-object={blob}", "--format=%H", "--", path).decode().split():
        yield f"{commit}^", "HEAD", commit


def _hash(file: Path) -> str | None:
    """The object of a file that git gives a driver: none where it is empty, as git gives one that is not there."""
    return git("hash-object", "--no-filters", str(file)).decode().strip() if file.stat().st_size else None


def _blob(commit: str, path: str) -> str | None:
    """The object of a file in a commit; None where there is none."""
    try:
        return git("rev-parse", "--verify", "--quiet", f"{commit}:{path}").decode().strip()
    except UserError:
        return None


def _content(commit: str, path: str) -> bytes:
    blob = _blob(commit, path)
    return git("cat-file", "blob", blob) if blob else b""


def _taken_from_theirs(path: str, folder: str, base: merge.Entries, ours: merge.Entries, theirs: merge.Entries) -> bool:
    """Whether a stage that makes the path, or a folder around it, stays in the merged lock as theirs."""
    found = merge.merge(base, ours, theirs)
    return any(
        posixpath.normpath(posixpath.join(folder, out)) in (path, *parents(path))
        for name, side in found.taken.items()
        if side == "theirs"
        for out in merge.Run(theirs[name]).outs
    )
