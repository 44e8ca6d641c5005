"""A commit in a temporary folder of its own, where its pipeline runs cut off from all that the commit does not hold."""

import functools
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samebits.errors import UserError
from samebits.git import git
from samebits.params import BACKEND

# In the export, DVC's cache is empty and its notes go with the folder; without a repository of git, none is changed.
DVC_CONFIG = "[core]\n    no_scm = true\n    site_cache_dir = {folder}\n[cache]\n    dir = cache\n"
NO_NETWORK = ["unshare", "--user", "--map-root-user", "--net"]


@dataclass(frozen=True)
class Export:
    """The files of a commit, in `root`."""

    root: Path

    def reproduce(self, *options: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `dvc repro` with this Python, cut off from the network where the system can; its output is in stdout."""
        prefix = NO_NETWORK if can_cut_off_network() else []
        command = [*prefix, sys.executable, "-m", "dvc", "repro", *options]
        return _run(command, self.root, {**self._environment(), **(env or {})})

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "PYTHON", "GIT_"))}
        no_settings = str(self.root.parent / "settings")
        return {
            **ours,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{ours.get('PATH', os.defpath)}",
            "PYTHONNOUSERSITE": "1",
            BACKEND: "loky",  # a cluster is elsewhere
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": no_settings,
            "DVC_SYSTEM_CONFIG_DIR": no_settings,
        }


@contextmanager
def export(commit: str, name: str = "export") -> Iterator[Export]:
    """The files of `commit` of the repository in the working directory; the folder goes, however the block ends."""
    archive = git("-c", "core.autocrlf=false", "archive", "--format=tar", commit)
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    folder = Path(tempfile.mkdtemp(prefix="samebits-"))
    try:
        root = folder / name
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(root, filter="data")
        if not (root / "dvc.yaml").exists():
            raise UserError(f"{commit}: no dvc.yaml; run from the root of a repository that has one")
        (root / ".dvc").mkdir(exist_ok=True)
        (root / ".dvc" / "config.local").write_text(DVC_CONFIG.format(folder=folder / "dvc"))
        yield Export(root)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(signal.SIGTERM, previous)


@functools.cache
def can_cut_off_network() -> bool:
    """Whether this system lets a user run a program without network."""
    if not shutil.which(NO_NETWORK[0]):
        return False
    return subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False).returncode == 0


def _run(command: list[str], folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program in a process group of its own, which dies with an interruption of ours."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output)
