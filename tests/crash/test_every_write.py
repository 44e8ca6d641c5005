"""`dvc repro` is killed before each operation by which it changes the tree; `make` then makes what it would have made.

Two runs together hold all stages and all that DVC does between them: the first one in a clone, and one after a change
of `quantize.bits`, on the outputs of an earlier `make`. Only the tree outlives a kill: of the operations that find it
the same to the byte, the first is enough (DVC writes its locks some hundred times). What DVC keeps elsewhere (hashes of
files, in SQLite) does not count, and Python writes no `__pycache__`.
"""

import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from tqdm import tqdm

from samebits.artifacts import md5
from tests.conftest import ROOT, Project, copy_of_project

MAKE = ("make", "--assume-old=.venv/installed")
REPRO = ("dvc", "repro")
CACHE = Path(".dvc/cache/files/md5")


class Scenario(NamedTuple):
    """A tree, the operations of `dvc repro` in it that find it in different states, and the files that it leaves."""

    template: Path
    operations: list[str]
    files: dict[str, bytes]


def files(root: Path) -> dict[str, bytes]:
    """All files of a tree, and the objects of DVC's cache."""
    names = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    kept = (name for name in names if name.parts[0] not in (".git", ".dvc") or _is_object(name))
    return {str(name): (root / name).read_bytes() for name in kept}


def _is_object(name: Path) -> bool:
    return CACHE in name.parents and name.suffix != ".tmp"  # DVC does not look at what it left there


def run(root: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in a tree, with a folder beside it for what DVC keeps elsewhere."""
    env = {"DVC_SITE_CACHE_DIR": str(root.parent / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    return Project(root).run(*command, env=env, check=check)


def traced(root: Path, operation: str) -> subprocess.CompletedProcess[str]:
    """`dvc repro`, killed before an operation."""
    tracer = (sys.executable, str(Path(__file__).with_name("tracer.py")))
    return run(root, *tracer, str(root), operation, *REPRO, check=False)


def fresh(folder: Path) -> Scenario:
    """The first run in a clone."""
    return scenario(copy_of_project(folder / "fresh" / "template"))


def changed(folder: Path) -> Scenario:
    """A run after a change, on the outputs of before."""
    project = copy_of_project(folder / "changed" / "template")
    run(project.root, *MAKE)
    project.replace("params.yaml", "bits: 8", "bits: 4")
    return scenario(project)


def scenario(project: Project) -> Scenario:
    """What an undisturbed run in a copy of a project does."""
    tree = project.root.with_name("undisturbed")
    shutil.copytree(project.root, tree, symlinks=True)
    done = traced(tree, "")
    assert done.returncode == 0, done.stderr
    assert run(tree, "dvc", "status").stdout == "Data and pipelines are up to date.\n"
    states: dict[str, str] = {}
    for line in done.stdout.splitlines():
        state, _, operation = line.partition(" ")
        states.setdefault(state, operation)
    return Scenario(project.root, list(states.values()), files(tree))


def fault(case: Scenario, operation: str, tree: Path) -> str:
    """What is wrong after a kill and `make`; empty if nothing is."""
    shutil.copytree(case.template, tree, symlinks=True)
    killed = traced(tree, operation)
    if killed.returncode != -signal.SIGKILL:
        return f"was not killed, exit status {killed.returncode}\n{killed.stderr}"
    made = run(tree, *MAKE, check=False)
    if made.returncode:
        return f"make: exit status {made.returncode}\n{made.stdout}\n{made.stderr}"
    if held := list(filter(None, json.loads((tree / ".dvc/tmp/rwlock").read_bytes()).values())):
        return f"files are held as if DVC were at work: {held}"
    found = files(tree)
    wrong = {name for name in case.files.keys() | found.keys() if case.files.get(name) != found.get(name)}
    wrong -= {name for name in wrong if _is_object(Path(name)) and _is_whole(name, found.get(name))}
    return f"not as after a run that was not killed: {', '.join(sorted(wrong))}" if wrong else ""


def _is_whole(name: str, content: bytes | None) -> bool:
    """Whether an object of the cache is what its name says; more of them than needed may be there."""
    return content is not None and md5(content) == "".join(Path(name).parts[-2:])


@pytest.mark.crash
@pytest.mark.skipif(platform.system() != "Linux", reason="needs ptrace and seccomp of Linux")
def test_a_run_that_is_killed_at_any_write_heals(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        cases = list(pool.map(lambda make: make(tmp_path), (fresh, changed)))
    kills = [(case, operation) for case in cases for operation in case.operations]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    random.Random(head).shuffle(kills)  # so that a sample is another one at each commit, and can be had again
    kills = kills[: request.config.getoption("--kills")]
    assert kills

    def kill(number: int) -> bool:
        case, operation = kills[number]
        folder = case.template.parent / f"kill-{number}"
        told = fault(case, operation, folder / "tree")
        shutil.rmtree(folder)
        if told:
            tqdm.write(f"{case.template.parent.name}, killed before `{operation}`: {told}")
        return bool(told)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = sum(tqdm(pool.map(kill, range(len(kills))), total=len(kills), unit="kill"))
    assert not faults, f"{faults} of {len(kills)} kills did not heal"
