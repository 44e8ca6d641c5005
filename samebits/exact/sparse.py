"""Sparse rows: exact sums over stored entries, and correctly rounded predictions. Nothing is made dense but a block."""

from typing import Any

import numpy as np
from scipy import sparse

from samebits.exact import triangle
from samebits.model import prediction
from samebits.model.prediction import Plan

BITS = 22  # of a limb; products of two have 44
ROWS = 2**17  # sums of so many products of limbs, twice, fit into int64


def products(X: Any, y: np.ndarray) -> tuple[np.ndarray, int]:
    """A'A with A = [1, X, y] for X (n, p) sparse and y (n,), as lower triangle and exponent.

    Each stored entry is an integer in a unit of its column, which is cut into limbs. A product of the sparse matrices
    of two limbs adds integers of 44 bits in int64.

    Raises ValueError where a value is not finite.
    """
    A = sparse.hstack([np.ones((len(y), 1)), X, y[:, None]]).tocsc()
    A.eliminate_zeros()
    if not np.isfinite(A.data).all():
        raise ValueError("moments need finite values, no NaN and no inf")
    size, columns = A.shape[1], np.repeat(np.arange(A.shape[1]), np.diff(A.indptr))
    mantissa, exponent = np.frexp(A.data)
    digits = np.ldexp(mantissa, 53).astype(np.int64)
    zeros = np.frexp((digits & -digits).astype(np.float64))[1] - 1
    digits, exponent = digits >> zeros, exponent - 53 + zeros
    unit = np.zeros(size, int)
    if len(digits):
        low = np.full(size, exponent.max())
        np.minimum.at(low, columns, exponent)
        unit = np.where(np.diff(A.indptr) > 0, low, 0)
    total = np.zeros((size, size), dtype=object)
    limbs = _limbs(digits, exponent - unit[columns])
    for start in range(0, len(y), ROWS):
        parts = [
            (level, sparse.csc_matrix((limb, A.indices, A.indptr), A.shape)[start : start + ROWS])
            for level, limb in limbs
        ]
        for _, part in parts:
            part.eliminate_zeros()
        for i, (a, left) in enumerate(parts):
            for b, right in parts[i:]:
                both = left.T @ right
                both = (both if a == b else both + both.T).tocoo()
                total[both.row, both.col] += both.data.astype(object) << BITS * (a + b)
    shift = unit - unit.min()
    if shift.any():
        total <<= (shift[:, None] + shift).astype(object)
    return triangle.lower(total), 2 * int(unit.min())


def predict(X: Any, coef: np.ndarray, intercept: float) -> np.ndarray:
    """Predictions (n,) for sparse X (n, p), each rounded once."""
    n, p = X.shape
    peak = np.zeros(p)
    np.maximum.at(peak, X.indices, np.abs(X.data))
    terms = int(np.diff(X.indptr).max(initial=1))
    plan = Plan.of(peak, coef, intercept, terms)
    if plan:
        high = X.data + plan.shift[X.indices] - plan.shift[X.indices]
        parts = [sparse.csr_matrix((each, X.indices, X.indptr), X.shape) for each in (high, X.data - high)]
        y, doubtful = plan.rounded(*parts)
    else:
        y, doubtful = np.empty(n), np.ones(n, bool)
    for i in np.flatnonzero(doubtful).tolist():
        stored = slice(*X.indptr[i : i + 2])
        [y[i]] = prediction.predict(X.data[stored][None], coef[X.indices[stored]], intercept)
    return y


def _limbs(digits: np.ndarray, shift: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Limbs of digits * 2**shift, of at most BITS bits, with their levels, 0 the lowest; not those without bits."""
    level, rest = np.divmod(shift, BITS)
    size, sign, mask = np.abs(digits), np.sign(digits), 2**BITS - 1
    found: dict[int, np.ndarray] = {}
    carry = np.zeros_like(size)
    for k in range(4):
        moved = ((size >> BITS * k) & mask) << rest
        limb, carry = sign * ((moved & mask) | carry), moved >> BITS
        for where in np.unique(level[limb != 0]).tolist():
            found.setdefault(where + k, np.zeros_like(size))[level == where] += limb[level == where]
    return sorted(found.items())
