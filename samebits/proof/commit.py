"""The pipelines of a commit, read from git alone: no checkout, no working tree."""

import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from samebits.errors import UserError
from samebits.git import commit_of, git
from samebits.proof.repository import aliases
from samebits.proof.repository.pipeline import Pipeline, repository
from samebits.proof.running.export import Export, export

CONFIG = ".dvc/config"


@contextmanager
def committed(revision: str) -> Iterator[Pipeline]:
    """The pipelines of a commit of the repository around the working directory, which may be a bare one."""
    with exported(revision) as repo:
        yield Pipeline.read(repo)


@contextmanager
def exported(revision: str) -> Iterator[Repo]:
    """As `committed`: the repository of DVC that the commit is."""
    commit = commit_of(revision)
    if git("rev-parse", "--is-bare-repository").strip() == b"true":
        with export(commit, Path(), inner=_root_in(commit)) as tree:
            yield _opened(tree)
    else:
        user = repository(config={"core": {"no_scm": True}})
        with export(commit, Path(user.root_dir)) as tree:
            yield _opened(tree, user)


def _opened(tree: Export, user: Repo | None = None) -> Repo:
    aliases.refuse_in(tree.root)
    return repository(tree.root, _config(tree, user))


def _config(tree: Export, user: Repo | None = None) -> dict[str, Any]:
    """Settings of DVC for an export that is only read: the user's cache and remotes, nothing else of the user's."""
    found: dict[str, Any] = {"core": {"no_scm": True, "site_cache_dir": str(tree.folder / "dvc")}}
    if user and user.cache.local is not None:
        found["cache"] = {"dir": user.cache.local.path}
        found["remote"] = dict(user.config.get("remote") or {})
        if remote := user.config["core"].get("remote"):
            found["core"]["remote"] = remote
    return found


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
