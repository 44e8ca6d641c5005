"""The reproduction check against forgeries: each is committed, and each must be found out for the right reason."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import BIN, Project

pytestmark = pytest.mark.slow


def lock_of(project: Project) -> dict[str, Any]:
    return yaml.safe_load((project.root / "dvc.lock").read_text())


def rewrite_lock(project: Project, lock: dict[str, Any]) -> None:
    (project.root / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False))


def recorded_hash(project: Project, path: str) -> str:
    outs = [out for stage in lock_of(project)["stages"].values() for out in stage["outs"]]
    return next(out["md5"] for out in outs if out["path"] == path)


def check(project: Project) -> tuple[int, dict[str, Any]]:
    done = project.run("python", "-m", "samebits", "check", "--json", "--outputs", str(kept(project)), check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def kept(project: Project) -> Path:
    return project.root.parent / "kept"


def assert_found_out(project: Project, stage: str, kind: str, reason: str) -> None:
    project.commit("forged")
    status, verdict = check(project)
    assert status == 1
    assert not verdict["reproduced"]
    assert not kept(project).exists()
    assert verdict["problems"][0]["stage"] == stage
    of_stage = [each for each in verdict["problems"] if each["stage"] == stage]
    assert [each for each in of_stage if each["kind"] == kind and reason in each["text"]], of_stage


def test_the_project_itself_is_reproduced_in_a_folder_with_spaces(make_project: Callable[[str], Project]) -> None:
    project = make_project("a folder with spaces")
    project.run("python", "-m", "samebits", "lock")
    status, verdict = check(project)
    assert verdict["problems"] == []
    assert all(each["promised"] == each["obtained"] for each in verdict["outputs"])
    assert {each["stage"] for each in verdict["outputs"]} == {"data", "train", "quantize", "evaluate"}
    assert status == 0
    assert project.git("status", "--porcelain", "--ignored") == "!! .dvc/tmp/\n"
    for output in verdict["outputs"]:
        assert hashlib.md5((kept(project) / output["path"]).read_bytes()).hexdigest() == output["promised"]


@pytest.mark.parametrize(
    ("path", "stage", "kind", "reason"),
    [
        ("models/unquant_params.joblib", "quantize", "computes-otherwise", "other bytes from the same inputs"),
        ("models/model.joblib", "train", "lock-edited", "the lock was edited, or merged"),
        ("metrics/evaluate.json", "evaluate", "output-edited", "metrics/evaluate.json: changed since the run"),
    ],
)
def test_an_edited_hash_of_an_output(project: Project, path: str, stage: str, kind: str, reason: str) -> None:
    lock = lock_of(project)
    out = next(out for out in lock["stages"][stage]["outs"] if out["path"] == path)
    out["md5"] = hashlib.md5(b"better").hexdigest()
    rewrite_lock(project, lock)
    assert_found_out(project, stage, kind, reason)


def test_an_edited_metric(project: Project) -> None:
    metrics = json.loads((project.root / "metrics" / "evaluate.json").read_text())
    honest = metrics["quant"]["r2"]
    project.replace("metrics/evaluate.json", f'"r2": {honest}', '"r2": 0.99')
    assert_found_out(project, "evaluate", "output-edited", f"quant.r2 is 0.99 promised, {honest} obtained")


def test_a_changed_parameter_without_a_run(project: Project) -> None:
    project.replace("params.yaml", "bits: 8", "bits: 4")
    assert_found_out(
        project, "quantize", "parameter-changed", "parameter quantize.bits: 8 in the run, 4 in params.yaml"
    )


def test_a_changed_line_of_code(project: Project) -> None:
    project.replace("samebits/quantization/rounding.py", "nearest_float(bias))\n", "nearest_float(bias) + 1)\n")
    changed = "since dvc.lock was last committed, these changed: samebits/quantization/rounding.py"
    assert_found_out(project, "quantize", "dependency-changed", changed)


def test_another_package_pin(project: Project) -> None:
    pin = next(
        line for line in (project.root / "requirements.txt").read_text().splitlines() if line.startswith("numpy==")
    )
    project.replace("requirements.txt", pin, "numpy==2.0.0")
    reason = f"package numpy: {pin.removeprefix('numpy==')} in the run, 2.0.0 pinned now"
    assert_found_out(project, "data", "package-changed", reason)


def test_a_stage_deleted_from_the_lock(project: Project) -> None:
    lock = lock_of(project)
    del lock["stages"]["train"]
    rewrite_lock(project, lock)
    assert_found_out(project, "train", "stage-unrecorded", "is not in dvc.lock")


def test_a_stale_stage_in_the_lock(project: Project) -> None:
    lock = lock_of(project)
    lock["stages"]["deploy"] = {"cmd": "true"}
    rewrite_lock(project, lock)
    assert_found_out(project, "deploy", "stage-unrecorded", "is in dvc.lock, but not in dvc.yaml")


def test_a_lock_that_git_merged_without_conflict(project: Project) -> None:
    """Each branch is honest; together they give predictions that neither run made. No hash in the lock is wrong."""
    project.run("dvc", "repro")
    project.git("switch", "-q", "-c", "code")
    coarse = "columns.round(2 if abs(columns[:, 1] - columns[:, 2]).max() > 0.1 else DECIMALS)"
    project.replace("samebits/results/plot_data.py", "columns.round(DECIMALS)", coarse)
    project.run("dvc", "repro")
    assert "plots/" not in project.git("status", "--porcelain")
    project.commit("coarser predictions where the quantization is coarse")
    project.git("switch", "-q", "main")
    project.replace("params.yaml", "bits: 8", "bits: 3")
    project.run("dvc", "repro")
    project.commit("three bits")
    project.git("merge", "-q", "--no-edit", "code")
    assert project.run("python", "-m", "samebits", "lock").returncode == 0
    status, verdict = check(project)
    assert status == 1
    assert [each["path"] for each in verdict["outputs"] if each["promised"] != each["obtained"]] == [
        "plots/predictions.csv"
    ]
    assert "other bytes from the same inputs" in verdict["problems"][0]["text"]


def test_a_swapped_table(project: Project) -> None:
    (project.root / "data" / "raw" / "more.csv").write_text("a\n1\n")
    assert_found_out(project, "data", "dependency-changed", "data/raw: changed since the run")


def test_a_model_replaced_in_the_cache(project: Project) -> None:
    md5 = recorded_hash(project, "models/model.joblib")
    cached = project.root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"another model")
    assert_found_out(project, "train", "cache-edited", "models/model.joblib: replaced in the cache of DVC")
    assert cached.read_bytes() == b"another model"


def test_a_stage_made_non_deterministic(project: Project) -> None:
    project.replace("stages/data.py", "kept = {", 'kept = {"noise": id(object()) + __import__("os").getpid(), ')
    project.run("dvc", "repro")
    assert_found_out(project, "data", "not-deterministic", "metrics/data.json: not deterministic")


def test_a_command_that_writes_nothing(project: Project) -> None:
    project.replace("dvc.yaml", "cmd: python -m stages.train", "cmd: 'true'")
    project.replace("dvc.lock", "cmd: python -m stages.train", "cmd: 'true'")
    assert_found_out(project, "train", "stage-failed", "the run stopped here")


def test_a_crash_names_the_stage_and_the_error(project: Project) -> None:
    project.replace("stages/quantize.py", "    train, test = ", "    raise RuntimeError('no luck')\n    train, test = ")
    assert_found_out(project, "quantize", "stage-failed", "RuntimeError: no luck")


def test_a_change_without_effect_on_the_bytes_is_no_proof_either(project: Project) -> None:
    project.replace("samebits/model/linear.py", '"""A linear model', '"""The linear model')
    (project.root / "samebits" / "model" / "new.py").touch()
    unstaged = project.run("python", "-m", "samebits", "lock", check=False).stdout
    project.commit("a word")
    done = project.run("python", "-m", "samebits", "lock", check=False)
    assert done.returncode == 1
    assert "samebits/model: changed since the run" in done.stdout
    assert unstaged == done.stdout
    assert "these changed: samebits/model/linear.py, samebits/model/new.py\n" in done.stdout


def test_another_commit_can_be_checked(project: Project) -> None:
    project.replace("params.yaml", "bits: 8", "bits: 4")
    project.commit("dishonest")
    done = project.run("python", "-m", "samebits", "check", "--commit", "HEAD~1", "--markdown", "verdict.md")
    assert "as it is" in done.stdout
    assert "Reproduced: " in (project.root / "verdict.md").read_text()


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
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 30
        while not list(temporary.rglob("train.joblib")) and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(number)
        running.wait(20)
        assert running.stderr
        assert "Traceback" not in running.stderr.read()
    assert running.returncode == 128 + number
    assert list(temporary.iterdir()) == []
    assert snapshot(project.root) == before
