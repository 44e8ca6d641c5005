"""`samebits merge`: git merges, rebases and picks through it, and `dvc repro` runs what no branch ran."""

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import modify_yaml
from hypothesis import HealthCheck, Phase, assume, given, settings

from samebits.errors import UserError
from samebits.proof.merging.driver import merge_lock
from samebits.proof.merging.setup import install
from tests.conftest import ROOT
from tests.proof.repositories import IDENTITY, Repository, kinds
from tests.proof.test_merge_rules import FILES, PARAMS, Tree, forks, unforeseen

pytestmark = pytest.mark.posix_shell
EXAMPLES = int(os.environ.get("REAL_MERGES", 2))
LINES = "\n" * 5  # between two lines that two branches may change without a conflict


@pytest.fixture(autouse=True, scope="module")
def _driver_finds_the_package() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        for who in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{who}_NAME", "test")
            patch.setenv(f"GIT_{who}_EMAIL", "test@example.com")
        yield


class Branches(Repository):
    """A repository whose git merges through samebits, and whose stages write down that they ran."""

    def __init__(self, top: Path, below: str = ".") -> None:
        super().__init__(top, below)
        self.log = top.parent / "ran"
        self.write(".gitignore", "*.x\n")

    def install(self) -> None:
        with self.inside():
            install()
        self.commit()

    def branch(self, name: str, **params: int) -> None:
        """A branch from main that changes parameters, with its run."""
        self.git("switch", "-q", "-c", name, "main")
        self.change(**params)

    def change(self, **params: int) -> None:
        for name, value in params.items():
            text = self.read("params.yaml")
            old = next(line for line in text.splitlines() if line.startswith(f"{name}:"))
            self.write("params.yaml", text.replace(old, f"{name}: {value}"))
        self.run()

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of git that may fail."""
        return subprocess.run(["git", *IDENTITY, *arguments], cwd=self.top, capture_output=True, text=True, check=False)

    def repro(self, force: bool = False) -> list[str]:
        """The stages of which `dvc repro` ran the command, after `dvc checkout`, without the cache of runs."""
        self.log.write_text("")
        with pytest.MonkeyPatch.context() as patch, self.dvc() as repo:
            patch.setenv("RAN", str(self.log))
            repo.checkout(allow_missing=True)
            repo.reproduce(all_pipelines=True, force=force, run_cache=False)
        return self.log.read_text().split()


def stage(
    name: str, deps: list[str], params: list[str], outs: list[str], used: list[str] | None = None
) -> dict[str, Any]:
    """A stage whose outputs hold its name and what it uses of its deps and parameters."""
    texts = [f"sed -n 's/^{each}: //p' params.yaml" if each in params else f"cat {each}" for each in [*deps, *params]]
    chosen = [text for each, text in zip([*deps, *params], texts, strict=True) if used is None or each in used]
    lines = [f'echo {name} >> "${{RAN:-/dev/null}}"']
    lines += [f"{{ {'; '.join(['echo ' + out, *chosen])}; }} > {out}" for out in outs]
    return {
        "cmd": [line.replace("${RAN", "\\${RAN") for line in lines],
        "deps": deps,
        "params": params,
        "outs": [out if out.endswith(".x") else {out: {"cache": False}} for out in outs],
    }


def four_stages(top: Path) -> Branches:
    """A chain of three stages, each with a parameter of its own, and a foreach; run and committed, git set up."""
    repo = object.__new__(Branches)
    repo.top = repo.root = top
    repo.log = top.parent / "ran"
    shutil.copytree(made_once(), top, symlinks=True)
    return repo


@functools.cache
def made_once() -> Path:
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    repo = Branches(Path(folder.name) / "repo")
    repo.write("params.yaml", LINES.join(f"{name}: 1" for name in ("a", "b", "c", "d")) + "\n")
    each = stage("each_${item}", ["prepare.x"], ["d"], ["each_${item}.x"])
    repo.pipeline(
        stages={
            "prepare": stage("prepare", [], ["a"], ["prepare.x", "prepare.json"]),
            "train": stage("train", ["prepare.x"], ["b"], ["train.x"]),
            "evaluate": stage("evaluate", ["train.x"], ["c"], ["metrics.json"]),
            "each": {"foreach": ["one", "two"], "do": each},
        }
    )
    repo.run()
    repo.install()
    return repo.root


def test_a_merge_keeps_what_one_side_ran_and_repro_runs_the_rest(tmp_path: Path) -> None:
    repo = four_stages(tmp_path / "repo")
    repo.branch("theirs", c=2, d=2)
    repo.git("switch", "-q", "main")
    repo.change(b=2)
    done = repo.attempt("merge", "theirs")
    assert done.returncode == 0, done.stderr
    assert "dvc.lock: each@one, each@two from theirs; evaluate must run: `dvc repro`\n" in done.stderr
    assert "metrics.json: whole from ours\n" in done.stderr
    with repo.dvc() as dvc:
        dvc.checkout(allow_missing=True)
    assert kinds(repo.problems()) == {("evaluate", "stage-unrecorded")}
    assert repo.repro() == ["evaluate"]
    repo.commit()
    assert repo.problems() == []
    assert repo.read("metrics.json") == "metrics.json\ntrain.x\nprepare.x\n1\n2\n2\n"


def test_conflicts_in_three_stages_and_a_foreach_leave_the_lock_and_no_markers(tmp_path: Path) -> None:
    repo = four_stages(tmp_path / "repo")
    repo.branch("theirs", b=2, d=2)
    repo.git("switch", "-q", "main")
    repo.change(a=3)
    assert repo.attempt("merge", "theirs").returncode == 0
    assert set(repo.lock()["stages"]) == {"prepare"}
    assert "<<<<" not in repo.read("dvc.lock") + repo.read("metrics.json")
    assert {stage for stage, _ in kinds(repo.problems())} == {"train", "evaluate", "each@one", "each@two"}
    assert sorted(repo.repro()) == ["each_one", "each_two", "evaluate", "train"]
    repo.commit()
    assert repo.problems() == []
    assert repo.repro() == []


def test_a_rebase_over_commits_that_each_ran_needs_one_repro_at_its_end(tmp_path: Path) -> None:
    repo = four_stages(tmp_path / "repo")
    repo.branch("work", c=2)
    repo.change(d=2)
    repo.change(b=3)
    repo.git("switch", "-q", "main")
    repo.change(a=2)
    repo.git("switch", "-q", "work")
    done = repo.attempt("rebase", "main")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(repo.lock()["stages"]) == {"prepare"}
    assert sorted(repo.repro()) == ["each_one", "each_two", "evaluate", "train"]
    repo.commit()
    assert repo.problems() == []


@pytest.mark.parametrize("way", ["cherry-pick", "stash"])
def test_what_is_picked_or_was_stashed_is_merged_too(tmp_path: Path, way: str) -> None:
    repo = four_stages(tmp_path / "repo")
    repo.branch("theirs", c=2, d=2)
    if way == "stash":
        repo.git("reset", "-q", "--soft", "HEAD^")
        repo.git("stash")
    repo.git("switch", "-q", "main")
    repo.change(b=2)
    done = repo.attempt("cherry-pick", "theirs") if way == "cherry-pick" else repo.attempt("stash", "pop")
    assert done.returncode == 0, done.stdout + done.stderr
    assert repo.repro() == ["evaluate"]
    repo.commit()
    assert repo.problems() == []


def test_the_version_of_the_side_whose_run_stays_is_taken(tmp_path: Path) -> None:
    """Theirs has the change of ours, and one more: its runs are those of the merged tree."""
    repo = four_stages(tmp_path / "repo")
    repo.branch("theirs", b=2)
    repo.change(c=2)
    repo.git("switch", "-q", "main")
    repo.write("note", "without it, both first commits would be one")
    repo.change(b=2)
    done = repo.attempt("merge", "theirs")
    assert "metrics.json: whole from theirs\n" in done.stderr
    assert "dvc.lock: evaluate from theirs; all entries stay\n" in done.stderr
    shutil.rmtree(repo.root / ".dvc/cache/runs")
    assert repo.repro() == []
    assert repo.problems() == []
    assert repo.git("status", "--short") == ""


@pytest.mark.parametrize("way", ["rebase", "cherry-pick"])
def test_the_version_of_a_picked_commit_is_taken_where_its_run_stays(tmp_path: Path, way: str) -> None:
    repo = four_stages(tmp_path / "repo")
    repo.branch("theirs", b=2)
    repo.git("switch", "-q", "main")
    repo.branch("ours", b=2, c=3)
    repo.git("switch", "-q", "theirs")
    repo.git("reset", "-q", "--soft", "main")
    repo.change(c=3, d=2)
    repo.git("switch", "-q", "ours" if way == "cherry-pick" else "theirs")
    done = repo.attempt("cherry-pick", "theirs") if way == "cherry-pick" else repo.attempt("rebase", "ours")
    assert done.returncode == 0, done.stdout + done.stderr
    assert repo.repro() == []


def test_a_pipeline_that_conflicts_itself_keeps_its_markers_and_the_lock_has_none(tmp_path: Path) -> None:
    repo = four_stages(tmp_path / "repo")
    repo.git("switch", "-q", "-c", "theirs")
    repo.replace("dvc.yaml", "echo train ", "echo train  ")
    repo.run()
    repo.git("switch", "-q", "main")
    repo.replace("dvc.yaml", "echo train ", "echo  train ")
    repo.change(c=2)
    done = repo.attempt("merge", "theirs")
    assert done.returncode == 1
    assert repo.git("diff", "--name-only", "--diff-filter=U") == "dvc.yaml\n"
    assert set(repo.lock()["stages"]) == {"prepare", "evaluate", "each@one", "each@two"}
    repo.git("checkout", "--theirs", "dvc.yaml")
    assert repo.repro() == ["train"]
    repo.commit()
    assert repo.problems() == []


def test_locks_in_folders_of_a_repository_below_gits_merge_each_for_itself(tmp_path: Path) -> None:
    repo = Branches(tmp_path / "repo", "below")
    repo.write("params.yaml", LINES.join(f"{name}: 1" for name in ("a", "b", "c")) + "\n")
    for folder, (name, deps, param) in {
        "first": ("make", [], "a"),
        "second": ("use", ["first/make.x"], "b"),
        "third": ("also", [], "c"),
    }.items():
        repo.write(f"{folder}/.gitignore", "*.x\n")
        content = stage(name, deps, [param], [f"{folder}/{name}.x", f"{folder}/{name}.json"])
        repo.pipeline(f"{folder}/dvc.yaml", stages={name: content | {"wdir": ".."}})
    repo.run()
    repo.install()
    assert sorted(repo.read(".gitattributes").splitlines()[1:-1]) == [
        "/first/make.json merge=samebits",
        "/second/use.json merge=samebits",
        "/third/also.json merge=samebits",
        "dvc.lock merge=samebits",
    ]
    repo.branch("theirs", b=2)
    repo.change(c=2)
    repo.git("switch", "-q", "main")
    repo.change(a=2)
    done = repo.attempt("merge", "theirs")
    assert done.returncode == 0
    assert "below/second/dvc.lock: use must run: `dvc repro`\n" in done.stderr
    assert repo.repro() == ["use"]
    repo.commit()
    assert repo.problems() == []


def test_a_merge_of_two_merges_does_not_stumble_over_the_markers_of_others(tmp_path: Path) -> None:
    """Criss-cross: git merges the two ancestors first, here by a driver that writes markers."""
    repo = four_stages(tmp_path / "repo")
    repo.branch("theirs", c=2)
    repo.git("switch", "-q", "main")
    repo.change(c=3)
    repo.git("tag", "before")
    for into, other, value in (("main", "theirs", 4), ("theirs", "before", 5)):
        repo.git("switch", "-q", into)
        repo.attempt("merge", "--no-commit", other)
        repo.write("params.yaml", repo.git("show", f"main~{1 if into == 'main' else 2}:params.yaml"))
        repo.change(c=value)
    repo.git("switch", "-q", "main")
    repo.git("config", "merge.samebits.recursive", "text")
    done = repo.attempt("merge", "theirs")
    assert "dvc.lock: evaluate must run: `dvc repro`\n" in done.stderr
    assert "<<<<" not in repo.read("dvc.lock") + repo.read("metrics.json")
    repo.git("checkout", "--theirs", "params.yaml")
    assert repo.repro() == ["evaluate"]
    repo.commit()
    assert repo.problems() == []


def test_where_both_sides_made_the_first_lock_what_both_ran_alike_stays(tmp_path: Path) -> None:
    repo = four_stages(tmp_path / "repo")
    repo.git("rm", "-q", "--cached", "dvc.lock", "metrics.json")
    repo.git("commit", "-q", "-m", "none")
    lock = repo.read("dvc.lock")
    repo.branch("theirs", c=2)
    repo.git("switch", "-q", "-f", "main")
    repo.write("dvc.lock", lock)
    repo.change(d=2)
    done = repo.attempt("merge", "theirs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(repo.lock()["stages"]) == {"prepare", "train"}
    assert sorted(repo.repro()) == ["each_one", "each_two", "evaluate"]
    repo.commit()
    assert repo.problems() == []


def test_a_merged_lock_has_the_bytes_that_dvc_writes(tmp_path: Path) -> None:
    repo = four_stages(tmp_path / "repo")
    long = "x" * 50 + " # " + "y" * 50
    repo.replace("dvc.yaml", "stages:\n", f"stages:\n  long:\n    cmd: 'echo > long.x {long}:'\n    outs: [long.x]\n")
    repo.run()
    repo.branch("theirs", c=2)
    repo.replace("dvc.yaml", "stages:\n", "stages:\n  new:\n    cmd: echo > new.x\n    outs: [new.x]\n")
    repo.change(d=2)
    repo.git("switch", "-q", "main")
    repo.change(a=1, b=2)
    repo.git("merge", "theirs")
    assert list(repo.lock()["stages"]) == ["prepare", "train", "each@one", "each@two", "long", "new"]
    merged = repo.read("dvc.lock")
    with repo.dvc() as dvc:
        dvc.reproduce(list(repo.lock()["stages"]), force=True, single_item=True)
    assert repo.read("dvc.lock") == merged


BLANKS = f"echo {'x' * 60} {'y' * 68}/  --test"  # DVC folds it, and loses one of the two blanks
FORMS = ["schema: '2.0'\nstages:\n{}", "stages:\n{}schema: '2.0'\n", "{{schema: '2.0', stages: {{{}}}}}"]


def entry(name: str, **content: str) -> str:
    lines = [f"  {name}:", f"    cmd: {content.pop('cmd', 'echo')}"]
    return "\n".join([*lines, *(f"    {key}: {each}" for key, each in content.items()), ""])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("form", FORMS)
def test_entries_that_stay_are_the_same_bytes(tmp_path: Path, form: str, end: str) -> None:
    odd = entry("a", cmd=BLANKS, params="{p.yaml: {x: .nan, y: [1,   2]}}  # a comment")
    changed = entry("b", params="{p.yaml: {z: 2}}")
    lists = [[odd, entry("b")], [odd, changed], [odd, entry("b"), entry("c")]]
    if form.startswith("{"):  # not as DVC writes it
        lists = [[f"{each[2]}: {json.dumps({'cmd': BLANKS})}" for each in every] for every in lists]
    texts = [form.format(("" if "\n" in form else ", ").join(every)).replace("\n", end) for every in lists]
    told = merged(tmp_path, *(each.encode() for each in texts))
    assert list(yaml.safe_load(told)["stages"]) == ["a", "b", "c"]
    assert yaml.safe_load(told)["stages"]["a"]["cmd"] == BLANKS
    if not form.startswith("{"):
        assert told.decode() == form.format(odd + changed + entry("c")).replace("\n", end)


@pytest.mark.parametrize("side", ["main", "theirs"])
@pytest.mark.parametrize("what", ["code.sh", "params.yaml"])
def test_an_entry_leaves_where_one_side_changed_what_it_read_without_a_run(
    tmp_path: Path, side: str, what: str
) -> None:
    repo = four_stages(tmp_path / "repo")
    repo.write("code.sh", "true\n")
    stages = repo.lock("dvc.yaml")["stages"]
    stages["evaluate"]["deps"].append("code.sh")
    repo.pipeline(stages=stages)
    repo.run()
    repo.branch("theirs", d=2)
    repo.git("switch", "-q", "main")
    repo.change(d=3)
    repo.git("switch", "-q", side)
    if what == "code.sh":
        repo.write("code.sh", "false\n")
    else:
        repo.replace("params.yaml", "c: 1", "c: 7")
    repo.commit("without a run")
    repo.git("switch", "-q", "main")
    repo.attempt("merge", "theirs")  # d conflicts
    assert set(repo.lock()["stages"]) == {"prepare", "train"}


@pytest.mark.parametrize(
    "broken", ["schema: '1.0'\nstages: {}\n", "train: {cmd: a}\n", "<<<<<<< a\n=======\n>>>>>>> b\n", "{"]
)
def test_a_lock_that_cannot_be_read_is_a_conflict_that_leaves_ours_as_it_is(tmp_path: Path, broken: str) -> None:
    repo = four_stages(tmp_path / "repo")
    repo.git("switch", "-q", "-c", "theirs")
    repo.write("dvc.lock", broken)
    repo.commit()
    repo.git("switch", "-q", "main")
    repo.change(a=2)
    ours = repo.read("dvc.lock")
    done = repo.attempt("merge", "theirs")
    assert done.returncode == 1
    assert "CONFLICT (content): Merge conflict in dvc.lock" in done.stdout
    assert done.stderr.startswith("error: dvc.lock of theirs: ")
    assert done.stderr.count("\n") == 1
    assert repo.read("dvc.lock") == ours


def merged(folder: Path, *versions: bytes) -> bytes:
    """The lock that the driver makes of base, ours and theirs."""
    base, ours, theirs = (folder / name for name in ("base", "ours", "theirs"))
    for file, content in zip((base, ours, theirs), versions, strict=True):
        file.write_bytes(content)
    merge_lock(base, ours, theirs, "dvc.lock")
    return ours.read_bytes()


@pytest.mark.parametrize("was", [b"- 1\n", b"text", b"{", b"stages: " + b"[" * 5000])
def test_whatever_the_base_holds_what_both_sides_say_stays(tmp_path: Path, was: bytes) -> None:
    lock = b"schema: '2.0'\nstages:\n  a:\n    cmd: echo\n"
    assert merged(tmp_path, was, lock, lock) == lock


def test_datasets_are_those_of_the_side_that_changed_them(tmp_path: Path) -> None:
    one, two, three = (
        f"schema: '2.0'\nstages:\n  a:\n    cmd: echo\ndatasets:\n- name: d\n  version: {version}\n".encode()
        for version in (1, 2, 3)
    )
    for ours, theirs in ((one, two), (two, one), (two, two)):
        assert yaml.safe_load(merged(tmp_path, one, ours, theirs)) == yaml.safe_load(two)
    with pytest.raises(UserError, match="both sides changed its datasets"):
        merged(tmp_path, one, two, three)


def test_without_its_python_git_merges_by_lines(tmp_path: Path) -> None:
    repo = four_stages(tmp_path / "repo")
    driver = repo.git("config", "merge.samebits.driver")
    python = driver.split()[3].rstrip(";")
    repo.git("config", "merge.samebits.driver", driver.replace(python, "/gone/python").strip())
    repo.branch("theirs", c=2)
    repo.git("switch", "-q", "main")
    repo.change(c=3)
    assert repo.attempt("merge", "theirs").returncode == 1
    assert "<<<<<<< " in repo.read("dvc.lock")


def test_install_changes_its_own_lines_alone_and_can_be_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = four_stages(tmp_path / "repo")
    repo.write(".gitattributes", "*.txt text\n" + repo.read(".gitattributes") + "*.bin -diff")
    outs = [{"a b": {"cache": False}}, {"x[1].txt": {"cache": False}}]
    content = {"cmd": "mkdir -p 'a b' && touch 'a b/c' 'x[1].txt'", "outs": outs}
    repo.pipeline("sub/dvc.yaml", stages={"odd": content})
    repo.run()
    capsys.readouterr()
    for to_do in ("commit it", "nothing to commit"):
        with repo.inside():
            install()
        assert capsys.readouterr().out == (
            f".gitattributes: git merges dvc.lock and 4 generated files stage by stage; {to_do}\n"
            "git config merge.samebits: set for this clone; each other clone needs `samebits merge --install` once\n"
        )
        assert repo.read(".gitattributes") == (
            "*.txt text\n"
            "# samebits merge: generated, `samebits merge --install` renews it\n"
            "dvc.lock merge=samebits\n"
            "/metrics.json merge=samebits\n"
            "/prepare.json merge=samebits\n"
            '"/sub/a b/**" merge=samebits\n'
            "/sub/x\\[1].txt merge=samebits\n"
            "# end of samebits merge\n"
            "*.bin -diff"
        )
        repo.commit("attributes")
    for path in ("dvc.lock", "sub/dvc.lock", "sub/a b/c", "sub/x[1].txt", "metrics.json"):
        assert repo.git("check-attr", "merge", path).endswith(": merge: samebits\n")
    assert repo.git("check-attr", "merge", "sub/metrics.json").endswith(": merge: unspecified\n")


def test_without_a_lock_or_files_it_says_how_to_call_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "samebits", "merge"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: merge: git calls it, with four files; `samebits merge --install` sets git up, once a clone\n"
    )


def written(repo: Branches, tree: Tree) -> None:
    """Write a tree of the model: files of text, parameters and a pipeline; two stages more are made by a foreach."""
    for file in FILES:
        repo.write(file, f"{tree.values[file]}\n")
    repo.write("params.yaml", LINES.join(f"{name}: {tree.values[name]}" for name in PARAMS) + "\n")
    content = {"each": {"foreach": ["one", "two"], "do": stage("each_${item}", ["f2"], ["p2"], ["each_${item}.x"])}}
    for name, each in sorted(tree.stages.items()):
        outs = dict(each.outs)
        content[name] = stage(name, sorted(each.reads), sorted(each.params), sorted(outs))
        content[name]["cmd"] = [f"true {each.version}", f'echo {name} >> "\\${{RAN:-/dev/null}}"'] + [
            line
            for out, used in sorted(outs.items())
            for line in stage(name, sorted(each.reads), sorted(each.params), [out], sorted(used))["cmd"][1:]
        ]
    repo.pipeline(stages=content)


@given(forks())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
def test_after_a_merge_and_repro_the_tree_is_that_of_a_forced_run_and_no_stage_ran_in_vain(fork: Any) -> None:
    base, ours, theirs, merged = fork
    assume(theirs != base != ours)
    with tempfile.TemporaryDirectory() as folder:
        repo = Branches(Path(folder) / "repo")
        written(repo, base)
        repo.run()
        repo.install()
        locks = [repo.lock()["stages"]]
        for name, tree in (("theirs", theirs), ("main", ours)):
            repo.git("switch", "-q", *(["-c"] if name == "theirs" else []), name)
            written(repo, tree)
            with modify_yaml(repo.root / "dvc.lock") as lock:  # DVC leaves the entries of stages that are gone
                for gone in {each for each in lock["stages"] if "@" not in each} - set(tree.stages):
                    del lock["stages"][gone]
            repo.run()
            locks.append(repo.lock()["stages"])
        repo.attempt("merge", "theirs")
        merged_entries = repo.lock()["stages"]
        written(repo, merged)  # where dvc.yaml or parameters conflict
        repo.commit()
        assert "lock-edited" not in {kind for _, kind in kinds(repo.problems())}
        other = Branches(Path(folder) / "other")
        shutil.rmtree(other.root)
        shutil.copytree(repo.root, other.root, symlinks=True)
        ran = repo.repro()
        repo.commit()
        other.repro(force=True)
        other.commit()
        assert content_of(repo) == content_of(other)
        assert repo.problems() == []
        after = repo.lock()["stages"]
        new = {name for name, entry in after.items() if entry not in [lock.get(name) for lock in locks[1:]]}
        may = new | unforeseen(locks[0], locks[2], locks[1], merged_entries)
        assert {name.replace("@", "_") for name in new} <= {*ran} <= {name.replace("@", "_") for name in may}
        assert len({*ran}) == len(ran)


def content_of(repo: Branches) -> dict[str, bytes]:
    """What git and DVC hold; what a stage that is gone once made, DVC may leave."""
    outs = [out["path"] for entry in repo.lock()["stages"].values() for out in entry["outs"]]
    return {path: (repo.root / path).read_bytes() for path in [*repo.git("ls-files").split(), *outs]}
