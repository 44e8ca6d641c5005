"""A logistic model through the whole pipeline: what `results` prints and shows, and that it is what `predict` gives."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, confusion_matrix, log_loss, roc_auc_score

from tests.conftest import Project, copy_of_copy, made_once
from tests.results.test_page import Parsed, page_of
from tests.serving import logistic

pytestmark = pytest.mark.slow
LABELS, THRESHOLD = ["stays", "leaves"], 0.25
QUERY = """
    SELECT age, (plan = 'basic')::INT AS "plan = basic", (plan = 'family')::INT AS "plan = family", leaves
    FROM source
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, committed: Project) -> Project:
    def make(root: Path) -> Project:
        project = copy_of_copy(committed, root)
        raw, _, y = logistic.table()
        rows = [",".join(map(str, [*row, int(of)])) for row, of in zip(raw, y, strict=True)]
        (root / "data/raw/plans.csv").write_text("\n".join(["age,plan,leaves", *rows]) + "\n")
        settings = (root / "params.yaml").read_text()
        query = settings[settings.index("  query: |") : settings.index("\ncompute:")]
        for old, new in (
            (query, "  query: |" + QUERY),
            ("data/raw/cal_housing.csv.gz", "data/raw/plans.csv"),
            ("target: MedHouseVal", "target: leaves"),
            ("model: linear", f"model: logistic\n  labels: {LABELS}\n  threshold: {THRESHOLD}"),
        ):
            assert old in settings
            settings = settings.replace(old, new, 1)
        (root / "params.yaml").write_text(settings)
        project.run("dvc", "repro")
        project.commit()
        return project

    return made_once(tmp_path_factory, "classified", make)


@pytest.fixture(scope="module")
def metrics(project: Project) -> Any:
    return json.loads((project.root / "metrics/evaluate.json").read_text())


def test_predict_gives_what_was_evaluated(project: Project, metrics: Any) -> None:
    test = joblib.load(project.root / "data/test.joblib")
    lines = [",".join(test["features"]), *(",".join(map(repr, row)) for row in test["X"].tolist())]
    rows = project.root / "rows.csv"
    rows.write_text("\n".join(lines) + "\n")
    found = list(csv.reader(io.StringIO(project.run("python", "-m", "samebits", "predict", "rows.csv").stdout)))
    rows.unlink()
    p, y = np.array([float(each) for each, _ in found]), test["y"]
    is_1 = np.array([label == LABELS[1] for _, label in found])
    assert (is_1 == (p >= THRESHOLD)).all()
    quant = metrics["quant"]
    counts = confusion_matrix(y, is_1).ravel().tolist()
    assert [quant["confusion"][key] for key in ("tn", "fp", "fn", "tp")] == counts
    assert quant["accuracy"] == accuracy_score(y, is_1)
    assert quant["log_loss"] == pytest.approx(log_loss(y, p), rel=1e-12)
    assert quant["auc"] == pytest.approx(roc_auc_score(y, p), rel=1e-12)
    assert quant["brier"] == pytest.approx(brier_score_loss(y, p), rel=1e-12)
    session = onnxruntime.InferenceSession(project.root / "models/quant_params.onnx")
    probability, label = session.run(["probability", "label"], {"X": test["X"]})
    np.testing.assert_allclose(probability[:, 0], p, atol=1e-14)
    assert (label[:, 0] == np.array(LABELS)[is_1.astype(int)]).all()


def test_the_table_has_the_scores_of_classes(project: Project, metrics: Any) -> None:
    lines = project.run("python", "-m", "samebits", "results").stdout.splitlines()
    assert "Log loss, accuracy, AUC and Brier are of 80 test rows." in lines[0]
    [row] = [line.split() for line in lines if line.startswith("float64 ")]
    scores = metrics["float"]
    expected = [f"{scores['log_loss']:#.6g}", f"{scores['accuracy']:.4f}", f"{scores['auc']:.6f}"]
    assert row[1:5] == [*expected, f"{scores['brier']:#.6g}"]
    assert "Test log loss by bits a weight" in project.run("python", "-m", "samebits", "results", "--chart").stdout


def test_the_coefficients_are_printed(project: Project) -> None:
    train = joblib.load(project.root / "data/train.joblib")
    theirs = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(train["X"], train["y"])
    text = project.run("python", "-m", "samebits", "results", "--coefficients").stdout
    assert text.startswith("leaves = leaves: logistic regression, 320 rows")
    [age] = [line.split() for line in text.splitlines() if line.startswith("age ")]
    assert float(age[1]) == pytest.approx(theirs.coef_[0, 0], rel=1e-4)


def test_the_page_tells_of_probabilities_and_classes(project: Project, metrics: Any) -> None:
    page: Parsed = page_of(project)
    (project.root / "page.html").unlink()
    assert page.text.startswith("A logistic model of leaves")
    assert "It gives the probability that leaves is leaves , not stays , from 3 features." in page.text
    assert "R2 lost" not in page.text
    counts = metrics["quant"]["confusion"]
    assert page.row("stays", 3) == [
        str(counts["tn"]),
        str(counts["fp"]),
        f"{100 * counts['tn'] / (counts['tn'] + counts['fp']):.1f} %",
    ]
    fit = json.loads((project.root / "metrics/coefficients.json").read_text())["coefficients"]
    age = page.row("age", 10)
    assert age[6] == f"{next(each for each in fit if each['name'] == 'age')['odds_ratio']:.5g}"
    drawn = page.drawings()["data"]
    assert {"plots/roc.csv", "plots/calibration.csv", "plots/scores.csv", "plots/predictions.csv"} <= drawn.keys()
    titles = [text for tag, text in page.texts if tag == "figcaption"]
    assert titles[1:4] == [
        "ROC curve of the quantized model",
        "Calibration of the quantized model",
        "Probabilities by class",
    ]
    assert not any("esiduals" in title for title in titles)
