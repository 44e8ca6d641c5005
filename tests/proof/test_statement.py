"""Statements: what `check --statement` writes, and what `verify` makes of those of several machines."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rfc8785
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult as InTotoTestResult
from in_toto_attestation.v1 import statement as in_toto
from in_toto_attestation.v1.statement_pb2 import Statement as InTotoStatement

from samebits.errors import UserError
from samebits.proof import statement, verify
from samebits.proof.statement import PREDICATE, Facts, Made, Statement
from samebits.proof.verdict import File, Verdict
from samebits.proof.verify import Combined
from tests.conftest import ROOT, Project
from tests.proof.repositories import Repository, needs_shell, simple

pytestmark = needs_shell

RULE = '[[outputs]]\npath = "metrics.json"\nfield = "seconds"\ncompare = "ignore"\nreason = "a clock"\n'
ARM = {"machine": "aarch64", "cpu": "Neoverse-N1", "python": "3.13.1"}
SEALED = {"version", "strict", "machine", "packages", "taken"}  # what only a signature can seal; all else is found out


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Below the root of git; a folder as an output, and one with a rule."""
    repo = simple(tmp_path_factory.mktemp("statement") / "repo", "below")
    stages = repo.lock("dvc.yaml")["stages"]
    cut = "mkdir parts && head -n 1 selected.txt > parts/one && cp selected.txt parts/two && echo 1 > last.txt"
    clock = 'printf \'{"lines": 2, "seconds": %s}\' $(date +%s%N) > metrics.json'
    stages["cut"] = {"cmd": cut, "deps": ["selected.txt"], "outs": ["parts", "last.txt"]}
    stages["count"]["cmd"] = clock
    repo.pipeline(stages=stages)
    repo.write("samebits.toml", RULE)
    repo.run()
    return repo


@pytest.fixture(scope="module")
def verdict(repo: Repository) -> Verdict:
    return repo.check()


@pytest.fixture(scope="module")
def facts(verdict: Verdict) -> Facts:
    return Facts.of(verdict)


def replaced(value: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(value, **changes)


def otherwise(facts: Facts, path: str, **changes: Any) -> Facts:
    """Facts of a check in which an output, a file, had other bytes."""
    other = File(path, "0" * 32, "1" * 64)
    outputs = [
        replaced(each, verdict="differs", allowed=False, rule=None, obtained=other.hash, files=[other])
        if each.path == path
        else each
        for each in facts.outputs
    ]
    return replaced(facts, outputs=outputs, conclusion="not reproduced", problems=["computes-otherwise"], **changes)


def verified(repo: Repository, folder: Path, *found: Facts | bytes, at_least: int = 1) -> Combined:
    """What `samebits verify` finds, of facts or of contents of files."""
    names = []
    for number, each in enumerate(found):
        path = folder / f"{number}.json"
        path.write_bytes(each if isinstance(each, bytes) else statement.encode(Statement.of(each)))
        names.append(str(path))
    with repo.inside():
        return verify.verify(names, at_least)


def reasons(combined: Combined) -> dict[str, list[str]]:
    return {Path(each.name).name: why for each, why in combined.refuted}


def test_it_says_what_was_found_and_where(repo: Repository, verdict: Verdict, tmp_path: Path) -> None:
    statement.write(verdict, str(tmp_path / "statement.json"))
    content = json.loads((tmp_path / "statement.json").read_bytes())
    assert content["_type"] == "https://in-toto.io/Statement/v1"
    assert content["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    names = {each["name"] for each in content["subject"]}
    assert names == {"below/selected.txt", "below/parts/one", "below/parts/two", "below/last.txt", "below/metrics.json"}
    predicate, head = content["predicate"], repo.git("rev-parse", "HEAD").strip()
    assert predicate["configuration"][0] == {"name": "commit", "digest": {"gitCommit": head}}
    assert predicate["configuration"][1]["name"] == "below/dvc.lock"
    assert predicate["result"] == "WARNED"
    assert predicate["passedTests"] == ["below/last.txt", "below/parts", "below/selected.txt"]
    assert predicate["warnedTests"] == ["below/metrics.json"]
    own = predicate["samebits"]
    assert own["conclusion"] == "reproduced"
    assert own["network"] == ([] if verdict.network == [] else None)
    assert any(each.startswith("pytest==") for each in own["packages"])
    assert own["machine"]["python"]


def test_the_hashes_are_those_of_the_system(repo: Repository, facts: Facts) -> None:
    tool = "sha256sum" if shutil.which("sha256sum") else None
    if not tool:
        pytest.skip("no sha256sum here")
    for path in ("selected.txt", "parts/one", "parts/two"):
        line = subprocess.run([tool, path], cwd=repo.root, capture_output=True, text=True, check=True).stdout
        [subject] = [each for each in Statement.of(facts).subject if each.name == f"below/{path}"]
        assert subject.digest == {"sha256": line.split()[0]}


def test_in_toto_takes_it(facts: Facts) -> None:
    for each in (facts, otherwise(facts, "selected.txt")):
        content = json.loads(statement.encode(Statement.of(each)))
        read = json_format.ParseDict(content, InTotoStatement())
        in_toto.Statement.copy_from_pb(read).validate()
        result = json_format.ParseDict(content["predicate"], InTotoTestResult(), ignore_unknown_fields=True)
        assert result.result == ("FAILED" if each.conclusion == "not reproduced" else "WARNED")
        assert list(result.failed_tests) == (["below/selected.txt"] if result.result == "FAILED" else [])


def test_the_same_facts_are_the_same_bytes(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    first, second = (statement.encode(Statement.of(Facts.of(repo.check()))) for _ in range(2))
    assert first == second


texts = st.text(st.characters(exclude_categories=["Cs"]))


@settings(max_examples=50, deadline=None)
@given(texts, texts, st.booleans(), st.one_of(st.none(), st.lists(texts)))
def test_its_bytes_are_canonical(path: str, rule: str, strict: bool, network: list[str] | None) -> None:
    made = Made("stage", path, "ignored", True, None, "0", rule, [File(path, "0", "1")])
    facts = Facts("1", "0" * 40, ".", [], "reproduced", [made], [], [], strict, network, {}, {"cpu": rule}, [path])
    encoded = statement.encode(Statement.of(facts))
    assert encoded == rfc8785.dumps(json.loads(encoded))


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


def test_too_few_is_no_accusation(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    with repo.inside():
        part = Facts.of(repo.check(stages=["select"]))
    combined = verified(repo, tmp_path, part)
    assert combined.status == 2
    assert combined.alike == {"selected.txt": 1, "metrics.json": 0, "parts": 0, "last.txt": 0}
    assert "Inconclusive: 1 of 4 outputs" in verify.text(combined, "simple")
    undecided = replaced(facts, conclusion="inconclusive", problems=["environment-differs"])
    assert verified(repo, tmp_path, undecided).status == 2


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


def enveloped(content: bytes) -> dict[str, Any]:
    payload = base64.b64encode(content).decode()
    return {"payload": payload, "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "AA=="}]}


def test_envelopes_and_bundles_are_read(repo: Repository, facts: Facts, tmp_path: Path) -> None:
    """As actions/attest writes them: the fields of the payload in another order, other attestations on other lines."""
    plain = json.loads(statement.encode(Statement.of(facts)))
    payload = json.dumps({key: plain[key] for key in ("_type", "subject", "predicateType", "predicate")}).encode()
    media = "application/vnd.dev.sigstore.bundle.v0.3+json"
    bundle = {"mediaType": media, "verificationMaterial": {}, "dsseEnvelope": enveloped(payload)}
    other = enveloped(json.dumps({**plain, "predicateType": "https://slsa.dev/provenance/v1"}).encode())
    lines = "\n".join(json.dumps(each) for each in (other, bundle)).encode()
    for content in (json.dumps(enveloped(payload)).encode(), json.dumps(bundle, indent=1).encode(), lines):
        combined = verified(repo, tmp_path, content)
        assert combined.status == 0
        assert "Signatures were not checked: `gh attestation verify " in verify.text(combined, "simple")
    assert reasons(verified(repo, tmp_path, payload)) == {"0.json": ["its bytes are not canonical: it was changed"]}
    more = rfc8785.dumps({**plain, "predicate": {**plain["predicate"], "url": "https://example.com/1"}})
    assert verified(repo, tmp_path, more).status == 0  # a field of in-toto that is not of use here


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no statement of `samebits check --statement`"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"null", "no statement of `samebits check --statement`"),
        (b'{"predicate": {"samebits": {}}}', "no statement of `samebits check --statement`"),
        (json.dumps({"predicateType": PREDICATE, "predicate": {"samebits": 1}}).encode(), "no statement of a check ("),
        (b'{"payload": "", "payloadType": "text/plain"}', "an envelope of something else"),
        (json.dumps({**enveloped(b""), "payload": "*"}).encode(), "a broken envelope"),
        (json.dumps(enveloped(b"{")).encode(), "not JSON"),
        (b" " * (32 * 2**20 + 1), "larger than 32 MB"),
    ],
)
def test_what_is_no_statement_is_one_line(repo: Repository, tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=r"0\.json: ") as raised:
        verified(repo, tmp_path, content)
    assert message in str(raised.value)


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


def test_from_the_command_line(tmp_path: Path) -> None:
    repo, path = simple(tmp_path / "repo"), tmp_path / "statement.json"

    def samebits(*arguments: str) -> subprocess.CompletedProcess[str]:
        env = {"PYTHONPATH": str(ROOT)}
        return Project(repo.root).run("python", "-m", "samebits", *arguments, env=env, check=False)

    assert samebits("check", "--statement", str(path)).returncode == 0
    done = samebits("verify", str(path), "--markdown", str(tmp_path / "verify.md"))
    assert "\nVerified: 2 of 2 outputs were made alike by 1 machine or more.\n" in done.stdout
    assert "| selected.txt | same " in (tmp_path / "verify.md").read_text()
    assert samebits("verify", str(path), "--at-least", "2").returncode == 2
    path.write_bytes(path.read_bytes().replace(b"PASSED", b"WARNED"))
    done = samebits("verify", str(path))
    assert done.returncode == 1
    error = samebits("verify", "none.json").stderr
    assert error == "error: none.json: No such file or directory; `samebits check --statement FILE` writes one\n"
    assert "statement.json does not verify: its subjects, its result or its tests do not follow" in done.stdout
    assert "0: a number of machines is 1 or more" in samebits("verify", "--at-least", "0", str(path)).stderr
    repo.replace("select.sh", "head", "exit 1; head")
    repo.commit()
    done = samebits("check", "--statement", str(path))
    assert done.returncode == 1  # the code is not that of the run
    assert done.stderr.endswith(f"warning: {path}: not written, as no output was made; a Statement needs a subject\n")
    assert not path.exists()
