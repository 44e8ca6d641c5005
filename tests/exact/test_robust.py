"""Robust and clustered standard errors, and the two meanings of weights, against their definitions at 40 digits."""

from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp

from samebits import ExactLinearRegression
from samebits.exact.inference.summary import Summary
from samebits.exact.moments import Moments

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 3)) + 1
Y = X.sum(axis=1) + RANDOM.normal(size=40) * (1 + np.abs(X[:, 0]))
WEIGHTS = RANDOM.random(40) + 0.1
GROUPS = RANDOM.integers(0, 9, 40)
HC = ("HC0", "HC1", "HC2", "HC3")


def errors_by_definition(kind: str, weights: np.ndarray) -> list[float]:
    """Standard errors with weights of precisions."""
    with mp.workdps(40):
        A = mp.matrix(np.column_stack([np.ones(40), X]).tolist())
        W = mp.diag(weights.tolist())
        H = (A.T * W * A) ** -1
        w = H * (A.T * W * mp.matrix(Y.tolist()))
        r = mp.matrix(Y.tolist()) - A * w
        n, k, meat = 40, 4, mp.zeros(4)
        if kind in HC:
            for i in range(n):
                a, weight = A[i, :].T, mpmath.mpf(float(weights[i]))
                rest = 1 - weight * (a.T * H * a)[0]
                scale = {"HC0": 1, "HC1": mpmath.mpf(n) / (n - k), "HC2": 1 / rest, "HC3": 1 / rest**2}[kind]
                meat += scale * weight**2 * r[i] ** 2 * (a * a.T)
        else:
            for group in sorted(set(GROUPS.tolist())):
                score = mp.zeros(4, 1)
                for i in np.flatnonzero(group == GROUPS).tolist():
                    score += float(weights[i]) * r[i] * A[i, :].T
                meat += score * score.T
            g = len(set(GROUPS.tolist()))
            if kind == "CR1":
                meat *= mpmath.mpf(g) / (g - 1) * mpmath.mpf(n - 1) / (n - k)
        V = H * meat * H
        return [float(mpmath.sqrt(V[i, i])) for i in range(4)]


def summary(kind: str | None, weights: np.ndarray | None = None) -> Summary:
    groups = GROUPS if kind in ("CR0", "CR1") else None
    return ExactLinearRegression(weights="precision").fit(X, Y, weights).summary(cov=kind, groups=groups)


@pytest.mark.parametrize("kind", [*HC, "CR0", "CR1"])
@pytest.mark.parametrize("weights", [np.ones(40), WEIGHTS], ids=["equal", "weighted"])
def test_errors_are_nearest_to_their_definition(kind: str, weights: np.ndarray) -> None:
    found = summary(kind, weights)
    assert [each.std_error for each in found.coefficients] == errors_by_definition(kind, weights)
    assert found.df_test == (36 if kind in HC else len(set(GROUPS.tolist())) - 1)
    assert f"{kind} standard errors" in str(found)


def test_weights_of_precisions_are_those_of_rows_divided_by_their_deviation() -> None:
    found, root = summary(None, WEIGHTS), np.sqrt(WEIGHTS)[:, None]
    scaled = ExactLinearRegression(fit_intercept=False).fit(np.column_stack([np.ones(40), X]) * root, Y * root[:, 0])
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
