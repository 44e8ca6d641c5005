"""Weights in both meanings, robust and clustered errors: seven digits of all that R says, and what statsmodels says.

The tables come from packages: R's datasets, MASS and sandwich, statsmodels, scikit-learn. On Debian this needs

    apt-get install --no-install-recommends r-base-core r-cran-mass r-cran-sandwich r-cran-lmtest
    pip install statsmodels
"""

import csv
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from samebits import ExactLinearRegression
from tests.exact import covariances
from tests.exact.covariances import Numbers

OF_FIT = ("residual_std", "r2", "adjusted_r2", "df_residual", "f", "df_model", "df_test", "f_p_value")
OF_COEFFICIENT = ("estimate", "std_error", "t", "p_value")


class Table(NamedTuple):
    """A table in R ("": in Python), the formula of a fit, and expressions for weights, for counts and for clusters."""

    source: str
    formula: str
    weights: str
    counts: str
    clusters: str


TABLES = {
    "mtcars": Table("mtcars", "mpg ~ wt + hp + factor(cyl)", "qsec", "gear - 3", "round(qsec)"),
    "longley": Table("longley", "Employed ~ .", "1 / GNP", "1 + (Year > 1955)", "Year %/% 2"),
    "airquality": Table("airquality", "Ozone ~ Solar.R + Wind + Temp", "Wind", "Day %% 3", "Month"),
    "women": Table("women", "weight ~ height + I(height^2)", "1 / height", "height %% 3", "height %/% 4"),
    "warpbreaks": Table("warpbreaks", "breaks ~ wool * tension", "1 / breaks", "1 + breaks %% 2", "breaks %/% 8"),
    "cars": Table("cars", "dist ~ speed + I(speed^2) - 1", "1 / speed", "speed %% 3", "speed"),
    "titanic": Table(
        "subset(as.data.frame(Titanic), Freq > 0)",
        "(Survived == 'Yes') ~ Class + Sex + Age",
        "1 / Freq",
        "Freq",
        "paste(Class, Sex, Age)",
    ),
    "swiss": Table(  # one column is the sum of two others
        "transform(swiss, Both = Examination + Education)", "Fertility ~ .", "Catholic", "Education %% 3", "Examination"
    ),
    "boston": Table(
        "MASS::Boston[seq(1, 506, 5), ]", "log(medv) ~ crim + rm + dis + lstat", "1 / rm", "rad %% 5", "round(dis * 10)"
    ),
    "hills": Table("MASS::hills", "time ~ dist + climb", "1 / dist^2", "1 + dist %/% 10", "round(dist)"),
    "public_schools": Table(
        "{data(PublicSchools); PublicSchools}",
        "Expenditure ~ Income + I(Income^2)",
        "1 / Income",
        "1 + Income %% 2",
        "substr(rownames(d), 1, 1)",
    ),
    "petersen": Table("{data(PetersenCL); PetersenCL[1:1000, ]}", "y ~ x", "year", "year %% 3", "firm"),
    "ccard": Table("", "AVGEXP ~ AGE + INCOME + INCOMESQ + OWNRENT", "1 / INCOMESQ", "AGE %% 3", "AGE"),
    "grunfeld": Table("", "invest ~ value + capital", "1 / value", "1 + year %% 2", "firm"),
    "statecrime": Table("", "murder ~ poverty + single + urban", "single", "1 + white %/% 10", "white %/% 5"),
    "diabetes": Table("", "target ~ .", "target", "target %% 3", "target %/% 10"),
}


pytestmark = pytest.mark.skipif(
    shutil.which("Rscript") is None or find_spec("statsmodels") is None, reason="R or statsmodels is not installed"
)


@dataclass(frozen=True)
class Rows:
    """What R fitted, and what it found for each meaning of weights and each kind of errors."""

    X: np.ndarray
    y: np.ndarray
    intercept: bool
    weights: dict[str, np.ndarray | None]
    groups: np.ndarray
    found: dict[tuple[str, str], dict[tuple[str, ...], str]]

    @classmethod
    def of(cls, csv_file: Path, tsv_file: Path) -> Self:
        with csv_file.open(newline="") as file:
            header, *lines = csv.reader(file)
        columns = dict(zip(header, np.array([[float.fromhex(each) for each in line] for line in lines]).T, strict=True))
        found: dict[tuple[str, str], dict[tuple[str, ...], str]] = defaultdict(dict)
        for line in tsv_file.read_text().splitlines():
            meaning, kind, *name, value = line.split("\t")
            found[meaning, kind][tuple(name)] = value
        return cls(
            X=np.column_stack([column for name, column in columns.items() if name.startswith("x")]),
            y=columns["y"],
            intercept=("(intercept)", "estimate") in found["none", "usual"],
            weights={"none": None, "precision": columns["weight"], "frequency": columns["count"]},
            groups=columns["group"],
            found=found,
        )

    def alone(self, meaning: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The rows of [1, X], y, weights and groups that say the same without counts."""
        A = np.column_stack([np.ones(len(self.y)), self.X]) if self.intercept else self.X
        ones = np.ones(len(self.y))
        weights, counts = (self.weights[each] if each == meaning else ones for each in ("precision", "frequency"))
        assert weights is not None
        assert counts is not None
        copies = np.arange(len(ones)).repeat(counts.astype(int))
        return A[copies], self.y[copies], weights[copies], self.groups[copies]


@pytest.fixture(scope="module")
def in_r(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    folder = tmp_path_factory.mktemp("r")
    for name in (name for name, table in TABLES.items() if not table.source):
        _write(load_diabetes(as_frame=True).frame if name == "diabetes" else _of_statsmodels(name), folder, name)
    lines = ["\t".join([name, *table]) for name, table in TABLES.items()]
    (folder / "tables.tsv").write_text("\n".join(lines))
    done = subprocess.run(
        ["Rscript", "--vanilla", Path(__file__).with_name("fits.R"), folder], capture_output=True, text=True
    )
    if "there is no package called" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    assert not done.returncode, done.stderr
    return {name: Rows.of(folder / f"{name}.csv", folder / f"{name}.tsv") for name in TABLES}


def _of_statsmodels(name: str) -> Any:
    return import_module(f"statsmodels.datasets.{name}").load_pandas().data


def _write(frame: Any, folder: Path, name: str) -> None:
    """To the last bit."""
    columns = {
        column: [each.hex() if isinstance(each, float) else each for each in values] for column, values in frame.items()
    }
    with (folder / f"{name}.table").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])


def ours(rows: Rows, meaning: str, kind: str) -> Numbers:
    weights: Any = "precision" if meaning == "precision" else "frequency"
    model = ExactLinearRegression(weights=weights, fit_intercept=rows.intercept)
    model.fit(rows.X, rows.y, rows.weights[meaning])
    groups = rows.groups if kind in ("CR0", "CR1") else None
    summary = model.summary(cov=None if kind == "usual" else kind, groups=groups)
    numbers: Numbers = {(name,): getattr(summary, name) for name in OF_FIT}
    for each in summary.coefficients:
        if each.std_error is not None:
            numbers |= {(each.name, which): getattr(each, which) for which in OF_COEFFICIENT}
    return numbers


def by_statsmodels(rows: Rows, meaning: str, kind: str) -> Numbers:
    from statsmodels.regression.linear_model import WLS

    A, y, weights, groups = rows.alone(meaning)
    clusters = {"groups": groups, "use_correction": kind == "CR1", "df_correction": True}
    theirs = {"usual": ("nonrobust", None), "CR0": ("cluster", clusters), "CR1": ("cluster", clusters)}
    cov_type, cov_kwds = theirs.get(kind, (kind, None))
    fit = WLS(y, A, weights).fit(cov_type=cov_type, cov_kwds=cov_kwds, use_t=True)
    numbers = {
        ("residual_std",): np.sqrt(fit.mse_resid),
        ("r2",): fit.rsquared,
        ("adjusted_r2",): fit.rsquared_adj,
        ("f",): fit.fvalue,
        ("f_p_value",): fit.f_pvalue,
    }
    names = [*["(intercept)"] * rows.intercept, *(f"x{j + 1}" for j in range(rows.X.shape[1]))]
    columns = zip(names, fit.params, fit.bse, fit.tvalues, fit.pvalues, strict=True)
    return numbers | {
        (name, which): value for name, *values in columns for which, value in zip(OF_COEFFICIENT, values, strict=True)
    }


def same(value: float, digits: str) -> bool:
    """Whether a number has R's digits; for 0, R may find some 1e-16."""
    return f"{value:.6e}" == digits or (value == 0 and abs(float(digits)) < 1e-14)


@pytest.mark.parametrize("name", TABLES)
def test_r_and_statsmodels_say_the_same(in_r: dict[str, Rows], name: str) -> None:
    rows = in_r[name]
    involved = {"x2", "x3"} if name == "swiss" else set()
    for (meaning, kind), theirs in rows.found.items():
        numbers = ours(rows, meaning, kind)
        assert {column for column, *_ in theirs.keys() - numbers.keys()} == involved
        differ = {each: value for each, value in numbers.items() if not same(value, theirs[each])}
        if differ:  # longley's columns are so nearly collinear that R's rounding shows
            assert name == "longley"
            truth = covariances.statistics(kind, *rows.alone(meaning), rows.intercept)
            assert differ == {each: truth[each] for each in differ}
        if not involved:  # statsmodels keeps both of two collinear columns
            for each, value in by_statsmodels(rows, meaning, kind).items():
                close = pytest.approx(value, rel=1e-5 if name == "longley" else 1e-8)
                assert numbers[each] == close, (meaning, kind, each)
