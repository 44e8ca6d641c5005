"""Verdict and statement as JSON against their schemas in the docs; the lists in docs/verdicts.md against the code."""

import json
import re
from pathlib import Path
from typing import get_args

import jsonschema
import msgspec
import pytest

from samebits.proof.statements.statement import Facts, Statement, encode
from samebits.proof.verdict import UNDECIDED, Kind, OutputVerdict, Verdict
from tests.conftest import ROOT
from tests.proof.repositories import Repository, simple

pytestmark = pytest.mark.posix_shell

SCHEMA = ROOT / "docs" / "verdict.schema.json"
SCHEMAS = {SCHEMA: Verdict, ROOT / "docs" / "statement.schema.json": Statement}


@pytest.mark.parametrize("path", SCHEMAS)
def test_the_schema_in_the_docs_is_that_of_the_code(path: Path) -> None:
    """To write it anew: python -m tests.proof.test_schema."""
    assert json.loads(path.read_text()) == schema(SCHEMAS[path])


@pytest.mark.parametrize("forged", [False, True])
def test_a_real_verdict_fits_its_schema_and_is_read_again(tmp_path: Path, forged: bool) -> None:
    repo = simple(tmp_path / "repo")
    if forged:
        repo.replace("select.sh", "head", "tail")
        repo.commit()
    verdict = repo.check()
    text = msgspec.json.encode(verdict)
    jsonschema.validate(json.loads(text), json.loads(SCHEMA.read_text()))
    jsonschema.validate(json.loads(encode(Statement.of(Facts.of(verdict)))), schema(Statement))
    assert msgspec.json.decode(text, type=Verdict) == verdict
    assert json.loads(text)["conclusion"] == ("not reproduced" if forged else "reproduced")


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
    found = msgspec.json.schema(of)
    for each in found["$defs"].values():
        each["description"] = " ".join(each["description"].split())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


if __name__ == "__main__":
    for path, of in SCHEMAS.items():
        path.write_text(json.dumps(schema(of), indent=2) + "\n")
