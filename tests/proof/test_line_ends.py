"""A run on Windows, where git gives texts other line ends; what check and lock say of it here."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.proof.repositories import Repository, kinds, verdicts

pytestmark = pytest.mark.posix_shell


def dos(content: bytes) -> bytes:
    return content.replace(b"\n", b"\r\n")


def run_on_windows(repo: Repository) -> Repository:
    """Give the lock the hashes that DVC writes on Windows, where texts end their lines with CR and LF."""

    def edit(stages: dict[str, Any]) -> None:
        for stage in stages.values():
            for item in [*stage["deps"], *stage["outs"]]:
                content = (repo.root / item["path"]).read_bytes()
                if b"\0" not in content:
                    item["md5"] = hashlib.md5(dos(content)).hexdigest()

    repo.edit_lock(edit)
    repo.commit()
    repo.forget()
    return repo


def pipeline(top: Path, settings: str = "", command: str = "cat in.txt", **out: Any) -> Repository:
    repo = Repository(top)
    repo.write("code.sh", f"{command} > out.txt\n")
    repo.write("in.txt", "1\n2\n")
    repo.pipeline(stages={"one": {"cmd": "sh code.sh", "deps": ["code.sh", "in.txt"], "outs": [{"out.txt": out}]}})
    if settings:
        repo.write("samebits.toml", settings)
    repo.run()
    return repo


def test_texts_of_a_run_on_windows_are_recorded(tmp_path: Path) -> None:
    repo = run_on_windows(pipeline(tmp_path / "repo"))
    assert repo.problems() == []
    told = repo.record()
    assert "code.sh, in.txt: as in the run, which had the line ends of Windows" in told
    assert "dvc.lock is the record of a run of this tree" in told


def test_a_checkout_on_windows_of_what_ran_elsewhere(tmp_path: Path) -> None:
    repo = pipeline(tmp_path / "repo")
    for name in ("code.sh", "in.txt"):
        repo.write(name, dos(repo.read(name).encode()))
    assert repo.problems() == []
    assert "which had the line ends of Unix" in repo.record()


def test_a_folder_of_texts(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("code/deep/a.sh", b"cat in.txt > out.txt\r\n")
    repo.write("code/picture", b"\0\n")
    repo.pipeline(stages={"one": {"cmd": "echo 1 > out.txt", "deps": ["code"], "outs": ["out.txt"]}})
    repo.run()
    repo.write("code/deep/a.sh", "cat in.txt > out.txt\n")
    repo.commit()
    assert repo.problems() == []
    repo.write("code/picture", b"\0\r\n")
    assert kinds(repo.problems()) == {("one", "code-changed")}


def test_a_change_is_found_whatever_the_line_ends(tmp_path: Path) -> None:
    repo = run_on_windows(pipeline(tmp_path / "repo"))
    repo.replace("code.sh", "cat", "tail -n 1")
    repo.commit()
    assert kinds(repo.problems()) == {("one", "code-changed")}
    assert repo.check().conclusion == "not reproduced"


def test_an_output_with_other_line_ends_is_equal_and_no_accusation(tmp_path: Path) -> None:
    verdict = run_on_windows(pipeline(tmp_path / "repo")).check()
    assert verdict.conclusion == "inconclusive"
    assert verdicts(verdict) == {"out.txt": "equal"}
    assert kinds(verdict) == {("one", "environment-differs")}
    [difference] = verdict.outputs[0].differences
    assert difference.text == "the same text, to which the run gave the line ends of Windows"


def test_a_rule_may_allow_other_line_ends(tmp_path: Path) -> None:
    rule = '[[outputs]]\npath = "*.txt"\ncompare = "equal"\n'
    verdict = run_on_windows(pipeline(tmp_path / "repo", rule)).check()
    assert (verdict.conclusion, verdict.problems) == ("reproduced", [])


def test_an_output_that_git_holds_is_promised_as_git_holds_it(tmp_path: Path) -> None:
    repo = run_on_windows(pipeline(tmp_path / "repo", cache=False))
    assert repo.problems() == []
    verdict = repo.check()
    assert (verdict.conclusion, verdict.problems) == ("reproduced", [])
    assert verdict.outputs[0].promised == verdict.outputs[0].obtained
    repo.write("out.txt", "1\n3\n")
    repo.commit()
    assert kinds(repo.check()) >= {("one", "output-edited")}


@pytest.mark.parametrize(
    ("command", "kind", "conclusion"),
    [
        ("date +%N | cat in.txt -", "not-deterministic", "not reproduced"),
        ("printf '1\\0'", "environment-differs", "inconclusive"),
    ],
)
def test_other_bytes_on_another_system(tmp_path: Path, command: str, kind: str, conclusion: str) -> None:
    repo = run_on_windows(pipeline(tmp_path / "repo", command=command))
    repo.edit_lock(lambda stages: stages["one"]["outs"][0].update(md5="0" * 32))
    repo.commit()
    verdict = repo.check()
    assert verdict.conclusion == conclusion
    assert ("one", kind) in kinds(verdict)
    assert ("one", "computes-otherwise") not in kinds(verdict)
