"""A copy of the project, committed in a repository of its own, that a test may run and change."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from selenium import webdriver

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
signal.signal(signal.SIGINT, signal.default_int_handler)  # where pytest runs in the background, it is ignored
# As many tests run at once as there are cores. A run leaves no files that git does not know
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
# `samebits` of a copy, as `make` installs it there: in .venv, and of the code of the copy
PROGRAM = f"""#!{sys.executable}
import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parents[2]))
from samebits.__main__ import main
main()
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many of the kills of `make crash`, all if not said; whether checks run without namespaces."""
    parser.addoption("--kills", type=int, help="so many kills of the crash test, drawn by the commit; default: all")
    parser.addoption("--copies", action="store_true", help="without namespaces: stages run in copies of the commit")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what a POSIX shell runs where there is none."""
    if sys.platform == "win32" and item.get_closest_marker("posix_shell"):
        pytest.skip("its stages are lines of a POSIX shell")


class Project:
    """A clone of the project in `root` and the means to run commands in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(
        self, *command: str, env: Mapping[str, str] | None = None, check: bool = True, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with the project's own Python first on the PATH; its output is text."""
        path = os.pathsep.join([str(self.root / ".venv" / "bin"), str(BIN), os.environ["PATH"]])
        environment = {**os.environ, **ENVIRONMENT, "PATH": path, **(env or {})}
        done = subprocess.run(
            command, cwd=cwd or self.root, env=environment, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, (
            f"{command} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def mistake(self, *command: str) -> str:
        """The one line on stderr with which a command exits with status 2."""
        done = self.run(*command, check=False)
        assert done.returncode == 2, done.stderr
        assert done.stderr.count("\n") == 1
        return done.stderr

    def git(self, *arguments: str) -> str:
        return self.run("git", "-c", "user.name=test", "-c", "user.email=test@example.com", *arguments).stdout

    def commit(self, message: str = "change") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new, 1))


def copy_of_project(root: Path) -> Project:
    """A repository in `root` of what git would commit now."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for each in filter(None, names):
        if (ROOT / each).exists():
            (root / each).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / each, root / each)
    program = root / ".venv" / "bin" / "samebits"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM)
    program.chmod(0o755)
    project = Project(root)
    project.git("init", "-q", "-b", "main")
    project.commit("as it is")
    return project


def copy_of_copy(of: Project, root: Path) -> Project:
    """The same repository in `root`, with all that is there, whether git knows it or not."""
    shutil.copytree(of.root, root, symlinks=True)
    return Project(root)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Project]) -> Project:
    """The project that `make` makes in a folder, once for all workers of pytest-xdist."""
    parent = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        parent = parent.parent
    root, done = parent / name / "clone", parent / f"{name}.done"
    with FileLock(parent / f"{name}.lock"):
        if not done.exists():
            make(root)
            done.touch()
    return Project(root)


@pytest.fixture(scope="session")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone of what git would commit now, to be copied."""
    return made_once(tmp_path_factory, "committed", copy_of_project)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, committed: Project) -> Iterator[Project]:
    """A clone after `dvc repro`, for tests that change nothing."""

    def make(root: Path) -> Project:
        project = copy_of_copy(committed, root)
        project.run("dvc", "repro")
        return project

    project = made_once(tmp_path_factory, "trained", make)
    yield project
    changed = project.git("status", "--porcelain")
    assert not changed, f"a test changed the clone that all share, and must take `reproduced`:\n{changed}"


@pytest.fixture
def make_project(tmp_path: Path, committed: Project) -> Callable[[str], Project]:
    """Makes clones of what git would commit now, in folders of the given names."""
    return lambda name: copy_of_copy(committed, tmp_path / name)


@pytest.fixture
def project(make_project: Callable[[str], Project]) -> Project:
    return make_project("clone")


@pytest.fixture
def reproduced(tmp_path: Path, trained: Project) -> Project:
    """A clone after `dvc repro`, which a test may change."""
    return copy_of_copy(trained, tmp_path / "clone")


@pytest.fixture(scope="module")
def browser() -> Iterator["webdriver.Chrome"]:
    """A real browser, where this machine can have one; imported by those tests only that use it."""
    from tests.browser import browser as chromium
    from tests.containers import impossible

    if reason := impossible():
        pytest.skip(reason)
    with chromium() as driver:
        yield driver
