"""The two trees of an explanation: which commits they are, and the working tree as a commit."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from samebits.errors import UserError
from samebits.git import commit_of, git, prefix_of, top_of
from samebits.proof.explaining.side import Side, listed
from samebits.proof.repository.export import Export, export
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.store import Store
from samebits.proof.repository.temporary import temporary_folder

WORKTREE = "worktree"
MAIN = ("main", "origin/main", "master", "origin/master", "origin/HEAD")
IDENTITY = ["-c", "user.name=samebits", "-c", "user.email=samebits@localhost", "-c", "commit.gpgSign=false"]


@dataclass(frozen=True)
class Ends:
    """Two commits, of a repository of git; head is that of the working tree where `worktree`."""

    base: str
    head: str
    repository: Path
    worktree: bool = False


@contextmanager
def ends(base: str | None, head: str, worktree: bool, user: Repository) -> Iterator[Ends]:
    """The commits that are meant. Raises UserError where they are one, or not known."""
    if not worktree:
        last = commit_of(head)
        found = commit_of(base) if base else _merge_base(last)
        if found == last:
            raise UserError(f"{base or 'main'} and {head} are one commit, {last[:10]}; name a base, as HEAD~1")
        yield Ends(found, last, user.root)
        return
    folder = Path(git("rev-parse", "--git-dir", cwd=user.root).decode().strip())
    with _as_commit(user.root, user.root / folder) as (commit, repository):
        yield Ends(commit_of(base or "HEAD"), commit, repository, worktree=True)


def _merge_base(head: str) -> str:
    for name in MAIN:
        try:
            main = commit_of(name)
        except UserError:
            continue
        return git("merge-base", main, head).decode().strip()
    raise UserError("there is no branch main; name a base: samebits explain BASE")


@contextmanager
def _as_commit(root: Path, git_folder: Path) -> Iterator[tuple[str, Path]]:
    """The working tree as a commit of a repository of its own, which borrows the objects of the user's."""
    top = top_of(root)
    with temporary_folder() as folder:
        objects, index, exclude = (
            (root / os.fsdecode(git("rev-parse", "--git-path", name, cwd=root)).strip()).resolve()
            for name in ("objects", "index", "info/exclude")
        )
        form = git("rev-parse", "--show-object-format", cwd=root).decode().strip()
        git("init", "-q", "--template=", f"--object-format={form}", str(folder))
        own = folder / ".git"
        (own / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
        (own / "info").mkdir(exist_ok=True)
        for source, name in ((index, "index"), (exclude, "info/exclude")):
            if source.exists():
                shutil.copy(source, own / name)
        there = [f"--git-dir={own}", f"--work-tree={top}"]
        git(*there, "add", "--all", ".", cwd=top)
        tree = git(*there, "write-tree", cwd=top).decode().strip()
        parent = git("rev-parse", "HEAD", cwd=root).decode().strip()
        message = "The working tree"
        commit = git(*there, *IDENTITY, "commit-tree", tree, "-p", parent, "-m", message, cwd=top).decode().strip()
        yield commit, folder


@contextmanager
def sides(found: Ends, user: Repository, borrow: bool) -> Iterator[tuple[Side, Side, Store]]:
    """Both trees, exported; and the objects of DVC."""
    with ExitStack() as stack:
        base = stack.enter_context(export(found.base, user.root, borrow))
        inner = prefix_of(user.root)
        head = stack.enter_context(export(found.head, found.repository, borrow, inner))
        store = Store(user, base.folder / "downloads")
        yield read(found.base, base, user, store), read(found.head, head, user, store, found.repository), store


def read(commit: str, tree: Export, user: Repository, store: Store, repository: Path | None = None) -> Side:
    """An exported commit with its pipelines. Raises UserError where DVC cannot read them."""
    return Side(tree, listed(commit, tree, repository or user.root), read_pipeline(tree, user, store))


def read_pipeline(tree: Export, user: Repository, store: Store) -> Pipeline:
    """The pipelines of an exported tree. Raises UserError where DVC cannot read them."""
    return Pipeline.read(Repository.exported(tree.root, tree.folder, user, own_cache=True), store)
