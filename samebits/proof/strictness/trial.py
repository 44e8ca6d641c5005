"""A stage run once more, in a tree of some files and in some surroundings, against what it made at first."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from samebits.git import git
from samebits.proof.judging.diagnosis import difference
from samebits.proof.judging.judge import Judge
from samebits.proof.repository.stages import Stage
from samebits.proof.repository.temporary import remove
from samebits.proof.running.execute import Run
from samebits.proof.running.layers import Layers
from samebits.proof.running.made import Made
from samebits.proof.running.surroundings import Surroundings, together
from samebits.proof.running.views import View
from samebits.proof.strictness.declared import Declared

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
    """Runs a stage of which the first run ended well. notes: what could not be varied."""

    run_: Run
    stage: Stage
    judge: Judge
    notes: list[str]

    def __post_init__(self) -> None:
        self.runner, self.first = self.run_.runner, self.run_.made[self.stage.name]
        self.declared = Declared(self.run_, self.stage)

    def steady(self, files: Sequence[str], other: Surroundings) -> bool:
        """Whether three runs make the same."""
        layers, shown = self._layers(files, True), self._shown(files, True)
        made = [self.runner.run(self.stage, layers, other, shown=shown) for _ in range(3)]
        return not made[0].failed and made[0].hashes == made[1].hashes == made[2].hashes

    def run(
        self,
        files: Sequence[str],
        kinds: Sequence[Surroundings] = (),
        whole: bool = False,
        shown: Sequence[Path] = (),
        watch: Callable[[View], Callable[[], None]] | None = None,
    ) -> Seen | None:
        """Run the stage in a tree of some files; None if it made the same as at first.

        whole: with the history of git, too. shown: paths of folders that are hidden. watch: as in `Runner.run`.
        """
        other = together(kinds)
        if other.reordered and not self._fits(files):
            other = replace(other, reordered=False)
        if not self.runner.place.isolated:
            _fill(other.variables.get("HOME"), shown)
        time.sleep(max(0, self.first.when[1] + TICK - time.time()))
        made = self.runner.run(
            self.stage,
            self._layers(files, whole),
            other,
            plain=watch is not None,
            shown=self._shown(files, whole),
            elsewhere=shown,
            watch=watch,
        )
        return Seen(made.failed.reason) if made.failed else self._compared(made)

    def _compared(self, made: Made) -> Seen | None:
        first = self.first
        for out in (each for each in self.stage.outs if each.here):
            one, two = first.root / out.path, made.root / out.path
            if made.hashes.get(out.path) != first.hashes.get(out.path) and not self.judge.allows(out.path, one, two):
                timed = _timed(one, first.when, two, made.when)
                return Seen(None, out.path, difference(out.path, one, two), timed)
        return None

    def _layers(self, files: Sequence[str], whole: bool) -> Layers:
        built = self.runner.new_folder("declared")
        self.declared.build(built, files)
        git_ = self._git_of_commit if whole else self._history
        return Layers((built, *([self.runner.brought] if self.runner.brought else []), git_))

    def _shown(self, files: Sequence[str], whole: bool) -> dict[str, Path]:
        """What views show of this machine: environments, and of the sources those among the files."""
        known = set(files)
        shown = {name: path for name, path in self.runner.shown.items() if name in known or path.is_dir()}
        return {**shown, **(self.runner.tree.borrowed if whole else {})}

    @cached_property
    def _history(self) -> Path:
        """A repository of git with one commit, which is empty: tools find a root there, and no history."""
        folder = self.runner.new_folder("history")
        git("init", "-q", "--template=", str(folder))
        nothing = git("write-tree", cwd=folder).decode().strip()
        commit = git(*WHO, "commit-tree", "-m", "samebits", nothing, cwd=folder).decode().strip()
        git("update-ref", "HEAD", commit, cwd=folder)
        return folder

    @cached_property
    def _git_of_commit(self) -> Path:
        """The history of the commit alone, as a layer."""
        folder, tree = self.runner.new_folder("git"), self.runner.tree
        layers = [each / ".git" for each in (tree.inside, tree.top) if (each / ".git").is_dir()]
        Layers(tuple(layers)).copied(folder / ".git")
        return folder

    def _fits(self, files: Sequence[str]) -> bool:
        """Whether a tree has its place in memory."""
        size = sum((self.declared.top / each).lstat().st_size for each in files)
        note = f"{self.stage.name}: the order of a folder's entries was not varied; its files do not fit into memory"
        if size > MOST_IN_MEMORY and note not in self.notes:
            self.notes.append(note)
        return size <= MOST_IN_MEMORY


def _fill(home: str | None, shown: Sequence[Path]) -> None:
    """Have a folder that stands for HOME hold links to these paths, and nothing else."""
    if home:
        remove(Path(home))
        Path(home).mkdir()
        for path in shown:
            (Path(home) / path.name).symlink_to(path)


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
