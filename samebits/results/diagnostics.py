"""What R's `plot(lm)` shows, and what each feature looks like: floats for people, from the kept training rows.

Nothing of it is tracked: sums come from numpy, and are rounded for the page. Standardised residuals, leverage and
Cook's distance are those of Cook and Weisberg, Residuals and Influence in Regression (1982).
"""

import math
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from samebits import pickles

ROWS = Path("data/train.joblib")
POINTS = 500  # of a picture: those that stand out most, and others at equal steps
BARS = 16
CELLS = 2e8  # of the matrix; of more, leverage and duplicates are not computed
MOST_BARS = 400  # features that are drawn


class Feature(NamedTuple):
    """A feature in the kept training rows. bars: the path of its histogram; missing: the share that was filled."""

    name: str
    bars: str
    least: float
    mean: float
    greatest: float
    missing: float | None
    correlation: float | None


class Diagnostics(NamedTuple):
    """Of the float model on kept training rows. points: a row each of the pictures; facts: by name; features.

    Points and facts are of the residuals of a linear model, and there are none of another.
    """

    points: list[dict[str, float]]
    facts: dict[str, float]
    features: list[Feature]
    duplicates: int | None


def of(fit: dict[str, Any], order: np.ndarray | None) -> Diagnostics | None:
    """The diagnostics of a fit, as metrics/coefficients.json holds it; None without the training rows.

    order: (n,), the places of the kept rows in the table, from 0, where they are known.
    """
    if not ROWS.exists():
        return None
    held = pickles.load(str(ROWS))
    X, y = held["X"], held["y"]
    small = X.size <= CELLS
    features = [_feature(name, X[:, j], y, held["features"], X) for j, name in enumerate(held["features"])]
    points, facts = _of_residuals(fit, held, order, small) if "residual_std" in fit else ([], {})
    duplicates = len(y) - len(np.unique(np.column_stack([X, y]), axis=0)) if small else None
    return Diagnostics(points, facts, features, duplicates)


def _of_residuals(
    fit: dict[str, Any], held: dict[str, Any], order: np.ndarray | None, small: bool
) -> tuple[list[dict[str, float]], dict[str, float]]:
    X, y = held["X"], held["y"]
    estimates = {each["name"]: each["estimate"] for each in fit["coefficients"]}
    weights = np.array([estimates.get(name, 0.0) for name in held["features"]])
    intercept = fit["coefficients"][0]["estimate"] if fit["fit_intercept"] else 0.0
    if order is not None and len(order) != len(y):
        order = None
    fitted = X @ weights + intercept
    residuals = y - fitted
    points, facts = [], _shape(residuals)
    spread = fit["residual_std"] or (float(np.std(residuals)) if len(y) > 1 else 0.0)
    if spread and math.isfinite(spread):
        leverage = _leverage(X) if small and not fit["alpha"] and fit["df_residual"] else None
        points = _points(fitted, residuals, spread, leverage, order, len(weights) + 1)
    if order is not None and len(y) > 2 and residuals.any():
        in_order = residuals[np.argsort(order)]
        facts["Durbin-Watson"] = float(np.sum(np.diff(in_order) ** 2) / np.sum(residuals**2))
    return points, facts


def specifications() -> list[tuple[str, dict[str, Any]]]:
    """The four pictures, each with its title, in Vega-Lite; their data are the points."""
    zero = {"mark": {"type": "rule", "color": "#8a8f98", "strokeWidth": 1.5}, "encoding": {"y": {"datum": 0}}}
    one = {"transform": [{"aggregate": [{"op": "count", "as": "rows"}]}]}
    normal = {
        "transform": [
            {"aggregate": [{"op": "min", "field": "normal", "as": "a"}, {"op": "max", "field": "normal", "as": "b"}]}
        ],
        "mark": {"type": "rule", "color": "#8a8f98", "strokeWidth": 1.5},
        "encoding": {
            "x": {"field": "a", "type": "quantitative"},
            "x2": {"field": "b"},
            "y": {"field": "a", "type": "quantitative"},
            "y2": {"field": "b"},
        },
    }
    return [
        (
            "Residuals against fitted values",
            _picture("fitted", "residual", "fitted value", "actual - fitted", {**one, **zero}),
        ),
        (
            "Normal Q-Q: standardised residuals against normal quantiles",
            _picture("normal", "standardised", "quantile of the normal distribution", "standardised residual", normal),
        ),
        (
            "Scale and location: does the spread depend on the fitted value?",
            _picture("fitted", "root", "fitted value", "square root of |standardised residual|"),
        ),
        (
            "Leverage, with Cook's distance as size",
            _picture("leverage", "standardised", "leverage", "standardised residual", {**one, **zero}, size="cook"),
        ),
    ]


def _picture(
    x: str, y: str, x_title: str, y_title: str, more: dict[str, Any] | None = None, size: str = ""
) -> dict[str, Any]:
    mark = {"type": "circle", "opacity": 0.4, **({} if size else {"size": 22})}
    shown = ["row", "fitted", "residual", "leverage", "cook"]
    encoding: dict[str, Any] = {
        "x": {"field": x, "type": "quantitative", "title": x_title, "scale": {"zero": False}},
        "y": {"field": y, "type": "quantitative", "title": y_title},
        "tooltip": [{"field": each, "type": "quantitative", "format": ".5~g"} for each in shown],
    }
    if size:
        encoding["size"] = {"field": size, "type": "quantitative", "legend": None, "scale": {"range": [15, 400]}}
    layers = [{"mark": mark, "encoding": encoding}, *([more] if more else [])]
    return {"height": 260, "layer": layers, "transform": [{"filter": f"isValid(datum.{x}) && isValid(datum.{y})"}]}


def _leverage(X: np.ndarray) -> np.ndarray:
    """The leverages (n,) of the rows of X (n, p) with an intercept."""
    scale = X.std(axis=0)
    Z = np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / np.where(scale > 0, scale, 1)])
    inverse = np.linalg.pinv(Z.T @ Z, rcond=1e-12, hermitian=True)
    return np.clip(np.einsum("ij,ij->i", Z @ inverse, Z), 0, 1)


def _points(
    fitted: np.ndarray,
    residuals: np.ndarray,
    spread: float,
    leverage: np.ndarray | None,
    order: np.ndarray | None,
    parameters: int,
) -> list[dict[str, float]]:
    """The rows of the pictures, (n,) each, in the order of their residuals."""
    left = np.sqrt(np.maximum(1 - leverage, 1e-9)) if leverage is not None else 1.0
    standardised = residuals / (spread * left)
    columns = {"fitted": fitted, "residual": residuals, "standardised": standardised}
    columns["root"] = np.sqrt(np.abs(standardised))
    if leverage is not None:
        columns |= {
            "leverage": leverage,
            "cook": standardised**2 * leverage / np.maximum(1 - leverage, 1e-9) / parameters,
        }
    n = len(residuals)
    ranked = np.argsort(standardised, kind="stable")
    rank = np.empty(n)
    rank[ranked] = np.arange(n)
    chosen = set(np.linspace(0, n - 1, min(n, POINTS - 100)).astype(int).tolist())
    chosen |= {*range(min(20, n)), *range(max(0, n - 20), n)}
    if leverage is not None:
        far = np.argsort(-np.maximum(columns["cook"] / max(columns["cook"].max(), 1e-300), leverage))[:60]
        chosen |= set(rank[far].astype(int).tolist())
    found = []
    for place in sorted(chosen):
        i = ranked[place]
        point = {name: float(f"{values[i]:.4g}") for name, values in columns.items()}
        point["normal"] = float(f"{NormalDist().inv_cdf((place + 0.5) / n):.4g}")
        found.append({**point, **({"row": int(order[i]) + 1} if order is not None else {})})
    return found


def _shape(residuals: np.ndarray) -> dict[str, float]:
    """Skew, kurtosis and the test of Jarque and Bera (1987), which grows where residuals are not normal."""
    centred = residuals - residuals.mean() if len(residuals) else residuals
    variance = float(np.mean(centred**2)) if len(residuals) else 0.0
    if not variance:
        return {}
    skew, kurtosis = float(np.mean(centred**3)) / variance**1.5, float(np.mean(centred**4)) / variance**2
    test = len(residuals) / 6 * (skew**2 + (kurtosis - 3) ** 2 / 4)
    return {"skew of the residuals": skew, "kurtosis (normal: 3)": kurtosis, "Jarque-Bera": test}


def _feature(name: str, x: np.ndarray, y: np.ndarray, names: list[str], X: np.ndarray) -> Feature:
    filled = f"{name} is missing"
    missing = float(X[:, names.index(filled)].mean()) if filled in names else None
    both = float(np.corrcoef(x, y)[0, 1]) if len(x) > 1 and np.ptp(x) and np.ptp(y) else None
    return Feature(name, _bars(x), float(x.min()), float(x.mean()), float(x.max()), missing, both)


def _bars(x: np.ndarray) -> str:
    """A histogram (0 to 4 * BARS wide, 20 high) as a path of SVG; of few values, a bar each."""
    values = np.unique(x[: 10**5])
    if len(values) <= BARS:
        counts = np.array([np.count_nonzero(x == value) for value in values])
    else:
        counts, _ = np.histogram(x, BARS)
    heights = 20 * counts / max(1, counts.max())
    width = 4 * BARS / len(counts)
    gap = min(1.0, width / 4)
    return "".join(
        f"M{i * width:.3g} 20v-{max(height, 0.5):.3g}h{width - gap:.3g}V20z"
        for i, height in enumerate(heights)
        if height
    )
