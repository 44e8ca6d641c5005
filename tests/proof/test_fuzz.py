"""Whatever the files of DVC hold, each command gives an answer or one clear line; `make fuzz` looks longer."""

import copy
import json
import os
import re
import shutil
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samebits.errors import UserError
from samebits.proof.merging.driver import merge_lock
from tests.proof.repositories import Repository, simple

pytestmark = [pytest.mark.posix_shell, pytest.mark.skipif(sys.platform == "win32", reason="no alarms")]
EXAMPLES = int(os.environ.get("FUZZ", 8))
SECONDS = 60  # after which a command counts as one without an end
FILES = ("dvc.yaml", "dvc.lock", "data/table.txt.dvc", "params.yaml", "p.json", "p.toml", "p.py", "metrics.json")
BOMB = [f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefghijklm", "bcdefghijklmn", strict=True)]
TEXTS = (
    *("", "\n", "null", "text", "3", "[]", "{}", "- 1\n", "a: b: c", "{", "[", "'", "\t- a", "\x00", "\ufeffa: 1\n"),
    *("!!python/x y", "a: 1\na: 2\n", "? [a, b]\n: 1\n", "since: 2024-01-31\n", "a: &a [1, *a]\n"),
    "<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n",
    *("a: " + "[" * 20_000, "[" * 20_000 + "]" * 20_000, "- " * 20_000 + "1", "x = " + "(" * 500 + ")" * 500),
    "".join(f"{' ' * depth}a:\n" for depth in range(2_000)),
    "a: &a [x, x]\n" + "".join(BOMB),
    *("n: " + "9" * 5000, '{"lines": 1' + "0" * 400 + "}"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 10**400, 1.5, float("nan"), float("inf"), "", " ", "x", "../..", "/etc/passwd", "a" * 5000),
    *("\u202e", [], [None], [[]], {}, {"": ""}, {"a": {"b": [1]}}, {1: 2}, "s3://bucket/x", "remote://none/x"),
    *("${x}", "*", "\x00", "1" * 32, int("1" * 32), "0" * 32 + ".dir", [{"path": "x"}], {"path": 3, "md5": 4}),
)
COMMANDS = (
    *(["lock"], ["lock", "--commit", "HEAD"], ["report", "HEAD", "--gate"]),
    *(["init", "--dry-run"], ["merge", "--install"]),
)
PLACES = st.lists(st.integers(0, 30), max_size=6)


@st.composite
def faults(draw: st.DrawFn, text: str) -> bytes:
    """A text with a fault: another one, one with other bytes somewhere, or one with another value."""
    kind = draw(st.sampled_from(["text", "bytes", "value", "value", "value"]))
    if kind == "text":
        return draw(st.sampled_from(TEXTS)).encode()
    content = text.encode()
    if kind == "bytes":
        at, length = draw(st.integers(0, len(content))), draw(st.integers(0, 12))
        return content[:at] + draw(st.binary(max_size=6)) + content[at + length :]
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError:
        return content + b"\n" + repr(draw(st.sampled_from(VALUES))).encode(errors="replace")
    changed = _with_fault(copy.deepcopy(tree), draw(PLACES), draw(st.sampled_from(VALUES)), draw(st.booleans()))
    return (json.dumps(changed) if text.startswith("{") else yaml.safe_dump(changed, sort_keys=False)).encode()


def _with_fault(tree: Any, places: list[int], value: Any, delete: bool) -> Any:
    """A tree of values with another one at a place, or without it."""
    if not places or not isinstance(tree, dict | list) or not tree:
        return value
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = keys[places[0] % len(keys)]
    if delete and len(places) == 1:
        del tree[key]
    else:
        tree[key] = _with_fault(tree[key], places[1:], value, delete)
    return tree


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    repo = simple(tmp_path_factory.mktemp("fuzz") / "repo")
    repo.write("p.json", '{"rate": 0.1, "deep": {"er": [1, 2]}}')
    repo.write("p.toml", "rate = 0.1\n")
    repo.write("p.py", "rate = 0.1\n")
    stages = repo.lock("dvc.yaml")["stages"]
    stages["select"]["params"] += [{"p.json": ["rate", "deep.er"]}, {"p.toml": ["rate"]}, {"p.py": None}]
    repo.pipeline(stages=stages)
    repo.write("samebits.toml", '[gate]\nlines = {better = "higher"}\n')
    repo.run()
    return repo


@contextmanager
def ends_in_time() -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError(f"no end within {SECONDS} s")

    previous = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


@given(st.data())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_whatever_a_file_holds_each_command_answers_or_says_why_not(repo: Repository, data: st.DataObject) -> None:
    paths = data.draw(st.lists(st.sampled_from(FILES), min_size=1, max_size=2, unique=True))
    sound = {path: (repo.root / path).read_bytes() for path in FILES}
    faulty = {path: data.draw(faults(sound[path].decode()), label=path) for path in paths}
    committed = data.draw(st.booleans(), label="committed")
    try:
        for path, content in faulty.items():
            repo.write(path, content)
        if committed:
            repo.commit()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of code that Python reads as text
            for command in COMMANDS:
                with ends_in_time():
                    answered(repo, command)
            with ends_in_time():
                merged(repo, sound["dvc.lock"])
    finally:
        if committed:
            repo.git("reset", "-q", "--hard", "HEAD~1")
        for path, content in sound.items():
            repo.write(path, content)


def answered(repo: Repository, command: list[str]) -> None:
    told = "an answer"
    with suppress(UserError):
        try:
            assert repo.command(*command) in (0, 1, 2)
        except UserError as error:
            told = str(error)
            raise
    assert told.strip()
    assert not re.search(r"samebits-\w{8}", told), "it names a temporary folder"


def merged(repo: Repository, sound: bytes) -> None:
    """The lock as it is now, merged with the sound one."""
    folder = repo.root.parent / "merge"
    folder.mkdir(exist_ok=True)
    try:
        for name, content in {"base": sound, "ours": sound, "theirs": (repo.root / "dvc.lock").read_bytes()}.items():
            (folder / name).write_bytes(content)
        with repo.inside():
            merge_lock(folder / "base", folder / "ours", folder / "theirs", "dvc.lock")
    except UserError:
        assert (folder / "ours").read_bytes() == sound
    finally:
        shutil.rmtree(folder)
