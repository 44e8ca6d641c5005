"""A stage run once more, in a tree of some files and in some surroundings, against what it made at first."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from samebits.git import git
from samebits.proof.judging.diagnosis import difference
from samebits.proof.judging.judge import Judge
from samebits.proof.repository.pipeline import Stage
from samebits.proof.running.export import remove
from samebits.proof.running.run import Runner
from samebits.proof.running.sources import LARGE
from samebits.proof.strictness import kinds as surroundings
from samebits.proof.strictness.declared import Declared, age
from samebits.proof.strictness.kinds import Surroundings, together

TICK = 1.05  # seconds after which every clock of seconds shows another one
LONGEST = 600  # seconds of a run of which each may stand in an output
MOST_BYTES = 2**24  # of an output that is searched for the time
MOST_IN_MEMORY = 2**30  # bytes
WHO = ("-c", "user.name=samebits", "-c", "user.email=samebits")


@dataclass(frozen=True)
class Seen:
    """How a run of a stage was not as the first one.

    failed: why it did not end well; else path and told: the first output that came out otherwise, and how.
    timed: whether the two differ by the time at which they were made.
    """

    failed: str | None = None
    path: str | None = None
    told: str = ""
    timed: bool = False

    def __str__(self) -> str:
        """In words."""
        return self.failed or f"{self.path} came out otherwise{self.told and f' ({self.told})'}"


@dataclass
class Trial:
    """Runs stages of which the first run ended well, and whose outputs are still in the tree.

    linked: files that share their bytes with the user's cache. notes: what could not be varied.
    folders: by stage, those in which it ran and wrote that were there before.
    """

    runner: Runner
    judge: Judge
    linked: list[Path]
    notes: list[str]

    def __post_init__(self) -> None:
        tree = self.runner.tree
        self.declared = Declared(self.runner)
        self.aside, self.moved = tree.folder / "whole", tree.folder / "another place" / "of the tree"
        self.home = tree.folder / "home"
        self.folders: dict[str, list[str]] = {}

    def steady(self, stage: Stage, files: Sequence[str], other: Surroundings) -> bool:
        """Whether three runs make the same."""
        made = []
        for _ in range(3):
            with self._tree(stage, files, whole=True):
                failed = self.runner.attempt(stage, other)
                made.append(None if failed else self.runner.hashes(stage))
        return made[0] is not None and made[0] == made[1] == made[2]

    def run(
        self,
        stage: Stage,
        files: Sequence[str],
        kinds: Sequence[Surroundings] = (),
        whole: bool = False,
        shown: Sequence[Path] = (),
        watch: Callable[[Path, bool], None] = lambda *_: None,
    ) -> Seen | None:
        """Run a stage in a tree of some files; None if it made the same as at first.

        whole: with the history of git, too. shown: paths of folders that are hidden. watch: is called before and after.
        """
        other, top = together(kinds), self.runner.tree.top
        time.sleep(max(0, self.runner.when[stage.name][1] + TICK - time.time()))
        with self._tree(stage, files, whole):
            if other.aged:
                age(top, {os.path.relpath(path, top) for path in self._links()})
            here = self.moved if other.moved else top
            if other.moved:
                self._move(top, here)
            watch(here, True)
            start = time.time()
            failed = self.runner.attempt(stage, self._placed(stage, other, here, files, shown), here)
            ran = start, time.time()
            watch(here, False)
            if other.moved:
                self._move(here, top)
            return Seen(failed.reason) if failed else self._compared(stage, ran)

    def _compared(self, stage: Stage, ran: tuple[float, float]) -> Seen | None:
        made, first = self.runner.hashes(stage), self.runner.obtained
        tree = self.runner.tree
        for out in (each for each in stage.outs if each.here and made.get(each.path) != first.get(each.path)):
            one = self.aside / tree.root.relative_to(tree.top) / out.path
            two = tree.root / out.path
            if not self.judge.allows(out.path, one, two):
                timed = _timed(one, self.runner.when[stage.name], two, ran)
                told = difference(out.path, one, two) if os.path.lexists(two) else "it was not made"
                return Seen(None, out.path, told, timed)
        return None

    def _placed(
        self, stage: Stage, other: Surroundings, here: Path, files: Sequence[str], shown: Sequence[Path]
    ) -> Surroundings:
        """Surroundings with the paths of a tree, and some of those that are hidden."""
        for path in shown:
            if path.parent in other.hidden and not os.path.lexists(self.home / path.name):
                (self.home / path.name).symlink_to(path)
        more = list(other.launcher)
        if other.reordered and self._fits(stage, files):
            whole = [here / path.relative_to(self.runner.tree.top) for path in self.runner.made_by_setup]
            more += ["--reorder", str(here), *(word for path in whole for word in ("--whole", str(path)))]
        if "--empty" in more:
            env = other.applied(self.runner.environment()[0])
            cache = [os.path.realpath(path) for path in self.linked if path.is_symlink()]
            keep = [str(self.runner.tree.folder), *self.declared.elsewhere(stage), *cache, *surroundings.kept(env)]
            keep += map(str, shown)
            more += [word for path in keep for word in ("--keep", path)]
        return Surroundings(other.name, other.variables, other.unshare, more)

    @cached_property
    def _history(self) -> Path:
        """A repository of git with one commit, which is empty: tools find a root there, and no history."""
        folder = self.runner.tree.folder / "history"
        git("init", "-q", "--template=", str(folder))
        nothing = git("write-tree", cwd=folder).decode().strip()
        commit = git(*WHO, "commit-tree", "-m", "samebits", nothing, cwd=folder).decode().strip()
        git("update-ref", "HEAD", commit, cwd=folder)
        return folder / ".git"

    def _fits(self, stage: Stage, files: Sequence[str]) -> bool:
        """Whether a tree, with what a stage makes in it, has its place in memory."""
        root = self.aside / self.runner.tree.root.relative_to(self.runner.tree.top)
        sizes = [(self.aside / each).lstat().st_size for each in files]
        size = sum(each for each in sizes if each < LARGE) + sum(_size(root / path) for path in stage.makes)
        note = f"{stage.name}: the order of a folder's entries was not varied; its files do not fit into memory"
        if size > MOST_IN_MEMORY and note not in self.notes:
            self.notes.append(note)
        return size <= MOST_IN_MEMORY

    @contextmanager
    def _tree(self, stage: Stage, files: Sequence[str], whole: bool = False) -> Iterator[None]:
        """A tree of some files in the place of all. whole: with the history of git."""
        tree, built = self.runner.tree, self.runner.tree.folder / "strict"
        self.declared.build(built, files, self.folders[stage.name], self._links())
        remove(self.home)
        self.home.mkdir()
        os.rename(tree.top, self.aside)
        os.rename(built, tree.top)
        lent = [*self.runner.made_by_setup, *([tree.top / ".git"] if whole else [])]
        self._lend(lent, self.aside, tree.top)
        try:
            if not whole:
                shutil.copytree(self._history, tree.top / ".git")
            yield
        finally:
            self._lend(lent, tree.top, self.aside)
            remove(tree.top)
            os.rename(self.aside, tree.top)

    def _move(self, source: Path, target: Path) -> None:
        """Move the tree; what `setup` made stays where it is."""
        top = self.runner.tree.top
        target.parent.mkdir(exist_ok=True)
        if source == top:
            os.rename(source, target)
            source.mkdir()
            self._lend(self.runner.made_by_setup, target, source)
        else:
            self._lend(self.runner.made_by_setup, target, source)
            remove(target)
            os.rename(source, target)

    def _lend(self, paths: Sequence[Path], source: Path, target: Path) -> None:
        for path in paths:
            name = path.relative_to(self.runner.tree.top)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                os.rename(source / name, target / name)

    def _links(self) -> set[Path]:
        return set(self.linked)


def _size(path: Path) -> int:
    """The bytes of a file, or of the files of a folder."""
    files = [path] if path.is_file() else [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    return sum(each.lstat().st_size for each in files)


def _timed(one: Path, ran: tuple[float, float], other: Path, again: tuple[float, float]) -> bool:
    """Whether each of two files, or folders, holds a second of the time at which it was made, and not the other's."""
    if max(ran[1] - ran[0], again[1] - again[0]) > LONGEST:
        return False
    texts = _bytes(one), _bytes(other)
    holds = [
        any(each in texts[mine] and each not in texts[1 - mine] for each in _seconds(*span))
        for mine, span in enumerate((ran, again))
    ]
    return all(holds)


def _seconds(start: float, end: float) -> Iterator[bytes]:
    """How programs write the seconds of a time: since 1970, or on a clock."""
    for second in range(int(start), int(end) + 1):
        yield str(second).encode()
        yield time.strftime(":%M:%S", time.gmtime(second)).encode()


def _bytes(path: Path) -> bytes:
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return b"".join(each.read_bytes() for each in files if each.stat().st_size <= MOST_BYTES)
