"""Inference against mpmath, against its definition in fractions, and side by side with statsmodels."""

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mpmath import mp, mpf

from samebits import ExactLinearRegression
from samebits.exact.balls import nearest
from samebits.exact.inference.distributions import f_tail, t_quantile, t_tail
from samebits.exact.inference.summary import Summary
from tests import definitions, housing
from tests.conftest import Project

Rows = tuple[np.ndarray, np.ndarray]
OF_FIT = ("r2", "adjusted_r2", "residual_variance", "residual_std", "f", "f_p_value", "log_likelihood", "aic", "bic")
OF_COEFFICIENT = ("estimate", "std_error", "t", "p_value", "low", "high")


def summary_of(X: np.ndarray, y: np.ndarray, **how: Any) -> Summary:
    return ExactLinearRegression(**how).fit(X, y).summary()


def problem(seed: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Columns of all sizes, signals of all strengths, with and without an intercept."""
    random = np.random.default_rng(seed)
    features = int(random.integers(1, 5))
    rows = features + 1 + int(random.choice([1, 2, 3, 10, 60]))
    X = random.normal(size=(rows, features)) * 10.0 ** random.integers(-6, 7, features) + random.integers(0, 3)
    y = X @ random.normal(size=features) * 10.0 ** random.integers(-8, 6) + random.normal(size=rows)
    return X, y, bool(seed % 3)


def t_tail_of_mpmath(t: mpf, df: int) -> mpf:
    return mpmath.betainc(mpf(df) / 2, mpf(1) / 2, 0, df / (df + t * t), regularized=True)


def by_mpmath(X: np.ndarray, y: np.ndarray, intercept: bool) -> tuple[dict[str, float], list[dict[str, float]]]:
    """The textbook's formulas at 60 digits that are right; the parameters take 150 to get there."""
    columns = [[mpf(1)] * len(y)] if intercept else []
    columns += [[mpf(value) for value in column] for column in X.T.tolist()]
    target = [mpf(value) for value in y.tolist()]
    with mp.workdps(150):
        A = mpmath.matrix([[mpmath.fdot(a, b) for b in columns] for a in columns])
        inverse, eigenvalues = A**-1, mpmath.eigsy(A, eigvals_only=True)
        w = inverse * mpmath.matrix([mpmath.fdot(a, target) for a in columns])
        left = [last - mpmath.fdot(w, [a[row] for a in columns]) for row, last in enumerate(target)]
        rss, n, k = mpmath.fdot(left, left), len(y), len(columns)
        centre = [mpmath.fsum(a) / n if intercept else mpf(0) for a in [*columns, target]]
        squares = [
            mpmath.fsum((value - c) ** 2 for value in a) for a, c in zip([*columns, target], centre, strict=True)
        ]
        tss = squares[-1]
    with mp.workdps(60):
        df, df_model, variance = n - k, k - intercept, rss / (n - k)
        f = (tss - rss) / df_model / variance
        likelihood = -mpf(n) / 2 * (mpmath.log(2 * mp.pi * rss / n) + 1)
        tail = mpmath.betainc(mpf(df) / 2, mpf(df_model) / 2, 0, df / (df + df_model * f), regularized=True)
        adjusted, aic = 1 - mpf(n - intercept) / df * rss / tss, 2 * k - 2 * likelihood
        bic = k * mpmath.log(n) - 2 * likelihood
        fit = [1 - rss / tss, adjusted, variance, mpmath.sqrt(variance), f, tail, likelihood, aic, bic]
        numbers = dict(zip(OF_FIT, map(float, fit), strict=True))
        numbers["condition_number"] = float(mpmath.sqrt(max(eigenvalues) / min(eigenvalues)))
        start = 2 + 11 / mpf(df) ** 2
        q = mpmath.findroot(lambda t: t_tail_of_mpmath(t, df) - mpf(1) / 20, (start, start + mpf(1) / 10))
        coefficients = []
        for i in range(k):
            error = mpmath.sqrt(variance * inverse[i, i])
            t = w[i] / error
            values = [w[i], error, t, t_tail_of_mpmath(t, df), w[i] - q * error, w[i] + q * error]
            coefficients.append(dict(zip(OF_COEFFICIENT, map(float, values), strict=True)))
            if i or not intercept:
                coefficients[-1]["vif"] = float(squares[i] * inverse[i, i])
                coefficients[-1]["std_ratio"] = float(mpmath.sqrt(squares[i] / tss))
    return numbers, coefficients


@pytest.mark.parametrize("seeds", [range(start, start + 25) for start in range(0, 200, 25)], ids=str)
def test_every_number_is_nearest_to_what_mpmath_finds_at_60_digits(seeds: range) -> None:
    for seed in seeds:
        X, y, intercept = problem(seed)
        summary = summary_of(X, y, fit_intercept=intercept)
        numbers, coefficients = by_mpmath(X, y, intercept)
        assert {name: getattr(summary, name) for name in numbers} == numbers, seed
        for each, expected in zip(summary.coefficients, coefficients, strict=True):
            assert {name: getattr(each, name) for name in expected} == expected, (seed, each.name)
        assert (summary.rows, summary.df_residual) == (len(y), len(y) - len(coefficients))
        assert summary.undecided == summary.notes == ()


@pytest.mark.parametrize("df", [1, 2, 3, 10, 101, 16503, 10**7])
def test_a_tail_of_t_is_nearest_however_small(df: int) -> None:
    for t in (1e-9, 0.3, 1.0, 1.7, 3.9, 4.1, 11.0, 27.3, 37.6, 38.5, 1e20, 1e300):
        with mp.workdps(80):
            expected = float(t_tail_of_mpmath(mpf(t), df))
        with ctx.workprec(256):
            assert nearest(t_tail(arb(t), df)) == expected


def test_tails_reach_the_smallest_numbers_of_float64() -> None:
    """Which the test above does not: at 10**7 degrees of freedom from 0.5 to 0 through 2.3e-309 and 5e-324."""
    with ctx.workprec(256):
        tails = [nearest(t_tail(arb(t), 10**7)) for t in (0.6745, 37.6, 38.5, 38.6)]
    assert tails[1] is not None
    assert 0 < tails[1] < sys.float_info.min
    assert tails[2:] == [5e-324, 0]


@pytest.mark.parametrize(("df1", "df2"), [(1, 1), (1, 7), (2, 3), (3, 2), (8, 16503), (31, 40), (200, 10**6)])
def test_a_tail_of_f_is_nearest(df1: int, df2: int) -> None:
    for f in (1e-12, 0.01, 0.5, 1.0, 1.5, 10.0, 1e15):
        with mp.workdps(80):
            x = df2 / (df2 + df1 * mpf(f))
            expected = float(mpmath.betainc(mpf(df2) / 2, mpf(df1) / 2, 0, x, regularized=True))
        with ctx.workprec(256):
            assert nearest(f_tail(arb(f), df1, df2)) == expected


@pytest.mark.parametrize("df", [1, 2, 4, 30, 16503, 10**9, 10**12])
@pytest.mark.parametrize("precision", [128, 1024])
def test_a_quantile_has_the_tail_that_was_asked_for(df: int, precision: int) -> None:
    with ctx.workprec(precision):
        t = t_quantile(fmpq(1, 20), df)
        assert t.rel_accuracy_bits() > precision - 80
        assert t_tail(t.lower(), df) > fmpq(1, 20) > t_tail(t.upper(), df)
    with ctx.workprec(256):  # of the algebraic ones the value is known
        assert df != 1 or t.overlaps((arb.pi() * fmpq(19, 40)).tan())
        assert df != 2 or t.overlaps((2 * arb(fmpq(19, 20)) ** 2 / (1 - arb(fmpq(19, 20)) ** 2)).sqrt())


# --- what is not defined ---

SMALL = st.integers(-2, 2).map(float)


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    """Small integers, which give collinear columns and perfect fits."""
    rows, features = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    X = draw(arrays(np.float64, (rows, features), elements=SMALL))
    return X, draw(arrays(np.float64, rows, elements=SMALL))


@given(tables(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_it_says_of_every_table_what_is_defined_and_nothing_else(rows: Rows, intercept: bool) -> None:
    X, y = rows
    summary = summary_of(X, y, fit_intercept=intercept)
    A = [[*[definitions.ONE] * intercept, *map(Fraction, row)] for row in X.tolist()]
    target = [Fraction(value) for value in y.tolist()]
    null, (_, independent) = definitions.null_space(A), definitions.echelon(A)
    df = len(y) - len(independent)
    columns = [[row[i] for row in A] for i in independent]
    normal = [[definitions.dot(a, b) for b in columns] for a in columns]
    equations = [[*row, definitions.dot(a, target)] for row, a in zip(normal, columns, strict=True)]
    w = [row[-1] for row in definitions.echelon(equations)[0]] if columns else []
    predicted = [definitions.dot([row[i] for i in independent], w) for row in A]
    rss = sum(((a - b) ** 2 for a, b in zip(target, predicted, strict=True)), definitions.ZERO)
    mean = sum(target, definitions.ZERO) / len(y) if intercept else definitions.ZERO
    tss = sum(((last - mean) ** 2 for last in target), definitions.ZERO)

    assert (summary.df_model, summary.df_residual) == (len(independent) - intercept, df)
    assert summary.r2 == (float(1 - rss / tss) if tss else None)
    assert summary.residual_variance == (float(rss / df) if df else None)
    assert (summary.f is not None) == bool(df and rss and summary.df_model)
    assert (summary.log_likelihood is not None) == bool(rss)
    assert (summary.condition_number is None) == bool(null)
    assert summary.undecided == ()
    for j, each in enumerate(summary.coefficients):
        open_ = any(vector[j] for vector in null)
        assert (each.std_error is not None) == (not open_ and df > 0)
        assert (each.t is not None) == (not open_ and df > 0 and rss != 0)
        assert (each.vif is not None) == (not open_ and each.name != "(intercept)")
        if each.std_error is not None:
            unit = [[Fraction(i == j)] for i in independent]
            inverse = definitions.echelon([[*a, *b] for a, b in zip(normal, unit, strict=True)])[0]
            assert definitions.is_nearest(each.std_error, rss / df * inverse[independent.index(j)][-1], 2)
            if rss and not w[independent.index(j)]:
                assert (each.t, each.p_value) == (0, 1)
    json.dumps(summary.to_plain(), allow_nan=False)
    assert len(summary.coefficients) == len(A[0])


def table(seed: int = 0) -> Rows:
    random = np.random.default_rng(seed)
    X = random.normal(size=(40, 3))
    return X, X @ [1.0, -2.0, 0.0] + random.normal(size=40)


def test_collinear_columns_leave_the_others_as_they_are() -> None:
    X, y = table()
    X[:, 0] = (8 * X[:, 0]).round()  # so that twice it and 1 is exact
    both = np.column_stack([X, 2 * X[:, 0] + 1])
    summary, alone = summary_of(both, y), summary_of(X, y)
    assert [each.std_error is None for each in summary.coefficients] == [True, True, False, False, True]
    assert summary.coefficients[2:4] == alone.coefficients[2:4]
    assert summary.f == alone.f
    assert "collinear: x4 = 2 * x1 + 1" in summary.notes[0]


def test_a_perfect_fit_has_no_errors_and_no_tests() -> None:
    X, _ = table()
    summary = summary_of(X.round(), X.round() @ [1.0, 2.0, 0.0])
    assert (summary.r2, summary.residual_std) == (1, 0)
    assert all(
        (each.std_error, each.low, each.high) == (0, each.estimate, each.estimate) for each in summary.coefficients
    )
    assert summary.f is summary.aic is summary.coefficients[0].t is None
    assert "the fit is perfect" in str(summary)


def test_as_many_rows_as_parameters_leave_nothing_to_judge_errors_by() -> None:
    X, y = table()
    summary = summary_of(X[:4], y[:4])
    assert summary.df_residual == 0
    assert summary.residual_std is summary.coefficients[0].std_error is None
    assert "4 rows for 4 parameters" in str(summary)


def test_what_float64_does_not_hold_is_named_and_is_no_mistake() -> None:
    X, y = table()
    for size in (1e200, 2e154):
        summary = summary_of(X, y * size)
        assert summary.residual_variance is None
        assert summary.residual_std is not None
        assert "beyond the range of float64: residual_variance" in summary.notes


@pytest.mark.parametrize("more", [0, 31])
def test_what_is_halfway_between_two_float64_numbers_is_decided_in_fractions_or_named(more: int) -> None:
    """The VIF of both columns is 1 + 2**-53; more, orthogonal ones put fractions out of reach."""
    halfway = np.array([[1.0, 1.0], [2.0**26, 0.0], [2.0**26, 0.0]])
    X = np.block([[halfway, np.zeros((3, more))], [np.zeros((more, 2)), 3 * np.eye(more)]])
    summary = summary_of(X, np.arange(len(X)) ** 2.0, fit_intercept=False)
    assert [each.vif for each in summary.coefficients] == [1.0] * (2 + more)
    assert summary.undecided == (("vif of x1", "vif of x2") if more else ())
    assert ("could not be decided: vif of x1, vif of x2" in str(summary)) == bool(more)


@pytest.mark.parametrize("standardize", [False, True])
def test_a_ridge_fit_has_what_is_defined_for_it_and_nothing_else(standardize: bool) -> None:
    X, y = table()
    summary = summary_of(X, y, alpha=2.5, standardize=standardize)
    P = 2.5 * np.diag(X.var(axis=0) if standardize else np.ones(3))
    H = (A := X - X.mean(axis=0)) @ np.linalg.inv(A.T @ A + P) @ A.T + 1 / 40
    left = y - H @ y
    assert summary.effective_df == pytest.approx(np.trace(H))
    assert summary.gcv == pytest.approx(40 * (left @ left) / (40 - np.trace(H)) ** 2)
    assert summary.r2 == pytest.approx(1 - left @ left / ((y - y.mean()) ** 2).sum())
    others = {name for name, value in summary.to_plain().items() if value is None}
    assert others == {*OF_FIT, "df_model", "df_residual", "df_test", "condition_number", "weights", "cov"} - {"r2"}
    assert {each.std_error for each in summary.coefficients} == {None}


# --- rows, weights, batches ---


def test_an_integer_weight_is_so_many_copies_of_the_row() -> None:
    X, y = table()
    weights = np.arange(40) % 4
    copies = summary_of(X.repeat(weights, axis=0), y.repeat(weights))
    found = ExactLinearRegression().fit(X, y, weights).summary()
    assert found.weights == "frequency"
    assert replace(found, weights=None) == copies
    assert copies.rows == weights.sum()


@pytest.mark.parametrize("halves", [[0.5] * 40, [0.5] * 39 + [0.25], [1.0] * 39 + [1.5]])
def test_weights_that_do_not_count_rows_are_refused(halves: list[float]) -> None:
    X, y = table()
    model = ExactLinearRegression().fit(X, y, np.array(halves))
    with pytest.raises(ValueError, match="whole number"):
        model.summary()
    with pytest.raises(ValueError, match="whole number"):
        model.partial_fit(X, y).summary()
    assert model.fit(X, y).summary().rows == 40


def test_batches_do_not_change_a_bit() -> None:
    X, y = table()
    model = ExactLinearRegression()
    for rows in np.array_split(np.random.default_rng(1).permutation(40), 5):
        model.partial_fit(X[rows], y[rows])
    assert model.summary() == summary_of(X, y)


# --- beside statsmodels ---


@pytest.mark.parametrize("name", ["housing", "with", "without"])
def test_statsmodels_means_the_same_by_every_name(name: str) -> None:
    """Its numbers are in a file, made by the program beside it: parameters are right to 10 digits and more there."""
    theirs = json.loads((Path(__file__).parent / "statsmodels" / "fits.json").read_text())[name]
    if name == "housing":
        X, _, y, _ = housing.split()
    else:
        X, y = (np.array(theirs.pop(part)) for part in ("X", "y"))
    ours = summary_of(X, y, fit_intercept=name != "without")
    columns = theirs.pop("coefficients")
    assert {key: getattr(ours, key) for key in theirs} == pytest.approx(theirs, rel=1e-11)
    for key in ("std_error", "vif"):
        found = [getattr(each, key) for each in ours.coefficients]
        assert [value is None for value in found] == [value is None for value in columns[key]]
        numbers = [[value for value in values if value is not None] for values in (found, columns[key])]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-11)
    p_values = [each.p_value for each in ours.coefficients]
    assert p_values == pytest.approx(columns["p_value"], rel=1e-8, abs=0)
    for each, *values in zip(
        ours.coefficients, *(columns[key] for key in ("estimate", "low", "high", "t")), strict=True
    ):
        assert each.std_error is not None
        scales = [each.std_error, each.std_error, each.std_error, 1]
        for value, expected, scale in zip((each.estimate, each.low, each.high, each.t), values, scales, strict=True):
            assert value == pytest.approx(expected, rel=0, abs=1e-9 * scale)


# --- as it is read ---


def test_the_table_shows_what_people_look_for() -> None:
    X, _, y, _ = housing.split()
    model = ExactLinearRegression().fit(X, y)
    model.feature_names_in_ = np.array(housing.FEATURES, dtype=object)
    text = str(model.summary(housing.TARGET))
    lines = text.splitlines()
    assert lines[0] == "MedHouseVal: ordinary least squares, 16,512 rows"
    assert lines[2].split() == ["coef", "std", "err", "t", "P>|t|", "[0.025", "0.975]", "VIF", "digits"]
    [row] = [line.split() for line in lines if line.startswith("HouseAge")]
    assert row == ["HouseAge", "0.00972426", "0.0004945", "19.67", "4.03e-85", "0.008755", "0.010694", "1.237", "12"]
    assert "<1e-323" in text  # not 0, which a probability is not
    assert "F(8, 16503)" in text
    assert lines[-1].startswith("assumed: independent, normal errors of equal variance")
    assert max(map(len, lines)) <= 100


def test_a_summary_comes_back_from_json() -> None:
    summary = summary_of(*table())
    assert Summary.from_plain(json.loads(json.dumps(summary.to_plain()))) == summary


def test_only_to_pandas_needs_pandas() -> None:
    code = (
        "import sys; sys.modules['pandas'] = None; "
        "import numpy as np; from samebits import ExactLinearRegression as E; "
        "s = E().fit(np.eye(5)[:, :2], np.arange(5.0)).summary(); assert len(s.coefficients) == 3; print(s); "
        "s.to_pandas()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("y: ordinary least squares, 5 rows")
    assert done.stderr.endswith("import of pandas halted; None in sys.modules\n")


def test_the_pipeline_keeps_the_table_and_results_prints_it(trained: Project) -> None:
    X, _, y, _ = housing.split()
    model = ExactLinearRegression().fit(X, y)
    model.feature_names_in_ = np.array(housing.FEATURES, dtype=object)
    expected = model.summary(housing.TARGET)
    kept = json.loads((trained.root / "metrics" / "coefficients.json").read_text())
    assert Summary.from_plain(kept) == expected
    assert trained.run("python", "-m", "samebits", "results", "--coefficients").stdout == f"{expected}\n"
    assert "coefficients" not in trained.run("dvc", "metrics", "show").stdout
