"""Statements: what `check --statement` writes, and what is read as one."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult as InTotoTestResult
from in_toto_attestation.v1 import statement as in_toto
from in_toto_attestation.v1.statement_pb2 import Statement as InTotoStatement

from samebits.errors import UserError
from samebits.proof.statements import statement, verify
from samebits.proof.statements.statement import PREDICATE, Facts, Made, Statement
from samebits.proof.verdict import File, Verdict
from tests.proof.repositories import Repository, simple
from tests.proof.stating import facts, otherwise, reasons, repo, verdict, verified

__all__ = ["facts", "repo", "verdict"]  # fixtures

pytestmark = pytest.mark.posix_shell

texts = st.text(st.characters(exclude_categories=["Cs"]))


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


@settings(max_examples=50, deadline=None)
@given(texts, texts, st.booleans(), st.one_of(st.none(), st.lists(texts)))
def test_its_bytes_are_canonical(path: str, rule: str, strict: bool, network: list[str] | None) -> None:
    made = Made("stage", path, "ignored", True, None, "0", rule, [File(path, "0", "1")])
    facts = Facts("1", "0" * 40, ".", [], "reproduced", [made], [], [], strict, network, {}, {"cpu": rule}, [path])
    encoded = statement.encode(Statement.of(facts))
    assert encoded == rfc8785.dumps(json.loads(encoded))


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


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(UserError) as raised:
        verify.verify(["none.json"])
    assert str(raised.value) == "none.json: No such file or directory; `samebits check --statement FILE` writes one"


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo, path = simple(tmp_path / "repo"), tmp_path / "statement.json"
    assert repo.samebits("check", "--statement", str(path)).returncode == 0
    done = repo.samebits("verify", str(path), "--markdown", str(tmp_path / "verify.md"))
    assert done.returncode == 0
    assert "\nVerified: 2 of 2 outputs were made alike by 1 machine or more.\n" in done.stdout
    assert "| selected.txt | same " in (tmp_path / "verify.md").read_text()
    path.write_bytes(path.read_bytes().replace(b"PASSED", b"WARNED"))
    assert repo.command("verify", str(path)) == 1
    assert "statement.json does not verify: its subjects, its result or its tests do not" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        repo.command("verify", "--at-least", "0", str(path))
    assert "0: a number of machines is 1 or more" in capsys.readouterr().err


def test_where_no_output_was_made_there_is_no_statement_nor_an_old_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo, path = simple(tmp_path / "repo"), tmp_path / "statement.json"
    path.write_text("of another check")
    repo.replace("select.sh", "head", "exit 1; head")
    repo.commit()
    assert repo.command("check", "--statement", str(path)) == 1  # the code is not that of the run
    told = f"warning: {path}: not written, as no output was made; a Statement needs a subject\n"
    assert capsys.readouterr().err.endswith(told)
    assert not path.exists()
