"""Each stage in a view of its own: what it cannot reach, change or pass on; with namespaces and without."""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from samebits.proof.running import system
from samebits.proof.telling import report
from samebits.proof.verdict import Verdict
from tests.conftest import ROOT
from tests.proof.repositories import Repository, kinds, verdicts

pytestmark = pytest.mark.posix_shell
IN_CHECK = f'[ -z "${system.MARK}" ] || '  # what follows runs in a check alone

needs_namespaces = pytest.mark.skipif(not system.can_isolate(), reason="this system has no namespaces for a user")


def recorded(repo: Repository, **files: str) -> None:
    """Write files and have dvc.lock say that the honest run had them: a forgery that contradicts nothing."""
    for path, text in files.items():
        repo.write(path, text)

    def edit(stages: dict[str, Any]) -> None:
        for stage in stages.values():
            for item in [*stage.get("deps", []), *stage.get("outs", [])]:
                if item["path"] in files:
                    content = files[item["path"]].encode()
                    item.update(md5=hashlib.md5(content, usedforsecurity=False).hexdigest(), size=len(content))

    repo.edit_lock(edit)


def texts(verdict: Verdict) -> str:
    return " ".join([*(each.text for each in verdict.problems), *verdict.notes])


def two(top: Path, first: str, second: str = "cat rate.txt > two.txt") -> Repository:
    """Two stages: `first.sh` makes one.txt, which `second.sh` declares beside rate.txt."""
    repo = Repository(top)
    files = {"rate.txt": "5\n", "other.txt": "3\n", "first.sh": "echo 1 > one.txt\n", "second.sh": f"{second}\n"}
    for path, text in files.items():
        repo.write(path, text)
    repo.write("parts/a.txt", "1\n")
    one = {"cmd": "sh first.sh", "deps": ["first.sh"], "outs": ["one.txt"]}
    deps = ["second.sh", "one.txt", "rate.txt", "parts"]
    repo.pipeline(stages={"first": one, "second": {"cmd": "sh second.sh", "deps": deps, "outs": ["two.txt"]}})
    repo.run()
    recorded(repo, **{"first.sh": first + "\necho 1 > one.txt\n"})
    return repo


def test_data_that_an_earlier_stage_replaces_are_not_the_commits(tmp_path: Path, way: str) -> None:
    repo = two(tmp_path / "repo", "echo 5 > rate.txt")
    recorded(repo, **{"rate.txt": "7\n"})
    repo.commit()
    verdict = repo.check()
    assert verdict.conclusion == "not reproduced"
    assert verdicts(verdict) == {"one.txt": "same", "two.txt": "differs"}
    assert ("first", "input-overwritten") in kinds(verdict)
    assert "rate.txt: first overwrites it, an input of second" in texts(verdict)


def test_code_that_an_earlier_stage_rewrites_is_not_the_commits(tmp_path: Path, way: str) -> None:
    repo = two(tmp_path / "repo", "echo 'cat rate.txt > two.txt' > second.sh")
    recorded(repo, **{"second.sh": "cat other.txt > two.txt\n"})
    repo.commit()
    verdict = repo.check()
    assert verdict.conclusion == "not reproduced"
    assert "second.sh: first overwrites it, an input of second" in texts(verdict)


def test_a_file_that_an_earlier_stage_adds_to_a_declared_folder(tmp_path: Path, way: str) -> None:
    repo = two(tmp_path / "repo", "echo 2 > parts/b.txt", "cat parts/* > two.txt")
    recorded(repo, **{"two.txt": "1\n2\n"})
    repo.commit()
    verdict = repo.check()
    assert verdict.conclusion == "not reproduced"
    assert "parts/b.txt: first adds it, an input of second" in texts(verdict)


def test_an_undeclared_file_reaches_later_stages_as_with_dvc(tmp_path: Path, way: str) -> None:
    repo = Repository(tmp_path / "repo")
    first = {"cmd": "echo 1 > one.txt; echo 2 > side.txt", "outs": ["one.txt"]}
    after = {"cmd": "cat one.txt side.txt > two.txt", "deps": ["one.txt"], "outs": ["two.txt"]}
    apart = {"cmd": "cat side.txt > three.txt", "outs": ["three.txt"]}
    repo.pipeline(stages={"first": first, "second": after, "third": apart})
    repo.write(".gitignore", "side.txt\n")
    repo.run()
    verdict = repo.check()
    assert (verdict.conclusion, verdict.problems) == ("reproduced", [])
    assert "third: reads what earlier stages made without declaring it" in texts(verdict)


def test_what_was_promised_lies_where_no_stage_finds_it(tmp_path: Path, way: str) -> None:
    repo = Repository(tmp_path / "repo")
    look = "for f in ../*/m.json ../../*/m.json; do [ -e $f ] && ln -sf $f m.json && exit; done; echo 42 > m.json"
    repo.write("fit.sh", look + "\n")
    repo.pipeline(stages={"fit": {"cmd": "sh fit.sh", "deps": ["fit.sh"], "outs": [{"m.json": {"cache": False}}]}})
    repo.run()
    recorded(repo, **{"m.json": "99\n"})
    repo.commit()
    assert repo.check().conclusion == "not reproduced"


@pytest.mark.parametrize("edited", [False, True])
def test_a_metric_at_the_top_of_dvc_yaml_is_a_promise(tmp_path: Path, way: str, edited: bool) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("live/metrics.json", "")
    write = """printf '{"acc": 0.5}' > live/metrics.json; echo 1 > model.txt"""
    repo.pipeline(stages={"train": {"cmd": write, "outs": ["model.txt"]}}, metrics=["live/metrics.json"])
    repo.run()
    if edited:
        repo.write("live/metrics.json", '{"acc": 0.99}')
        repo.commit()
    verdict = repo.check()
    assert verdict.conclusion == ("not reproduced" if edited else "reproduced")
    assert verdict.unproved == []
    if edited:
        assert kinds(verdict) == {("train", "output-edited")}
        assert "live/metrics.json: train writes it, and the commit holds other bytes (acc is 0.99" in texts(verdict)


def test_a_metric_at_the_top_that_is_all_there_is_was_compared(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    repo.pipeline(stages={"train": {"cmd": "echo 1 > metrics.json"}}, metrics=["metrics.json"])
    repo.run()
    last = report.verdict(repo.check(), "simple").splitlines()[-1]
    assert last.startswith("Reproduced: the stages declare no output, and what the top of dvc.yaml lists is the same (")


def test_a_metric_that_no_stage_writes_is_not_proved(tmp_path: Path, way: str) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("by_hand.json", "{}")
    repo.pipeline(stages={"one": {"cmd": "echo 1 > one.txt", "outs": ["one.txt"]}}, metrics=["by_hand.json"])
    repo.run()
    verdict = repo.check()
    assert (verdict.conclusion, verdict.unproved) == ("reproduced", ["by_hand.json"])
    assert "by_hand.json not proved" in repo.samebits("check").stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("command", "conclusion", "kind"),
    [
        ("echo new > report.md", "not reproduced", "undeclared-output"),
        ("echo more >> report.md", "reproduced", None),  # it depends on what was there: no promise of this stage
        ("date +%N > report.md", "reproduced", None),
        ("rm report.md", "reproduced", None),
    ],
)
def test_a_file_of_the_commit_that_nobody_declares(
    tmp_path: Path, way: str, command: str, conclusion: str, kind: str | None
) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("report.md", "old\n")
    repo.pipeline(stages={"one": {"cmd": f"{command}; echo 1 > one.txt", "outs": ["one.txt"]}})
    repo.run()
    repo.write("report.md", "old\n")
    repo.commit()
    verdict = repo.check()
    assert verdict.conclusion == conclusion
    assert kinds(verdict) == ({("one", kind)} if kind else set())
    assert "report.md" in texts(verdict)


def test_a_pipeline_without_outputs_is_not_proved(tmp_path: Path, way: str) -> None:
    repo = Repository(tmp_path / "repo")
    repo.pipeline(stages={"one": {"cmd": "date +%N > one.txt"}})
    repo.run()
    verdict = repo.check()
    assert verdict.conclusion == "inconclusive"
    assert "promises no output" in texts(verdict)
    assert "(cannot-tell): no output was compared (" in report.verdict(verdict, "simple")


def editable(package: Path, folder: Path) -> str:
    """An environment in which a package is installed with --editable; its PATH."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [site] = folder.glob("lib/*/site-packages")
    (site / "__editable__.mine-1.pth").write_text(f"{package}\n")
    return f"{folder}/bin{os.pathsep}{os.environ['PATH']}"


def test_an_editable_install_means_the_commit(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repository(tmp_path / "repo")
    monkeypatch.setenv("PATH", editable(repo.root / "src", tmp_path / "venv"))
    repo.write("src/mine/__init__.py", "V = 1\n")
    command = "python -c 'import mine; print(mine.V)' > one.txt"
    repo.pipeline(stages={"one": {"cmd": command, "deps": ["src/mine/__init__.py"], "outs": ["one.txt"]}})
    repo.run()
    repo.git("tag", "sound")
    repo.write("src/mine/__init__.py", "V = 2\n")  # in the working tree alone
    assert repo.check(revision="sound").conclusion == ("reproduced" if way == "views" else "inconclusive")


def test_an_editable_install_of_another_package_is_part_of_the_environment(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it lies among the temporary files of the machine, which no stage sees."""
    package = tmp_path / "other" / "mine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("V = 1\n")
    monkeypatch.setenv("PATH", editable(package.parent, tmp_path / "venv"))
    repo = Repository(tmp_path / "repo")
    repo.pipeline(stages={"one": {"cmd": "python -c 'import mine; print(mine.V)' > one.txt", "outs": ["one.txt"]}})
    repo.run()
    assert repo.check().conclusion == "reproduced"
    assert repo.check(strict=True).conclusion == "reproduced"


def test_history_and_tags_are_those_of_the_commit(tmp_path: Path, way: str) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("in.txt", "1\n")
    repo.commit()
    repo.git("tag", "v1.4")
    repo.pipeline(stages={"name": {"cmd": "git describe --tags --abbrev=0 > b.txt", "outs": ["b.txt"]}})
    repo.run()
    repo.git("tag", "later")
    repo.write("in.txt", "2\n")
    repo.commit()
    assert repo.check(revision="HEAD~1").conclusion in ("reproduced", "not reproduced")
    assert repo.check(revision="HEAD").conclusion == "not reproduced"  # `later` is the nearest tag there


@needs_namespaces
def test_several_jobs_give_the_same_verdict(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    stages = {f"s{n}": {"cmd": f"echo {n} > {n}.txt", "outs": [f"{n}.txt"]} for n in range(6)}
    deps = [f"{n}.txt" for n in range(6)]
    stages["all"] = {"cmd": "cat ?.txt > all.out", "deps": deps, "outs": ["all.out"]}
    stages["bad"] = {"cmd": "exit 3", "deps": ["all.out"], "outs": ["never.txt"]}
    repo.pipeline(stages={name: each for name, each in stages.items() if name != "bad"})
    repo.run()
    repo.pipeline(stages=stages)
    repo.commit()
    one, many = repo.check(), repo.check(jobs=4)
    assert [one.outputs, one.problems, one.conclusion] == [many.outputs, many.problems, many.conclusion]


def test_dvc_itself_works_in_a_stage(tmp_path: Path, way: str) -> None:
    """It wants to write to folders of its settings, which are not the user's."""
    repo = Repository(tmp_path / "repo")
    repo.write("params.yaml", "n: 1\n")
    code = "import dvc.api; print(dvc.api.params_show(stages='one'))"
    command = f'{sys.executable} -c "{code}" > one.txt'
    repo.pipeline(stages={"one": {"cmd": command, "params": ["n"], "outs": ["one.txt"]}})
    repo.run()
    assert repo.check().conclusion == "reproduced"


HOSTILE = {
    "absolute path": "echo x >> {top}/in.txt",
    "git hooks": "printf x > {top}/.git/hooks/post-commit",
    "git config": "git -C {top} config user.name x",
    "alternates": "cat .git/objects/info/alternates; for d in $(cat .git/objects/info/alternates); do rm -rf $d; done",
    "borrowed objects": "chmod -R u+w .git/borrowed; find .git/borrowed -type f -exec sh -c 'echo x > $1' - {{}} \\;",
    "cache": "chmod -R u+w {top}/.dvc/cache; find {top}/.dvc/cache -type f -exec sh -c 'echo x > $1' - {{}} \\;",
    "cache by link": "chmod u+w data.bin; echo x >> data.bin; ls -l data.bin",
    "cache truncated": ": > data.bin",
    "cache removed": "rm -f data.bin",
    "umount source": "umount data.bin; umount -l data.bin; echo x >> data.bin",
    "umount tree": "cd /; umount -l {top}; echo x >> {top}/in.txt",
    "remount": "mount -o remount,rw /; echo x >> {home}/mine.txt",
    "home": "echo x >> {home}/mine.txt; rm -f {home}/mine.txt",
    "home by variable": "echo x >> ~/mine.txt",
    "home profile": "echo x >> ~/.profile; echo x >> ~/.bashrc",
    "home removed": "rm -rf {home}",
    "home mode": "chmod 000 {home}/mine.txt",
    "environment": "printf x > {venv}/pyvenv.cfg",
    "environment program": "printf x > {venv}/bin/python3; rm -f {venv}/bin/python3",
    "parent folder": "echo x > ../left; mkdir -p ../folder",
    "sibling": "echo x >> ../outside.txt",
    "link out": "ln -s {outside} way; echo x >> way",
    "hard link out": "ln {outside} way; echo x >> way",
    "dot dot": "echo x >> ../../../../../../../../../../{outside}",
    "temporary of others": "echo x >> {outside}; find /tmp -name mine.txt -exec sh -c 'echo x > $1' - {{}} \\;",
    "proc root": "echo x >> /proc/1/root{outside}; echo x >> /proc/self/root{outside}",
    "proc cwd": "for p in /proc/[0-9]*; do echo x >> $p/cwd/in.txt; done",
    "kill": "kill -9 $PPID; kill -9 -1",
    "new namespace": "unshare -r -m sh -c 'umount -l {top}; echo x >> {top}/in.txt'",
    "daemon": "(setsid sh -c 'sleep 2; echo x >> {top}/in.txt; echo x >> {outside}' &)",
    "dvc": "dvc remove data.bin.dvc; dvc gc -w -f; dvc config core.remote x",
    "index": "git add -A; git commit -qm x; git tag -f v1; git push {top} HEAD:refs/heads/stolen",
}
# What only namespaces forbid: to change modes, and to kill
NOT_IN_COPIES = {"home mode", "kill", "cache", "borrowed objects"}


def everything(*folders: Path) -> dict[str, tuple[bytes, int]]:
    """Every file in some folders, DVC's own notes and git's index left out, with its mode."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    named = [path for path in files if ".dvc/tmp" not in str(path) and path.name != "index"]
    return {str(path): (path.read_bytes(), path.stat().st_mode) for path in named}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_stage_changes_nothing_of_the_users(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if way == "copies" and (name in NOT_IN_COPIES or not system.can_keep_from_writing()):
        pytest.skip("the verdict says that this system cannot forbid it")
    home, venv, outside = tmp_path / "home", tmp_path / "venv", tmp_path / "outside.txt"
    (venv / "bin").mkdir(parents=True)
    for path in (home / "mine.txt", home / ".profile", venv / "pyvenv.cfg", venv / "bin/python3", outside):
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine\n")
    monkeypatch.setenv("HOME", str(home))
    repo = Repository(tmp_path / "repo")
    repo.write("in.txt", "1\n")
    repo.write("data.bin", os.urandom(16))
    with repo.dvc() as dvc, dvc.config.edit() as config:
        config["cache"]["type"] = "hardlink,copy"
    repo.add("data.bin")
    values = {"top": repo.root, "home": home, "venv": venv, "outside": outside}
    harm = HOSTILE[name].format(**values)
    repo.write("run.sh", f"cp in.txt out.txt\n{IN_CHECK} ( {harm} ) > /dev/null 2>&1\ntrue\n")
    stage = {"cmd": "sh run.sh", "deps": ["in.txt", "data.bin", "run.sh"], "outs": ["out.txt"]}
    repo.pipeline(stages={"one": stage})
    repo.run()
    before = everything(repo.top, home, venv), outside.read_text()
    verdict = repo.check()
    assert (everything(repo.top, home, venv), outside.read_text()) == before
    assert not (tmp_path / "left").exists()
    assert verdict.conclusion in ("reproduced", "inconclusive")


@needs_namespaces
def test_an_interruption_ends_all_jobs(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    mark = f"{5000 + os.getpid() % 1000}.25"
    repo.pipeline(stages={f"s{n}": {"cmd": f"sleep {mark}", "outs": [f"{n}.txt"]} for n in range(4)})
    repo.commit()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "samebits", "check", "--jobs", "3"]
    with subprocess.Popen(command, cwd=repo.root, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        while "[3/4]" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 128 + signal.SIGINT
    assert list(tmp_path.glob("samebits-*")) == []
    assert f"sleep {mark}" not in [" ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"])]


def test_a_check_leaves_nothing_behind(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Overlayfs makes folders of no rights, which only root can remove as they are."""
    repo = two(tmp_path / "repo", "mkdir -m 0 closed")
    repo.commit()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert repo.check().outputs
    assert list((tmp_path / "temporary").iterdir()) == []
