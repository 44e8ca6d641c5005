"""The strict check: each stage once more with only what it declares, in surroundings that are other in every way."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from samebits.git import git
from samebits.proof import surroundings
from samebits.proof.declared import Declared, age
from samebits.proof.diagnosis import difference
from samebits.proof.export import remove
from samebits.proof.judge import Judge
from samebits.proof.lock import some
from samebits.proof.pipeline import Stage
from samebits.proof.run import Runner
from samebits.proof.surroundings import Surroundings, together
from samebits.proof.verdict import Problem

TICK = 1.05  # seconds after which every clock of seconds shows another one
LONGEST = 600  # seconds for the search of a file; seconds of a run of which each may stand in an output
MOST_BYTES = 2**24  # of an output that is searched for the time
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
class Strict:
    """Runs stages of which the first run ended well, and whose outputs are still in the tree.

    linked: files that share their bytes with the user's cache. notes: what could not be varied, or tried.
    """

    runner: Runner
    judge: Judge
    linked: list[Path]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        tree = self.runner.tree
        self.declared = Declared(self.runner)
        self.aside, self.moved = tree.folder / "whole", tree.folder / "another place" / "of the tree"
        self.home = tree.folder / "home"
        self.folders: dict[str, list[str]] = {}
        self.kinds = list(self._possible())

    def before(self, stage: Stage) -> None:
        """To be called before the first run of a stage."""
        self.folders[stage.name] = self.declared.folders(stage)

    def told(self, ended: Sequence[Stage], problems: Sequence[Problem]) -> list[Problem]:
        """Problems, those that are new and the reasons of the known ones included. ended: stages that ran."""
        found = list(problems)
        for number, stage in enumerate(ended, 1):
            now = self.runner.hashes(stage)
            if any(self.runner.obtained.get(path) != hash_ for path, hash_ in now.items()):
                continue  # another stage replaced it
            with self.runner.progress.step(f"{stage.name}, strictly", number, len(ended)):
                known = [each for each in found if (each.stage, each.kind) == (stage.name, "not-deterministic")]
                if not known:
                    found += self.of(stage)
                elif why := self.reason(stage):
                    found = [replace(each, text=f"{each.text}; {why}") if each in known else each for each in found]
        return found

    def of(self, stage: Stage) -> Iterator[Problem]:
        """What a stage reads without declaring it."""
        files = self.declared.of(stage)
        everywhere = self._run(stage, files, self.kinds)
        if not everywhere:
            return
        unstable, opened = self._in_whole(stage, files)
        if unstable:
            yield self._unstable(stage, unstable)
            return
        if alone := self._run(stage, files):
            problem, more = self._undeclared(stage, files, opened, alone)
            yield problem
            files += more
            if not more or not (everywhere := self._run(stage, files, self.kinds)):
                return
        guilty = self._guilty(stage, files, self.kinds)
        found = [(kind, seen) for kind, seen in guilty if self._sure(stage, files, kind)]
        for kind, seen in found:
            if kind.of_files:
                text = f"reads {kind.name}, which no dependency can name: with another, {seen}"
                yield Problem(stage.name, "undeclared-dependency", None, text)
            elif not seen.failed:
                text = f"{seen.path}: not deterministic, it depends on {kind.name}{seen.told and f' ({seen.told})'}"
                yield Problem(stage.name, "not-deterministic", seen.path, text)
            else:
                self.notes.append(f"{stage.name}: not varied for it: {kind.name}; with another, {seen}")
        if not found:
            if everywhere.failed:
                text = f"with all of its surroundings varied, and none alone, {everywhere}"
                yield Problem(stage.name, "stage-failed", None, text)
            else:
                yield self._unstable(stage, everywhere)

    def reason(self, stage: Stage) -> str:
        """Why a stage that is not deterministic may be so, in words; nothing where that cannot be told."""
        files = self.declared.others(stage, [])
        seen = self._run(stage, files, whole=True)
        if seen and seen.timed:
            return "the clock: it holds the time of the run"
        with_seed = Surroundings(variables={"PYTHONHASHSEED": "0"})
        if self._steady(stage, files, with_seed):
            return "the order of a set or another hash of Python: with PYTHONHASHSEED=0 it made the same three times"
        return ""

    def _unstable(self, stage: Stage, seen: Seen) -> Problem:
        why = self.reason(stage)
        text = f"{seen.path}: not deterministic, two runs here made different bytes{seen.told and f' ({seen.told})'}"
        return Problem(stage.name, "not-deterministic", seen.path, text + (f"; {why}" if why else ""))

    def _undeclared(
        self, stage: Stage, files: Sequence[str], opened: list[str], seen: Seen
    ) -> tuple[Problem, list[str]]:
        """What a stage lacks in a tree of what it declares, and that."""
        others = self.declared.others(stage, files)
        if (not opened or self._run(stage, [*files, *opened])) and not self._run(stage, [*files, *others]):
            rest = [each for each in others if each not in opened]
            opened += self._needed(stage, [*files, *opened], rest)
        names = [each for each in opened if not any(other.startswith(f"{each}/") for other in opened)]
        root = self.runner.tree.root
        paths = [os.path.relpath(self.runner.tree.top / each, root).replace(os.sep, "/") for each in names]
        if paths:
            text = f"reads {some(paths)}, which it does not declare: without, {seen}"
            return Problem(stage.name, "undeclared-dependency", paths[0], text), opened
        if not self._run(stage, [*files, *others], whole=True):
            text = f"reads the history in .git, which is no dependency: with another, {seen}"
            return Problem(stage.name, "undeclared-dependency", ".git", text), []
        text = f"in a tree of only what it declares, {seen}; no file that is missing there explains it"
        return Problem(stage.name, "stage-failed", None, text), []

    def _needed(self, stage: Stage, files: Sequence[str], others: list[str]) -> list[str]:
        """Of other files, enough for the stage to make what it made: by halves, one after the other."""
        found, deadline = list[str](), time.monotonic() + LONGEST
        while others and time.monotonic() < deadline and self._run(stage, [*files, *found]):
            few, enough = 0, len(others)  # the first `enough` of them do, the first `few` do not
            while enough - few > 1:
                middle = (few + enough) // 2
                if self._run(stage, [*files, *found, *others[:middle]]):
                    few = middle
                else:
                    enough = middle
            found.append(others[enough - 1])
            others = others[: enough - 1]
        return found

    def _in_whole(self, stage: Stage, files: Sequence[str]) -> tuple[Seen | None, list[str]]:
        """Run a stage in all of its tree; whether it is not deterministic, and which other files it opened."""
        others = self.declared.others(stage, files)
        opened: list[str] = []

        def watch(top: Path, before: bool) -> None:
            paths = {each: top / each for each in others}
            paths = {each: path for each, path in paths.items() if path.is_file() and path.stat().st_nlink == 1}
            if before:
                for path in paths.values():
                    os.utime(path, ns=(0, path.stat().st_mtime_ns))
            else:
                opened.extend(each for each, path in paths.items() if path.stat().st_atime_ns)

        everything = [*files, *others]
        seen = self._run(stage, everything, whole=True, watch=watch) or self._run(stage, everything, whole=True)
        return seen, opened

    def _guilty(
        self, stage: Stage, files: Sequence[str], kinds: Sequence[Surroundings]
    ) -> list[tuple[Surroundings, Seen]]:
        """The kinds of which each, varied alone, makes a stage fail or make other bytes."""
        if not kinds or not (seen := self._run(stage, files, kinds)):
            return []
        if len(kinds) == 1:
            return [(kinds[0], seen)]
        half = len(kinds) // 2
        return self._guilty(stage, files, kinds[:half]) + self._guilty(stage, files, kinds[half:])

    def _sure(self, stage: Stage, files: Sequence[str], kind: Surroundings) -> bool:
        """Whether it was not by chance."""
        return bool(self._run(stage, files, [kind])) and not self._run(stage, files)

    def _steady(self, stage: Stage, files: Sequence[str], other: Surroundings) -> bool:
        """Whether three runs make the same."""
        made = []
        for _ in range(3):
            with self._tree(stage, files, whole=True):
                failed, _ = self.runner.attempt(stage, other)
                made.append(None if failed else self.runner.hashes(stage))
        return made[0] is not None and made[0] == made[1] == made[2]

    def _run(
        self,
        stage: Stage,
        files: Sequence[str],
        kinds: Sequence[Surroundings] = (),
        whole: bool = False,
        watch: Callable[[Path, bool], None] = lambda *_: None,
    ) -> Seen | None:
        """Run a stage in a tree of some files; None if it made the same as at first.

        whole: with the history of git, too. watch: is called before and after it.
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
            failed, _ = self.runner.attempt(stage, self._placed(stage, other, here), here)
            ran = start, time.time()
            watch(here, False)
            if other.moved:
                self._move(here, top)
            return Seen(failed) if failed else self._compared(stage, ran)

    def _compared(self, stage: Stage, ran: tuple[float, float]) -> Seen | None:
        made, first = self.runner.hashes(stage), self.runner.obtained
        tree = self.runner.tree
        for out in (each for each in stage.outs if each.here and made.get(each.path) != first.get(each.path)):
            one = self.aside / tree.root.relative_to(tree.top) / out.path
            two = tree.root / out.path
            if not self.judge.allows(out.path, one, two):
                timed = _timed(one, self.runner.when[stage.name], two, ran)
                return Seen(None, out.path, difference(out.path, one, two), timed)
        return None

    def _placed(self, stage: Stage, other: Surroundings, here: Path) -> Surroundings:
        """Surroundings with the paths of a tree."""
        more = list(other.launcher)
        if other.reordered:
            whole = [here / path.relative_to(self.runner.tree.top) for path in self.runner.made_by_setup]
            more += ["--reorder", str(here), *(word for path in whole for word in ("--whole", str(path)))]
        if "--empty" in more:
            env = other.applied(self.runner.environment()[0])
            cache = [os.path.realpath(path) for path in self.linked if path.is_symlink()]
            keep = [str(self.runner.tree.folder), *self.declared.elsewhere(stage), *cache, *surroundings.kept(env)]
            more += [word for path in keep for word in ("--keep", path)]
        return Surroundings(other.name, other.variables, other.unshare, more)

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
                _init(tree.top)
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

    def _possible(self) -> Iterator[Surroundings]:
        """What can be varied here; notes the rest."""
        env, _ = self.runner.environment()
        tried = self.runner.tree.folder / "tried"
        tried.mkdir()
        for kind in surroundings.all_kinds(env, self.runner.settings.pass_env, self.home):
            if surroundings.possible(kind, tried):
                yield kind
            else:
                self.notes.append(f"this system cannot vary {kind.name}")
                if left := surroundings.without_system(kind):
                    yield left


def _init(top: Path) -> None:
    """A repository of git with one commit, which is empty: tools find a root there, and no history."""
    git("init", "-q", "--template=", str(top))
    nothing = git("write-tree", cwd=top).decode().strip()
    commit = git(*WHO, "commit-tree", "-m", "samebits", nothing, cwd=top).decode().strip()
    git("update-ref", "HEAD", commit, cwd=top)


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
