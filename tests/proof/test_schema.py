"""Verdict and statement as JSON against their schemas in the docs; the lists in docs/verdicts.md against the code."""

import inspect
import json
import re
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from samebits import __version__
from samebits.proof.claims.claims import Claims
from samebits.proof.explaining.explanation import Explanation
from samebits.proof.statements.answer import Answer
from samebits.proof.statements.statement import Facts, Statement, encode
from samebits.proof.verdict import UNDECIDED, Kind, OutputVerdict, Record, Verdict
from tests.conftest import ROOT
from tests.proof.repositories import Repository, simple

pytestmark = pytest.mark.posix_shell

DOCS = ROOT / "docs"
SCHEMA = DOCS / "verdict.schema.json"
SCHEMAS = {
    SCHEMA: Verdict,
    DOCS / "lock.schema.json": Record,
    DOCS / "explain.schema.json": Explanation,
    DOCS / "statement.schema.json": Statement,
    DOCS / "verify.schema.json": Answer,
    DOCS / "claims.schema.json": Claims,
}


@pytest.mark.parametrize("path", SCHEMAS)
def test_the_schema_in_the_docs_is_that_of_the_code(path: Path) -> None:
    """To write it anew: python -m tests.proof.test_schema."""
    assert json.loads(path.read_text()) == schema(SCHEMAS[path])


@pytest.mark.parametrize("forged", [False, True])
def test_what_the_commands_print_as_json_fits_its_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], forged: bool
) -> None:
    repo = simple(tmp_path / "repo")
    if forged:
        repo.replace("select.sh", "head", "tail")
        repo.commit()

    def printed(name: str, status: int, *arguments: str) -> dict[str, Any]:
        assert repo.command(name, "--json", *arguments) == status
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        path = DOCS / f"{'verdict' if name == 'check' else name}.schema.json"
        jsonschema.validate(found, json.loads(path.read_text()))
        assert found["version"] == __version__
        return found

    file = tmp_path / "statement.json"
    checked = printed("check", int(forged), "--statement", str(file))
    assert checked["conclusion"] == ("not reproduced" if forged else "reproduced")
    verdict = msgspec.convert(checked, Verdict)
    assert json.loads(file.read_bytes()) == json.loads(encode(Statement.of(Facts.of(verdict))))
    jsonschema.validate(json.loads(file.read_bytes()), schema(Statement))
    recorded = printed("lock", int(forged))
    assert recorded["stages"] == {"select": "not recorded" if forged else "recorded", "count": "recorded"}
    assert [each["kind"] for each in recorded["problems"]] == ["code-changed"] * forged
    answer = printed("verify", int(forged), str(file))
    assert answer["conclusion"] == ("not verified" if forged else "verified")
    assert answer["alike"] == {"selected.txt": int(not forged), "metrics.json": 1}


def test_the_schema_refuses_what_is_no_verdict(tmp_path: Path) -> None:
    plain = json.loads(msgspec.json.encode(one_verdict(tmp_path)))
    for path, value in ((["conclusion"], "perhaps"), (["outputs", 0, "verdict"], "fine"), (["commit"], None)):
        broken = json.loads(json.dumps(plain))
        place = broken
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, json.loads(SCHEMA.read_text()))


def one_verdict(tmp_path: Path) -> Verdict:
    repo = Repository(tmp_path / "repo")
    repo.pipeline(stages={"one": {"cmd": "echo 1 > out.txt", "outs": ["out.txt"]}})
    repo.run()
    return repo.check()


def test_the_docs_tell_all_kinds_and_verdicts() -> None:
    text = (ROOT / "docs" / "verdicts.md").read_text()
    verdicts, kinds, undecided = (
        set(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", part, re.MULTILINE))))
        for part in re.findall(
            r"^\| (?:verdict of an output|kind of problem) \|.*?\n\n", text, re.MULTILINE | re.DOTALL
        )
    )
    assert verdicts == set(get_args(OutputVerdict))
    assert undecided == UNDECIDED
    assert kinds == set(get_args(Kind)) - UNDECIDED


def schema(of: type) -> object:
    """The schema of a struct; what its docstring says of an attribute describes the property."""
    found = msgspec.json.schema(of)
    for each in found["$defs"].values():
        text, _, attributes = inspect.cleandoc(each["description"]).partition("\n\nAttributes\n----------\n")
        each["description"] = " ".join(text.split())
        for name, lines in re.findall(r"^(\w+) : .*((?:\n +.*)*)", attributes, re.MULTILINE):
            if lines:
                each["properties"][name]["description"] = " ".join(lines.split())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


if __name__ == "__main__":
    for path, of in SCHEMAS.items():
        path.write_text(json.dumps(schema(of), indent=2) + "\n")
