"""Running the stages of a commit, each in a view of its own."""

import itertools
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from samebits.errors import UserError
from samebits.proof.repository.contents import Contents
from samebits.proof.repository.export import Export
from samebits.proof.repository.hashes import Hash
from samebits.proof.repository.paths import links_in
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Item, Stage
from samebits.proof.repository.temporary import remove
from samebits.proof.running import system, views
from samebits.proof.running.effects import Change, told_apart
from samebits.proof.running.layers import Layers, cleaned, copy_file
from samebits.proof.running.machine import Environment, describe
from samebits.proof.running.progress import Progress
from samebits.proof.running.surroundings import USUAL, Surroundings
from samebits.proof.running.system import Orders, Program
from samebits.proof.running.views import Place, View
from samebits.proof.settings import Settings

# How shells are told to read no settings
WITHOUT_SETTINGS = {"bash": ("--noprofile", "--norc"), "zsh": ("--no-rcs",), "fish": ("--no-config",)}
LAST_LINES = 20  # of what a failed stage printed
NETWORK = re.compile(r"network|resol[vu]|connect|unreachable|socket|url|https?:", re.IGNORECASE)
NO_MODULE = re.compile(r"No module named '?([A-Za-z_]\w*)")
HIDDEN = re.compile(r"(?<![\w.])/(?:[\w.@+-]+/)*[\w.@+-]+")  # an absolute path, in what a stage printed
BIN = "Scripts" if os.name == "nt" else "bin"
MOST_LINKS = 40  # that lead to one another, as the kernel's bound
# Whoever sets up an environment for the stages must not change the one that is active
NOT_FOR_SETUP = ("DVC_", "GIT_", "PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX")


@dataclass(frozen=True)
class Failed:
    """How a stage failed: in words, by the exit status of its command, and the last of what that printed."""

    reason: str
    status: int
    output: str


@dataclass(frozen=True)
class Made:
    """A run of a stage that is over.

    failed: how, if it did. layer: a folder with what it wrote, for the stages after it; root: that of DVC in it.
    contents: of that root. hashes: of its outputs that are there, by path. links: outputs with a link to what no commit
    holds, and to what. changes: what it wrote that is not its own; same: paths from the top of the tree that it wrote
    as they were; undeclared: files that it made and that nothing declares. when: from when to when
    it ran, in seconds since 1970.
    """

    failed: Failed | None
    layer: Path
    root: Path
    contents: Contents
    hashes: dict[str, Hash]
    links: dict[str, str]
    changes: list[Change]
    same: list[str]
    undeclared: list[str]
    when: tuple[float, float]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return round(self.when[1] - self.when[0], 3)


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
        self._numbers, self._hashing = itertools.count(), threading.Lock()

    def set_up(self, hidden: Sequence[Path] = (), caches: Sequence[Path] = ()) -> list[str]:
        """Make the environment of the stages by the commands of `setup`; what it changed of the commit, by path.

        hidden: folders of which it sees nothing, but for `caches` in them. Raises UserError where one fails.
        """
        if not self.settings.commands:
            self.shown |= views.environments(self.place.top, self.place.top / self.prefix, self.base)
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
        return self._made(stage, view, failed, when)

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

    def hints(self, failed: Failed, network: bool) -> str:
        """What would let a stage that failed run."""
        text, kept_back = "", self.environment()[1]
        if not network and self.place.isolated and NETWORK.search(failed.output):
            text += "; it had no network, which `network` in the settings gives"
        module = NO_MODULE.search(failed.output)
        if module and any(self.base.find(each) for each in (module[1], f"{module[1]}.py")):
            text += f"; {module[1]} lies in the repository: set PYTHONPATH in the command, or pass yours by `pass_env`"
        elif failed.status == 127 or module or "ModuleNotFoundError" in failed.output:
            text += "; activate the environment of the stages, or let `setup` in the settings make it"
        named = [name for name in kept_back if len(name) > 1 and re.search(rf"\b{re.escape(name)}\b", failed.output)]
        if named:
            text += f"; it did not get {', '.join(named)} of your environment, which `pass_env` gives"
        if "Read-only file system" in failed.output and self.place.isolated:
            text += "; stages cannot write outside of the repository, nor to large sources"
        if paths := self._hidden(failed.output):
            text += f"; {paths[0]} is on this machine, and hidden from the stages: no commit holds it"
        return text

    def _hidden(self, output: str) -> list[str]:
        """Paths of this machine that a stage named and did not see."""
        if not self.place.isolated:
            return []
        folders = [*map(str, views.temporary_folders()), *views.IN_MEMORY, *map(str, self.place.secret)]
        found = [each for each in dict.fromkeys(HIDDEN.findall(output)) if os.path.exists(each)]
        named = [each for each in found if not each.startswith((f"{self.place.top}/", f"{self.tree.folder}/"))]
        return [each for each in named if each.startswith(tuple(f"{folder}/" for folder in folders))]

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

    def _made(self, stage: Stage, view: View, failed: Failed | None, when: tuple[float, float]) -> Made:
        written = view.written()
        root = view.upper / self.prefix
        links = dict(self._without_links(stage, view, root))
        found, undeclared = told_apart(self.pipeline, stage, self.tree.top, self.base, written)
        changes = [_set_aside(view, each) for each in found]
        cleaned(view.upper, [])
        with self._hashing:
            contents = self.pipeline.fresh(root, sha256=True)
            made = {out.path: contents.on_disk(out.path, hash_name(out)) for out in stage.outs if out.here}
        hashes = {path: each for path, each in made.items() if isinstance(each, Hash)}
        return Made(failed, view.upper, root, contents, hashes, links, changes, written.same, undeclared, when)

    def _without_links(self, stage: Stage, view: View, root: Path) -> Iterator[tuple[str, str]]:
        """Put what they lead to in the place of links in outputs, as DVC's cache does; tell of those that lead away."""
        for out in (each for each in stage.outs if each.here):
            for link in list(links_in(root / out.path)):
                target = _target(view, link.relative_to(view.upper).as_posix())
                if isinstance(target, str):
                    yield out.path, target
                elif target is not None:
                    link.unlink()
                    if target.is_dir():
                        Layers((target,)).copied(link)
                    else:
                        copy_file(target, link)

    def _own(self) -> dict[str, str]:
        """What the check sets itself: the environment of `setup` first."""
        own = {"DVC_NO_ANALYTICS": "1"}
        scripts = os.path.normpath(os.path.join(self.prefix, ".venv", BIN))
        if self.settings.commands and (made := self.base.find(scripts)):
            here = self.place.top / scripts if self.place.isolated else made
            own["PATH"] = f"{here}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            own["VIRTUAL_ENV"] = str(here.parent)
        return own


def _set_aside(view: View, change: Change) -> Change:
    """Take what is not the stage's own out of the layer that the stages after it get."""
    if change.after is None:
        return change
    kept = view.folder / "changed" / change.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    os.replace(change.after, kept)
    return replace(change, after=kept)


def _target(view: View, name: str) -> Path | str | None:
    """Where a link of a view, by its path from the top, leads in the end.

    A file or folder outside of the view that holds the bytes; a path of this machine, as text; None for nothing.
    """
    layers = view.layers.over(view.upper)
    for _ in range(MOST_LINKS):
        found = layers.find(name)
        if found is None or not found.is_symlink() or found.resolve() in view.shown.values():
            return found
        path = os.path.normpath(view.top / os.path.dirname(name) / os.readlink(found))
        if not Path(path).is_relative_to(view.top):
            return path
        name = os.path.relpath(path, view.top)
    return None


def hash_name(out: Item) -> str:
    """By which kind of hash DVC tells an output."""
    return out.recorded.name if out.recorded else "md5"


def shell(command: str) -> list[str]:
    """A command for the user's shell, which reads none of the user's settings, as DVC gives it."""
    if sys.platform == "win32":
        return [command]
    program = os.environ.get("SHELL") or "/bin/sh"
    return [program, *WITHOUT_SETTINGS.get(os.path.basename(program).lower(), ()), "-c", command]


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f" ({lines[-1]})" if lines else ""
