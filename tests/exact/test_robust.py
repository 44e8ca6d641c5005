"""Robust and clustered standard errors, and the two meanings of weights, against their definitions at 40 digits."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from mpmath import mp

from samebits import ExactLinearRegression
from samebits.exact.inference.summary import Summary
from samebits.exact.moments import Moments
from tests.exact import covariances

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 3)) + 1
Y = X.sum(axis=1) + RANDOM.normal(size=40) * (1 + np.abs(X[:, 0]))
WEIGHTS = RANDOM.random(40) + 0.1
GROUPS = RANDOM.integers(0, 9, 40)
A = np.column_stack([np.ones(40), X])
CLUSTERS = len(set(GROUPS.tolist()))
HC = ("HC0", "HC1", "HC2", "HC3")


def summary(kind: str | None, weights: np.ndarray | None = None) -> Summary:
    groups = GROUPS if kind in ("CR0", "CR1") else None
    return ExactLinearRegression(weights="precision").fit(X, Y, weights).summary(cov=kind, groups=groups)


@pytest.mark.parametrize("kind", [*HC, "CR0", "CR1"])
@pytest.mark.parametrize("weights", [np.ones(40), WEIGHTS], ids=["equal", "weighted"])
def test_every_number_is_nearest_to_its_definition(kind: str, weights: np.ndarray) -> None:
    found = summary(kind, weights)
    for (*name, which), value in covariances.statistics(kind, A, Y, weights, GROUPS, intercept=True).items():
        [of] = [each for each in found.coefficients if [each.name] == name] if name else [found]
        assert getattr(of, which) == value, (*name, which)
    assert found.df_test == (36 if kind in HC else CLUSTERS - 1)


def test_weights_of_precisions_are_those_of_rows_divided_by_their_deviation() -> None:
    found, root = summary(None, WEIGHTS), np.sqrt(WEIGHTS)[:, None]
    scaled = ExactLinearRegression(fit_intercept=False).fit(A * root, Y * root[:, 0])
    theirs = scaled.summary()
    assert (found.rows, found.df_residual, found.weights) == (40, 36, "precision")
    for ours, other in zip(found.coefficients, theirs.coefficients, strict=True):
        assert ours.std_error == pytest.approx(other.std_error)
        assert ours.p_value == pytest.approx(other.p_value)
    assert theirs.log_likelihood is not None
    assert found.log_likelihood == pytest.approx(theirs.log_likelihood + np.log(WEIGHTS).sum() / 2)
    assert "proportional to 1 / weight" in str(found)


@pytest.mark.parametrize("kind", [None, *HC])
def test_a_weight_that_counts_is_so_many_copies(kind: str | None) -> None:
    counts = np.arange(40) % 4
    weighted = ExactLinearRegression().fit(X, Y, counts).summary(cov=kind)
    copies = ExactLinearRegression().fit(X.repeat(counts, axis=0), Y.repeat(counts)).summary(cov=kind)
    assert replace(weighted, weights=None) == copies


@pytest.mark.parametrize("kind", [None, *HC, "CR1"])
def test_a_row_of_weight_0_is_no_row(kind: str | None) -> None:
    weights = np.where(np.arange(40) % 5, WEIGHTS, 0)
    some, model = weights > 0, ExactLinearRegression(weights="precision")
    clusters = kind == "CR1"
    with_them = model.fit(X, Y, weights).summary(cov=kind, groups=GROUPS if clusters else None)
    without = model.fit(X[some], Y[some], weights[some]).summary(cov=kind, groups=GROUPS[some] if clusters else None)
    assert with_them == without


@pytest.mark.parametrize(
    ("kind", "weights", "says"),
    [
        ("HC3", None, "y: ordinary least squares, HC3 standard errors, 40 rows"),
        (None, WEIGHTS, "y: weighted least squares, precision weights, 40 rows"),
        ("HC3", WEIGHTS, "y: weighted least squares, precision weights, HC3 standard errors, 40 rows"),
        (
            "CR1",
            WEIGHTS,
            f"y: weighted least squares, precision weights, CR1 standard errors, 40 rows in {CLUSTERS} clusters",
        ),
    ],
)
def test_the_title_tells_weights_and_errors(kind: str | None, weights: np.ndarray | None, says: str) -> None:
    assert str(summary(kind, weights)).splitlines()[0] == says


def test_a_factor_of_all_weights_changes_no_error_of_precisions() -> None:
    for kind in (None, *HC, "CR1"):
        one, other = summary(kind, WEIGHTS), summary(kind, 4 * WEIGHTS)
        assert [each.std_error for each in one.coefficients] == [each.std_error for each in other.coefficients]


def test_moments_of_clusters_give_the_bits_of_their_rows() -> None:
    clusters = {group: Moments.of(X[group == GROUPS], Y[group == GROUPS]) for group in set(GROUPS.tolist())}
    model = ExactLinearRegression().fit(X, Y)
    alone = ExactLinearRegression().fit_moments(model.moments_)
    assert alone.summary(groups=clusters) == model.summary(groups=GROUPS)


def test_rows_in_batches_of_batches_change_no_bit() -> None:
    rows, y = RANDOM.normal(size=(9000, 2)), RANDOM.normal(size=9000)
    order = RANDOM.permutation(9000)
    one, other = (
        ExactLinearRegression().fit(*each).summary(cov="HC3") for each in ((rows, y), (rows[order], y[order]))
    )
    assert one == other


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"cov": "HC9"}, "cov is 'HC9'; it must be None or one of HC0"),
        ({"cov": "CR1"}, "cov='CR1' needs groups"),
        ({"cov": "HC3", "groups": GROUPS}, "takes no groups"),
        ({"groups": GROUPS[:3]}, r"groups has the shape \(3,\); it must be \(40,\)"),
        ({"groups": np.where(GROUPS == 2, np.nan, GROUPS)}, r"groups\[\d+\] is nan; each row must have a label"),
        ({"groups": [None, *GROUPS[1:]]}, r"groups\[0\] is None"),
        ({"groups": {"a": 1}}, r"groups\['a'\] is of type int; it must be the Moments of a cluster"),
        (
            {"groups": {i: Moments.of(X[:, :i], Y) for i in (2, 3)}},
            r"groups\[2\] has moments of 2 features; the model has 3",
        ),
        ({"groups": {i: Moments.of(X[i:], Y[i:]) for i in (2, 3)}}, "do not add up to those of the fit"),
        ({"groups": np.zeros(40)}, "needs 2 clusters or more, and groups has 1"),
    ],
)
def test_what_cannot_be_is_refused(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExactLinearRegression().fit(X, Y).summary(**how)


def test_rows_that_are_gone_or_have_changed_are_noticed() -> None:
    rows = X.copy()
    model = ExactLinearRegression().fit(rows, Y)
    rows[0, 0] += 1
    with pytest.raises(ValueError, match="have changed since `fit`"):
        model.summary(cov="HC3")
    with pytest.raises(ValueError, match="needs the rows, and only `fit` keeps them"):
        ExactLinearRegression().partial_fit(X[:20], Y[:20]).partial_fit(X[20:], Y[20:]).summary(cov="HC3")
    with pytest.raises(ValueError, match="a ridge fit is biased"):
        ExactLinearRegression(alpha=1.0).fit(X, Y).summary(cov="HC3")


@pytest.mark.parametrize(
    "labels", [[f"firm {each}" for each in GROUPS], ["a" if each == 1 else each for each in GROUPS]]
)
def test_labels_can_be_anything(labels: list[Any]) -> None:
    model = ExactLinearRegression().fit(X, Y)
    assert model.summary(groups=labels) == model.summary(groups=GROUPS)


def test_an_indicator_of_each_cluster_leaves_f_undefined() -> None:
    """Within a cluster the residuals add up to 0, so that its scores are 0 but for the first feature."""
    indicators = np.eye(CLUSTERS)[np.unique(GROUPS, return_inverse=True)[1]]
    rows = np.column_stack([X[:, 0], indicators])
    found = ExactLinearRegression(fit_intercept=False).fit(rows, Y).summary(groups=GROUPS)
    _, V, _ = covariances.covariance("CR1", rows, Y, np.ones(40), GROUPS)
    assert [each.std_error for each in found.coefficients] == [float(mp.sqrt(V[i, i])) for i in range(len(V))]
    assert found.f is None
    two = ExactLinearRegression(fit_intercept=False).fit(rows[:, :3], Y).summary(groups=GROUPS)
    assert two.f is None
    for each in (found, two):
        assert "the covariance of the coefficients is singular: F is not defined" in each.notes


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_a_row_of_leverage_1_has_no_such_errors(kind: str) -> None:
    model = ExactLinearRegression().fit(np.column_stack([X, np.arange(40) == 7]), Y)
    found = model.summary(cov=kind)
    assert {each.std_error for each in found.coefficients} == {None}
    assert found.f is None
    assert f"{kind} is not defined: the leverage of row 7 is 1" in found.notes
    assert model.summary(cov="HC1").f is not None


def test_a_row_of_leverage_1_among_many_features_is_one_note() -> None:
    rows, y = RANDOM.normal(size=(60, 40)), RANDOM.normal(size=60)
    found = ExactLinearRegression().fit(np.column_stack([rows, np.arange(60) == 7]), y).summary(cov="HC3")
    assert {each.std_error for each in found.coefficients} == {found.f} == {None}
    assert found.notes == ("HC3 could not be computed: a leverage is 1, or too near to 1 for balls to tell",)


@pytest.mark.parametrize("kind", [*HC, "CR1"])
def test_a_perfect_fit_has_errors_of_0_and_no_tests(kind: str) -> None:
    model = ExactLinearRegression().fit(X.round(), X.round() @ [1, 2, 3.0])
    found = model.summary(cov=kind, groups=GROUPS if kind == "CR1" else None)
    assert {each.std_error for each in found.coefficients} == {0.0}
    assert {each.t for each in found.coefficients} == {found.f} == {None}


def test_a_coefficient_without_variance_has_no_t() -> None:
    """All y of a group are equal, so that HC finds no error of its mean."""
    groups = np.eye(2)[np.arange(8) % 2]
    found = ExactLinearRegression(fit_intercept=False).fit(groups, [5, 1, 5, 2, 5, 4, 5, 7.0]).summary(cov="HC0")
    first, second = found.coefficients
    assert (first.std_error, first.t, first.low, first.high) == (0, None, 5, 5)
    assert second.t is not None
    assert found.f is None
