"""Covariances of the parameters that do not take errors of equal variance, or independent ones, for granted.

They are H B H with H = (A'WA)^-1 and B the sum of outer products of scores (White, Econometrica 48, 1980;
MacKinnon and White, Journal of Econometrics 29, 1985; Liang and Zeger, Biometrika 73, 1986).
"""

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from flint import arb, arb_mat, fmpq, fmpq_mat
from scipy import sparse

from samebits.exact.inference.summary import CLUSTERED, HETEROSCEDASTIC
from samebits.exact.moments import Moments
from samebits.exact.rational import exactly
from samebits.exact.rows import Rows

BLOCK = 2**12  # rows at a time
Matrix = arb_mat | fmpq_mat  # all in balls, or all in fractions


class UndefinedError(Exception):
    """A covariance does not exist; the message says why."""


class Covariance(Protocol):
    """How the covariance of the parameters is computed."""

    @property
    def kind(self) -> str:
        """Its name."""

    def of(self, columns: list[int], n: int, w: Sequence[Any], inverse: Matrix) -> Matrix:
        """The covariance (k, k) in balls or in fractions, as those of w (k,), of columns of [1, X], and H, the inverse.

        n: how many rows there are. Raises UndefinedError.
        """

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

    def of(self, columns: list[int], n: int, w: Sequence[Any], inverse: Matrix) -> Matrix:
        """A pass over the rows, in blocks: residuals and leverages are exact but for the radius of a ball."""
        matrix: Any = type(inverse)
        k = len(w)
        parameters, total = matrix([[each] for each in w]), matrix(k, k)
        for start in range(0, len(self.rows.Y), BLOCK):
            numbers, A, y, weights = self._block(start, columns, arb if matrix is arb_mat else exactly)
            if not len(y):
                continue
            A_rows = matrix(A)
            Z = A_rows * inverse
            residuals = (matrix([[each] for each in y]) - A_rows * parameters).entries()
            scales = []
            for i, row, z, r, weight in zip(numbers, A, Z.tolist(), residuals, weights, strict=True):
                own: Any = weight if self.precise else 1
                variance = r * r * weight * own
                if self.kind in ("HC2", "HC3"):
                    rest = 1 - own * sum((a * b for a, b in zip(row, z, strict=True)), 0 * weight)
                    if rest == 0:
                        raise UndefinedError(f"{self.kind} is not defined: the leverage of row {i} is 1")
                    variance = variance / (rest if self.kind == "HC2" else rest * rest)
                scales.append(variance)
            scaled = matrix([[scale * z for z in row] for scale, row in zip(scales, Z.tolist(), strict=True)])
            total += scaled.transpose() * Z
        return total * (fmpq(n, n - k) if self.kind == "HC1" else fmpq(1))

    def degrees(self, df_residual: int) -> int:
        """Of the residuals."""
        return df_residual

    def _block(
        self, start: int, columns: list[int], number: Callable[[float], Any]
    ) -> tuple[list[int], list[list[Any]], list[Any], list[Any]]:
        """Rows of columns of [1, X], y and weights, with the numbers of the rows; those of weight 0 are left out."""
        some = slice(start, start + BLOCK)
        X, y = self.rows.X[some], self.rows.Y[some, 0]
        X = X.toarray() if sparse.issparse(X) else X
        weights = np.ones(len(y)) if self.rows.weights is None else self.rows.weights[some]
        A, kept = np.column_stack([np.ones(len(y)), X])[:, columns], np.flatnonzero(weights > 0)
        rows = [[number(each) for each in row] for row in A[kept].tolist()]
        values, multiples = ([number(each) for each in column[kept].tolist()] for column in (y, weights))
        return (kept + start).tolist(), rows, values, multiples


@dataclass(frozen=True)
class ByCluster:
    """CR0 and CR1: any dependence within clusters, from the moments of each cluster, which add.

    CR1 multiplies by g / (g - 1) (n - 1) / (n - k), for g clusters, as Stata does.
    """

    kind: str
    clusters: Mapping[Any, Moments]

    def of(self, columns: list[int], n: int, w: Sequence[Any], inverse: Matrix) -> Matrix:
        """The scores of a cluster are its X'y - X'X w."""
        matrix: Any = type(inverse)
        k, g, scores = len(w), len(self.clusters), []
        parameters = matrix([[each] for each in w])
        for moments in self.clusters.values():
            N, unit = moments.integers.tolist(), fmpq(2) ** moments.exponent
            A = matrix([[N[i][j] * unit for j in columns] for i in columns])
            b = matrix([[N[i][-1] * unit] for i in columns])
            scores.append((b - A * parameters).entries())
        Z = matrix(scores) * inverse
        factor = fmpq(g, g - 1) * fmpq(n - 1, n - k) if self.kind == "CR1" else fmpq(1)
        return Z.transpose() * Z * factor

    def degrees(self, df_residual: int) -> int:
        """One less than clusters."""
        return len(self.clusters) - 1


def covariance(kind: str | None, rows: Rows | None, groups: Any, precise: bool, total: Moments) -> Covariance | None:
    """The covariance that `summary` was asked for; None is the usual one.

    groups: (n,) or the moments of each; total: the moments of all rows. Raises ValueError where the kind is unknown or
    what it needs is missing.
    """
    if kind is None and groups is None:
        return None
    kind = kind or "CR1"
    if kind not in (*HETEROSCEDASTIC, *CLUSTERED):
        raise ValueError(f"cov is {kind!r}; it must be None or one of {', '.join((*HETEROSCEDASTIC, *CLUSTERED))}")
    if (kind in CLUSTERED) != (groups is not None):
        raise ValueError(f"cov={kind!r} {'needs groups' if groups is None else 'takes no groups; CR0 and CR1 do'}")
    if isinstance(groups, Mapping):
        return _of_clusters(kind, groups, total)
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
    numbers: dict[Any, int] = {}
    for row, label in enumerate(labels.tolist()):
        if _is_missing(label):
            raise ValueError(f"groups[{row}] is {label}; each row must have a label")
        numbers.setdefault(label, len(numbers))
    number = np.array([numbers[label] for label in labels.tolist()])
    order = np.argsort(number, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    moments = {i: rows.moments(part) for i, part in enumerate(parts)}
    return _of_clusters(kind, {i: each for i, each in moments.items() if each.weight}, total)


def _is_missing(label: Any) -> bool:
    """None, NaN, NaT, or pandas' NA, which is equal to nothing and unequal to nothing."""
    return label is None or type(label).__name__ == "NAType" or label != label


def _of_clusters(kind: str, clusters: Mapping[Any, Moments], total: Moments) -> ByCluster:
    for label, moments in clusters.items():
        if not isinstance(moments, Moments):
            raise ValueError(
                f"groups[{label!r}] is of type {type(moments).__name__}; it must be the Moments of a cluster"
            )
        if moments.columns != total.columns:
            raise ValueError(
                f"groups[{label!r}] has moments of {moments.columns - 2} features; the model has {total.columns - 2}"
            )
    if len(clusters) < 2:
        raise ValueError(f"cov={kind!r} needs 2 clusters or more, and groups has {len(clusters)}")
    if functools.reduce(operator.add, clusters.values()) != total:
        raise ValueError("the moments of groups do not add up to those of the fit")
    return ByCluster(kind, clusters)
