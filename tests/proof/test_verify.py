"""Statements of several machines, combined: what they made alike, and which statement is not to be believed."""

import base64
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from samebits.errors import UserError
from samebits.proof.statements import statement, verify
from samebits.proof.statements.statement import Facts, Made, Statement
from samebits.proof.telling import report
from samebits.proof.verdict import File
from tests.proof.repositories import Repository, simple
from tests.proof.stating import ARM, facts, otherwise, reasons, replaced, repo, verdict, verified

__all__ = ["facts", "repo", "verdict"]  # fixtures

pytestmark = pytest.mark.posix_shell

SEALED = {
    "version",
    "strict",
    "machine",
    "isolation",
    "packages",
    "taken",
}  # what only a signature can seal; all else is found out


def test_three_machines_one_of_other_bytes(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    """Two environments here, the second with other packages, and an ARM machine."""
    second = replaced(facts, packages=[*facts.packages, "zz==1"])
    alike = verified(repo, tmp_path, facts, second, replaced(facts, machine=ARM), at_least=3)
    assert alike.status == 0
    assert set(alike.alike.values()) == {3}
    combined = verified(repo, tmp_path, facts, second, otherwise(facts, "selected.txt", machine=ARM), at_least=2)
    assert combined.status == 1
    shown = verify.text(combined, "simple")
    header, _, *rows = shown.splitlines()[2:]
    assert header.split()[-2:] == ["aarch64", "alike"]
    assert [row.split() for row in rows if row.startswith("selected.txt")] == [
        ["selected.txt", "same", "same", "differs", "2"]
    ]
    assert "- selected.txt: differs on machine 3 (aarch64, Neoverse-N1, Python 3.13.1)\n" in shown
    assert "\nNOT verified: something speaks against it; 4 of 4 outputs were made alike by 2 machines or more." in shown


def test_a_machine_counts_once(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    assert verified(repo, tmp_path, facts, facts, at_least=2).status == 2
    assert verified(repo, tmp_path, facts, facts, replaced(facts, machine=ARM), at_least=2).status == 0
    assert verified(repo, tmp_path, facts, otherwise(facts, "selected.txt")).status == 1
    twice = verified(repo, tmp_path, *[otherwise(facts, "selected.txt")] * 2).against
    assert [each.partition(" ")[0] for each in twice] == ["selected.txt:", "machine"]


def test_too_few_is_no_accusation(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    with repo.inside():
        part = Facts.of(repo.check(stages=["select"]))
    combined = verified(repo, tmp_path, part)
    assert combined.status == 2
    assert combined.alike == {"selected.txt": 1, "metrics.json": 0, "parts": 0, "last.txt": 0}
    assert "Inconclusive: 1 of 4 outputs" in verify.text(combined, "simple")
    undecided = replaced(facts, conclusion="inconclusive", problems=["environment-differs"])
    assert verified(repo, tmp_path, undecided).status == 2


def test_where_nothing_is_made_nothing_is_verified(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("in.txt", "1")
    repo.pipeline(stages={"one": {"cmd": "true", "deps": ["in.txt"]}})
    repo.run()
    combined = verified(repo, tmp_path, Facts.of(repo.check()))
    assert (combined.against, combined.status) == ([], 2)


def test_other_bytes_in_an_environment_of_check_vary_speak_against_it(
    repo: Repository, facts: Facts, tmp_path: Path
) -> None:
    varied = replaced(facts, conclusion="not reproduced", varied={"LC_ALL=C": True, "PYTHONHASHSEED=0": False})
    combined = verified(repo, tmp_path, varied)
    assert combined.status == 1
    assert combined.against[0].endswith(": not reproduced (PYTHONHASHSEED=0)")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None or not len(value):
        yield path
    else:
        for key, each in items:
            yield from leaves(each, (*path, key))


def changed(content: Any, path: tuple[Any, ...]) -> bytes:
    """A statement, canonical again, with another value in one place."""
    copy = json.loads(json.dumps(content))
    place = copy
    for key in path[:-1]:
        place = place[key]
    old = place[path[-1]]
    if isinstance(old, bool):
        new: Any = not old
    elif isinstance(old, str):
        new = {"same": "ignored", "reproduced": "not reproduced", "PASSED": "FAILED", "WARNED": "PASSED"}.get(
            old, old[:-1] + ("0" if old[-1:] != "0" else "1")
        )
    else:
        new = ["x"] if old == [] else None if old is not None else "x"
    place[path[-1]] = new
    return rfc8785.dumps(copy)


def test_a_changed_statement_does_not_verify(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    """Any value of it that is changed is found out, but for those that only a signature can seal."""
    content = json.loads(statement.encode(Statement.of(facts)))
    all_changed, broken = {}, 0
    for path in leaves(content):
        if "samebits" in path and SEALED.intersection(path):
            continue
        forged = changed(content, path)
        try:
            statement.read(forged, "forged")
        except UserError:
            broken += 1
            continue
        if path[-1] != "commit":
            all_changed[path] = forged
    combined = verified(repo, tmp_path, *all_changed.values())
    assert broken > 3
    assert len(all_changed) > 40
    assert [path for number, path in enumerate(all_changed) if f"{number}.json" not in reasons(combined)] == []
    assert combined.status == 1


def test_what_follows_may_be_changed_with_it(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    """Whoever changes a fact, and all that follows from it, contradicts the commit, or bytes at hand."""
    selected, parts = (next(each for each in facts.outputs if each.path == path) for path in ("selected.txt", "parts"))
    metrics = next(each for each in facts.outputs if each.path == "metrics.json")

    def forged(old: Made, **changes: Any) -> Facts:
        return replaced(facts, outputs=[replaced(each, **changes) if each == old else each for each in facts.outputs])

    [file] = selected.files
    rule = "by a rule that the settings of the commit do not have"
    forgeries: list[tuple[Facts, str]] = [
        (forged(selected, files=[replaced(file, sha256="1" * 64)]), "of the bytes at hand a6e2b7a04068"),
        (forged(selected, files=[File("../../etc/passwd", file.hash, file.sha256)]), "is not that of its files"),
        (
            forged(selected, promised="0" * 32, obtained="0" * 32, files=[]),
            "says that 000000000000 is promised; the commit promises 6ddb4095eb71",
        ),
        (forged(parts, files=parts.files[1:]), "is not that of its files"),
        (forged(metrics, rule="metrics.json: close (ulp 4)"), rule),
        (forged(selected, verdict="ignored", rule=metrics.rule), "ignored, but 6ddb4095eb71 is promised"),
        (forged(selected, verdict="ignored", rule=metrics.rule, obtained=None, files=[]), rule),
        (forged(selected, verdict="close", obtained=None, files=[]), "close, by no rule"),
        (forged(selected, path="other.txt"), "other.txt: no output of select in the commit"),
        (replaced(facts, outputs=[each for each in facts.outputs if each != parts]), "parts: left out, though cut ran"),
        (replaced(facts, network=["select"]), "give the network to other stages"),
        (replaced(facts, conclusion="not reproduced"), "does not follow from its outputs"),
    ]
    found = list(reasons(verified(repo, tmp_path, *(each for each, _ in forgeries))).values())
    for (_, why), told in zip(forgeries, found, strict=True):
        assert any(why in text for text in told), (why, told)


def test_without_the_bytes_machines_contradict_each_other(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    clone = repo.clone(tmp_path / "clone")
    selected = facts.outputs[0]
    lie = replaced(
        facts,
        machine=ARM,
        outputs=[
            replaced(selected, files=[File("selected.txt", selected.files[0].hash, "1" * 64)]),
            *facts.outputs[1:],
        ],
    )
    assert verified(clone, tmp_path, lie).looked_at == {"metrics.json"} - {"metrics.json"}
    assert verified(clone, tmp_path, lie).status == 0
    combined = verified(clone, tmp_path, lie, facts)
    assert combined.status == 1
    assert combined.against == ["selected.txt: machines that made the same by DVC's hash tell other SHA-256"]


def test_a_commit_that_its_lock_contradicts_has_no_statement(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    honest = Facts.of(repo.check())
    repo.replace("params.yaml", "n: 2", "n: 3")
    repo.commit()
    lie = replaced(honest, commit=repo.git("rev-parse", "HEAD").strip())
    [found] = reasons(verified(repo, tmp_path, lie)).values()
    assert any(text.startswith("reproduced, but parameter n") for text in found)
    repo.replace("params.yaml", "n: 3", "n: 2")
    repo.write("metrics.json", '{"lines": 9}\n')
    repo.commit()
    lie = replaced(honest, commit=repo.git("rev-parse", "HEAD").strip())
    [[told]] = reasons(verified(repo, tmp_path, lie)).values()
    assert told.startswith("reproduced, but metrics.json: changed since the run")


def test_statements_of_other_commits_are_told(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    other = replaced(facts, commit="1" * 40)
    with pytest.raises(UserError, match=r"0\.json is of commit \w{10}, \S+1\.json of 1{10}; give those of one"):
        verified(repo, tmp_path, facts, other)
    with pytest.raises(UserError, match=r"0\.json: of commit 1{10}, which this repository does not have"):
        verified(repo, tmp_path, other)


def test_nothing_from_a_statement_reaches_a_terminal_raw(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    hostile = replaced(facts, machine={"machine": "\x1b[31m<img src=x>", "cpu": "|"})
    combined = verified(repo, tmp_path, hostile)
    assert "\x1b" not in verify.text(combined, "simple")
    assert "<img" not in verify.text(combined, "github").replace("\\<img", "")


@pytest.mark.parametrize("path", ["\0", "x" * 5000, "../selected.txt", "/dev/zero"])
def test_a_file_that_cannot_be_of_an_output_is_told(repo: Repository, facts: Facts, tmp_path: Path, path: str) -> None:
    first = facts.outputs[0]
    other = replaced(first, files=[*first.files, File(path, "0" * 32, "1" * 64)])
    [why] = reasons(verified(repo, tmp_path, replaced(facts, outputs=[other, *facts.outputs[1:]]))).values()
    assert f"{first.path}: {path} is no file of it" in why


@pytest.mark.parametrize("tablefmt", ["simple", "github"])
def test_no_text_of_a_statement_is_a_line_of_its_own(
    repo: Repository, facts: Facts, tmp_path: Path, tablefmt: str
) -> None:
    machine = {"machine": "x\n\nVerified: a", "cpu": "x\n\nVerified: b"}
    combined = verified(repo, tmp_path, replaced(facts, machine=machine), at_least=2)
    begun = [line for line in verify.text(combined, tablefmt).splitlines() if "erified" in line.split(":")[0]]
    assert begun == []


def test_a_stage_cannot_be_taken_and_have_run(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    found = verified(repo, tmp_path, replaced(facts, taken=["count"]))
    assert reasons(found) == {"0.json": ["count is said to be taken as recorded, and to have run"]}
    assert found.status == 1


def test_a_key_that_stands_twice_is_refused(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    text = statement.encode(Statement.of(facts))
    twice = text.replace(b'"strict":false', b'"strict":true,"strict":false')
    assert twice != text
    payload = base64.b64encode(twice).decode()
    inner = json.dumps({"payloadType": statement.PAYLOAD, "payload": payload, "signatures": []})
    payload = base64.b64encode(text).decode()
    outer = f'{{"payload": "", "payloadType": "{statement.PAYLOAD}", "payload": "{payload}", "signatures": []}}'
    for content in (twice, inner.encode(), outer.encode()):
        with pytest.raises(UserError, match=r"0\.json: an object in it has a key twice"):
            verified(repo, tmp_path, content)


@pytest.mark.skipif(sys.platform == "win32", reason="it has no named pipes in folders")
def test_a_pipe_without_an_end_is_no_statement(repo: Repository, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with repo.inside(), pytest.raises(UserError, match=r"pipe: is no file"):
        verify.verify([str(tmp_path / "pipe")])


def test_json_has_no_character_that_a_terminal_obeys() -> None:
    @dataclass
    class Found:
        text: str

    shown = report.as_json(Found("a\u202eb\x9b31m\x1b[0m ä \U000e0001"))  # type: ignore[arg-type]
    assert shown.replace("\n", "").isprintable()
    assert json.loads(shown) == {"text": "a\u202eb\x9b31m\x1b[0m ä \U000e0001"}
