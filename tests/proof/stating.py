"""What the tests of statements share: a repository that was checked, and facts that are almost its own."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from samebits.proof.statements import statement, verify
from samebits.proof.statements.statement import Facts, Statement
from samebits.proof.statements.verify import Combined
from samebits.proof.verdict import File, Verdict
from tests.proof.repositories import Repository, simple

RULE = '[[outputs]]\npath = "metrics.json"\nfield = "seconds"\ncompare = "ignore"\nreason = "a clock"\n'
ARM = {"machine": "aarch64", "cpu": "Neoverse-N1", "python": "3.13.1"}


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
