"""Running the stages of an export, one by one, from nothing."""

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dvc.stage.run import _make_cmd, get_executable

from samebits.errors import UserError
from samebits.proof.repository.pipeline import Item, Pipeline, Stage
from samebits.proof.repository.tree import Hash, lies_in
from samebits.proof.running import system
from samebits.proof.running.export import Export
from samebits.proof.running.machine import Environment, describe
from samebits.proof.running.progress import Progress
from samebits.proof.settings import Settings
from samebits.proof.strictness.kinds import Surroundings
from samebits.proof.verdict import Problem

LAST_LINES = 20  # of what a failed stage printed
NETWORK = re.compile(r"network|resol[vu]|connect|unreachable|socket|url|https?:", re.IGNORECASE)
BIN = "Scripts" if os.name == "nt" else "bin"
# Whoever sets up an environment for the stages must not change the one that is active
NOT_FOR_SETUP = ("DVC_", "GIT_", "PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX")


@dataclass(frozen=True)
class Failed:
    """How a stage failed: in words, by the exit status of its command, and the last of what that printed."""

    reason: str
    status: int
    output: str


@dataclass
class Runner:
    """Runs stages in the export of a commit.

    extra: variables of the environment for all stages. read_only: files that no stage may write to. aside: where the
    outputs in git went, by path. obtained: the hashes of what the run made. seconds: how long each stage took at first.
    when: from when to when that was, in seconds since 1970. made_by_setup: paths in the tree.
    """

    tree: Export
    pipeline: Pipeline
    settings: Settings
    progress: Progress
    extra: Mapping[str, str] = field(default_factory=dict)
    read_only: list[Path] = field(default_factory=list)
    aside: dict[str, Path] = field(default_factory=dict)
    obtained: dict[str, Hash] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    when: dict[str, tuple[float, float]] = field(default_factory=dict)
    made_by_setup: list[Path] = field(default_factory=list)

    def set_up(self) -> None:
        """Make the environment of the stages by the commands of `setup`. Raises UserError where one fails."""
        before = set(self.tree.root.iterdir())
        for command in self.settings.commands:
            ours = {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_SETUP)}
            env = {**ours, "PIP_REQUIRE_VIRTUALENV": "1", "POETRY_VIRTUALENVS_IN_PROJECT": "true", **self._own()}
            with self.progress.step(f"setup: {command}"):
                ended = system.run(_shell(command), self.tree.root, env, network=True, printed=self.progress.printed)
            if ended.reason:
                self.progress.failed(ended.output)
                raise UserError(f"setup, `{command}`: {ended.reason}{_last(ended.output)}")
        self.made_by_setup = sorted(set(self.tree.root.iterdir()) - before)

    def environment(self) -> tuple[dict[str, str], list[str]]:
        """The environment of the stages, and the names of the variables that they do not get."""
        return system.environment(self.settings.pass_env, {**self._own(), **self.extra})

    @cached_property
    def place(self) -> Environment:
        """Where the stages run."""
        return describe(self.environment()[0], self.tree.root)

    def take_outputs(self, running: list[Stage]) -> Iterator[Problem]:
        """Take out what git holds of the outputs of stages, so that they start from nothing."""
        for stage in running:
            for out in stage.outs:
                path = self.tree.root / out.path
                if not out.here or not lies_in(path, self.tree.top):
                    text = f"it writes {out.name}, outside of the repository; the check cannot run it"
                    yield Problem(stage.name, "stage-failed", out.path, text)
                elif os.path.lexists(path):
                    self.aside[out.path] = self.tree.folder / "promised" / out.path
                    self.aside[out.path].parent.mkdir(parents=True, exist_ok=True)
                    shutil.move(path, self.aside[out.path])

    def run(self, stage: Stage, number: int = 0, of: int = 0) -> Problem | None:
        """Run the commands of a stage, the `number`th `of` all, or once more; the reason why it did not end well."""
        if absent := [dep.path for dep in stage.deps if dep.here and not (self.tree.root / dep.path).exists()]:
            text = f"{absent[0]}, which it reads, is not there: not in git, not promised by a `.dvc` file, not made"
            return Problem(stage.name, "missing-source", absent[0], text)
        start, at = time.monotonic(), time.time()
        with self.progress.step(stage.name if of else f"{stage.name}, once more", number, of):
            failed = self.attempt(stage)
        self.seconds.setdefault(stage.name, round(time.monotonic() - start, 3))
        self.when.setdefault(stage.name, (at, time.time()))
        if failed:
            self.progress.failed("\n".join(failed.output.splitlines()[-LAST_LINES:]))
            text = failed.reason + _hints(failed, stage.name in self.settings.network, self.environment()[1])
            return Problem(stage.name, "stage-failed", None, text)
        return None

    def attempt(self, stage: Stage, other: Surroundings | None = None, top: Path | None = None) -> Failed | None:
        """Run the commands of a stage; how it failed, if it did.

        other: surroundings, instead of the usual ones. top: where the repository of git stands, if it was moved.
        """
        other, here = other or Surroundings(), top or self.tree.top
        env = self.environment()[0] | {"DVC_STAGE": stage.name}
        env |= {"DVC_ROOT": str(here / self.tree.root.relative_to(self.tree.top))}
        for command in stage.commands:
            ended = system.run(
                _shell(command),
                here / os.path.relpath(stage.folder, self.tree.top),
                other.applied(env),
                stage.name in self.settings.network,
                self.settings.timeout,
                self.progress.printed,
                self._at(here, self.read_only),
                other.unshare,
                other.launcher,
            )
            if ended.reason:
                return Failed(f"`{command}`: {ended.reason}{_last(ended.output)}", ended.status, ended.output)
        return None

    def _at(self, top: Path, paths: Sequence[Path]) -> list[Path]:
        """Paths, those in the tree as they are where it was moved to."""
        old = self.tree.top
        return [top / path.relative_to(old) if path.is_relative_to(old) else path for path in paths]

    def hashes(self, stage: Stage) -> dict[str, Hash]:
        """The hashes of the outputs of a stage that are there now."""
        contents = self.pipeline.fresh()
        found = {}
        for out in (each for each in stage.outs if each.here):
            holds = contents.on_disk(out.path, _hash_name(out))
            if isinstance(holds, Hash):
                found[out.path] = holds
        return found

    def _own(self) -> dict[str, str]:
        """What the check sets itself: no settings of DVC but those of the commit; the environment of `setup` first."""
        none = str(self.tree.folder / "settings")
        folders = ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR")
        own = {"DVC_NO_ANALYTICS": "1", **dict.fromkeys(folders, none)}
        if (scripts := self.tree.root / ".venv" / BIN).is_dir():
            own["PATH"] = f"{scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            own["VIRTUAL_ENV"] = str(scripts.parent)
        return own


def _hash_name(out: Item) -> str:
    return out.recorded.name if out.recorded else "md5"


def _shell(command: str) -> list[str]:
    """A command for the shell, as DVC gives it."""
    return [command] if sys.platform == "win32" else _make_cmd(get_executable(), command)


def _hints(failed: Failed, network: bool, kept_back: list[str]) -> str:
    """What would let a stage that failed run."""
    text = ""
    if not network and system.can_cut_off_network() and NETWORK.search(failed.output):
        text += "; it had no network, which `network` in the settings gives"
    if failed.status == 127 or "ModuleNotFoundError" in failed.output:
        text += "; activate the environment of the stages, or let `setup` in the settings make it"
    named = [name for name in kept_back if len(name) > 1 and re.search(rf"\b{re.escape(name)}\b", failed.output)]
    if named:
        text += f"; it did not get {', '.join(named)} of your environment, which `pass_env` gives"
    return text


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f" ({lines[-1]})" if lines else ""
