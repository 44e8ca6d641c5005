"""Paths from the root of a repository, with / between their parts; and where paths of this machine lead."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


class Paths:
    """Paths that others may lie in or around. Each is found without a look at all."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = dict.fromkeys(paths)
        self._inside: dict[str, list[str]] = {}
        for path in self._paths:
            for folder in parents(path):
                self._inside.setdefault(folder, []).append(path)

    def within(self, folder: str) -> list[str]:
        """Those that lie in a folder, at any depth."""
        return self._inside.get(folder, [])

    def around(self, path: str) -> str | None:
        """The nearest that is a folder around a path."""
        return next((parent for parent in parents(path) if parent in self._paths), None)

    def at_or_around(self, path: str) -> list[str]:
        """Those that lie at a path, or are a folder around it, the nearest first."""
        return [each for each in (path, *parents(path)) if each in self._paths]

    def overlapping(self, path: str) -> list[str]:
        """Those that lie at, in or around a path."""
        return [*self.at_or_around(path), *self.within(path)]


def parents(path: str) -> list[str]:
    """The folders around a path, the nearest first; the root is '.'."""
    parts = path.split("/")
    return [] if path == "." else [*("/".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)), "."]


def lies_in(path: Path, folder: Path) -> bool:
    """Whether a path, its links of folders followed, lies in a resolved folder, and is not that itself."""
    path = Path(os.path.normpath(path))
    return path != folder and (path.parent.resolve() / path.name).is_relative_to(folder)


def links_in(path: Path) -> Iterator[Path]:
    """The symbolic links at a path and, where it is a folder, in it."""
    if path.is_symlink():
        yield path
    for parent, folders, files in os.walk(path):
        yield from (Path(parent, name) for name in [*folders, *files] if os.path.islink(os.path.join(parent, name)))
