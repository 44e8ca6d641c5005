"""Hostile and unlucky repositories: no false proof, no traceback, nothing changed outside of the check's own folder."""

import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from samebits.errors import UserError
from samebits.proof.running.machine import describe
from tests.proof.repositories import Repository, kinds, simple

pytestmark = [pytest.mark.posix_shell, pytest.mark.usefixtures("way")]


def repository(top: Path, command: str, **stages: Any) -> Repository:
    """A repository whose stage `make` makes `out.txt`, with more stages."""
    repo = Repository(top)
    repo.pipeline(stages={"make": {"cmd": command, "outs": ["out.txt"]}, **stages})
    repo.run()
    return repo


def test_an_output_that_a_later_stage_replaced_is_no_proof(tmp_path: Path) -> None:
    later = {"cmd": "echo 2 > two.txt; echo bad > out.txt", "outs": ["two.txt"]}
    verdict = repository(tmp_path / "repo", "echo 1 > out.txt", later=later).check(outputs=str(tmp_path / "kept"))
    assert verdict.conclusion == "not reproduced"
    assert ("make", "output-edited") in kinds(verdict)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("command", ["ln -s {} out.txt", "mkdir out.txt; ln -s {} out.txt/inner"])
def test_an_output_that_links_to_this_machine_is_no_proof(tmp_path: Path, command: str) -> None:
    (tmp_path / "mine").write_text("mine")
    verdict = repository(tmp_path / "repo", command.format(tmp_path / "mine")).check()
    assert verdict.conclusion == "inconclusive"
    assert kinds(verdict) == {("make", "missing-source")}


def test_an_output_that_links_within_the_repository_is_proved(tmp_path: Path) -> None:
    assert repository(tmp_path / "repo", "ln -s dvc.yaml out.txt").check().conclusion == "reproduced"


def test_a_cache_that_the_commit_names_is_not_written_to(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    elsewhere = tmp_path / "elsewhere"
    repo.write(".dvc/config", f"[cache]\n    local = mine\n['remote \"mine\"']\n    url = {elsewhere}\n")
    repo.commit()
    repo.write(".dvc/config", "")
    assert repo.check().conclusion == "reproduced"
    assert not elsewhere.exists()


def test_variables_of_a_hook_of_git_lead_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = simple(tmp_path / "repo")
    repo.write("later.txt", "later")
    repo.commit()
    files = [repo.root / ".git" / name for name in ("index", "HEAD", "config")]
    before = [each.read_bytes() for each in files]
    monkeypatch.setenv("GIT_DIR", str(repo.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(repo.root / ".git/index"))
    assert repo.check(revision="HEAD~1").conclusion == "reproduced"
    assert [each.read_bytes() for each in files] == before


@pytest.mark.skipif(sys.platform != "linux", reason="a name of a file is a text there")
def test_names_of_files_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    repo = repository(tmp_path / "repo", "echo 1 > out.txt")
    repo.write(name, "")
    repo.pipeline(stages={"make": {"cmd": "mkdir out.txt; touch out.txt/$(printf 'caf\\351')", "outs": ["out.txt"]}})
    repo.commit()
    for options in ([], ["--json"], ["--markdown", str(tmp_path / "out.md")], ["--html", str(tmp_path / "out.html")]):
        done = repo.samebits("check", *options)
        assert done.returncode == 1
        assert "out.txt" in done.stdout
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["{}", "3", '{"machine": {"a": {}}, "packages": 3}', "no JSON"])
def test_a_python_of_another_kind_is_not_asked(text: str) -> None:
    found = describe(lambda *_: f"{text}\n")
    assert found.packages == {}
    assert set(found.machine) == {"machine", "cpu"}


def test_a_source_outside_of_the_repository_is_not_put_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = simple(tmp_path / "repo")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    repo.write("evil.dvc", repo.read("data/table.txt.dvc").replace("table.txt", "../../evil"))
    repo.commit()
    repo.check()
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("path", [".", "..", "../..", "../x"])
def test_an_output_that_holds_or_leaves_the_repository_does_not_run(tmp_path: Path, path: str) -> None:
    repo = Repository(tmp_path / "repo")
    repo.pipeline(stages={"make": {"cmd": "exit 1", "outs": [path]}})
    repo.commit()
    assert ("make", "stage-failed") in kinds(repo.check())


@pytest.mark.parametrize("value", ["../../../mine", "a\0b", ""])
def test_a_hash_that_is_a_path_touches_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    (tmp_path / "mine").write_text("mine")
    repo = simple(tmp_path / "repo")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    repo.edit_lock(lambda stages: stages["select"]["outs"][0].update(md5=value))
    repo.commit()
    assert repo.check().conclusion != "reproduced"
    assert (tmp_path / "mine").read_text() == "mine"


def test_aliases_that_unfold_without_end_are_refused(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    names = "abcdefghi"
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in pairwise(names)]
    repo.write("dvc.yaml", repo.read("dvc.yaml") + "vars:\n" + "".join(f"- {line}\n" for line in lines))
    with pytest.raises(UserError, match=r"dvc.yaml: its aliases stand for more than 1,000,000 values"):
        repo.problems()
    repo.commit()
    with pytest.raises(UserError, match=r"dvc.yaml: its aliases stand for more than"):
        repo.check()
