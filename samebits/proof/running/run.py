"""Running the stages of a commit, each in a view of its own."""

import itertools
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from samebits.errors import UserError
from samebits.proof.repository.export import Export
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Stage
from samebits.proof.repository.temporary import remove
from samebits.proof.running import host, system
from samebits.proof.running.layers import Layers, cleaned, copy_file
from samebits.proof.running.machine import Environment, describe
from samebits.proof.running.made import Failed, Made, taken_up
from samebits.proof.running.progress import Progress
from samebits.proof.running.surroundings import USUAL, Surroundings
from samebits.proof.running.system import Orders, Program
from samebits.proof.running.views import Place, View
from samebits.proof.settings import Settings

# How shells are told to read no settings
WITHOUT_SETTINGS = {"bash": ("--noprofile", "--norc"), "zsh": ("--no-rcs",), "fish": ("--no-config",)}
BIN = "Scripts" if os.name == "nt" else "bin"
# Whoever sets up an environment for the stages must not change the one that is active
NOT_FOR_SETUP = ("DVC_", "GIT_", "PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX")


@dataclass
class Runner:
    """Runs stages of the export of a commit.

    shown: what views show of this machine, by path from the top of the tree. extra: variables of the environment for
    all stages.
    """

    tree: Export
    pipeline: Pipeline
    settings: Settings
    progress: Progress
    place: Place
    shown: dict[str, Path]
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prefix = os.path.relpath(self.tree.root, self.tree.top)
        self.base = Layers((*([self.tree.inside] if self.tree.inside.is_dir() else []), self.tree.top))
        self.homes: list[Path] = []
        self.brought: Path | None = None  # the layer with what `setup` made
        self._numbers = itertools.count()

    def set_up(self, hidden: Sequence[Path] = (), caches: Sequence[Path] = ()) -> list[str]:
        """Make the environment of the stages by the commands of `setup`; what it changed of the commit, by path.

        hidden: folders of which it sees nothing, but for `caches` in them. Raises UserError where one fails.
        """
        if not self.settings.commands:
            self.shown |= host.environments(self.place.top, self.place.top / self.prefix, self.base)
            return []
        ours = {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_SETUP)}
        env = {**ours, "PIP_REQUIRE_VIRTUALENV": "1", "POETRY_VIRTUALENVS_IN_PROJECT": "true", **self._own()}
        view = self._view(self.base, Surroundings(hidden=hidden), caches=caches)
        for command in self.settings.commands:
            program = Program([shell(command)], env, Orders(""), network=True, printed=self.progress.printed)
            with self.progress.step(f"setup: {command}"):
                ended = view.run(program, self.prefix)
            if ended.reason:
                self.progress.failed(ended.output)
                raise UserError(f"setup, `{command}`: {ended.reason}{_last(ended.output)}")
        written = view.written()
        changed = [name for name in (*written.files, *written.deleted) if self.base.find(name)]
        cleaned(view.upper, changed)
        self.base, self.brought = self.base.over(view.upper), view.upper
        if not hidden:
            self.homes = [view.home]
        return [os.path.relpath(name, self.prefix).replace(os.sep, "/") for name in changed]

    def of(self, tree: Export, pipeline: Pipeline, shown: dict[str, Path]) -> "Runner":
        """A runner of another tree in the environment of this one, which is set up."""
        other = Runner(tree, pipeline, self.settings, self.progress, self.place, shown, self.extra)
        if self.settings.commands:
            other.base, other.brought = other.base.over(*filter(None, [self.brought])), self.brought
        else:
            other.set_up()
        other.homes, other.described = self.homes, self.described
        return other

    def environment(self) -> tuple[dict[str, str], list[str]]:
        """The environment of the stages, and the names of the variables that they do not get."""
        return system.environment(self.settings.pass_env, {**self._own(), **self.extra})

    @cached_property
    def described(self) -> Environment:
        """Where the stages run."""
        return self.described_with([])

    def described_with(self, words: Sequence[str]) -> Environment:
        """Where the stages run. words: `imports` has it tell which packages hold which modules, too."""
        view = self._view(self.base)

        def run(command: Sequence[str], timeout: float) -> str:
            program = Program([[*command, *words]], self.environment()[0], Orders(""), timeout=timeout)
            return view.run(program, self.prefix).output

        found = describe(run)
        remove(view.folder)
        return found

    def run(
        self,
        stage: Stage,
        layers: Layers,
        other: Surroundings = USUAL,
        plain: bool = False,
        shown: Mapping[str, Path] | None = None,
        elsewhere: Sequence[Path] = (),
        variables: Mapping[str, str] | None = None,
        printed: Callable[[bytes], object] | None = None,
        watch: Callable[[View], Callable[[], None]] | None = None,
    ) -> Made:
        """Run the commands of a stage in a view of these layers.

        other, plain, shown, elsewhere: as in `View`. variables: more of them. printed: is given what it prints.
        watch: is called before; what it returns, after.
        """
        packages = map(Path, self.described.paths)  # installed as the others are, though they lie elsewhere
        view = self._view(layers, other, plain, shown, [*self._outside(stage), *packages, *elsewhere])
        env = self.environment()[0] | {"DVC_STAGE": stage.name, **(variables or {})}
        env["DVC_ROOT"] = os.path.normpath(view.top / self.prefix)
        program = Program(
            [shell(each) for each in stage.commands],
            env,
            Orders(""),
            stage.name in self.settings.network,
            self.settings.timeout,
            printed or self.progress.printed,
        )
        after = watch(view) if watch else None
        start = time.time()
        ended = view.run(program, os.path.relpath(stage.wdir, self.tree.top))
        when = start, time.time()
        if after:
            after()
        failed = None
        if ended.reason:
            command = stage.commands[min(ended.number, len(stage.commands) - 1)]
            failed = Failed(f"`{command}`: {ended.reason}{_last(ended.output)}", ended.status, ended.output)
        return taken_up(self.pipeline, self.prefix, self.base, stage, view, failed, when)

    def large_copied(self, names: Sequence[str]) -> Path | None:
        """A layer with copies of large sources, which all see that run later; None where the disk has no place."""
        size = sum(self.shown[name].stat().st_size for name in names)
        if size > shutil.disk_usage(self.tree.folder).free:
            return None
        folder = self.new_folder("large")
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy_file(self.shown.pop(name), folder / name)
            (folder / name).chmod(0o644)
        self.base = self.base.over(folder)
        return folder

    def whole(self, layers: Layers) -> Path:
        """A new folder with all that is in a tree, which shares its files: nobody may write to them."""
        folder = self.new_folder("whole")
        layers.copied(folder, links=True)
        return folder

    def new_folder(self, name: str) -> Path:
        """An empty folder of the check."""
        folder = self.tree.folder / "s" / f"{next(self._numbers)}-{name}"
        folder.mkdir(parents=True)
        return folder

    def _view(
        self,
        layers: Layers,
        other: Surroundings = USUAL,
        plain: bool = False,
        shown: Mapping[str, Path] | None = None,
        elsewhere: Sequence[Path] = (),
        caches: Sequence[Path] = (),
    ) -> View:
        folder = self.tree.folder / "s" / str(next(self._numbers))
        known = {**self.tree.borrowed, **self.shown} if shown is None else shown
        return View(self.place, folder, layers, known, self.homes, elsewhere, caches, other, plain).made()

    def _outside(self, stage: Stage) -> list[Path]:
        """What a stage declares that lies outside of the tree."""
        paths = [Path(os.path.normpath(self.place.top / self.prefix / path)) for path in stage.reads]
        return [path for path in paths if not path.is_relative_to(self.place.top) and path.exists()]

    def _own(self) -> dict[str, str]:
        """What the check sets itself: the environment of `setup` first."""
        own = {"DVC_NO_ANALYTICS": "1"}
        scripts = os.path.normpath(os.path.join(self.prefix, ".venv", BIN))
        if self.settings.commands and (made := self.base.find(scripts)):
            here = self.place.top / scripts if self.place.isolated else made
            own["PATH"] = f"{here}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            own["VIRTUAL_ENV"] = str(here.parent)
        return own


def shell(command: str) -> list[str]:
    """A command for the user's shell, which reads none of the user's settings, as DVC gives it."""
    if sys.platform == "win32":
        return [command]
    program = os.environ.get("SHELL") or "/bin/sh"
    return [program, *WITHOUT_SETTINGS.get(os.path.basename(program).lower(), ()), "-c", command]


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f" ({lines[-1]})" if lines else ""
