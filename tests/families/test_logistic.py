"""The family of models of a yes or no: from rows to a model, its quantization and its scores."""

import json
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, confusion_matrix, log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from samebits import families
from samebits.errors import UserError
from samebits.exact.moments import Moments
from samebits.families.family import Data, Fit
from samebits.model.linear import LinearModel
from samebits.model.schemes import SCHEMES
from samebits.params import Train
from samebits.quantization import sweep
from tests import housing
from tests.conftest import Project

OPTIONS: dict[str, Any] = {"alpha": 0.0, "folds": 5, "standardize": False, "model": "logistic"}


def data_of(X: np.ndarray, y: np.ndarray, test: int = 20, **of_all: Any) -> Data:
    """As if the stage `data` had written it, the first rows being those for testing."""
    moments = Moments.of(X[test:], y[test:])
    data = Data()
    data.__dict__.update(
        of_all={
            "features": [f"x{j + 1}" for j in range(X.shape[1])],
            "target": "sick",
            "train": moments.to_plain(),
            **of_all,
        },
        train={"X": X[test:], "y": y[test:]},
        test={"X": X[:test], "y": y[:test]},
    )
    return data


def rows(seed: int = 0, n: int = 320, p: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, p)) * 2.0 ** np.arange(p)
    return X, (X @ np.ones(p) / 2 + generator.logistic(size=n) > 0).astype(np.float64)


def train(data: Data, **options: Any) -> Fit:
    return families.train(Train(**{**OPTIONS, **options}), data)


def mistake(data: Data, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        train(data, **options)
    return str(caught.value)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 30.0])
@pytest.mark.parametrize("standardize", [False, True])
def test_the_model_is_that_of_scikit_learn_s_best_solver(alpha: float, standardize: bool) -> None:
    data = data_of(*rows())
    X, y = data.train["X"], data.train["y"]
    scale = X.std(axis=0) if standardize else np.ones(3)
    theirs = LogisticRegression(C=1 / alpha if alpha else np.inf, solver="newton-cholesky", tol=1e-12).fit(X / scale, y)
    fit = train(data, alpha=alpha, standardize=standardize)
    np.testing.assert_allclose(fit.estimator.coef_, theirs.coef_ / scale, rtol=1e-9)
    np.testing.assert_allclose(fit.estimator.intercept_, theirs.intercept_, rtol=1e-8, atol=1e-9)
    fit.estimator.__dict__.pop("feature_names_in_")
    np.testing.assert_allclose(fit.estimator.predict_proba(X), theirs.predict_proba(X / scale), rtol=1e-8)
    assert fit.rank == 3


def test_the_summary_has_errors_without_a_penalty_only() -> None:
    data = data_of(*rows())
    free, penalised = (train(data, alpha=alpha, labels=["well", "sick"]).summary for alpha in (0.0, 1.0))
    assert free["positive"] == penalised["positive"] == "sick"
    assert all(each["std_error"] > 0 for each in free["coefficients"])
    assert all(each["std_error"] is None for each in penalised["coefficients"])
    spread = data.train["X"].std(axis=0)
    np.testing.assert_allclose([each["std_ratio"] for each in free["coefficients"][1:]], spread, rtol=1e-12)


def test_mistakes_are_one_line_that_says_what_would_be_right() -> None:
    X, y = rows()
    assert mistake(data_of(X, 2 * y)).startswith(
        "train.model is logistic, but the target sick has the value 2; make it"
    )
    assert mistake(data_of(X, np.ones(len(y)))).startswith("the target sick is 1 in all 300 training rows")
    few = data_of(X, y)
    few.__dict__["train"] = {"X": X[:100], "y": y[:100]}
    assert mistake(few) == (
        "data.keep_rows is 100, but a logistic model needs all 300 training rows; set it to 300 or more"
    )


def test_separated_classes_are_named_and_a_penalty_helps() -> None:
    X, _ = rows()
    data = data_of(X, (X[:, 1] > 0.3).astype(np.float64))
    assert mistake(data) == (
        "train: x2 separates the classes of the target, so the likelihood has no maximum; set train.alpha to a "
        "penalty, such as 1, or leave out columns in data.query"
    )
    model = LinearModel.of(train(data, alpha=1.0).estimator)
    assert ((model.predict(X) > 0) == (X[:, 1] > 0.3)).mean() > 0.95


@pytest.mark.parametrize("standardize", [False, True])
def test_cross_validation_chooses_as_scikit_learn_does(standardize: bool) -> None:
    """Folds of the rows in their order, mean of the log losses of the folds."""
    data = data_of(*rows(3, n=120))
    X, y = data.train["X"], data.train["y"]
    alphas = [0.01, 3.0, 1000.0]
    fit = train(data, alpha=alphas, folds=4, standardize=standardize)
    solver = LogisticRegression(solver="newton-cholesky", tol=1e-12)
    steps = make_pipeline(StandardScaler(with_mean=False), solver) if standardize else make_pipeline(solver)
    name = "logisticregression__C"
    theirs = GridSearchCV(steps, {name: [1 / each for each in alphas]}, scoring="neg_log_loss", cv=KFold(4)).fit(X, y)
    assert [row["error"] for row in fit.penalties] == pytest.approx(-theirs.cv_results_["mean_test_score"], rel=1e-8)
    assert fit.chosen
    assert 1 / fit.chosen["alpha"] == pytest.approx(theirs.best_params_[name])
    assert [row["chosen"] for row in fit.penalties].count(True) == 1
    automatic = train(data, alpha="auto", folds=4, standardize=standardize)
    assert automatic.chosen
    assert automatic.chosen["error"] <= fit.chosen["error"] * 1.01


def test_folds_that_cannot_be_are_one_line() -> None:
    X, y = rows(3, n=30)
    assert mistake(data_of(X, y), alpha="auto", folds=17) == (
        "train.folds is 17: fold 11 of cv has no rows to score with, or only one class to train with; use fewer"
    )


def test_a_target_that_is_no_class_is_told_of_test_rows_too() -> None:
    X, y = rows()
    y[3] = 0.5
    data = data_of(X, y)
    train(data)
    with pytest.raises(UserError, match=r"the target sick has the value 0\.5;"):
        families.evidence(Train(**OPTIONS), data)


def test_scores_are_those_of_scikit_learn() -> None:
    data = data_of(*rows(n=900), test=300)
    X, y = data.test["X"], data.test["y"]
    fit = train(data)
    evidence = families.evidence(Train(**OPTIONS, threshold=0.3), data)
    found = evidence.test_scores(LinearModel.of(fit.estimator))
    fit.estimator.__dict__.pop("feature_names_in_")
    probability = fit.estimator.predict_proba(X)[:, 1]
    expected = probability >= 0.3
    assert found["log_loss"] == pytest.approx(log_loss(y, probability), rel=1e-12)
    assert found["brier"] == pytest.approx(brier_score_loss(y, probability), rel=1e-12)
    assert found["auc"] == pytest.approx(roc_auc_score(y, probability), rel=1e-12)
    assert found["accuracy"] == accuracy_score(y, expected)
    assert list(found["confusion"].values()) == confusion_matrix(y, expected).ravel().tolist()
    assert list(found["confusion"]) == ["tn", "fp", "fn", "tp"]
    assert evidence.family.to_plain() == {"model": "logistic", "labels": ["0", "1"], "threshold": 0.3}


def test_a_class_without_test_rows_has_no_area() -> None:
    X, y = rows()
    y[:20] = 0
    data = data_of(X, y)
    model = LinearModel.of(train(data).estimator)
    assert set(families.evidence(Train(**OPTIONS), data).scores("test", model)) == {"log_loss", "accuracy", "brier"}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_more_bits_never_add_log_loss_and_searches_find_less_than_rounding(scheme: str) -> None:
    data = data_of(*rows(5))
    evidence = families.evidence(Train(**OPTIONS), data)
    loss = evidence.loss(LinearModel.of(train(data).estimator))
    choices = sweep.choices(loss)
    for rounding in ("nearest", "babai", "exact"):
        losses = [choices[scheme, rounding, bits].loss for bits in sweep.BITS]
        assert all(losses[i + 1] <= losses[i] for i in range(len(losses) - 1))
    for bits in sweep.BITS:
        best, nearest = (choices[scheme, rounding, bits].loss for rounding in ("exact", "nearest"))
        assert best <= nearest
    curve = sweep.curve(choices, loss, lambda model: evidence.curve(loss, model), (scheme, "exact", 8))
    X, y = data.train["X"], data.train["y"]
    for row in curve:
        if row["rounding"] == "exact" and row["bits"] in (3, 8):
            copy = choices[row["scheme"], "exact", row["bits"]].quantized.model
            theirs = log_loss(y, 1 / (1 + np.exp(-(X @ copy.coef + copy.intercept))))
            assert row["train_log_loss"] == pytest.approx(theirs, rel=1e-10)
            assert row["train_loss"] == pytest.approx(theirs - log_loss_of(loss.model, X, y), abs=1e-12)


def log_loss_of(model: LinearModel, X: np.ndarray, y: np.ndarray) -> float:
    return float(log_loss(y, 1 / (1 + np.exp(-(X @ model.coef + model.intercept)))))


def classified(project: Project) -> None:
    """Make the bundled table one of a yes or no: is a house dearer than the median?"""
    project.replace("params.yaml", "model: linear", "labels: [cheap, dear]\n  model: logistic")
    project.replace("params.yaml", "median_house_value / 100000   ", "(median_house_value > 179700)::INT")


@pytest.mark.slow
def test_the_pipeline_classifies(project: Project) -> None:
    classified(project)
    project.run("dvc", "repro")
    root = project.root
    X, X_test, y, y_test = housing.split()
    y, y_test = (each * 100_000 > 179_700 for each in (y, y_test))
    scale = X.std(axis=0)
    theirs = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(X / scale, y)
    coefficients = json.loads((root / "metrics/train.json").read_text())["coefficients"]
    np.testing.assert_allclose(list(coefficients.values()), theirs.coef_[0] / scale, rtol=1e-8)
    metrics = json.loads((root / "metrics/evaluate.json").read_text())
    probability = theirs.predict_proba(X_test / scale)[:, 1]
    assert metrics["float"]["log_loss"] == pytest.approx(log_loss(y_test, probability), rel=1e-9)
    assert metrics["float"]["auc"] == pytest.approx(roc_auc_score(y_test, probability), abs=1e-6)
    assert 0 < metrics["loss_ppm"] < 10
    networks = json.loads((root / "metrics/torch.json").read_text())
    assert networks["quant"]["log_loss"] == round(metrics["quant"]["log_loss"], 9)
    card = json.loads((root / "models/card.json").read_text())
    assert (card["model"], card["labels"], card["threshold"]) == ("logistic", ["cheap", "dear"], 0.5)
    roc = np.loadtxt(root / "plots/roc.csv", delimiter=",", skiprows=1)
    assert np.trapezoid(roc[:, 1], roc[:, 0]) == pytest.approx(metrics["quant"]["auc"], abs=1e-3)
    counts = np.loadtxt(root / "plots/scores.csv", delimiter=",", skiprows=1, usecols=2)
    assert counts.sum() == len(y_test)
    project.commit("logistic")
    environment = {"OPENBLAS_CORETYPE": "Prescott", "ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "1"}
    project.run("dvc", "repro", "--force", env=environment)
    assert project.git("status", "--porcelain") == ""
