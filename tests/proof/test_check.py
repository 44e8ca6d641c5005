"""What the check says where data, an environment or a network is missing, and of stages that misbehave."""

import hashlib
import http.server
import os
import re
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from samebits.errors import UserError
from samebits.proof.running import system
from samebits.proof.running.sources import LARGE
from samebits.proof.telling import report
from tests.proof.repositories import Repository, kinds, remove, simple, verdicts

pytestmark = pytest.mark.posix_shell


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return simple(tmp_path / "repo")


def one(top: Path, settings: str = "", **stage: Any) -> Repository:
    """A repository with one stage, which was run here."""
    repo = Repository(top)
    repo.write("in.txt", "1\n")
    repo.write("code.sh", "cp in.txt out.txt\n")
    repo.pipeline(stages={"one": {"cmd": "cp in.txt out.txt", "deps": ["in.txt"], "outs": ["out.txt"], **stage}})
    if settings:
        repo.write("samebits.toml", settings)
    repo.run()
    return repo


def failing(top: Path, command: str, settings: str = "") -> Repository:
    """A repository with a stage that does something else in the check than it did in the run."""
    repo = one(top, settings, cmd="sh code.sh")
    repo.write("code.sh", command)
    repo.commit()
    return repo


def only_problem(repo: Repository) -> Any:
    verdict = repo.check()
    assert verdict.conclusion == "inconclusive"
    assert verdicts(verdict) == {"out.txt": "unknown"}
    [problem] = verdict.problems
    return problem


def snapshot(root: Path) -> dict[str, tuple[str, int]]:
    """The files of a repository, but DVC's own notes."""
    files = [path for path in root.rglob("*") if path.is_file() and path.relative_to(root).parts[:2] != (".dvc", "tmp")]
    return {str(each): (hashlib.md5(each.read_bytes()).hexdigest(), each.stat().st_mode) for each in files}


def test_the_repository_and_its_cache_stay_as_they_are(repo: Repository) -> None:
    repo.write("untracked.txt", "mine\n")
    repo.write("select.sh", "changed, not committed\n")
    before = snapshot(repo.top)
    assert repo.check().conclusion == "reproduced"
    assert snapshot(repo.top) == before


def test_a_folder_that_cannot_be_written_is_told_before_the_run(repo: Repository) -> None:
    done = repo.samebits("check", "--outputs", "params.yaml/below")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: params\.yaml/below\S*: .*\n", done.stderr)


def test_data_that_is_not_at_hand_is_no_accusation(repo: Repository, tmp_path: Path) -> None:
    clone = repo.clone(tmp_path / "clone")
    assert clone.problems() == []
    verdict = clone.check()
    assert verdict.conclusion == "inconclusive"
    assert kinds(verdict) == {("select", "missing-source")}
    assert "no remote is set; `dvc remote add -d NAME URL` sets one" in verdict.problems[0].text
    assert "`dvc pull data/table.txt.dvc` gets it" in verdict.problems[0].text
    assert verdict.problems[0].pull == "data/table.txt.dvc"


def test_a_forgery_is_found_without_data(repo: Repository, tmp_path: Path) -> None:
    clone = repo.clone(tmp_path / "clone")
    clone.replace("params.yaml", "n: 2", "n: 3")
    clone.commit()
    assert kinds(clone.problems()) == {("select", "parameter-changed")}
    assert clone.check().conclusion == "not reproduced"


def test_sources_come_from_the_remote_and_not_into_the_cache(repo: Repository, tmp_path: Path) -> None:
    with repo.dvc() as dvc, dvc.config.edit() as config:
        config["remote"]["store"] = {"url": str(tmp_path / "store")}
        config["core"]["remote"] = "store"
    repo.commit()
    with repo.dvc() as dvc:
        dvc.push()
    clone = repo.clone(tmp_path / "clone")
    assert clone.check().conclusion == "reproduced"
    assert not (clone.root / ".dvc" / "cache").exists()
    assert not (clone.root / "data" / "table.txt").exists()


def test_a_source_replaced_in_the_cache_is_not_used(repo: Repository) -> None:
    md5 = hashlib.md5((repo.root / "data/table.txt").read_bytes()).hexdigest()
    cached = repo.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    cached.chmod(0o644)
    cached.write_bytes(b"9\n9\n9\n")
    verdict = repo.check()
    assert verdict.conclusion == "inconclusive"
    assert "in the cache, it has other bytes than its name says" in verdict.problems[0].text


def test_a_file_within_a_folder_of_which_the_list_is_not_at_hand(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("data/a.txt", "1\n")
    repo.add("data")
    repo.pipeline(stages={"one": {"cmd": "cp data/a.txt out.txt", "deps": ["data/a.txt"], "outs": ["out.txt"]}})
    repo.run()
    clone = repo.clone(tmp_path / "clone")
    [problem] = clone.problems()
    assert (problem.kind, problem.pull, problem.decides) == ("cannot-tell", "data", False)
    assert clone.record().splitlines()[-2:] == [
        "0 of 1 stages are recorded, 1 cannot be known here; `dvc pull data` would tell",
        "dvc.lock may be the record of a run of this tree",
    ]


def test_a_file_of_git_lfs_or_a_submodule_that_is_not_at_hand(tmp_path: Path) -> None:
    library = simple(tmp_path / "library")
    repo = one(tmp_path / "repo")
    oid = hashlib.sha256(b"large").hexdigest()
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library.top), "library")
    repo.write(".gitattributes", "in.txt filter=lfs -text\n")
    repo.write("in.txt", f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 5\n")
    repo.commit()
    clone = repo.clone(tmp_path / "clone")
    verdict = clone.check()
    told = [each.text for each in verdict.problems if each.kind == "missing-source"]
    assert told == ["in.txt is not available: `git lfs pull --include 'in.txt'` gets it"]
    assert "library is not available: `git submodule update --init 'library'` gets it" in verdict.notes


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo no luck >&2; exit 3", "`sh code.sh`: it exited with status 3 (no luck)"),
        ("kill -9 $$", "`sh code.sh`: it was killed by SIGKILL"),
        (
            "echo no nosuch >&2; exit 127",
            "`sh code.sh`: it exited with status 127 (no nosuch); activate the environment of the stages",
        ),
        ("kill -9 $PPID; sleep 0.1; exit 4", "`sh code.sh`: it"),
        ("cat /dev/full > /dev/full", "`sh code.sh`: it exited with status 1"),
    ],
)
def test_a_stage_that_fails_is_not_refuted(tmp_path: Path, command: str, reason: str) -> None:
    problem = only_problem(failing(tmp_path / "repo", command))
    assert problem.kind == "stage-failed"
    assert problem.text.startswith(reason)


def test_the_network_of_a_stage_that_is_not_there(tmp_path: Path) -> None:
    repo = one(tmp_path / "repo", 'network = ["eno"]')
    with pytest.raises(UserError, match="settings: network: no stage eno; the stages are one"):
        repo.check()


def test_all_stages_taken_as_recorded(repo: Repository) -> None:
    told = report.verdict(repo.check(since="HEAD"), "simple")
    assert "Reproduced: no stage ran (" in told
    assert "promised" not in told


def test_a_stage_that_takes_too_long_ends_with_all_that_it_started(tmp_path: Path) -> None:
    marks = [f"{1000 + os.getpid() % 1000}.{number}" for number in (1, 2, 3)]
    command = f"setsid sleep {marks[0]} & (sleep {marks[1]} &) ; sleep {marks[2]}"
    start = time.monotonic()
    problem = only_problem(failing(tmp_path / "repo", command, "timeout = 1"))
    assert time.monotonic() - start < 60
    assert "it took longer than 1 s, its timeout" in problem.text
    running = [" ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"])]
    assert not [each for each in running if any(each == f"sleep {mark}" for mark in marks)]


def test_a_stage_that_leaves_a_daemon_or_prints_much_is_reproduced(tmp_path: Path) -> None:
    mark = f"{2000 + os.getpid() % 1000}.5"
    repo = one(tmp_path / "repo", cmd="sh code.sh")
    repo.write("code.sh", f"setsid sleep {mark} & yes | head -c 20000000; cp in.txt out.txt")
    repo.replace("dvc.yaml", "cmd: sh code.sh", "cmd: sh code.sh; true")
    repo.replace("dvc.lock", "cmd: sh code.sh", "cmd: sh code.sh; true")
    repo.commit()
    assert repo.check().conclusion == "reproduced"
    assert f"sleep {mark}" not in [" ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"])]


def test_variables_of_the_environment_reach_a_stage_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SETTING", "1")
    command = 'test -n "$MY_SETTING" || { echo "MY_SETTING is not set"; exit 1; }; cp in.txt out.txt'
    problem = only_problem(failing(tmp_path / "repo", command))
    assert problem.text.endswith("it did not get MY_SETTING of your environment, which `pass_env` gives")
    assert failing(tmp_path / "other", command, 'pass_env = ["MY_*"]').check().conclusion == "reproduced"


@pytest.mark.skipif(not system.can_isolate(), reason="this system cannot cut off the network")
def test_only_the_stages_that_the_settings_name_have_a_network(tmp_path: Path) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ask = f"import socket; socket.create_connection(('127.0.0.1', {server.server_port}), 5)"
        command = f'python3 -c "{ask}" || exit 7; cp in.txt out.txt'
        problem = only_problem(failing(tmp_path / "repo", command))
        assert "it had no network, which `network` in the settings gives" in problem.text
        verdict = failing(tmp_path / "other", command, 'network = ["one"]').check()
        server.shutdown()
    assert (verdict.conclusion, verdict.network) == ("reproduced", ["one"])


@pytest.mark.skipif(not system.can_isolate(), reason="this system cannot cut off the network")
def test_a_stage_without_network_may_talk_to_itself(tmp_path: Path) -> None:
    talk = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    assert failing(tmp_path / "repo", f'python3 -c "{talk}" && cp in.txt out.txt').check().conclusion == "reproduced"


def test_the_environment_that_setup_makes_stands_first(tmp_path: Path) -> None:
    repo = failing(tmp_path / "repo", "our-tool", 'setup = ["mkdir -p .venv/bin", "cp tool .venv/bin/our-tool"]')
    repo.write("tool", "#!/bin/sh\ncp in.txt out.txt\n")
    (repo.root / "tool").chmod(0o755)
    repo.commit()
    assert repo.check().conclusion == "reproduced"
    assert not (repo.root / ".venv").exists()
    repo.write("samebits.toml", 'setup = "echo broken; false"')
    repo.commit()
    with pytest.raises(UserError, match=r"setup, `echo broken; false`: it exited with status 1 \(broken\)"):
        repo.check()


def test_some_stages_and_what_they_need(repo: Repository) -> None:
    stages = repo.lock("dvc.yaml")["stages"]
    repo.pipeline(stages={**stages, "apart": {"cmd": "echo 1 > apart.txt", "outs": ["apart.txt"]}})
    repo.run()
    assert set(verdicts(repo.check(stages=["count"]))) == {"selected.txt", "metrics.json"}
    assert set(verdicts(repo.check(stages=["apart"]))) == {"apart.txt"}
    with pytest.raises(UserError, match="no stage nothing that runs; the stages are "):
        repo.check(stages=["nothing"])


def test_stages_that_are_as_they_were_at_a_revision_do_not_run(repo: Repository, tmp_path: Path) -> None:
    repo.git("tag", "proved")
    repo.write("note.txt", "new\n")
    stages = repo.lock("dvc.yaml")["stages"]
    stages["count"]["deps"].append("note.txt")
    repo.pipeline(stages=stages)
    repo.run()
    verdict = repo.check(since="proved")
    assert verdict.conclusion == "reproduced"
    assert verdict.taken == {"select": "its entry in dvc.lock is that of proved"}
    assert set(verdicts(verdict)) == {"metrics.json"}
    repo.replace("select.sh", "head", "tail")
    repo.commit()
    assert "select" not in repo.check(since="proved").taken


@pytest.mark.parametrize("large", [False, True], ids=["copied", "linked"])
def test_a_source_is_never_changed(tmp_path: Path, large: bool) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("in.bin", os.urandom(16) + b"0" * (LARGE if large else 1))
    repo.add("in.bin")
    repo.pipeline(stages={"one": {"cmd": "head -c 16 in.bin > out.txt", "deps": ["in.bin"], "outs": ["out.txt"]}})
    repo.run()
    command = "(echo x >> in.bin) 2>/dev/null; head -c 16 in.bin > out.txt"
    for path in ("dvc.yaml", "dvc.lock"):
        repo.replace(path, "head -c 16 in.bin > out.txt", command)
    repo.commit()
    before = snapshot(repo.root / ".dvc")
    assert repo.check().conclusion == "reproduced"
    assert snapshot(repo.root / ".dvc") == before


@pytest.mark.parametrize("change", ["echo x >> in.bin", "sed -i s/0/1/ in.bin", "rm in.bin; echo x > in.bin"])
def test_a_stage_that_overwrites_its_own_large_source_runs(tmp_path: Path, change: str) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("in.bin", os.urandom(16) + b"0" * LARGE)
    repo.add("in.bin")
    one = {"cmd": "head -c 16 in.bin > out.txt", "deps": ["in.bin"], "outs": ["out.txt"]}
    two = {"cmd": "md5sum < in.bin > two.txt", "deps": ["in.bin", "out.txt"], "outs": ["two.txt"]}
    repo.pipeline(stages={"one": one, "two": two})
    repo.run()
    for path in ("dvc.yaml", "dvc.lock"):
        repo.replace(path, "head -c 16 in.bin > out.txt", f"head -c 16 in.bin > out.txt; {change}")
    repo.commit()
    before = snapshot(repo.root / ".dvc")
    verdict = repo.check()
    assert kinds(verdict) == {("one", "input-overwritten")}, verdict.problems
    assert verdicts(verdict) == {"out.txt": "same", "two.txt": "same"}  # the second read the commit's
    assert snapshot(repo.root / ".dvc") == before


def test_a_stage_that_writes_outside_of_the_repository_does_not_run(tmp_path: Path) -> None:
    repo = one(tmp_path / "repo")
    remove(repo.root / "out.txt")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "out.txt").write_text("precious\n")
    (repo.root / "away").symlink_to(tmp_path / "elsewhere")
    for path in ("dvc.yaml", "dvc.lock"):
        repo.write(path, repo.read(path).replace("out.txt", "away/out.txt"))
    repo.commit()
    verdict = repo.check()
    assert "outside of the repository" in verdict.problems[0].text
    assert (tmp_path / "elsewhere" / "out.txt").read_text() == "precious\n"


RULES = {
    "equal": '[[outputs]]\npath = "*.json"\ncompare = "equal"\n',
    "close": '[[outputs]]\npath = "out.json"\ncompare = "close"\nrtol = 0.1\n',
    "ignored": '[[outputs]]\npath = "**"\ncompare = "ignore"\nreason = "a clock"\n',
    "field": '[[outputs]]\npath = "out.json"\nfield = "a"\ncompare = "ignore"\nreason = "a clock"\n',
}


@pytest.mark.parametrize(
    ("rule", "made", "verdict", "conclusion"),
    [
        ("equal", '{"b": 2.0,"a": 1.0}', "equal", "reproduced"),
        ("equal", '{"a": 1.1, "b": 2.0}', "differs", "not reproduced"),
        ("close", '{"a": 1.01, "b": 2.0}', "close", "reproduced"),
        ("close", '{"a": 1.5, "b": 2.0}', "differs", "not reproduced"),
        ("ignored", "anything", "ignored", "reproduced"),
        ("field", '{"a": 5.0, "b": 2.0}', "ignored", "reproduced"),
        ("field", '{"a": 5.0, "b": 2.5}', "differs", "not reproduced"),
        (None, '{"b": 2.0,"a": 1.0}', "equal", "not reproduced"),
    ],
)
@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_a_rule_allows_what_it_says_and_no_more(
    tmp_path: Path, rule: str | None, made: str, verdict: str, conclusion: str, folder: bool
) -> None:
    out = "out" if folder else "out.json"
    settings = RULES[rule].replace('"*.json"', '"**/*.json"').replace('"out.json"', '"**/out.json"') if rule else ""
    repo = Repository(tmp_path / "repo")
    text = '{"a": 1.0, "b": 2.0}'
    write = "mkdir -p out && cat in.txt > out/out.json" if folder else "cat in.txt > out.json"
    repo.write("in.txt", text)
    repo.write("code.sh", write)
    repo.pipeline(stages={"one": {"cmd": "sh code.sh", "outs": [out]}})
    repo.write("samebits.toml", settings)
    repo.run()
    repo.write("in.txt", made)
    repo.commit()
    found = repo.check()
    assert verdicts(found) == {out: verdict}
    assert found.conclusion == conclusion
    assert bool(found.outputs[0].rule) == (conclusion == "reproduced")
    assert ("1 more allowed by the settings" in report.conclusion(found)) == (conclusion == "reproduced")
    assert ("a clock" in str(found.outputs[0].rule)) == (conclusion == "reproduced" and rule in ("ignored", "field"))


def test_where_only_the_promised_bytes_could_decide_it_is_unknown(tmp_path: Path) -> None:
    repo = failing(tmp_path / "repo", "echo 2 > out.txt", RULES["close"].replace("out.json", "out.txt"))
    clone = repo.clone(tmp_path / "clone")
    verdict = clone.check()
    assert verdicts(verdict) == {"out.txt": "unknown"}
    assert verdict.conclusion == "inconclusive"


def test_texts_of_a_repository_cannot_write_to_the_terminal_or_open_a_tag(tmp_path: Path) -> None:
    repo = one(tmp_path / "repo")
    repo.commit("evil \x1b]0;title\x07\x1b[31m <img src=x> ![x](http://x)")
    verdict = repo.check()
    assert "\x1b" not in report.verdict(verdict, "simple")
    shown = report.verdict(verdict, "github")
    assert "\x1b" not in shown
    assert "<img" not in shown.replace("\\<img", "")
    assert "![" not in shown.replace("\\!\\[", "")


def test_the_name_of_an_output_ends_neither_its_row_nor_its_column(tmp_path: Path) -> None:
    verdict = one(tmp_path / "repo").check()
    name = "a | - | - | same |\n\nReproduced: all"
    verdict = replace(verdict, outputs=[replace(verdict.outputs[0], path=name, verdict="differs", allowed=False)])
    for tablefmt in ("simple", "github"):
        lines = report.verdict(verdict, tablefmt).splitlines()
        assert [line for line in lines if line.startswith("Reproduced")] == lines[-1:]
    [row] = [line for line in lines if line.startswith("| one")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 6


def test_packages_of_other_versions_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = one(tmp_path / "repo", cmd="date +%N > out.txt")
    names = ["dvc", "jinja2", "msgspec", "psutil", "pytest", "ruamel.yaml", "tabulate"]
    repo.write("requirements.txt", "".join(f"{name}==0.0.1\n" for name in names))
    repo.commit()
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    [text] = [each.text for each in repo.check().problems if each.kind == "environment-differs"]
    assert text.startswith(f"requirements.txt: {len(names)} of its packages have other versions here: dvc ")
    assert text.endswith("and 2 more")
    repo.write("code.sh", "")
    repo.replace("dvc.yaml", "date +%N", "cat nothing.txt")
    repo.replace("dvc.yaml", "deps:\n    - in.txt", "deps:\n    - in.txt\n    - nothing.txt")
    repo.commit()
    assert "environment-differs" not in {each.kind for each in repo.check().problems}  # nothing ran


def test_what_a_stage_itself_imports_is_told_first_of_the_packages_without_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    repo = Repository(tmp_path / "repo", below="project")
    repo.write("code.py", "import jinja2, tabulate\nopen('out.txt', 'w').write('1')")  # jinja2 imports markupsafe
    repo.pipeline(stages={"one": {"cmd": "python code.py", "deps": ["code.py"], "outs": ["out.txt"]}})
    repo.run()
    repo.edit_lock(lambda stages: stages["one"]["outs"][0].update(md5="0" * 32))
    repo.commit()
    [text] = [each.text for each in repo.check().problems]
    assert text.startswith("no file pins jinja2, tabulate, ")
    assert " markupsafe" in text.partition(": ")[0]
    assert text.endswith(" jinja2 tabulate`")
    repo.write("../requirements.txt", "-r env/all.txt\n")  # at the top of git's
    repo.write("../env/all.txt", f"jinja2=={version('jinja2')}\ntabulate==0.0.1\n")
    repo.commit()
    texts = [each.text for each in repo.check().problems]
    assert any(each.startswith("../env/all.txt: 1 of its packages") for each in texts)
    assert any(each.startswith("no file pins ") and "jinja2" not in each and "markupsafe" in each for each in texts)


def test_no_remote_is_said_so(repo: Repository, tmp_path: Path) -> None:
    clone = repo.clone(tmp_path / "clone")
    assert "it is not in the cache, and no remote is set" in clone.check().problems[0].text
