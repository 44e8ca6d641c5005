"""The commits that git merges: their files, and what of these the merged tree holds."""

import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from samebits.errors import UserError
from samebits.git import git
from samebits.proof.merging.rules import CONFLICT, three_way
from samebits.proof.record.values import ABSENT, as_in_lock, get, parsed
from samebits.proof.repository.hashes import LINE_ENDS, Hash, folder_hash, hash_of_bytes
from samebits.proof.repository.paths import Paths

MOST_FILES = 1000  # of a folder, that are hashed
Files = dict[str, str]  # the objects of files in git, by path


@dataclass(frozen=True)
class Commits:
    """The commits of base, ours and theirs."""

    names: tuple[str, str, str]

    @cached_property
    def trees(self) -> list[Files]:
        """The files of each, by path from the root of git."""
        return [_listing(each) for each in self.names]

    def contents(self, path: str) -> list[bytes]:
        """The content of a file in each; nothing where it is not there."""
        return [_content(tree[path]) if path in tree else b"" for tree in self.trees]

    def refutes(self, folder: str, entry: Mapping[str, Any]) -> bool:
        """Whether an entry of the lock in a folder records a file or a parameter that the merged tree has otherwise.

        A lock does not say in which folder a stage runs, so what it records must be so in one of the commits.
        """
        for dep in entry.get("deps") or []:
            path = posixpath.normpath(posixpath.join(folder, dep["path"]))
            if self._changed.overlapping(path) and self._refutes_file(path, dep):
                return True
        for file, values in (entry.get("params") or {}).items():
            path = posixpath.normpath(posixpath.join(folder, file))
            if self._changed.overlapping(path) and self._refutes_values(path, file, values):
                return True
        return False

    @cached_property
    def _changed(self) -> Paths:
        """The files that are not the same in all commits."""
        base, ours, theirs = self.trees
        paths = dict.fromkeys([*base, *ours, *theirs])
        return Paths(path for path in paths if not base.get(path) == ours.get(path) == theirs.get(path))

    def _refutes_file(self, path: str, dep: Mapping[str, Any]) -> bool:
        recorded = Hash("md5" if dep.get("hash") == "md5" else "md5-dos2unix", str(dep.get("md5")))
        versions = [_within(path, tree) for tree in self.trees]
        merged: Files = {}
        for each in dict.fromkeys(file for version in versions for file in version):
            object_ = three_way(*(version.get(each) for version in versions))
            if object_ is CONFLICT:
                return False  # git merges its lines, or somebody will
            merged |= {each: object_} if object_ else {}
        if not merged or _is(recorded, merged):
            return False
        return any(_is(recorded, version) for version in versions)

    def _refutes_values(self, path: str, file: str, recorded: Mapping[str, Any]) -> bool:
        try:
            documents = [parsed(each, path) if each else {} for each in self.contents(path)]
        except UserError:
            return False
        for key, value in recorded.items():
            versions = [get(each, key) for each in documents]
            merged = three_way(*versions)
            if merged in (CONFLICT, ABSENT) or as_in_lock(value, merged, "params", file, key):
                continue
            if any(each is not ABSENT and as_in_lock(value, each, "params", file, key) for each in versions):
                return True
        return False


def commits_of(base: Path, ours: Path, theirs: Path, path: str) -> Commits | None:
    """The commits in which a file is as git gives it to a driver; None where they are not known for sure.

    Git merges file by file, in no order that a driver may count on, and where there are two ancestors, these first.
    """
    blobs = [_hash(file) for file in (base, ours, theirs)]
    for names in _candidates(path, str(blobs[2])):
        if [_blob(commit, path) for commit in names] == blobs:
            return Commits(names)
    return None


def _candidates(path: str, blob: str) -> Iterator[tuple[str, str, str]]:
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


def _listing(commit: str) -> Files:
    lines = os.fsdecode(git("ls-tree", "-r", "-z", "--full-tree", commit)).split("\0")
    return {path: about.split()[2] for about, _, path in (each.partition("\t") for each in lines if each)}


def _content(object_: str) -> bytes:
    return git("cat-file", "blob", object_)


def _within(path: str, tree: Files) -> Files:
    """The file at a path, by an empty text, or those in the folder, by their paths from it."""
    if path in tree:
        return {"": tree[path]}
    start = "" if path == "." else f"{path}/"
    return {each[len(start) :]: object_ for each, object_ in tree.items() if each.startswith(start)}


def _is(recorded: Hash, files: Files) -> bool:
    """Whether files are what a hash says, with whatever line ends git may have given them."""
    if recorded.is_folder == ("" in files) or len(files) > MOST_FILES:
        return False
    for ends in (b"", *LINE_ENDS):
        hashes = {path: hash_of_bytes(_content(object_), recorded.name, ends) for path, object_ in files.items()}
        if recorded == (hashes[""] if "" in files else folder_hash(hashes, recorded.name)):
            return True
    return False
