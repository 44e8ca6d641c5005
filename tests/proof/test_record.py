"""`samebits lock` beside DVC itself: what a run just wrote is recorded, what DVC calls changed is not."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import yaml
from dvc.exceptions import DvcException
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from samebits.errors import UserError
from tests.proof.repositories import Repository, kinds, simple

pytestmark = pytest.mark.posix_shell
EXAMPLES = int(os.environ.get("FUZZ", 3))


def one_stage(top: Path, **stage: Any) -> Repository:
    repo = Repository(top)
    repo.pipeline(stages={"one": {"cmd": "echo 1 > out.txt", "outs": ["out.txt"], **stage}})
    return repo


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["a  b " * 40, f"{'x' * 60} {'y' * 68}/  --test", "1e3", "0x10", "yes", "null", "2024-01-31", "a: b", "- a", "\n\n"]
)
plain = st.booleans() | st.integers() | st.floats() | texts
names = st.from_regex(r"[a-z]{1,8}", fullmatch=True).map("k_".__add__)


def trees(leaves: st.SearchStrategy[Any], *more: Callable[[st.SearchStrategy[Any]], Any]) -> st.SearchStrategy[Any]:
    def around(inner: st.SearchStrategy[Any]) -> Any:
        return st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4), *(x(inner) for x in more)
        )

    return st.dictionaries(names, st.recursive(leaves, around, max_leaves=6), min_size=1, max_size=8)


FORMATS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], str]]] = {
    "p.json": (trees(st.none() | plain), json.dumps),
    "p.yaml": (trees(st.none() | plain), lambda tree: yaml.safe_dump(tree, allow_unicode=True)),
    "p.toml": (trees(plain), tomlkit.dumps),
    "p.py": (
        trees(st.none() | plain, lambda inner: st.lists(inner, max_size=3).map(tuple)),
        lambda tree: "".join(f"{key} = {value!r}\n" for key, value in tree.items()).replace("nan", "1e999"),
    ),
}


@given(st.fixed_dictionaries({file: values for file, (values, _) in FORMATS.items()}), st.booleans())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_what_a_run_just_read_is_recorded_whatever_values_there_are(trees: dict[str, Any], whole: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        params = [{file: None if whole else sorted(tree)} for file, tree in trees.items()]
        repo = one_stage(Path(folder) / "repo", params=params)
        for file, tree in trees.items():
            repo.write(file, FORMATS[file][1](tree))
        try:
            repo.run()
        except (DvcException, TypeError, ValueError) as error:  # what DVC cannot record
            assume(not error)
        assert repo.problems() == []
        repo.write("p.json", json.dumps({**trees["p.json"], min(trees["p.json"]): "another value"}))
        assert [each.kind for each in repo.problems()] == ["parameter-changed"]


@pytest.mark.parametrize(
    ("file", "content", "key"),
    [
        ("p.py", "T = (1, (2, [3]))\n", "T"),
        ("p.yaml", "x: .nan\n", "x"),
        ("p.toml", "d = 1.0\n", "d"),
        ("p.json", '{"a": {"b": [1, true]}}', "a.b.1"),
        ("p.yaml", "a: {1: x}\n", "a"),
    ],
)
def test_values_that_a_lock_has_in_another_form_are_recorded(tmp_path: Path, file: str, content: str, key: str) -> None:
    repo = one_stage(tmp_path / "repo", params=[{file: [key]}])
    repo.write(file, content)
    repo.run()
    assert repo.problems() == []


def test_a_declared_parameter_that_no_file_has(tmp_path: Path) -> None:
    repo = one_stage(tmp_path / "repo", params=["lr"])
    repo.write("params.yaml", "lr: 1\n")
    repo.run()
    repo.replace("dvc.yaml", "- lr", "- lr\n    - model.depth")
    [problem] = repo.problems()
    assert (problem.kind, problem.path) == ("parameter-changed", "model.depth")
    assert (
        problem.text == "parameter model.depth: declared in dvc.yaml, but not in params.yaml; no run can have read it"
    )


def test_a_command_that_dvc_folds_with_a_blank_less_is_recorded_and_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = one_stage(tmp_path / "repo", cmd=f"echo {'x' * 60} {'y' * 68}/  --test > out.txt")
    repo.run()
    assert repo.lock()["stages"]["one"]["cmd"] != repo.lock("dvc.yaml")["stages"]["one"]["cmd"]
    capsys.readouterr()
    assert repo.command("lock") == 0
    assert "note: one: dvc.lock has its command with a blank less" in capsys.readouterr().out
    repo.replace("dvc.yaml", "--test", "--tests")
    assert kinds(repo.problems()) == {("one", "command-changed")}


def test_an_entry_of_a_stage_that_is_gone_is_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = simple(tmp_path / "repo")
    repo.edit_lock(lambda stages: stages.update(deploy={"cmd": "true"}))
    repo.commit()
    capsys.readouterr()
    assert repo.command("lock") == 0
    told = capsys.readouterr().out
    assert "note: deploy: is in dvc.lock, but no longer in dvc.yaml; `dvc repro` leaves the entry there" in told
    assert "dvc repro` makes one" not in told
    assert repo.command("lock", "--strict") == 1
    assert "2 of 2 stages are recorded\n" in told
    verdict = repo.check()
    assert verdict.conclusion == "reproduced"
    assert [each for each in verdict.notes if each.startswith("deploy: is in dvc.lock")]


def edited(repo: Repository) -> None:
    repo.edit_lock(lambda stages: stages["one"]["outs"][0].update(md5="0" * 32))


def replaced(repo: Repository) -> None:
    (repo.root / "out.txt").unlink()
    repo.write("out.txt", "2\n")


def tracked_by_git(repo: Repository) -> None:
    replaced(repo)
    repo.git("add", "-f", "out.txt")
    repo.commit()
    repo.forget()


@pytest.mark.parametrize("change", [edited, replaced, tracked_by_git])
def test_an_output_that_lies_there_with_another_hash(tmp_path: Path, change: Callable[[Repository], object]) -> None:
    repo = one_stage(tmp_path / "repo")
    repo.run()
    change(repo)
    [problem] = repo.problems()
    assert (problem.kind, problem.path) == ("output-edited", "out.txt")


def test_an_output_that_is_not_there_is_no_problem(tmp_path: Path) -> None:
    repo = one_stage(tmp_path / "repo", cmd="mkdir out && echo 1 > out/a", outs=["out"])
    repo.run()
    repo.write("out/b", "another file\n")
    assert kinds(repo.problems()) == {("one", "output-edited")}
    repo.forget(cache=False)
    assert repo.problems() == []


def test_data_that_was_changed_and_not_added(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    (repo.root / "data/table.txt").unlink()
    repo.write("data/table.txt", "7\n")
    [problem] = repo.problems()
    assert (problem.stage, problem.kind) == ("select", "dependency-changed")
    assert "`dvc add data/table.txt` records it" in problem.text


@pytest.mark.parametrize("file", ["dvc.lock", "data/table.txt.dvc"])
def test_a_hash_of_digits_is_a_hash(tmp_path: Path, file: str) -> None:
    repo = simple(tmp_path / "repo")
    md5 = repo.lock()["stages"]["count"]["outs"][0]["md5"] if file == "dvc.lock" else repo.lock(file)["outs"][0]["md5"]
    repo.replace(file, md5, "1" * 32)
    assert {kind for _, kind in kinds(repo.problems())} == {
        "output-edited" if file == "dvc.lock" else "dependency-changed"
    }
    repo.replace(file, "1" * 32, "1234567890123456789012345678e123")
    with pytest.raises(UserError, match=rf"^{file}: .*md5"):
        repo.problems()


@pytest.mark.parametrize(
    "dep",
    [
        *({"path": f"{scheme}://a/x", "etag": "abc"} for scheme in ("s3", "gs", "ssh", "webdavs", "hdfs", "https")),
        {"db": {"query": "select 1", "connection": "x", "file_format": "csv"}},
        {"path": "x", "repo": {"url": "git@nowhere:x.git", "rev_lock": "a" * 40}},
    ],
)
def test_what_was_imported_from_elsewhere_is_known_by_its_promise(tmp_path: Path, dep: dict[str, Any]) -> None:
    repo = one_stage(tmp_path / "repo", deps=["a.csv"])
    repo.write("a.csv", "abc")
    repo.run()
    out = {"path": "a.csv", "hash": "md5", "md5": "900150983cd24fb0d6963f7d28e17f72", "size": 3}
    repo.write("a.csv.dvc", yaml.safe_dump({"frozen": True, "deps": [dep], "outs": [out]}))
    assert repo.problems() == []
    repo.replace("a.csv.dvc", "9001", "8001")
    assert {kind for _, kind in kinds(repo.problems())} == {"dependency-changed"}


@pytest.mark.parametrize("dep", ["s3://a/x", "webdavs://a/x", "ds://x"])
def test_a_dependency_elsewhere_cannot_be_known(tmp_path: Path, dep: str) -> None:
    repo = one_stage(tmp_path / "repo")
    repo.run()
    repo.edit_lock(lambda stages: stages["one"].update(deps=[{"path": dep, "etag": "abc"}]))
    repo.pipeline(stages={"one": {**repo.lock("dvc.yaml")["stages"]["one"], "deps": [dep]}})
    assert kinds(repo.problems()) == {("one", "cannot-tell")}


def clones(repo: Repository, folder: Path) -> Iterator[tuple[str, Repository]]:
    """Clones in which git knows more than the working tree holds."""
    for name, options in {"sparse": ["--no-checkout"], "partial": ["--filter=blob:none", "--no-checkout"]}.items():
        other = object.__new__(Repository)
        other.top = other.root = folder / name
        url = repo.root.as_uri()
        subprocess.run(["git", "clone", "-q", *options, "--no-local", url, str(other.root)], check=True)
        other.git("sparse-checkout", "set", "--no-cone", "/*", "!/src/", "!/p.json", "!/code.sh")
        other.git("checkout", "-q", "main")
        assert not (other.root / "src").exists()
        yield name, other


def test_what_is_not_checked_out_is_read_from_git(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = one_stage(tmp_path / "repo", cmd="sh code.sh", deps=["src", "code.sh"], params=[{"p.json": ["n"]}])
    repo.write("src/deep/a.py", "x\n")
    repo.write("src/b.py", "y\n")
    repo.write("code.sh", "cat src/b.py > out.txt\n")
    repo.write("p.json", '{"n": 1}')
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
    repo.run()
    repo.write("p.json", '{"n": 2}')
    repo.commit("without a run")
    for name, other in clones(repo, tmp_path):
        assert kinds(other.problems()) == {("one", "parameter-changed")}, name
        assert other.command("lock", "--commit", "HEAD~1") == 0
        assert other.command("lock", "--commit", "HEAD") == 1
    tree = tmp_path / "worktree"
    repo.git("worktree", "add", "-q", str(tree), "HEAD~1")
    bare = tmp_path / "bare.git"
    repo.git("clone", "-q", "--bare", str(repo.root), str(bare))
    for folder in (tree, bare):
        other = object.__new__(Repository)
        other.top = other.root = folder
        assert other.command("lock", "--commit", "HEAD~1" if folder == bare else "HEAD") == 0
    assert "lr" not in capsys.readouterr().err


def test_a_lock_of_dvc_1_is_called_so(tmp_path: Path) -> None:
    repo = one_stage(tmp_path / "repo")
    repo.write("dvc.lock", "one:\n  cmd: echo 1 > out.txt\n")
    done = repo.samebits("lock")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: dvc.lock: DVC 1 wrote it, before schema 2.0; delete it, then `dvc repro` writes it anew\n"
    )


@pytest.mark.parametrize("text", ["{", "", "schema: '2.0'\nstages:\n  one: {cmd: 3}\n", "schema: '3.0'\nstages: {}\n"])
def test_git_checkout_is_advised_where_it_helps(tmp_path: Path, text: str) -> None:
    repo = one_stage(tmp_path / "repo")
    repo.run()
    repo.write("dvc.lock", text)
    with pytest.raises(UserError, match=r"^dvc\.lock: .*`git checkout dvc.lock` restores the committed one"):
        repo.problems()
    repo.commit()
    with pytest.raises(UserError, match=r"^dvc\.lock: broken, as it was committed .*; delete it, then `dvc repro`"):
        repo.problems()
    repo.write("dvc.lock", "")
    assert "broken, as it was committed" in repo.samebits("lock", "--commit", "HEAD").stderr


def test_a_file_that_git_once_held_and_now_ignores_is_no_accusation(tmp_path: Path) -> None:
    repo = one_stage(tmp_path / "repo", outs=[{"out.txt": {"cache": False}}])
    repo.run()
    repo.git("rm", "-q", "out.txt")
    repo.commit("without it")
    assert kinds(repo.problems()) == {("one", "output-missing")}
    repo.write(".gitignore", "*.txt\n")
    repo.commit("ignored")
    assert kinds(repo.problems()) == {("one", "cannot-tell")}


def test_the_deps_of_a_frozen_stage_may_change(tmp_path: Path) -> None:
    repo = one_stage(tmp_path / "repo")
    repo.run()
    repo.write("a.txt", "a\n")
    stage = repo.lock("dvc.yaml")["stages"]["one"]
    repo.pipeline(stages={"one": {**stage, "deps": ["a.txt"]}})
    assert kinds(repo.problems()) == {("one", "stage-unrecorded")}
    repo.pipeline(stages={"one": {**stage, "deps": ["a.txt"], "frozen": True}})
    assert repo.problems() == []
