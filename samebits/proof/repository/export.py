"""A commit in a temporary folder of its own: its tree byte for byte, whatever `.gitattributes` says."""

import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from samebits.errors import UserError
from samebits.git import fetch_missing, git, prefix_of, top_of
from samebits.proof.repository.hashes import sha256_of
from samebits.proof.repository.temporary import temporary_folder

# No conversion of line ends, no filters, no keywords: these stand above the .gitattributes of the tree.
ATTRIBUTES = "* -text -eol -ident -filter -working-tree-encoding\n"
POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:.+\n)*?oid sha256:([0-9a-f]{64})\n")
MOST_OF_POINTER = 1024  # bytes
GIT = ["-c", "core.autocrlf=false", "-c", "core.hooksPath=", "-c", "advice.detachedHead=false", "-c", "core.fsmonitor="]


BORROWED = ".git/borrowed"  # where a view shows the objects of the user's repository, read-only


@dataclass(frozen=True)
class Export:
    """The files of a commit, which no stage changes.

    folder: all that is temporary. top: the root of git's repository in it; root: that of DVC's. inside: a layer over
    `top` in views: there, the same objects of git stand elsewhere. borrowed: these, by path from the top.
    absent: by path from the root, what of the tree is not available, and the command that brings it.
    """

    folder: Path
    top: Path
    root: Path
    inside: Path
    borrowed: dict[str, Path] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


@contextmanager
def export(commit: str, root: Path, borrow: bool = True, inner: str | None = None) -> Iterator[Export]:
    """The files of a commit of the repository around `root`, a root of DVC; they go, however the block ends.

    borrow: whether git's objects stay where they are, which a stage could find, unless a view shows them elsewhere;
    else they are copied. inner: where DVC's root is in the commit, where `root` is not that, but a bare repository.
    """
    inner = prefix_of(root) if inner is None else inner
    fetch_missing(commit, root)
    with _explained(), temporary_folder() as folder:
        top = folder / "commit"
        tree = Export(folder, top, top / inner, folder / "inside")
        _check_out(commit, root, tree, ".", borrow)
        if not tree.root.is_dir():
            raise UserError(f"{commit[:10]}: has no folder {inner}")
        for path, why in [*_large_files(root, top), *_submodules(root, tree, ".", borrow)]:
            tree.absent[Path(os.path.relpath(top / path, tree.root)).as_posix()] = why
        (tree.root / ".dvc").mkdir(exist_ok=True)
        yield tree


@contextmanager
def _explained() -> Iterator[None]:
    """Raises UserError where the system cannot do what is to be done in a temporary folder."""
    where = tempfile.gettempdir()
    try:
        yield
    except sqlite3.Error as error:  # DVC keeps databases there
        raise UserError(f"{where}: {error}; the check works in a temporary folder") from error
    except OSError as error:
        raise UserError(
            f"{error.filename or where}: {error.strerror}; the check works in a temporary folder"
        ) from error


def _check_out(commit: str, source: Path, tree: Export, path: str, borrow: bool) -> None:
    """A repository with a commit of the one around `source` checked out, its history and its tags.

    path: where, from the top of the tree.
    """
    top = tree.top / path
    asked = ("--show-object-format", "--git-path", "objects", "--git-path", "shallow")
    form, *paths = os.fsdecode(git("rev-parse", *asked, cwd=source)).rstrip("\n").split("\n")
    objects, shallow = ((source / each).resolve() for each in paths)
    git("init", "-q", "--template=", f"--object-format={form}", str(top))
    info = top / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(ATTRIBUTES)
    if shallow.exists():
        shutil.copy(shallow, top / ".git" / "shallow")
    tags = git("for-each-ref", f"--merged={commit}", "--format=%(objectname) %(refname)", "refs/tags", cwd=source)
    if borrow:
        (top / ".git" / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
        there = tree.inside / path / ".git"
        (there / "objects" / "info").mkdir(parents=True)
        (there / "objects" / "info" / "alternates").write_text("../borrowed\n")
        (there / "borrowed").mkdir()
        tree.borrowed[os.path.normpath(f"{path}/{BORROWED}")] = objects
    else:
        wanted = "".join(f"{line.split()[0]}\n" for line in [commit, *tags.decode().splitlines()])
        pack = git("pack-objects", "--revs", "--stdout", "-q", cwd=source, given=wanted.encode())
        git("index-pack", "--stdin", cwd=top, given=pack)
    refs = (line.split(" ", 1) for line in tags.decode(errors="surrogateescape").splitlines())
    orders = f"option no-deref\nupdate HEAD {commit}\n" + "".join(f"create {name} {each}\n" for each, name in refs)
    git("update-ref", "--stdin", cwd=top, given=orders.encode(errors="surrogateescape"))
    git(*GIT, "read-tree", commit, cwd=top)
    git(*GIT, "checkout-index", "--all", "--force", cwd=top)
    git(*GIT, "update-index", "-q", "--refresh", cwd=top)


def _common(folder: Path) -> Path:
    """The folder of git that all work trees of a repository share."""
    return (folder / os.fsdecode(git("rev-parse", "--git-common-dir", cwd=folder)).strip()).resolve()


def _large_files(root: Path, top: Path) -> Iterator[tuple[str, str]]:
    """Put the files of Git LFS in the place of their pointers; tells of those that are not at hand."""
    if not any(b"filter=lfs" in each.read_bytes() for each in top.rglob(".gitattributes") if each.is_file()):
        return
    store = _common(root) / "lfs" / "objects"
    for path in filter(None, os.fsdecode(git("ls-files", "-z", cwd=top)).split("\0")):
        file = top / path
        if file.is_symlink() or not file.is_file() or file.stat().st_size > MOST_OF_POINTER:
            continue
        found = POINTER.match(file.read_bytes())
        if not found:
            continue
        oid = found[1].decode()
        stored = store / oid[:2] / oid[2:4] / oid
        if not stored.is_file() or sha256_of(stored) != oid:
            yield path, f"git lfs pull --include '{path}'"
            continue
        mode = file.stat().st_mode
        file.unlink()
        shutil.copyfile(stored, file)
        file.chmod(mode)


def _submodules(source: Path, tree: Export, path: str, borrow: bool) -> Iterator[tuple[str, str]]:
    """Check out the submodules of which git has the commit here; tells of the others.

    source: the user's repository. path: where it is checked out, from the top of the tree.
    """
    listing = os.fsdecode(git("ls-files", "--stage", "-z", cwd=tree.top / path))
    for line in listing.split("\0"):
        if line.startswith("160000 "):
            commit, name = line.split()[1], line.partition("\t")[2]
            inner = os.path.normpath(f"{path}/{name}")
            try:
                around = top_of(source)
                git("cat-file", "-e", f"{commit}^{{commit}}", cwd=_own_repository(around / name, around))
                _check_out(commit, around / name, tree, inner, borrow)
            except UserError:
                yield inner, f"git submodule update --init '{inner}'"
                continue
            for file, why in _large_files(around / name, tree.top / inner):
                yield f"{inner}/{file}", why
            yield from _submodules(around / name, tree, inner, borrow)


def _own_repository(folder: Path, around: Path) -> Path:
    """A folder, if git takes it for another repository than the one around it. Raises UserError if not."""
    if not folder.is_dir() or top_of(folder) == around:
        raise UserError(f"{folder}: not checked out")
    return folder
