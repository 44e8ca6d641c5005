"""The pipelines of a commit, read from git alone: no checkout, no working tree."""

import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samebits.errors import UserError
from samebits.git import commit_of, git
from samebits.proof.repository import aliases
from samebits.proof.repository.export import Export, export
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.pipeline import Pipeline

CONFIG = ".dvc/config"


@contextmanager
def committed(revision: str) -> Iterator[Pipeline]:
    """The pipelines of a commit of the repository around the working directory, which may be a bare one."""
    with exported(revision) as repo:
        yield Pipeline.read(repo)


@contextmanager
def exported(revision: str) -> Iterator[Repository]:
    """As `committed`: the DVC repository that the commit is."""
    commit = commit_of(revision)
    if git("rev-parse", "--is-bare-repository").strip() == b"true":
        with export(commit, Path(), inner=_root_in(commit)) as tree:
            yield _opened(tree)
    else:
        user = Repository.open(git=False)
        with export(commit, user.root) as tree:
            yield _opened(tree, user)


def _opened(tree: Export, user: Repository | None = None) -> Repository:
    aliases.refuse_in(tree.root)
    return Repository.exported(tree.root, tree.folder, user, own_cache=False)


def roots(revision: str) -> list[str]:
    """The folders of a commit in which a DVC repository has its root, with / at their end; '' for the top."""
    listing = os.fsdecode(git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit_of(revision))).split("\0")
    return sorted(each.removesuffix(CONFIG) for each in listing if posixpath.join("/", each).endswith(f"/{CONFIG}"))


def _root_in(commit: str) -> str:
    """The folder of a commit in which DVC's root is, with / at its end. Raises UserError where there is not one."""
    found = roots(commit)
    if "" in found or len(found) == 1:
        return min(found)
    several = f"several DVC repositories ({', '.join(found)})" if found else "no DVC repository"
    raise UserError(f"{commit[:10]}: {several}; run in a checkout, in the folder of the one that is meant")
