"""The workflow of CI in repositories that have less than this one, and the expressions that decide it."""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

EVENTS: dict[str, dict[str, Any]] = {
    "push to a fork's `main`, no secrets": {},
    "push to a private `main`": {"github.event.repository.private": True},
    "push to another branch": {"github.ref": "refs/heads/bits"},
    "pull request from a fork": {
        "github.event_name": "pull_request",
        "github.ref": "refs/pull/1/merge",
        "github.base_ref": "main",
        "github.event.pull_request.head.repo.full_name": "fork/samebits",
    },
}
PUSH = {
    "github.event_name": "push",
    "github.ref": "refs/heads/main",
    "github.repository": "OWNER/samebits",
    "github.event.repository.private": False,
    "runner.os": "Linux",
    "matrix.first": True,
}
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())


@pytest.fixture
def expressions(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / ".github"))
    return importlib.import_module("expressions")


def conditions() -> Iterator[tuple[str, list[str]]]:
    """Each job, and each step that asks for the event or for a variable, as the table names it, with its conditions."""
    for name, job in WORKFLOW["jobs"].items():
        of_job = [job["if"]] if "if" in job else []
        yield f"`{name}`", of_job
        for step in job["steps"]:
            if re.search(r"\b(github|vars)\.", step.get("if", "")):
                yield f"`{name}`: {step['name']}", [*of_job, step["if"]]


def starts(event: Mapping[str, Any]) -> bool:
    """Whether the workflow starts on an event; YAML takes its key `on` for true."""
    triggers = WORKFLOW[True]
    branch = event["github.ref"].removeprefix("refs/heads/")
    return event["github.event_name"] == "pull_request" or branch in triggers["push"]["branches"]


def test_the_docs_say_what_runs_in_which_repository(expressions: Any) -> None:
    [table] = re.findall(r"^\| job: step \|.*?(?=\n\n)", (ROOT / "docs" / "ci.md").read_text(), re.M | re.DOTALL)
    head, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
    assert head[1:] == list(EVENTS)
    said = {name: [cell.partition(":")[0] for cell in cells] for name, *cells in lines}
    true = {}
    for name, asked in conditions():
        true[name] = [
            ("runs" if all(expressions.evaluate(each, event) for each in asked) else "skipped")
            if starts(event)
            else "not started"
            for event in (PUSH | each for each in EVENTS.values())
        ]
    assert said == true


def test_every_machine_that_is_not_known_to_pass_may_fail(expressions: Any) -> None:
    for name, key in (("proof", "os"), ("reproduce", "include")):
        job = WORKFLOW["jobs"][name]
        for each in job["strategy"]["matrix"][key]:
            machine = each if isinstance(each, dict) else {key: each}
            values = {f"matrix.{name}": value for name, value in machine.items()}
            known = machine["os"] == "ubuntu-latest" and machine.get("python") != "3.14"
            assert expressions.evaluate(job["continue-on-error"], values) is not known, machine


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("github.event_name == 'push'", True),
        ("${{ github.event_name != 'push' || vars.NOTHING }}", ""),
        ("false && true || true", True),
        ("!github.event.repository.private && (vars.NOTHING || 'it''s')", "it's"),
        ("format('{1}/{0}', github.repository, 2)", "2/OWNER/samebits"),
        ("fromJSON('[1, 2]')", [1, 2]),
    ],
)
def test_an_expression(expressions: Any, expression: str, value: Any) -> None:
    assert expressions.evaluate(expression, PUSH) == value
    assert expressions.fill("a ${{ true }} b${{ vars.NOTHING }}", PUSH) == "a true b"


@pytest.mark.parametrize("expression", ["", "a ==", "(a", "a b", "a ? b", "github.nothing", "hashFiles('a')"])
def test_what_is_no_expression_here(expressions: Any, expression: str) -> None:
    with pytest.raises((AssertionError, IndexError, KeyError)):
        expressions.evaluate(expression, {})
