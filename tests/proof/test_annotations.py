"""Annotations: each at the line that a person would look at, and none that a repository makes itself."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from samebits.proof.telling import annotations
from samebits.proof.verdict import Problem
from tests.proof.repositories import Repository, simple
from tests.proof.runner import Command, obeyed

pytestmark = pytest.mark.posix_shell


def shown(repo: Repository, *options: str) -> list[Command]:
    """What GitHub shows of what `lock` finds."""
    file = repo.root.parent / "annotations.txt"
    repo.command("lock", "--annotations", str(file), *options)
    return list(obeyed(file.read_text()))


def where(repo: Repository, command: Command) -> tuple[str, str]:
    """The file of an annotation, from the root of git, and the text of its line."""
    file = repo.top / command.properties["file"]
    lines = file.read_text().splitlines()
    line = int(command.properties.get("line", 0))
    return command.properties["file"], lines[line - 1].strip() if line else ""


@pytest.mark.parametrize("below", [".", "a folder/below"])
def test_each_problem_shows_at_its_line(tmp_path: Path, below: str) -> None:
    repo = simple(tmp_path / "repo", below)
    prefix = "" if below == "." else f"{below}/"
    repo.replace("params.yaml", "n: 2\nother: 1", "# more\nother: 1\nn: 3")
    repo.replace("dvc.yaml", "wc -l <", "cat")
    repo.replace("select.sh", "head", "tail")
    repo.write("metrics.json", '{"lines": 9}')
    found = {each.properties["title"]: each for each in shown(repo)}
    assert {title: where(repo, each) for title, each in found.items()} == {
        "select: parameter-changed": (f"{prefix}params.yaml", "n: 3"),
        "select: code-changed": (f"{prefix}dvc.lock", "- path: select.sh"),
        "count: command-changed": (
            f"{prefix}dvc.yaml",
            "cmd: 'printf ''{\"lines\": %d}\\n'' $(cat selected.txt) > metrics.json'",
        ),
        "count: output-edited": (f"{prefix}metrics.json", ""),
    }
    assert {each.name for each in found.values()} == {"error"}
    texts = {f"{each.stage}: {each.kind}": each.text for each in repo.problems()}
    assert {title: each.data for title, each in found.items()} == texts


def test_what_cannot_be_told_is_a_warning(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    repo.edit_lock(lambda stages: stages["select"]["deps"][0].pop("md5"))
    [warning] = shown(repo)
    assert warning.name == "warning"
    assert where(repo, warning) == ("dvc.lock", "- path: data/table.txt")


def test_parameters_are_looked_for_in_files_alone(tmp_path: Path) -> None:
    """A device or a pipe that dvc.lock names would be read without end."""
    repo = simple(tmp_path / "repo")
    os.mkfifo(repo.root / "pipe")
    repo.edit_lock(lambda stages: stages["select"]["params"].update({"pipe": {"m": 1}}))

    def ended(signal_: int, frame: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGALRM, ended)
    signal.alarm(10)
    try:
        problem = Problem("select", "parameter-changed", "m", "m is gone")
        [told] = annotations.of_problems([problem], repo.root)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert "file=dvc.lock" in told


def templated(tmp_path: Path) -> Repository:
    """Stages of foreach and matrix, in a folder, with wdir and with parameters of a file of its own."""
    repo = Repository(tmp_path / "repo")
    repo.write("sub/work/settings.json", '{"model": {\n"depth": 3,\n"seed": 1}}')
    repo.write("sub/work/code.sh", "echo hello\n")
    stage = {"wdir": "work", "deps": ["code.sh"], "params": [{"settings.json": ["model.depth"]}]}
    repo.pipeline(
        "sub/dvc.yaml",
        stages={
            "each": {
                "foreach": ["a", "b"],
                "do": {"cmd": "sh code.sh > ${item}.txt", **stage, "outs": ["${item}.txt"]},
            },
            "all": {
                "matrix": {"x": [1, 2]},
                "cmd": "sh code.sh > ${item.x}.csv",
                **stage,
                "outs": [{"${item.x}.csv": {"cache": False}}],
            },
        },
    )
    repo.run()
    return repo


def test_a_stage_of_a_template_shows_there(tmp_path: Path) -> None:
    repo = templated(tmp_path)
    repo.replace("sub/work/settings.json", "3", "4")
    repo.write("sub/work/code.sh", "echo goodbye\n")
    repo.replace("sub/dvc.yaml", "sh code.sh > ${item}.txt", "sh ./code.sh > ${item}.txt")
    repo.replace("sub/dvc.yaml", "${item.x}.csv:", "${item.x}.tsv:")
    found = {each.properties["title"]: where(repo, each) for each in shown(repo)}
    assert found["sub/dvc.yaml:each@a: command-changed"] == ("sub/dvc.yaml", "cmd: sh ./code.sh > ${item}.txt")
    assert found["sub/dvc.yaml:each@b: parameter-changed"] == ("sub/work/settings.json", '"depth": 4,')
    assert found["sub/dvc.yaml:all@1: code-changed"] == ("sub/dvc.lock", "- path: code.sh")
    unrecorded = [where(repo, each) for each in shown(repo) if "all@2: stage-unr" in each.properties["title"]]
    assert unrecorded == [("sub/dvc.lock", "- path: 2.csv"), ("sub/dvc.yaml", "all:")]  # 2.tsv is from the template
    line = int(next(each.properties["line"] for each in shown(repo) if "each@b: code" in each.properties["title"]))
    before = [text for text in repo.read("sub/dvc.lock").splitlines()[:line] if text.startswith("  each@")]
    assert before[-1] == "  each@b:"  # the entry of this stage, not the first one with such a line


def test_stages_that_only_one_file_has(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")

    def rename(stages: dict[str, Any]) -> None:
        stages["other"] = stages.pop("count")

    repo.edit_lock(rename)
    found = {each.properties["title"]: where(repo, each) for each in shown(repo)}
    assert found == {"count: stage-unrecorded": ("dvc.yaml", "count:")}
    found = {each.properties["title"]: where(repo, each) for each in shown(repo, "--strict")}
    assert found == {
        "count: stage-unrecorded": ("dvc.yaml", "count:"),
        "other: stage-unrecorded": ("dvc.lock", "other:"),
    }


def test_a_check_shows_the_values_that_differ(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    repo.write("metrics.json", '{"lines": 9}\n')
    repo.commit()
    verdict = repo.check()
    found = list(obeyed("\n".join(annotations.of_verdict(verdict, repo.root))))
    assert {each.name for each in found} == {"error"}
    assert any(where(repo, each) == ("metrics.json", "") and "lines is 9 promised, 2" in each.data for each in found)
    repo.git("revert", "--no-edit", "HEAD")
    assert list(annotations.of_verdict(repo.check(), repo.root)) == []


def test_a_check_that_could_not_find_out_warns(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    repo.forget()
    verdict = repo.check()
    assert verdict.conclusion == "inconclusive"
    found = list(obeyed("\n".join(annotations.of_verdict(verdict, repo.root))))
    assert {each.name for each in found} == {"warning"}
    assert [where(repo, each) for each in found] == [("dvc.lock", "- path: data/table.txt")]


def test_a_gate_that_fails_is_an_error(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    repo.write("samebits.toml", '[gate]\n"lines" = {tolerance = 0, better = "higher"}\n')
    repo.commit()
    repo.write("metrics.json", '{"lines": 1}')
    [error] = obeyed("\n".join(annotations.of_changes(repo.changes("HEAD"), "HEAD")))
    assert (error.name, error.properties["title"]) == ("error", "gate")
    assert error.data == "lines: 2 at HEAD, 1 now: worse than the settings allow"


@pytest.mark.parametrize(
    "text",
    ["50%0A::add-mask::x", "a\n::add-mask::x", "a\r\n::add-mask::x", "##[add-mask]x", "::x::", "%25%2C", "é, b: c"],
)
def test_no_text_becomes_a_command_or_loses_a_character(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    problem = Problem(f"{text}/dvc.yaml:{text}", "output-missing", text, text)
    [line] = annotations.of_problems([problem], tmp_path)
    assert "\n" not in line
    assert "\r" not in line
    [command] = obeyed(line)
    assert command == Command(
        "error", {"file": f"{text}/dvc.yaml", "title": f"{text}/dvc.yaml:{text}: output-missing"}, text
    )


@pytest.mark.parametrize(
    "content", ["", "- a\n", "stages: [", "stages: {count: 1}\n", "stages: &x {count: *x}\n", "\x00"]
)
def test_files_that_are_no_pipeline_are_named_as_a_whole(tmp_path: Path, content: str) -> None:
    for name in ("dvc.yaml", "dvc.lock"):
        (tmp_path / name).write_text(content)
    found = annotations.of_problems([Problem("count", "code-changed", "a.py", "a.py: changed")], tmp_path)
    [command] = obeyed("\n".join(found))
    assert command.properties["file"] == "dvc.yaml"
