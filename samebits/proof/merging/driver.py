"""What git calls to merge a file that the pipeline writes: dvc.lock stage by stage, a generated file whole."""

import contextlib
import posixpath
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samebits import artifacts
from samebits.artifacts import LOCK
from samebits.errors import UserError
from samebits.markdown import printable
from samebits.proof.merging import rules as merge
from samebits.proof.merging.commits import Commits, commits_of
from samebits.proof.merging.text import Text, written
from samebits.proof.record.values import same
from samebits.proof.repository import aliases
from samebits.proof.repository.of_dvc import lock_in, parse_yaml
from samebits.proof.repository.paths import parents
from samebits.proof.words import some


def merge_lock(base: Path, ours: Path, theirs: Path, path: str) -> None:
    """Write the merged lock over `ours`, each entry byte for byte, and say what became of it.

    Raises UserError, and leaves `ours` as it is, where one of the two cannot be read.
    """
    content, other = artifacts.read_bytes(ours), artifacts.read_bytes(theirs)
    was = _ancestor(artifacts.read_bytes(base), path)
    mine, yours = _lock(content, f"{path} of ours"), _lock(other, f"{path} of theirs")
    found = _merged(commits_of(base, ours, theirs, path), path, was, mine, yours)
    sides = {"ours": mine, "theirs": yours}
    stages = {name: sides[side]["stages"][name] for name, side in found.taken.items()}
    merged = {"schema": "2.0", **mine, "stages": stages}
    if (datasets := _datasets(was, mine, yours, path)) is not None:
        merged["datasets"] = datasets
    text = _text(content, other, found, merged)
    if not same(parse_yaml(text, path), merged):
        raise UserError(f"{path}: its entries cannot be kept as they are; take one side whole, then `dvc repro`")
    ours.write_bytes(text.replace("\n", "\r\n").encode() if b"\r\n" in content else text.encode())
    _say(path, found)


def merge_generated(base: Path, ours: Path, theirs: Path, path: str) -> None:
    """Write over `ours` the version whose run stays in the merged lock; where none does, `dvc repro` writes the file.

    Git merges file by file, in no order that a driver may count on, so the three locks are read from the commits.
    """
    commits = commits_of(base, ours, theirs, path)
    takes = commits is not None and _taken_from_theirs(commits, path)
    if takes:
        ours.write_bytes(theirs.read_bytes())
    print(f"{printable(path)}: whole from {'theirs' if takes else 'ours'}", file=sys.stderr)


def _merged(commits: Commits | None, path: str, *locks: Mapping[str, Any] | None) -> merge.Merged:
    """What becomes of the stages of a lock at a path. locks: of base, ours and theirs."""
    base, ours, theirs = (None if each is None else merge.entries(each) for each in locks)

    def refuted(entry: Mapping[str, Any]) -> bool:
        return commits is not None and commits.refutes(posixpath.dirname(path), entry)

    return merge.merge(base, ours or {}, theirs or {}, refuted)


def _text(content: bytes, other: bytes, found: merge.Merged, merged: Mapping[str, Any]) -> str:
    """The merged lock: copied line by line where both sides have the form that DVC writes."""
    mine, yours = (Text(each.decode().replace("\r\n", "\n")) for each in (content, other))
    sides = {"ours": mine, "theirs": yours}
    copied = [sides[side].entries.get(name) for name, side in found.taken.items()]
    if mine.indent == yours.indent and copied and None not in copied:
        text = mine.with_entries(each for each in copied if each)
        if same(parse_yaml(text, LOCK), merged):
            return text
    return written(merged)


def _say(path: str, found: merge.Merged) -> None:
    taken = [name for name, side in found.taken.items() if side == "theirs"]
    parts = [f"{some(taken)} from theirs"] if taken else []
    parts.append(f"{some(found.left)} must run: `dvc repro`" if found.left else "all entries stay")
    print(f"{printable(path)}: {printable('; '.join(parts))}", file=sys.stderr)


def _lock(content: bytes, name: str) -> Mapping[str, Any]:
    """A lock; an empty one, where the file is empty. Raises UserError where it is none of DVC 2 or 3."""
    try:
        artifacts.check_merged(content, name)
    except UserError:
        raise UserError(f"{name}: has conflict markers of git; take one side whole, then run `dvc repro`") from None
    try:
        aliases.refuse(content, name)
        return lock_in(content, name)
    except (ValueError, RecursionError):
        raise UserError(
            f"{name}: broken, or older than schema 2.0, which DVC 2 and newer write; take one side whole, as by "
            "`git checkout --theirs`, then `dvc repro` writes it anew"
        ) from None


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


def _taken_from_theirs(commits: Commits, path: str) -> bool:
    """Whether a stage that makes the path, or a folder around it, stays in its merged lock as theirs."""
    for lock in (each for each in commits.trees[2] if posixpath.basename(each) == LOCK):
        with contextlib.suppress(UserError):  # a lock that cannot be read makes a conflict of its own
            base, ours, theirs = (_lock(content, lock) for content in commits.contents(lock))
            found = _merged(commits, lock, base, ours, theirs)
            makes = (
                posixpath.normpath(posixpath.join(posixpath.dirname(lock), out))
                for name, side in found.taken.items()
                if side == "theirs"
                for out in merge.Run(merge.entries(theirs)[name]).outs
            )
            if any(each in (path, *parents(path)) for each in makes):
                return True
    return False
