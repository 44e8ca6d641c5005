"""How many digits of each parameter the data determine, where each value is known to half a unit of its last place.

To first order (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., sections 20.1 and 20.2), where A + dA
and y + dy stand for A and y, the solution w moves by

    dw = (M + P)^-1 A' (dy - dA w) + (M + P)^-1 dA' r,    M = A'A, r = y - A w,

so that, with e_k the norm of half the units of column k, and by Cauchy and Schwarz,

    |dw_j| <= sqrt(H_jj) (e_y + sum of |w_k| e_k) + |r| sum of |H_jk| e_k,    H = (M + P)^-1.

Where columns are collinear, H is the inverse on what they span, and the relations stay as they are.
"""

import math
from collections.abc import Sequence

from flint import arb, arb_mat, fmpq

from samebits.exact.derived import HALF_UNIT
from samebits.exact.least_squares import Solution, normal_equations
from samebits.exact.moments import Moments
from samebits.exact.precision import working_precision
from samebits.exact.score import residual_sum_of_squares
from samebits.exact.solving.collinear import Relation

ALL = 15  # a float64 holds so many decimal digits
PRECISIONS = (128, 256, 512, 1024, 4096)  # bits
ENOUGH = 30  # bits of an error


def determined_digits(
    moments: Moments, solution: Solution, penalties: list[fmpq], fit_intercept: bool, half_unit: float = HALF_UNIT
) -> list[int]:
    """The digits of the intercept and of each coefficient that every rounding of the values to them leaves, p + 1.

    None of any, if A is singular within the errors: if eta, the sum of sqrt(H_kk) e_k, is 1/2 or more.
    """
    for precision in PRECISIONS:
        with working_precision(precision):
            try:
                found = _digits(moments, solution, penalties, fit_intercept, half_unit)
            except ZeroDivisionError:  # balls too wide to tell that A is not singular
                continue
            if found is not None:
                return found
    return [0] * (len(solution.model.coef) + 1)


def _digits(
    moments: Moments, solution: Solution, penalties: list[fmpq], fit_intercept: bool, half_unit: float
) -> list[int] | None:
    """None where the balls are too wide to tell."""
    H = _inverse(moments, solution.relations, penalties, fit_intercept)
    roots = [each.sqrt() for each in (H[i, i] for i in range(H.nrows()))]
    w = [arb(solution.model.intercept), *map(arb, solution.model.coef.tolist())]
    N, unit = moments.integers, fmpq(2) ** moments.exponent
    e = [arb(0), *(arb(N[j, j] * unit).sqrt() * half_unit for j in range(1, N.ncols()))]
    r = arb(residual_sum_of_squares(moments, solution.model)).sqrt()
    eta = sum((a * b for a, b in zip(roots, e, strict=False)), arb(0))
    values = sum((abs(a) * b for a, b in zip(w, e, strict=False)), e[-1])
    rows = [sum((abs(a) * b for a, b in zip(row, e, strict=False)), arb(0)) for row in H.tolist()]
    errors = [root * values + r * row for root, row in zip(roots, rows, strict=True)]
    if not all(each.is_finite() and (not each or each.rel_accuracy_bits() > ENOUGH) for each in (eta, *errors)):
        return None
    if 2 * eta >= 1:
        return [0] * len(w)
    return [_count(abs(estimate), error) for estimate, error in zip(w, errors, strict=True)]


def _inverse(moments: Moments, relations: Sequence[Relation], penalties: list[fmpq], fit_intercept: bool) -> arb_mat:
    """H (p + 1, p + 1), of [1, X]; without an intercept its first row and column are 0."""
    p = moments.integers.ncols() - 2
    redundant = {each.feature for each in relations}
    independent = [j for j in range(p) if j not in redundant]
    start = 1 if fit_intercept else 0
    A, _, unit = normal_equations(moments, penalties, [*range(start), *(j + 1 for j in independent)])
    scales = [arb(2) ** -(int(A[i, i]).bit_length() // 2) for i in range(A.nrows())]
    scaled = arb_mat([[A[i, j] * a * b for j, b in enumerate(scales)] for i, a in enumerate(scales)])
    inverse = scaled.inv().tolist()
    H = arb_mat(
        [
            [inverse[i][j] * scales[i] * scales[j] / unit for j in range(start, len(scales))]
            for i in range(start, len(scales))
        ]
    )
    if redundant:
        R = arb_mat(len(independent), p)  # X = X[:, independent] R, of centred columns
        for i, j in enumerate(independent):
            R[i, j] = 1
        for each in relations:
            for other, coef in each.terms.items():
                R[independent.index(other), each.feature] = coef
        T = R.transpose() * (R * R.transpose()).inv()  # the coefficients of minimum norm are T times those of R's rows
        H = T * H * T.transpose()
    whole = arb_mat(p + 1, p + 1)
    for i in range(p):
        for j in range(p):
            whole[i + 1, j + 1] = H[i, j]
    if fit_intercept:
        N = moments.integers
        means = arb_mat([[fmpq(N[0, j + 1], N[0, 0])] for j in range(p)])
        beside = -1 * (H * means)
        for j in range(p):
            whole[0, j + 1] = whole[j + 1, 0] = beside[j, 0]
        whole[0, 0] = 1 / arb(N[0, 0] * fmpq(2) ** moments.exponent) - (means.transpose() * beside)[0, 0]
    return whole


def _count(estimate: arb, error: arb) -> int:
    """The decimal digits of an estimate that an error leaves."""
    if error == 0:
        return ALL
    if not estimate > error:
        return 0
    digits = (estimate / error).log() / arb(10).log()
    return min(ALL, math.floor(float(digits.lower())))
