"""All digits that R's summary(glm) and statsmodels' Logit print, for known tables.

The tables come from R's datasets, statsmodels and scikit-learn. Both solvers stop when a step changes little, with more
digits than they print.
"""

import csv
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from samebits import ExactLogisticRegression
from samebits.exact.logistic.summary import LogisticSummary

# a table in R ("": in Python) and the formula of a fit
TABLES = {
    "mtcars": ("mtcars", "am ~ wt + hp"),
    "infert": ("infert", "case ~ age + parity + education + spontaneous + induced"),
    "iris": ("subset(iris, Species != 'setosa')", "(Species == 'virginica') ~ . - Species"),
    "titanic": ("as.data.frame(Titanic)", "(Survived == 'Yes') ~ Class + Sex + Age"),
    "admissions": ("as.data.frame(UCBAdmissions)", "(Admit == 'Admitted') ~ Gender * Dept"),
    "airquality": ("airquality", "(Ozone > 40) ~ Solar.R + Wind + Temp"),
    "swiss": ("swiss", "(Catholic > 50) ~ Fertility + Education + Infant.Mortality"),
    "pressure": ("esoph", "(ncases > 2) ~ as.numeric(agegp) + as.numeric(alcgp) - 1"),
    "spector": ("", "GRADE ~ GPA + TUCE + PSI"),
    "fair": ("", "(affairs > 0) ~ rate_marriage + age + yrs_married + children + religious + educ"),
    "anes96": ("", "vote ~ PID + age + educ + income + selfLR"),
    "cancer": ("", "target ~ mean.radius + mean.texture + mean.smoothness"),
}
NUMBER = r"(?:< ?)?-?\d[\d.]*(?:e[+-]\d+)?"

pytestmark = pytest.mark.skipif(
    shutil.which("Rscript") is None or find_spec("statsmodels") is None, reason="R or statsmodels is not installed"
)


class Rows(NamedTuple):
    """What R fitted, and what it printed."""

    X: np.ndarray
    y: np.ndarray
    intercept: bool
    printed: str
    longer: str


@pytest.fixture(scope="module")
def in_r(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    folder = tmp_path_factory.mktemp("r")
    for name in (name for name, (source, _) in TABLES.items() if not source):
        _table(name).to_csv(folder / f"{name}.table", index=False)
    lines = ["\t".join([name, *table]) for name, table in TABLES.items()]
    (folder / "tables.tsv").write_text("\n".join(lines))
    script = Path(__file__).with_name("fits.R")
    done = subprocess.run(["Rscript", "--vanilla", script, folder], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return {name: _read(folder, name) for name in TABLES}


def _table(name: str) -> Any:
    if name == "cancer":
        return load_breast_cancer(as_frame=True).frame
    return import_module(f"statsmodels.datasets.{name}").load_pandas().data


def _read(folder: Path, name: str) -> Rows:
    with (folder / f"{name}.csv").open(newline="") as file:
        _, *lines = csv.reader(file)
    columns = np.array([[float.fromhex(each) for each in line] for line in lines])
    printed = (folder / f"{name}.txt").read_text()
    longer = (folder / f"{name}.long.txt").read_text()
    return Rows(columns[:, 1:], columns[:, 0], "(Intercept)" in printed, printed, longer)


def ours(rows: Rows) -> LogisticSummary:
    return ExactLogisticRegression(fit_intercept=rows.intercept).fit(rows.X, rows.y).summary()


def same_digits(printed: str, number: float | None) -> bool:
    """Whether a number, rounded to as many digits, is what was printed."""
    assert number is not None
    if printed.startswith("<"):
        return number < float(printed[1:]) * 1.2  # R tells 2.2e-16 as "<2e-16"
    mantissa, _, exponent = printed.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return f"{number:.{decimals}{'e' if exponent else 'f'}}".replace("-0.000", "0.000") == printed.replace(
        "-0.000", "0.000"
    )


def cells(summary: LogisticSummary, text: str) -> Iterator[tuple[str, str, float | None]]:
    """The names of what R prints, how it prints that, and our numbers."""
    for each in summary.coefficients:
        row = re.search(rf"^{re.escape(each.name.replace('(intercept)', '(Intercept)'))} +(.*)$", text, re.MULTILINE)
        assert row, each.name
        numbers = re.findall(NUMBER, row[1])
        values = (each.estimate, each.std_error, each.z, each.p_value)
        yield from zip(("estimate", "std_error", "z", "p_value"), numbers, values, strict=True)
    for label in ("Null deviance", "Residual deviance", "AIC"):
        found = re.search(rf"{label}: +({NUMBER})", text)
        assert found
        name = label.lower().replace(" ", "_").removeprefix("residual_")
        yield name, found[1], getattr(summary, name)
    freedom = summary.df_residual + summary.df_model, summary.df_residual
    for printed, number in zip(re.findall(r"on +(\d+) +degrees", text), freedom, strict=True):
        yield "degrees of freedom", printed, number


@pytest.mark.parametrize("name", TABLES)
def test_all_digits_that_r_prints(in_r: dict[str, Rows], name: str) -> None:
    """With more iterations than by default: standard errors are those of the step before the last."""
    summary = ours(in_r[name])
    assert not summary.undecided
    for what, printed, number in cells(summary, in_r[name].longer):
        assert same_digits(printed, number), (what, printed, number)


def test_by_default_r_stops_early_enough_to_show(in_r: dict[str, Rows]) -> None:
    """The numbers of docs/logistic.md."""
    shown = [
        same_digits(printed, number) for rows in in_r.values() for _, printed, number in cells(ours(rows), rows.printed)
    ]
    assert len(shown) > 300
    assert 0 < shown.count(False) < 30


@pytest.mark.parametrize("name", TABLES)
def test_all_digits_that_statsmodels_prints(in_r: dict[str, Rows], name: str) -> None:
    from statsmodels.discrete.discrete_model import Logit

    rows = in_r[name]
    summary = ours(rows)
    A = np.column_stack([np.ones(len(rows.y)), rows.X]) if rows.intercept else rows.X
    text = Logit(rows.y, A).fit(disp=0).summary().as_text()
    lines = re.findall(r"^(?:const|x\d+) .*$", text, re.MULTILINE)
    assert len(lines) == len(summary.coefficients)
    for line, each in zip(lines, summary.coefficients, strict=True):
        numbers = re.findall(NUMBER, line.split(maxsplit=1)[1])
        values = (each.estimate, each.std_error, each.z, each.p_value, each.low, each.high)
        for number, value in zip(numbers, values, strict=True):
            assert same_digits(number, value), (each.name, number, value)
    of_fit = [("Log-Likelihood", summary.log_likelihood)]
    if rows.intercept:  # statsmodels' null model always has one
        of_fit += [
            ("LL-Null", summary.null_log_likelihood),
            ("Pseudo R-squ.", summary.pseudo_r2),
            ("LLR p-value", summary.lr_p_value),
        ]
    for label, value in of_fit:
        found = re.search(rf"{re.escape(label)}: +({NUMBER})", text)
        assert found
        assert same_digits(found[1], value), (label, found[1], value)
