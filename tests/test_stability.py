"""What docs/stability.md promises: arguments of commands, and files that older versions wrote."""

import re
from argparse import ArgumentParser
from importlib import import_module

import joblib
import msgspec
import numpy as np
import pytest

from samebits import pickles
from samebits.model.predictor import Predictor
from samebits.proof import Verdict
from samebits.proof.statements.statement import Statement, encode, load
from samebits.proof.telling import page, report
from tests.conftest import ROOT

FILES = ROOT / "tests" / "written_by_0_1_0"  # by the release that the name says; never to be written anew
PAGE = (ROOT / "docs" / "stability.md").read_text()
PROMISED = {
    name: re.findall(r"`(.+?)`", cells) for name, cells in re.findall(r"^\| `samebits (\w+)` \| (`.*) \|", PAGE, re.M)
}


@pytest.mark.parametrize("name", PROMISED)
def test_the_promised_arguments_are_those_of_the_command(name: str) -> None:
    parser = ArgumentParser(add_help=False)
    import_module(f"samebits.commands.{name}").add_arguments(parser)
    found = [option for each in parser._actions for option in each.option_strings or [str(each.metavar)]]
    assert PROMISED[name] == [each for each in found if each != "BASE OURS THEIRS PATH"]  # git's, not a person's


def test_an_estimator_is_read_and_goes_on_with_the_same_bits() -> None:
    model = joblib.load(FILES / "estimator.joblib")  # of y = 3 + 2 a - b, for a from 0 to 9
    assert (model.coef_.tolist(), model.intercept_, model.rank_) == ([2.0, -1.0], 3.0, 2)
    X = np.array([[a, a * a % 7] for a in range(10, 20)], float)
    model.partial_fit(X, 3 + 2 * X[:, 0] - X[:, 1])
    assert (model.coef_.tolist(), model.intercept_, model.summary().rows) == ([2.0, -1.0], 3.0, 20)


def test_a_model_and_its_quantized_copy_are_read() -> None:
    model = pickles.load(FILES / "model.joblib")
    predictor = Predictor.load(FILES / "quant_params.joblib")
    rows = np.array([row["x"] for row in predictor.card["rows"]])
    y = np.array([row["y"] for row in predictor.card["rows"]])
    assert rows.shape == (5, len(predictor.features))
    assert list(model.feature_names_in_) == predictor.features
    assert np.abs(predictor.predict(rows) - y).max() < predictor.card["metrics"]["test"]["rmse"]  # they were chosen so
    np.testing.assert_allclose(predictor.predict(rows), rows @ model.coef_ + model.intercept_, atol=0.01)


def test_a_verdict_is_read_and_told() -> None:
    verdict = msgspec.json.decode((FILES / "verdict.json").read_bytes(), type=Verdict)
    assert (verdict.version, verdict.conclusion) == ("0.1.0", "not reproduced")
    assert {each.path: each.verdict for each in verdict.outputs} == {"selected.txt": "differs", "metrics.json": "same"}
    assert report.verdict(verdict, "simple").splitlines()[-1].startswith("NOT reproduced (code-changed, output-edited")
    assert "selected.txt" in page.render(verdict)


def test_a_statement_is_read_and_follows_from_its_facts() -> None:
    [read] = load(str(FILES / "statement.json"))
    facts = read.statement.facts
    assert (facts.version, facts.conclusion, read.canonical) == ("0.1.0", "not reproduced", True)
    assert encode(Statement.of(facts)) == (FILES / "statement.json").read_bytes()
