"""The versions of files at the commits before HEAD, read by git at once."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from samebits.git import git

MOST_COMMITS = 2000  # that changed one of the files; the latest
MOST_VERSIONS = 5000
MOST_BYTES = 2**20  # of a version that is read


@dataclass
class History:
    """Versions of files in the order of their commits, the oldest first.

    commits: their hashes. changes: of each file, the places in `commits` at which it became another, with the object
    that it became, None for none. contents: of objects.
    """

    commits: list[str] = field(default_factory=list)
    changes: dict[str, list[tuple[int, str | None]]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)

    def versions(self, file: str) -> list[tuple[range, bytes]]:
        """The contents that a file had, each with the places in `commits` at which it had it."""
        found = []
        changes = self.changes.get(file, [])
        for at, (start, object_) in enumerate(changes):
            end = changes[at + 1][0] if at + 1 < len(changes) else len(self.commits)
            if object_ in self.contents:
                found.append((range(start, end), self.contents[object_]))
        return found


def read(folder: Path, files: Collection[str]) -> History:
    """The history of files, by path from a folder, at HEAD and before it."""
    history = History()
    if not files:
        return history
    form = ["--no-show-signature", "--format=%x01%H", "--raw", "--no-abbrev", "--no-renames", "--relative", "-z"]
    order = ["--topo-order", "--diff-merges=first-parent", f"--max-count={MOST_COMMITS}"]
    paths = [f":(literal){each}" for each in files]
    listing = git("log", *form, *order, "HEAD", "--", *paths, cwd=folder).decode(errors="surrogateescape")
    for commit in reversed(listing.split("\1")[1:]):
        hash_, *entries = commit.strip("\0\n").split("\0")
        for about, path in zip(entries[::2], entries[1::2], strict=False):
            object_ = about.split()[3]
            change = len(history.commits), None if set(object_) == {"0"} else object_
            history.changes.setdefault(path, []).append(change)
        history.commits.append(hash_)
    objects = dict.fromkeys(each for changes in history.changes.values() for _, each in reversed(changes) if each)
    history.contents = _contents(folder, list(objects)[:MOST_VERSIONS])
    return history


def _contents(folder: Path, objects: Iterable[str]) -> dict[str, bytes]:
    """The contents of objects, of those that are not large."""
    sizes = git("cat-file", "--batch-check", cwd=folder, given="\n".join(objects).encode()).decode().splitlines()
    small = [line.split()[0] for line in sizes if len(line.split()) == 3 and int(line.split()[2]) <= MOST_BYTES]
    answer = git("cat-file", "--batch", cwd=folder, given="\n".join(small).encode())
    found, at = {}, 0
    for object_ in small:
        head_end = answer.index(b"\n", at)
        size = int(answer[at:head_end].split()[2])
        found[object_] = answer[head_end + 1 : head_end + 1 + size]
        at = head_end + size + 2
    return found
