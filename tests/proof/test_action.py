"""The Action's last step as GitHub's shell runs it, with this samebits in place of an installed one.

How it is installed, and the workflows that use it, `make rehearse` runs.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.conftest import BIN, ROOT
from tests.proof.repositories import Repository, simple
from tests.proof.runner import Command, obeyed

pytestmark = pytest.mark.posix_shell

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
[STEP] = [each for each in ACTION["runs"]["steps"] if each.get("id") == "run"]


@dataclass
class Ran:
    """What the step left."""

    status: int
    log: str
    outputs: dict[str, str]
    summary: str

    @property
    def commands(self) -> list[Command]:
        return list(obeyed(self.log))


def act(repo: Repository, command: str, args: str = "", explain: str = "false") -> Ran:
    folder = repo.top.parent / "runner"
    folder.mkdir(exist_ok=True)
    python = folder / "python"  # for `python -I`, which would not find this project
    python.write_text(f'#!/bin/sh\nshift\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for file in files.values():
        file.write_text("")
    env = {
        **os.environ,
        **{name: str(file) for name, file in files.items()},
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": str(python),
        "COMMAND": command,
        "ARGS": args,
        "EXPLAIN": explain,
        "RUNNER_OS": "Other",  # this machine's settings stay as they are
        "RUNNER_TEMP": str(folder),
    }
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEP["run"]]
    done = subprocess.run(shell, cwd=repo.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    return Ran(done.returncode, done.stdout.decode(), outputs, files["GITHUB_STEP_SUMMARY"].read_text())


def test_a_sound_repository(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    ran = act(repo, "lock")
    assert (ran.status, ran.outputs, ran.commands) == (0, {"conclusion": "not contradicted"}, [])
    assert ran.summary.splitlines()[-1] == "    dvc.lock is the record of a run of this tree"
    ran = act(repo, "check", "select --verbose")
    assert (ran.status, ran.outputs["conclusion"], ran.commands) == (0, "reproduced", [])
    assert Path(ran.outputs["statement"]).is_file()
    assert "| select  | selected.txt |" in ran.summary
    assert "count" not in ran.summary
    ran = act(repo, "report", "HEAD")
    assert (ran.status, ran.outputs, ran.commands) == (0, {"conclusion": "passed"}, [])
    assert ran.summary.startswith("## Against HEAD\n")
    ran = act(repo, "claims")
    assert (ran.status, ran.outputs, ran.commands) == (0, {"conclusion": "passed"}, [])


def test_a_forged_one(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    repo.write("metrics.json", '{"lines": 9}\n')
    repo.write("samebits.toml", '[gate]\n"lines" = {tolerance = 0, better = "lower"}\n')
    repo.commit("better")
    for command, args, conclusion in (
        ("lock", "", "not recorded"),
        ("check", "", "not reproduced"),
        ("report", "HEAD~1 --gate", "worse"),
    ):
        ran = act(repo, command, args)
        assert (ran.status, ran.outputs["conclusion"]) == (1, conclusion)
        assert {each.name for each in ran.commands} == {"error"}
    repo.write("README.md", "It has 0.12345 lines. <!-- samebits: metrics.json:lines -->")
    repo.commit()
    ran = act(repo, "claims", "--strict README.md")
    assert (ran.status, ran.outputs) == (1, {"conclusion": "stale"})
    assert [(each.name, each.properties["file"]) for each in ran.commands] == [("warning", "README.md")]
    assert "README.md:1: 0.12345" in ran.summary
    ran = act(repo, "report", "nowhere")
    assert (ran.status, ran.outputs, ran.commands) == (2, {"conclusion": "inconclusive"}, [])
    assert "no commit nowhere" in ran.log


def test_a_report_that_explains(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    repo.replace("params.yaml", "n: 2", "n: 3")
    repo.run()
    ran = act(repo, "report", "HEAD~1", explain="true")
    assert (ran.status, ran.outputs, ran.commands) == (0, {"conclusion": "passed"}, [])
    assert "<details><summary>Why the metrics changed, measured in 2 runs of the pipeline</summary>" in ran.summary
    assert "| n 2 -> 3" in ran.summary
    assert "explained" not in act(repo, "report", "HEAD~1").summary
    repo.write("select.sh", "exit 3\n")
    ran = act(repo, "report", "HEAD~1", explain="true")
    assert ran.status == 0
    assert "Why the metrics changed is not known: the head cannot be run: select:" in ran.summary


HOSTILE = ["::add-mask::a", "  ::set-output name=conclusion::reproduced", "text ##[add-mask]a", "::stop-commands::x"]


@pytest.mark.parametrize("args", ["", "--verbose"])
def test_what_a_stage_prints_is_no_command(tmp_path: Path, args: str) -> None:
    repo = Repository(tmp_path / "repo")
    lines = "".join(f"echo '{line}'\n" for line in HOSTILE)
    repo.write("print.sh", f"{lines}echo 1 > out.txt\n")
    repo.pipeline(stages={"print": {"cmd": "sh print.sh", "deps": ["print.sh"], "outs": ["out.txt"]}})
    repo.run()
    repo.write("print.sh", f"{lines}exit 1\n")
    repo.commit("::add-mask::b ##[add-mask]c")
    ran = act(repo, "check", args)
    for line in (*HOSTILE, "##[add-mask]c"):
        assert line in ran.log
    first, _, unguarded = ran.log.partition("\n")
    assert first.startswith("::stop-commands::")
    assert "add-mask" in {each.name for each in obeyed(unguarded)}
    assert {each.name for each in ran.commands} <= {"error", "warning"}
    assert {each.properties["title"] for each in ran.commands} == {"print: code-changed", "print: stage-failed"}
    assert ran.outputs["conclusion"] == "not reproduced"


def test_arguments_are_words_and_nothing_else(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    repo.git("branch", "it's $(touch made) `touch made`".replace(" ", "_"))
    repo.write("metrics.json", '{"lines": 9}\n')
    for args in ('"it\'s_$(touch_made)_`touch_made`" --gate', "it\\'s_$(touch_made)_\\`touch_made\\`\n  --gate\n"):
        ran = act(repo, "report", args)
        assert "--gate: the settings have no [gate]" in ran.log
    assert not (repo.root / "made").exists()
    assert act(repo, "report", "'").status
    ran = act(repo, "lock", "; touch made")
    assert ran.status == 2
    assert "unrecognized arguments: ; touch made" in ran.log
    assert not (repo.root / "made").exists()


@pytest.mark.parametrize("command", ["", "serve", "lock; touch made", "check --verbose"])
def test_another_command_is_a_mistake(tmp_path: Path, command: str) -> None:
    ran = act(Repository(tmp_path / "repo"), command)
    assert ran.status == 2
    assert [each.data for each in ran.commands] == ["samebits: command must be lock, check, report or claims"]


def test_the_examples_pin_what_this_project_pins() -> None:
    """Dependabot renews the pins of ci.yml and action.yml alone."""
    own = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    pinned = dict(re.findall(r"uses: ([\w./-]+)@(\w{40} # v[\d.]+)", own))
    for path in ("action.yml", "docs/ci.md", "samebits/proof/adoption/workflows/github.yml"):
        found = re.findall(r"uses: (?!OWNER)([\w./-]+)@(.*)", (ROOT / path).read_text())
        assert found
        assert all(pinned[action] == pin for action, pin in found), path


def test_the_examples_use_the_inputs_and_outputs_that_there_are() -> None:
    text = (ROOT / "samebits" / "proof" / "adoption" / "workflows" / "github.yml").read_text()
    for job in yaml.safe_load(text)["jobs"].values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("OWNER/samebits@"):
                assert step["with"].keys() <= ACTION["inputs"].keys()
    assert ACTION["outputs"].keys() == {"conclusion", "statement"}
    assert "steps.check.outputs.statement" in text
