"""Folders that lie over one another as layers of one tree, and what a stage wrote into the one on top."""

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

OPAQUE = "user.overlay.opaque"  # what overlayfs writes on a folder that hides those below it
MOST = 64  # layers, before they are put together; the kernel takes 500


@dataclass(frozen=True)
class Written:
    """What a stage wrote.

    files: where the bytes of each new or changed file or link lie, by its path from the top of the tree.
    deleted: paths of files that the stage saw and removed. same: of those that it wrote as they were.
    """

    files: dict[str, Path] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Layers:
    """Layers of a tree that no stage changes, the one on top first."""

    folders: tuple[Path, ...]

    def over(self, *folders: Path) -> "Layers":
        """More layers on top."""
        return Layers((*folders, *self.folders))

    def find(self, path: str) -> Path | None:
        """Where the tree has a path, its links not followed."""
        return next((found for each in self.folders if os.path.lexists(found := each / path)), None)

    def files(self, folder: str = ".") -> Iterator[str]:
        """The paths of all files and links in a folder of the tree."""
        seen = set()
        for layer in self.folders:
            for path in files_in(layer / folder):
                name = os.path.normpath(os.path.join(folder, os.path.relpath(path, layer / folder)))
                if name not in seen:
                    seen.add(name)
                    yield name

    def copied(self, target: Path, links: bool = False) -> None:
        """The tree as a folder of its own. links: hard links of files, where nothing can write to them."""
        for layer in reversed(self.folders):
            _copy(layer, target, links)


def squashed(layers: Layers, folder: Path) -> Layers:
    """The same tree in fewer layers, where they are too many. folder: for what is put together; it does not exist."""
    if len(layers.folders) <= MOST:
        return layers
    layers.copied(folder, links=True)
    return Layers((folder,))


def written_over(layers: Layers, upper: Path) -> Written:
    """What overlayfs put into its upper folder over these layers."""
    found = Written()
    for path in list(files_in(upper)):
        name = path.relative_to(upper).as_posix()
        below = layers.find(name)
        if _is_whiteout(path):
            found.deleted.extend(_files_at(layers, name))
        elif below is not None and same_file(below, path):
            found.same.append(name)
        else:
            found.files[name] = path
    for folder in _opaque(upper):
        name = folder.relative_to(upper).as_posix()
        found.deleted.extend(each for each in layers.files(name) if not os.path.lexists(upper / each))
    return found


def cleaned(upper: Path, without: Iterable[str]) -> None:
    """Make an upper folder a layer for others: no signs of overlayfs, none of these paths."""
    for folder in _opaque(upper):
        os.removexattr(folder, OPAQUE)
    for path in list(files_in(upper)):
        if _is_whiteout(path):
            path.unlink()
    for name in without:
        with suppress(FileNotFoundError):
            (upper / name).unlink()


def files_in(folder: Path) -> Iterator[Path]:
    """The files and links in a folder, at any depth."""
    for parent, folders, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)
        yield from (Path(parent, name) for name in folders if os.path.islink(os.path.join(parent, name)))


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths hold the same: links the same target, files the same bytes and the same right to run."""
    first, second = one.lstat(), other.lstat()
    if stat.S_IFMT(first.st_mode) != stat.S_IFMT(second.st_mode):
        return False
    if stat.S_ISLNK(first.st_mode):
        return os.readlink(one) == os.readlink(other)
    if first.st_size != second.st_size or (first.st_mode ^ second.st_mode) & stat.S_IXUSR:
        return False
    if not stat.S_ISREG(first.st_mode):
        return True
    with one.open("rb") as left, other.open("rb") as right:
        while chunk := left.read(1 << 20):
            if chunk != right.read(1 << 20):
                return False
    return True


def _files_at(layers: Layers, name: str) -> Sequence[str]:
    found = layers.find(name)
    if found is None:
        return []
    return list(layers.files(name)) if found.is_dir() and not found.is_symlink() else [name]


def _is_whiteout(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _opaque(upper: Path) -> list[Path]:
    if not hasattr(os, "getxattr"):
        return []
    found = []
    for parent, _, _ in os.walk(upper):
        with suppress(OSError):
            if os.getxattr(parent, OPAQUE) == b"y":
                found.append(Path(parent))
    return found


def _copy(source: Path, target: Path, links: bool) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with os.scandir(source) as entries:
        for entry in entries:
            other = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                if other.is_symlink() or other.is_file():
                    other.unlink()
                _copy(Path(entry.path), other, links)
                continue
            if other.is_dir() and not other.is_symlink():
                shutil.rmtree(other)
            elif os.path.lexists(other):
                other.unlink()
            if links and not entry.is_symlink():
                os.link(entry.path, other)
            else:
                copy_file(entry.path, other)
    shutil.copystat(source, target)


def copy_file(source: str | Path, target: str | Path) -> None:
    """A file or link with its times and rights, sharing its bytes where the file system can do so safely."""
    if not os.path.islink(source) and _cloned(source, target):
        shutil.copystat(source, target)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _cloned(source: str | Path, target: str | Path) -> bool:
    try:
        import fcntl
    except ImportError:
        return False
    with open(source, "rb") as one, open(target, "wb") as other:
        try:
            fcntl.ioctl(other.fileno(), 0x40049409, one.fileno())  # FICLONE of linux/fs.h
        except OSError:
            os.unlink(target)
            return False
    return True
