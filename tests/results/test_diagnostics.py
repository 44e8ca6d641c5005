"""The diagnostics of a fit, against scipy and the hat matrix."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from samebits import pickles
from samebits.results import diagnostics, page


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A fit of 60 rows, which data/train.joblib keeps in another order than the table."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    rng = np.random.default_rng(7)
    X = np.column_stack([rng.normal(size=60), rng.integers(0, 4, 60), np.arange(60) % 10 == 0]).astype(float)
    y = X @ [2.0, -1.0, 0.5] + rng.gamma(2.0, size=60)
    X[5], y[5] = X[6], y[6]
    names = ["a", "b", "a is missing"]
    pickles.dump({"features": names, "target": "y", "X": X, "y": y}, "data/train.joblib")
    A = np.column_stack([np.ones(60), X])
    coefficients, *_ = np.linalg.lstsq(A, y, rcond=None)
    residuals = y - A @ coefficients
    estimates = zip(["(intercept)", *names], coefficients.tolist(), strict=True)
    return {
        "coefficients": [{"name": name, "estimate": value} for name, value in estimates],
        "fit_intercept": True,
        "alpha": 0.0,
        "df_residual": 56,
        "residual_std": float(np.sqrt(residuals @ residuals / 56)),
        "A": A,
        "residuals": residuals,
    }


def test_the_shape_of_the_residuals_is_that_of_scipy(fit: dict[str, Any]) -> None:
    order = np.random.default_rng(1).permutation(60)
    found = diagnostics.of(fit, order)
    assert found
    left = fit["residuals"]
    assert found.facts["skew of the residuals"] == pytest.approx(scipy.stats.skew(left))
    assert found.facts["kurtosis (normal: 3)"] == pytest.approx(scipy.stats.kurtosis(left, fisher=False))
    assert found.facts["Jarque-Bera"] == pytest.approx(scipy.stats.jarque_bera(left).statistic)
    in_table = dict(zip(order.tolist(), left.tolist(), strict=True))
    steps = [(in_table[i + 1] - in_table[i]) ** 2 for i in range(59)]
    assert found.facts["Durbin-Watson"] == pytest.approx(sum(steps) / sum(value**2 for value in in_table.values()))
    unknown = diagnostics.of(fit, None)
    assert unknown
    assert "Durbin-Watson" not in unknown.facts


def test_leverage_and_cooks_distance_are_those_of_the_hat_matrix(fit: dict[str, Any]) -> None:
    found = diagnostics.of(fit, np.arange(60))
    assert found
    A, left = fit["A"], fit["residuals"]
    hat = np.diag(A @ np.linalg.inv(A.T @ A) @ A.T)
    assert len(found.points) == 60
    for point in found.points:
        i = int(point["row"]) - 1
        standardised = left[i] / (fit["residual_std"] * np.sqrt(1 - hat[i]))
        assert point["leverage"] == pytest.approx(hat[i], rel=1e-3)
        assert point["standardised"] == pytest.approx(standardised, rel=1e-3)
        assert point["cook"] == pytest.approx(standardised**2 * hat[i] / (1 - hat[i]) / 4, rel=1e-3)
    assert [point["normal"] for point in found.points] == sorted(point["normal"] for point in found.points)


def test_features_tell_their_missing_share_correlation_and_repeated_rows(fit: dict[str, Any]) -> None:
    found = diagnostics.of(fit, None)
    assert found
    a, b, flag = found.features
    assert a.missing == pytest.approx(0.1)
    assert (b.missing, flag.missing) == (None, None)
    rows = pickles.load("data/train.joblib")
    assert b.correlation == pytest.approx(np.corrcoef(rows["X"][:, 1], rows["y"])[0, 1])
    assert b.bars.count("M") == 4
    assert found.duplicates == 1


def test_without_the_rows_there_is_none(fit: dict[str, Any]) -> None:
    Path("data/train.joblib").unlink()
    assert diagnostics.of(fit, None) is None


def test_a_query_tells_its_warnings_and_what_is_left_out() -> None:
    query = (
        "-- 9 rows\n-- warning: x: odd: very\nSELECT\n  x, -- warning: no\n  -- left out: id: by name: yes\n  y\nFROM s"
    )
    assert page.Query.of(query) == (["x: odd: very"], [("id", "by name: yes")])
