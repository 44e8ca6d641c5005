"""Covariances of the parameters that do not take errors of equal variance, or independent ones, for granted.

They are H B H with H = (A'WA)^-1 and B the sum of outer products of scores (White, Econometrica 48, 1980;
MacKinnon and White, Journal of Econometrics 29, 1985; Liang and Zeger, Biometrika 73, 1986), in balls.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from flint import arb, arb_mat, fmpq
from scipy import sparse

from samebits.exact.inference.summary import CLUSTERED, HETEROSCEDASTIC
from samebits.exact.moments import Moments
from samebits.exact.rows import Rows

BLOCK = 2**12  # rows in balls at a time


class Covariance(Protocol):
    """How the covariance of the parameters is computed."""

    @property
    def kind(self) -> str:
        """Its name."""

    def of(self, columns: list[int], w: list[arb], inverse: arb_mat, n: int) -> arb_mat:
        """The covariance (k, k) at the working precision; w (k,): of columns of [1, X], inverse: H (k, k)."""

    def degrees(self, df_residual: int) -> int:
        """Of freedom, of t and of the denominator of F."""


@dataclass(frozen=True)
class ByRow:
    """HC0 to HC3: a variance for each row, from its residual r and its leverage h.

    The squared residual stands for the variance (HC0), times n / (n - k) (HC1), divided by 1 - h (HC2) or by
    (1 - h)**2 (HC3). precise: the weights are those of precisions, not of copies.
    """

    kind: str
    rows: Rows
    precise: bool

    def of(self, columns: list[int], w: list[arb], inverse: arb_mat, n: int) -> arb_mat:
        """A pass over the rows, in blocks: residuals and leverages are exact but for the radius of a ball."""
        k, parameters = len(w), arb_mat([[each] for each in w])
        total = arb_mat(k, k)
        for start in range(0, len(self.rows.Y), BLOCK):
            A, y, weights = self._block(slice(start, start + BLOCK), columns)
            if not len(y):
                continue
            A_rows = arb_mat(A)
            Z = A_rows * inverse
            residuals = (arb_mat([[each] for each in y]) - A_rows * parameters).entries()
            scales = []
            for row, z, r, weight in zip(A, Z.tolist(), residuals, weights, strict=True):
                own = weight if self.precise else 1.0
                variance = r * r * weight * own
                if self.kind in ("HC2", "HC3"):
                    rest = 1 - own * sum((a * b for a, b in zip(row, z, strict=True)), arb(0))
                    variance = variance / (rest if self.kind == "HC2" else rest * rest)
                scales.append(variance)
            scaled = arb_mat([[scale * z for z in row] for scale, row in zip(scales, Z.tolist(), strict=True)])
            total += scaled.transpose() * Z
        return total * (fmpq(n, n - k) if self.kind == "HC1" else fmpq(1))

    def degrees(self, df_residual: int) -> int:
        """Of the residuals."""
        return df_residual

    def _block(self, some: slice, columns: list[int]) -> tuple[list[list[arb]], list[arb], list[float]]:
        """Rows of columns of [1, X] and y, exactly, and their weights; those of weight 0 are left out."""
        X, y = self.rows.X[some], self.rows.Y[some, 0]
        X = X.toarray() if sparse.issparse(X) else X
        weights = np.ones(len(y)) if self.rows.weights is None else self.rows.weights[some]
        A = np.column_stack([np.ones(len(y)), X])[:, columns][weights > 0]
        balls = [[arb(each) for each in row] for row in A.tolist()]
        return balls, [arb(each) for each in y[weights > 0].tolist()], weights[weights > 0].tolist()


@dataclass(frozen=True)
class ByCluster:
    """CR0 and CR1: any dependence within clusters, from the moments of each cluster, which add.

    CR1 multiplies by g / (g - 1) (n - 1) / (n - k), for g clusters, as Stata does.
    """

    kind: str
    clusters: Mapping[Any, Moments]

    def of(self, columns: list[int], w: list[arb], inverse: arb_mat, n: int) -> arb_mat:
        """The scores of a cluster are its X'y - X'X w."""
        k, g, parameters, scores = len(w), len(self.clusters), arb_mat([[each] for each in w]), []
        for moments in self.clusters.values():
            N, unit = moments.integers.tolist(), fmpq(2) ** moments.exponent
            A = arb_mat([[N[i][j] * unit for j in columns] for i in columns])
            b = arb_mat([[N[i][-1] * unit] for i in columns])
            scores.append((b - A * parameters).entries())
        Z = arb_mat(scores) * inverse
        factor = fmpq(g, g - 1) * fmpq(n - 1, n - k) if self.kind == "CR1" else fmpq(1)
        return Z.transpose() * Z * factor

    def degrees(self, df_residual: int) -> int:
        """One less than clusters."""
        return len(self.clusters) - 1


def covariance(kind: str | None, rows: Rows | None, groups: Any, precise: bool) -> Covariance | None:
    """The covariance that `summary` was asked for; None is the usual one.

    groups: (n,) or the moments of each. Raises ValueError where the kind is unknown or what it needs is missing.
    """
    if kind is None and groups is None:
        return None
    kind = kind or "CR1"
    if kind not in (*HETEROSCEDASTIC, *CLUSTERED):
        raise ValueError(f"cov is {kind!r}; it must be None or one of {', '.join((*HETEROSCEDASTIC, *CLUSTERED))}")
    if (kind in CLUSTERED) != (groups is not None):
        raise ValueError(f"cov={kind!r} {'needs groups' if groups is None else 'takes no groups; CR0 and CR1 do'}")
    if isinstance(groups, Mapping):
        return _of_clusters(kind, groups)
    if rows is None:
        raise ValueError(
            f"cov={kind!r} needs the rows, and only `fit` keeps them, until it is pickled; "
            "`groups` can be a mapping with the Moments of each cluster"
        )
    if kind in HETEROSCEDASTIC:
        return ByRow(kind, rows, precise)
    labels = np.asarray(groups)
    if labels.shape != (len(rows.Y),):
        raise ValueError(f"groups has the shape {labels.shape}; it must be ({len(rows.Y)},), one label for each row")
    _, number = np.unique(labels, return_inverse=True)
    order = np.argsort(number, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    moments = {i: rows.moments(part) for i, part in enumerate(parts)}
    return _of_clusters(kind, {i: each for i, each in moments.items() if each.weight})


def _of_clusters(kind: str, clusters: Mapping[Any, Moments]) -> ByCluster:
    if len(clusters) < 2:
        raise ValueError(f"cov={kind!r} needs 2 clusters or more, and groups has {len(clusters)}")
    return ByCluster(kind, clusters)
