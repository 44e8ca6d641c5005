"""Small repositories of DVC, made and run by DVC itself; stages are lines of a shell, so that a run takes no time."""

import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo

from samebits.proof import reproduce
from samebits.proof.record import recorded
from samebits.proof.repository import of_dvc
from samebits.proof.repository.commit import exported
from samebits.proof.settings import Settings
from samebits.proof.telling import changes, report
from samebits.proof.verdict import Problem, Verdict
from tests.conftest import BIN, ROOT

IDENTITY = ["-c", "user.name=test", "-c", "user.email=test@example.com"]


class Repository:
    """A repository of git and DVC. root: where DVC's stands; top: where git's does."""

    def __init__(self, top: Path, below: str = ".") -> None:
        self.top, self.root = top, top / below
        self.root.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        Repo.init(str(self.root), subdir=below != ".").close()

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *IDENTITY, *arguments], cwd=self.top, capture_output=True, text=True, check=True)
        return done.stdout

    def write(self, path: str, text: str | bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(text if isinstance(text, bytes) else text.encode())

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def replace(self, path: str, old: str, new: str) -> None:
        text = self.read(path)
        assert old in text, text
        self.write(path, text.replace(old, new, 1))

    def pipeline(self, path: str = "dvc.yaml", **content: Any) -> None:
        self.write(path, yaml.safe_dump(content, sort_keys=False))

    def lock(self, path: str = "dvc.lock") -> dict[str, Any]:
        return yaml.safe_load(self.read(path))

    def edit_lock(self, edit: Callable[[dict[str, Any]], object], path: str = "dvc.lock") -> None:
        """Change the stages of a lock."""
        content = self.lock(path)
        edit(content["stages"])
        self.write(path, yaml.safe_dump(content, sort_keys=False))

    def add(self, *paths: str) -> None:
        """Track data by `.dvc` files."""
        with self.dvc() as repo:
            repo.add([str(self.root / path) for path in paths])

    def run(self, force: bool = False) -> None:
        """Run all pipelines, and commit."""
        with self.dvc() as repo:
            repo.reproduce(all_pipelines=True, force=force)
        self.commit()

    def commit(self, message: str = "change") -> None:
        self.git("add", "-A", ".")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def forget(self, cache: bool = True) -> None:
        """Remove all that git does not hold: data, outputs and, if asked, the cache."""
        keep = [] if cache else ["-e", ".dvc/cache"]
        self.git("clean", "-q", "-x", "-d", "-f", "-f", *keep)

    @contextmanager
    def dvc(self) -> Iterator[Repo]:
        with self.inside(), Repo(str(self.root)) as repo:
            yield repo

    @contextmanager
    def inside(self) -> Iterator[None]:
        before = Path.cwd()
        os.chdir(self.root)
        try:
            yield
        finally:
            os.chdir(before)

    def command(self, name: str, *arguments: str) -> int:
        """The exit status of a subcommand, in this process, which takes a second less than one of its own."""
        module, parser = import_module(f"samebits.commands.{name}"), ArgumentParser()
        module.add_arguments(parser)
        with self.inside():
            return int(module.run(parser.parse_args(arguments)))

    def samebits(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The command line, in this repository."""
        env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "samebits", *arguments]
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)

    def record(self) -> str:
        """What `samebits lock` prints."""
        with self.inside():
            return report.record(recorded.lock())

    def problems(self) -> list[Problem]:
        """What `samebits lock` finds."""
        with self.inside():
            return recorded.lock().problems

    def check(self, **asked: Any) -> Verdict:
        """What `samebits check` finds."""
        with self.inside():
            return reproduce.check(reproduce.Asked(**asked))

    def changes(self, base: str) -> changes.Changes:
        """What `samebits report` finds."""
        with self.inside(), exported(base) as then:
            return changes.since(then, of_dvc.Repository.open(), Settings.load(self.root).gates)

    def clone(self, folder: Path) -> "Repository":
        """A clone, without data."""
        other = object.__new__(Repository)
        other.top, other.root = folder, folder / self.root.relative_to(self.top)
        subprocess.run(["git", "clone", "-q", str(self.top), str(folder)], check=True, capture_output=True)
        return other


def kinds(found: list[Problem] | Verdict) -> set[tuple[str, str]]:
    """Stages and kinds of problems."""
    return {(each.stage, each.kind) for each in (found.problems if isinstance(found, Verdict) else found)}


def verdicts(verdict: Verdict) -> dict[str, str]:
    """Verdicts of outputs, by path."""
    return {each.path: each.verdict for each in verdict.outputs}


def simple(top: Path, below: str = ".") -> Repository:
    """Data tracked by a `.dvc` file, two stages, a parameter, a metric in git; run and committed."""
    repo = Repository(top, below)
    repo.write("data/table.txt", "1\n2\n3\n")
    repo.add("data/table.txt")
    repo.write("params.yaml", "n: 2\nother: 1\n")
    repo.write("select.sh", "head -n $(sed -n 's/^n: //p' params.yaml) data/table.txt > selected.txt\n")
    repo.pipeline(
        stages={
            "select": {
                "cmd": "sh select.sh",
                "deps": ["data/table.txt", "select.sh"],
                "params": ["n"],
                "outs": ["selected.txt"],
            },
            "count": {
                "cmd": "printf '{\"lines\": %d}\\n' $(wc -l < selected.txt) > metrics.json",
                "deps": ["selected.txt"],
                "metrics": [{"metrics.json": {"cache": False}}],
            },
        }
    )
    repo.run()
    return repo


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()
