"""Forgeries of one repository: each is committed, and each must be found out for the right reason."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from samebits.proof.telling import report
from samebits.proof.verdict import Verdict
from tests.proof.repositories import Repository, kinds, simple, verdicts

pytestmark = [pytest.mark.posix_shell, pytest.mark.usefixtures("way")]


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return simple(tmp_path / "repo")


def found_out(repo: Repository, stage: str, kind: str, reason: str) -> Verdict:
    repo.commit("forged")
    verdict = repo.check()
    assert verdict.conclusion == "not reproduced"
    assert verdict.problems[0].stage == stage
    texts = [each.text for each in verdict.problems if (each.stage, each.kind) == (stage, kind)]
    assert [text for text in texts if reason in text], verdict.problems
    return verdict


def give_output_another_hash(repo: Repository, stage: str) -> None:
    def edit(stages: dict[str, Any]) -> None:
        stages[stage]["outs"][0]["md5"] = hashlib.md5(b"better").hexdigest()

    repo.edit_lock(edit)


def test_an_edited_hash_of_an_output_that_another_stage_reads(repo: Repository) -> None:
    give_output_another_hash(repo, "select")
    found_out(repo, "select", "lock-edited", "dvc.lock says that select wrote")


def test_an_edited_hash_of_an_output_that_none_reads(repo: Repository) -> None:
    repo.git("rm", "-q", "--cached", "metrics.json")
    repo.replace("dvc.yaml", "    metrics:\n    - metrics.json:\n        cache: false\n", "    outs: [metrics.json]\n")
    repo.run(force=True)
    give_output_another_hash(repo, "count")
    found_out(repo, "count", "computes-otherwise", "other bytes from the same inputs")


def test_an_edited_hash_of_an_output_in_git(repo: Repository) -> None:
    give_output_another_hash(repo, "count")
    found_out(repo, "count", "output-edited", "metrics.json: changed since the run")


def test_an_edited_metric(repo: Repository) -> None:
    repo.write("metrics.json", '{"lines": 3}\n')
    found_out(repo, "count", "output-edited", "lines is 3 promised, 2 obtained")


def test_a_metric_edited_together_with_its_hash(repo: Repository) -> None:
    repo.write("metrics.json", '{"lines": 3}\n')
    md5 = hashlib.md5((repo.root / "metrics.json").read_bytes()).hexdigest()
    repo.edit_lock(lambda stages: stages["count"]["outs"][0].update(md5=md5))
    repo.commit("forged")
    assert repo.problems() == []
    verdict = found_out(repo, "count", "output-edited", "other values than rounding explains")
    assert report.details(verdict.outputs[-1]) == ["metrics.json: lines is 3 promised, 2 obtained"]


def test_a_changed_parameter_without_a_run(repo: Repository) -> None:
    repo.replace("params.yaml", "n: 2", "n: 3")
    found_out(repo, "select", "parameter-changed", "parameter n: 2 in the run, 3 in params.yaml")


def test_a_changed_line_of_code(repo: Repository) -> None:
    repo.replace("select.sh", "head", "tail")
    verdict = found_out(repo, "select", "code-changed", "select.sh: changed since the run")
    assert verdicts(verdict) == {"selected.txt": "differs", "metrics.json": "same"}


def test_a_change_without_effect_is_no_proof_either(repo: Repository) -> None:
    repo.replace("select.sh", "head", "head  ")
    found_out(repo, "select", "code-changed", "select.sh: changed since the run")


def test_a_changed_file_of_a_folder_is_named(repo: Repository) -> None:
    repo.write("code/a.sh", "true\n")
    repo.write("code/b.sh", "true\n")
    repo.replace("dvc.yaml", "    - select.sh\n", "    - select.sh\n    - code\n")
    repo.run()
    repo.write("code/b.sh", "false\n")
    repo.write("code/c.sh", "true\n")
    unstaged = repo.problems()
    assert unstaged[-1].text == "since dvc.lock was last committed, these changed: code/b.sh, code/c.sh"
    found_out(repo, "select", "code-changed", "these changed: code/b.sh, code/c.sh")


@pytest.mark.parametrize(
    ("file", "then", "now"),
    [
        ("requirements.txt", "numpy==2.0.0\n", "numpy==2.1.0\n"),
        (
            "uv.lock",
            '[[package]]\nname = "numpy"\nversion = "2.0.0"\n',
            '[[package]]\nname = "numpy"\nversion = "2.1.0"\n',
        ),
        (
            "poetry.lock",
            '[[package]]\nname = "numpy"\nversion = "2.0.0"\n',
            '[[package]]\nname = "numpy"\nversion = "2.1.0"\n',
        ),
        ("environment.yml", "dependencies:\n- numpy=2.0.0=abc\n", "dependencies:\n- numpy=2.1.0=abc\n"),
    ],
)
def test_another_package_pin(repo: Repository, file: str, then: str, now: str) -> None:
    repo.write(file, then)
    repo.replace("dvc.yaml", "    - select.sh\n", f"    - select.sh\n    - {file}\n")
    repo.run()
    repo.write(file, now)
    found_out(repo, "select", "package-changed", "package numpy: 2.0.0 in the run, 2.1.0 pinned now")


def test_a_stage_deleted_from_the_lock(repo: Repository) -> None:
    repo.edit_lock(lambda stages: stages.pop("select"))
    found_out(repo, "select", "stage-unrecorded", "is not in dvc.lock")


def test_a_dependency_added_without_a_run(repo: Repository) -> None:
    repo.write("note.txt", "note\n")
    repo.replace("dvc.yaml", "    - select.sh\n", "    - select.sh\n    - note.txt\n")
    found_out(repo, "select", "stage-unrecorded", "note.txt: in dvc.yaml, but not among the deps of the run")


def test_a_deleted_file_that_a_stage_reads(repo: Repository) -> None:
    (repo.root / "select.sh").unlink()
    found_out(repo, "select", "dependency-missing", "select.sh: missing")


def test_swapped_data(repo: Repository) -> None:
    repo.write("data/table.txt", "4\n5\n6\n")
    repo.add("data/table.txt")
    found_out(repo, "select", "dependency-changed", "data/table.txt.dvc promises other data than the run read")


def test_a_command_that_writes_nothing(repo: Repository) -> None:
    repo.replace("dvc.yaml", "cmd: sh select.sh", "cmd: 'true'")
    repo.replace("dvc.lock", "cmd: sh select.sh", "cmd: 'true'")
    verdict = found_out(repo, "select", "output-not-made", "selected.txt: the stage ran to its end without making it")
    assert verdicts(verdict) == {"selected.txt": "missing", "metrics.json": "unknown"}


@pytest.mark.parametrize("folder", [False, True], ids=["a file", "within a folder"])
def test_an_output_replaced_in_the_cache(repo: Repository, folder: bool) -> None:
    path = "selected.txt"
    if folder:
        path = "out/selected.txt"
        repo.replace("dvc.yaml", "outs:\n    - selected.txt", "outs:\n    - out")
        repo.write("dvc.yaml", repo.read("dvc.yaml").replace("selected.txt", path))
        repo.replace("select.sh", "> selected.txt", "> out/selected.txt")
        repo.replace("dvc.yaml", "sh select.sh", "mkdir out && sh select.sh")
        repo.run()
    md5 = hashlib.md5((repo.root / path).read_bytes()).hexdigest()
    cached = repo.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    cached.chmod(0o644)
    cached.write_bytes(b"another")
    found_out(repo, "select", "cache-edited", "replaced in the cache of DVC")
    assert cached.read_bytes() == b"another"


def test_a_stage_that_is_not_deterministic(repo: Repository) -> None:
    repo.replace("select.sh", "> selected.txt", "> selected.txt; date +%N >> selected.txt")
    repo.run()
    verdict = found_out(
        repo, "select", "not-deterministic", "selected.txt: not deterministic, two runs here made different"
    )
    assert ("count", "not-deterministic") not in kinds(verdict)


def test_a_lock_that_git_merged_without_conflict(repo: Repository) -> None:
    """Each branch is honest; together they give a number that neither run made. No hash in the lock is wrong."""
    repo.write("count.sh", "wc -l < selected.txt > count.txt\n")
    stage = {"cmd": "sh count.sh", "deps": ["count.sh", "selected.txt"], "outs": ["count.txt"]}
    repo.pipeline(stages={**repo.lock("dvc.yaml")["stages"], "count": stage})
    repo.run()
    repo.git("switch", "-q", "-c", "code")
    repo.write("count.sh", "n=$(wc -l < selected.txt); echo $((n > 2 ? 99 : n)) > count.txt\n")
    repo.run()
    repo.git("switch", "-q", "main")
    repo.replace("params.yaml", "n: 2", "n: 3")
    repo.run()
    repo.git("merge", "-q", "--no-edit", "code")
    assert repo.problems() == []
    verdict = found_out(repo, "count", "computes-otherwise", "other bytes from the same inputs")
    assert verdicts(verdict) == {"selected.txt": "same", "count.txt": "differs"}
