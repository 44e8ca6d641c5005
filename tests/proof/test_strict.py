"""`check --strict`: hidden inputs of many kinds, each found and named; sound stages, none accused."""

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from samebits.proof.running import system
from samebits.proof.running.sources import LARGE
from samebits.proof.telling import report
from samebits.proof.verdict import Verdict
from tests.proof.repositories import Repository, kinds

pytestmark = pytest.mark.posix_shell
needs_namespaces = pytest.mark.skipif(not system.can_isolate(), reason="this system has no namespaces for a user")

PYTHON = "python3 -S -c"
CONNECT = 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("{service}/service"); print(s.recv(9))'
FILES = {
    "in.txt": "1\n",
    "helper.py": "x = 1\n",
    "extra.txt": "2\n",
    "flag": "",
    "tool.sh": "echo 1\n",
    "params.yaml": "n: 1\n",
    ".dvcignore": "*.tmp\n",
    "folder/a.txt": "1\n",
    "folder/b.txt": "2\n",
    "folder/c.txt": "3\n",
    "folder/d.tmp": "4\n",
    **{f"names/{name}": "" for name in "abc"},
    "samebits.toml": 'pass_env = ["MY_SETTING"]\n',
}
# The command of each stage, of which the output goes to a file of its name; what its problem names
UNDECLARED = {
    "module": (f"{PYTHON} 'import helper; print(helper.x)'", "helper.py"),
    "content": ("cat extra.txt 2>/dev/null || echo none", "extra.txt"),
    "noise": ("cat tool.sh > /dev/null; cat extra.txt 2>/dev/null || echo none", "extra.txt"),
    "existence": ("test -f flag && echo yes || echo no", "flag"),
    "script": ("sh tool.sh", "tool.sh"),
    "parameter": ("sed -n 's/^n: //p' params.yaml", "params.yaml"),
    "ignored": ("cat folder/*", "folder/d.tmp"),
    "other": ("cat in.txt side.txt", "side.txt"),
    "history": ("git log -1 --format=%an", ".git"),
}
OF_MACHINE = {
    "home": ("cat ~/mine.txt", "{home}/mine.txt"),
    "path": ("cat {home}/mine.txt", "{home}/mine.txt"),
}
OF_MACHINE_HIDDEN = {
    "temporary": ("cat {temporary}/mine.txt", "; {temporary}/mine.txt is on this machine, and hidden from the stages"),
    "socket": (f"{PYTHON} '{CONNECT}'", "FileNotFoundError"),
}
SURROUNDINGS = {
    "variable": ("echo $MY_SETTING", "the variable MY_SETTING"),
    "tuning": ("echo $OMP_NUM_THREADS", "the variable OMP_NUM_THREADS"),
    "terminal": ("echo $TERM", "the variable TERM"),
    "zone": ("date +%Z", "the time zone"),
    "locale": ("echo $LC_ALL", "the locale"),
    "path": ("pwd | grep -c ' ' || true", "the path of the folder"),
    "time": ("find in.txt -newermt 2020-01-01", "the times of files"),
    "clock": ("date +%s", "the clock"),
    "seed": (f"{PYTHON} 'print(set(\"abcdefgh\"))'", "the order of a set"),
}
OF_SYSTEM = {
    "user": ("id -un", "the user's name"),
    "host": ("uname -n", "the host's name"),
    "order": (f"{PYTHON} 'import os; print(os.listdir(\"names\"))'", "the order of a folder's entries"),
    "process": ("echo $$", "the process's id"),
    "umask": ("umask", "the umask"),
    "cpus": (f"{PYTHON} 'import os; print(len(os.sched_getaffinity(0)))'", "the number of CPUs"),
}
if sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1:
    del OF_SYSTEM["cpus"]
DEPS = {"ignored": ["folder"], "order": ["names"], "other": ["in.txt", "first.txt"], "time": ["in.txt"]}


@pytest.fixture(autouse=True)
def _python_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What this machine has that no commit holds: a file in HOME, one for temporary files, a service at a socket."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MY_SETTING", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("TERM", "xterm")
    (tmp_path / "home" / "mine.txt").write_text("1\n")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, tempfile.TemporaryDirectory(dir="/tmp") as other:
        Path(folder, "mine.txt").write_text("1\n")
        with socket.socket(socket.AF_UNIX) as service:
            service.bind(f"{other}/service")
            service.listen()
            threading.Thread(target=_serve, args=(service,), daemon=True).start()
            yield {"home": str(tmp_path / "home"), "temporary": folder, "service": other}
            service.shutdown(socket.SHUT_RDWR)


def _serve(service: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = service.accept()
            with connection:
                connection.sendall(b"1")


def pipeline(top: Path, **stages: dict[str, Any]) -> Repository:
    """A repository with stages; committed, run and committed again."""
    repo = Repository(top)
    for path, text in FILES.items():
        repo.write(path, text)
    repo.pipeline(stages=stages)
    repo.commit()
    repo.run()
    return repo


def hidden(top: Path, commands: dict[str, tuple[str, str]], **values: str) -> Repository:
    """A repository in which each stage has a hidden input, beside one that has none."""
    stages = {
        name: {"cmd": f"({_filled(command, values)}) > {name}.txt", "deps": DEPS.get(name, []), "outs": [f"{name}.txt"]}
        for name, (command, _) in commands.items()
    }
    first = {"cmd": "cp in.txt first.txt; cp in.txt side.txt", "deps": ["in.txt"], "outs": ["first.txt"]}
    return pipeline(top, first=first, **stages)


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def named(verdict: Verdict, kind: str) -> dict[str, str]:
    """The texts of the problems, by stage; each has one, of this kind."""
    assert verdict.conclusion == "not reproduced"
    texts = {each.stage: each.text for each in verdict.problems}
    assert kinds(verdict) == {(stage, kind) for stage in texts}
    assert len(texts) == len(verdict.problems)
    return texts


@pytest.mark.parametrize("part", [0, 1])
def test_files_that_a_stage_does_not_declare_are_named(tmp_path: Path, part: int) -> None:
    commands = dict(list(UNDECLARED.items())[part::2])
    repo = hidden(tmp_path / "repo", commands)
    texts = named(repo.check(strict=True), "undeclared-dependency")
    assert texts.keys() == commands.keys()
    for name, (_, path) in commands.items():
        assert texts[name].startswith(("reads " + path + ", which", "reads the history in " + path)), texts[name]
    assert repo.check().conclusion == "reproduced"


@needs_namespaces
def test_files_that_only_this_machine_has_are_named(tmp_path: Path, machine: dict[str, str]) -> None:
    texts = named(hidden(tmp_path / "repo", OF_MACHINE, **machine).check(strict=True), "undeclared-dependency")
    assert texts.keys() == OF_MACHINE.keys()
    for name, (_, path) in OF_MACHINE.items():
        assert texts[name].startswith(f"reads {_filled(path, machine)}, which no commit holds"), texts[name]


@needs_namespaces
def test_files_that_a_view_hides_leave_the_question_open(tmp_path: Path, machine: dict[str, str]) -> None:
    verdict = hidden(tmp_path / "repo", OF_MACHINE_HIDDEN, **machine).check()
    assert verdict.conclusion == "inconclusive"
    texts = {each.stage: each.text for each in verdict.problems}
    assert texts.keys() == OF_MACHINE_HIDDEN.keys()
    for name, (_, told) in OF_MACHINE_HIDDEN.items():
        assert _filled(told, machine) in texts[name]


@pytest.mark.parametrize("part", [0, 1, 2])
def test_what_of_its_surroundings_a_stage_depends_on_is_named(
    tmp_path: Path, machine: dict[str, str], part: int
) -> None:
    commands = dict(list(SURROUNDINGS.items())[part::3])
    texts = named(hidden(tmp_path / "repo", commands).check(strict=True), "not-deterministic")
    assert texts.keys() == commands.keys()
    for name, (_, what) in commands.items():
        assert what in texts[name]


@needs_namespaces
@pytest.mark.parametrize("part", [0, 1])
def test_what_only_the_system_can_vary_is_named(tmp_path: Path, part: int) -> None:
    commands = dict(list(OF_SYSTEM.items())[part::2])
    texts = named(hidden(tmp_path / "repo", commands).check(strict=True), "not-deterministic")
    assert texts.keys() == commands.keys()
    for name, (_, what) in commands.items():
        assert f"it depends on {what}" in texts[name]


def test_chance_is_not_called_a_hidden_input(tmp_path: Path) -> None:
    verdict = hidden(tmp_path / "repo", {"chance": ("od -N 8 /dev/urandom", "")}).check(strict=True)
    [text] = named(verdict, "not-deterministic").values()
    assert "two runs here made different bytes" in text
    assert "depends on" not in text


def sound() -> dict[str, dict[str, Any]]:
    """Stages that declare all that they read."""
    api = "import dvc.api; print(dvc.api.params_show(stages='parameters'))"
    return {
        "file": {"cmd": "cp in.txt {out}", "deps": ["in.txt"]},
        "folder": {"cmd": "cat folder/*.txt > {out}", "deps": ["folder"]},
        "parameters": {"cmd": f'python3 -c "{api}" > {{out}}', "params": ["n"]},
        "module": {"cmd": f"{PYTHON} 'import helper; print(helper.x)' > {{out}}", "deps": ["helper.py"]},
        "program": {"cmd": "./run.sh > {out}", "deps": ["run.sh"]},
        "link": {"cmd": "cat pointer linked/a.txt > {out}", "deps": ["pointer", "linked/a.txt"]},
        "data": {"cmd": "head -c 3 data/large.bin > {out}", "deps": ["data"]},
        "below": {"cmd": "cat ../in.txt > ../{out}", "wdir": "folder", "deps": ["../in.txt"]},
        "chain": {"cmd": "cat file.txt folder.txt > {out}", "deps": ["file.txt", "folder.txt"]},
        "scratch": {"cmd": "f=$(mktemp); echo 1 > $f; cp $f ~/scratch; cp ~/scratch {out}; git status -s > /dev/null"},
        "fallback": {"cmd": "cp in.txt {out}; cat flag extra.txt > /dev/null || true", "deps": ["in.txt"]},
        "ruled": {"cmd": "date +'{\"at\": %s}' > {out}"},
        "fails": {"cmd": "test $TERM != vt100; s=$?; echo 1 > {out}; exit $s"},
    }


def with_sound(top: Path) -> Repository:
    repo = Repository(top)
    for path, text in FILES.items():
        repo.write(path, text)
    rule = '[[outputs]]\npath = "ruled.txt"\ncompare = "ignore"\nreason = "a clock"\n'
    repo.write("samebits.toml", FILES["samebits.toml"] + rule)
    repo.write("run.sh", "#!/bin/sh\ncat $0\n")
    (repo.root / "run.sh").chmod(0o755)
    (repo.root / "pointer").symlink_to("in.txt")
    (repo.root / "linked").symlink_to("folder")
    repo.write("data/large.bin", os.urandom(16) + b"0" * LARGE)
    repo.add("data")
    for name, stage in sound().items():
        out = f"{name}.txt"
        stage["cmd"] = stage["cmd"].replace("{out}", out)
        stage["outs"] = [f"../{out}" if stage.get("wdir") else out]
        stages = repo.lock("dvc.yaml")["stages"] if (repo.root / "dvc.yaml").exists() else {}
        repo.pipeline(stages={**stages, name: stage})
    repo.commit()
    repo.run()
    return repo


def test_sound_stages_pass(tmp_path: Path, machine: dict[str, str]) -> None:
    repo = with_sound(tmp_path / "repo")
    verdict = repo.check(strict=True)
    assert verdict.problems == []
    assert (verdict.conclusion, verdict.strict) == ("reproduced", True)
    [note] = [each for each in verdict.notes if "this system" not in each]
    assert note.startswith("fails: not varied for it: the variable TERM; with another, ")
    assert "ran again with only what it declares" in report.verdict(verdict, "simple")


def test_without_namespaces_the_rest_is_varied(
    tmp_path: Path, machine: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "can_isolate", lambda: False)
    commands = {"module": UNDECLARED["module"], "home": OF_MACHINE["home"]}
    verdict = hidden(tmp_path / "repo", commands, **machine).check(strict=True)
    texts = named(verdict, "undeclared-dependency")
    assert "reads helper.py" in texts["module"]
    assert f"reads {machine['home']}/mine.txt" in texts["home"]
    for what in ("the user's name", "the host's name", "the order of a folder's entries"):
        assert f"this system cannot vary {what}" in verdict.notes


def test_the_environment_that_setup_made_stays(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("samebits.toml", 'setup = ["mkdir -p .venv/bin", "cp tool .venv/bin/our-tool"]\n')
    repo.write("tool", "#!/bin/sh\ncp in.txt out.txt\n")
    repo.write("in.txt", "1\n")
    (repo.root / "tool").chmod(0o755)
    repo.pipeline(stages={"one": {"cmd": "cp in.txt out.txt", "deps": ["in.txt"], "outs": ["out.txt"]}})
    repo.run()
    for path in ("dvc.yaml", "dvc.lock"):
        repo.replace(path, "cp in.txt out.txt", "our-tool")
    repo.commit()
    assert repo.check(strict=True).conclusion == "reproduced"


def test_a_root_below_that_of_git_and_a_dependency_above_it(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo", "sub/project")
    (repo.top / "above.txt").write_text("1\n")
    (repo.top / "secret.txt").write_text("2\n")
    one = {"cmd": "cat ../../above.txt > one.txt", "deps": ["../../above.txt"], "outs": ["one.txt"]}
    two = {"cmd": "cat ../../secret.txt > two.txt", "outs": ["two.txt"]}
    repo.pipeline(stages={"one": one, "two": two})
    repo.run()
    [problem] = repo.check(strict=True).problems
    assert (problem.stage, problem.kind, problem.path) == ("two", "undeclared-dependency", "../../secret.txt")
