"""The rows that an estimator takes, validated as scikit-learn does, and their exact moments."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, validate_data

from samebits.exact.moments import Moments


@dataclass(frozen=True)
class Rows:
    """X (n, p), dense or in compressed sparse rows, Y (n, k) and weights (n,) or None, all float64.

    flat: whether y was of shape (n,). dtype: of X as it came, float64 or float32. names: of its columns, if it has any.
    """

    X: Any
    Y: np.ndarray
    weights: np.ndarray | None
    flat: bool
    dtype: np.dtype[Any]
    names: np.ndarray | None

    @classmethod
    def of(cls, estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any = None, reset: bool = True) -> Self:
        """Validate rows. Raises ValueError or TypeError in scikit-learn's words; `moments` tells what is not finite.

        reset: whether the estimator takes their number of columns and names, or compares them with its own.
        """
        X, y = validate_data(
            estimator,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            y_numeric=True,
            multi_output=True,
            ensure_all_finite=False,
        )
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if sparse.issparse(y):
            y = y.toarray()
        names = getattr(estimator, "feature_names_in_", None)
        Y = y.astype(np.float64, copy=False)
        return cls(as_float64(X), Y[:, None] if y.ndim == 1 else Y, weights, y.ndim == 1, X.dtype, names)

    def moments(self, rows: Any = slice(None)) -> Moments:
        """The moments of [1, X, Y], or of some of the rows. Raises ValueError for a value that is not finite."""
        X, Y = self.X[rows], self.Y[rows]
        targets = Y[:, :-1]
        if targets.shape[1]:
            X = sparse.hstack([X, targets], "csr") if sparse.issparse(X) else np.hstack([X, targets])
        try:
            if self.weights is None:
                return Moments.of(X, Y[:, -1])
            return Moments.weighted(X, Y[:, -1], self.weights[rows])
        except ValueError:
            check_finite(self.X, self.names)
            raise


@dataclass(frozen=True)
class Seen:
    """What inference needs to know of all rows, beside their moments.

    rows: how many have a weight above 0; None if that is not known. weights: the weights and how often each occurs.
    """

    rows: int | None = None
    weights: dict[float, int] | None = None

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """What there is to know of rows."""
        weights = np.ones(1) if rows.weights is None else rows.weights[rows.weights > 0]
        values, counts = np.unique(weights, return_counts=True)
        counts = counts * len(rows.Y) if rows.weights is None else counts
        return cls(int(counts.sum()), dict(zip(values.tolist(), counts.tolist(), strict=True)))

    @property
    def whole(self) -> bool:
        """Whether all weights are whole numbers, so that they can count copies."""
        return self.weights is None or all(weight.is_integer() for weight in self.weights)

    def __add__(self, other: "Seen") -> "Seen":
        if self.rows is None or other.rows is None or self.weights is None or other.weights is None:
            return Seen()
        both = Counter(self.weights)
        both.update(other.weights)
        return Seen(self.rows + other.rows, dict(both))


def as_float64(X: Any) -> Any:
    """X (n, p) in float64; stored zeros and repeated entries of sparse rows are put in order."""
    if sparse.issparse(X):
        X = sparse.csr_matrix(X, dtype=np.float64)
        X.sum_duplicates()
        return X
    return X.astype(np.float64, copy=False)


def check_finite(X: Any, names: np.ndarray | None) -> None:
    """Raise ValueError, in scikit-learn's words, for the first value of X (n, p) that is not finite."""
    if sparse.issparse(X):
        X = X.tocoo()
        X = np.column_stack([X.row, X.col])[~np.isfinite(X.data)], X.data[~np.isfinite(X.data)]
        places, values = X
    else:
        places = np.argwhere(~np.isfinite(X))
        values = X[tuple(places[:1].T)]
    for (row, column), value in zip(places[:1].tolist(), values[:1].tolist(), strict=True):
        what = "NaN" if np.isnan(value) else "infinity"
        named = "" if names is None else f", column {names[column]}"
        raise ValueError(f"Input X contains {what}: X[{row}, {column}]{named}; every value must be finite")
