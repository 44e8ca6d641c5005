"""The check of this project's own pipeline, by its command."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from glob import glob
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BIN, Project

pytestmark = pytest.mark.slow


def check(project: Project) -> tuple[int, dict[str, Any]]:
    done = project.run("python", "-m", "samebits", "check", "--json", "--outputs", str(kept(project)), check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def kept(project: Project) -> Path:
    return project.root.parent / "kept"


def test_the_project_itself_is_reproduced_in_a_folder_with_spaces(make_project: Callable[[str], Project]) -> None:
    project = make_project("a folder with spaces")
    project.run("python", "-m", "samebits", "lock")
    status, verdict = check(project)
    assert verdict["problems"] == []
    assert verdict["conclusion"] == "reproduced"
    assert all(each["promised"] == each["obtained"] for each in verdict["outputs"])
    assert {each["stage"] for each in verdict["outputs"]} == {"data", "train", "quantize", "evaluate"}
    assert status == 0
    assert project.git("status", "--porcelain", "--ignored") == "!! .dvc/tmp/\n!! .venv/\n"
    for output in verdict["outputs"]:
        assert hashlib.md5((kept(project) / output["path"]).read_bytes()).hexdigest() == output["promised"]


def test_another_commit_can_be_checked(project: Project) -> None:
    project.replace("params.yaml", "bits: 8", "bits: 4")
    project.commit("dishonest")
    done = project.run("python", "-m", "samebits", "check", "data", "--commit", "HEAD~1", "--markdown", "verdict.md")
    assert "as it is" in done.stdout
    assert "Reproduced: " in (project.root / "verdict.md").read_text()
    assert done.stderr.splitlines()[1:] == ["[1/1] data"]
    done = project.run("python", "-m", "samebits", "lock", check=False)
    assert done.returncode == 1
    assert "quantize: parameter quantize.bits: 8 in the run, 4 in params.yaml\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--commit", "nowhere"], "error: git: no commit nowhere in this repository; name a branch, a tag or a commit\n")],
)
def test_what_cannot_run_is_one_line(project: Project, arguments: list[str], message: str) -> None:
    done = project.run("python", "-m", "samebits", "check", *arguments, check=False)
    assert (done.returncode, done.stderr) == (2, message)


def snapshot(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.relative_to(root).parts[:2] != (".dvc", "tmp")
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing(project: Project, tmp_path: Path, number: signal.Signals) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = snapshot(project.root)
    with subprocess.Popen(
        [BIN / "python", "-m", "samebits", "check"],
        cwd=project.root,
        env={
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 30
        while not glob(f"{temporary}/**/train.joblib", recursive=True) and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(number)
        try:
            running.wait(60)
        except subprocess.TimeoutExpired:
            running.kill()  # else the test would wait for it for ever
            raise
        assert running.stderr
        assert "Traceback" not in running.stderr.read()
    assert running.returncode == 128 + number
    assert list(temporary.iterdir()) == []
    assert snapshot(project.root) == before
