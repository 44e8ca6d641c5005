"""The largest eigenvalue of a symmetric matrix, enclosed: by Rayleigh's quotient from below, by Cholesky from above."""

from flint import arb, arb_mat, ctx

SQUARINGS = 8
STEPS = 8  # of the iteration of Rayleigh's quotient, which triples the digits
ATTEMPTS = 12


def largest_eigenvalue(S: arb_mat) -> arb:
    """The largest eigenvalue of the positive definite S (k, k), a ball at the working precision; nan if unproved.

    A quotient v'Sv / v'v is at most the largest eigenvalue, and u is above it if u I - S is positive definite. The
    vector is found by powers of S and the iteration of Rayleigh's quotient (Parlett, The Symmetric Eigenvalue Problem,
    1998, section 4.6), in flint's own arithmetic, whose bits do not depend on the machine.

    The iteration may end at a smaller eigenvalue nearby. Then u is brought down to no more than about twice the
    distance of the largest one, and powers of (u I - S)^-1 give a vector that has more of it.
    """
    below, v = arb(0), _dominant(S)
    for _ in range(ATTEMPTS):
        below = max(below, _refined(S, v), key=arb.lower)
        if not below > 0:
            break
        close, far = (
            ctx.prec // 2,
            -1,
        )  # quotients of the first vector are at least the k**(1 / 256)-th part of the largest
        if _is_above(above := _above(below, close), S):
            return below.lower().union(above)
        while close - far > 1:
            middle = (close + far) // 2
            close, far = (close, middle) if _is_above(_above(below, middle), S) else (middle, far)
        try:
            v = _dominant((-1 * _shifted(S, _above(below, far))).mid().inv())
        except ZeroDivisionError:
            break
    return arb.nan()


def is_positive_definite(S: arb_mat) -> bool:
    """Whether the balls prove it: for some R, the diagonal of R'SR dominates its rows."""
    R = _inverse_factor(S.mid())
    if R is None:
        return False
    rows = (R.transpose() * S * R).tolist()
    return all(2 * row[i] > sum(map(abs, row), arb(0)) for i, row in enumerate(rows))


def _inverse_factor(S: arb_mat) -> arb_mat | None:
    """About the inverse of Cholesky's factor, upper triangular: R'SR = I; None where a pivot is not positive."""
    k = S.nrows()
    if k == 1:
        return arb_mat([[(1 / S[0, 0].sqrt()).mid()]]) if S[0, 0] > 0 else None
    half, rows = k // 2, S.tolist()
    if (R := _inverse_factor(arb_mat([row[:half] for row in rows[:half]]))) is None:
        return None
    beside, below = arb_mat([row[half:] for row in rows[:half]]), arb_mat([row[half:] for row in rows[half:]])
    factor = (R.transpose() * beside).mid()
    if (rest := _inverse_factor((below - factor.transpose() * factor).mid())) is None:
        return None
    right = (-1 * (R * factor * rest)).mid().tolist()
    upper = [row + more for row, more in zip(R.tolist(), right, strict=True)]
    return arb_mat([*upper, *([arb(0)] * half + row for row in rest.tolist())])


def _dominant(S: arb_mat) -> arb_mat:
    """A vector that has most of the largest eigenvalues of S: of a power of S, the column of the largest entry."""
    power = S.mid()
    for _ in range(SQUARINGS):
        power = (power * (1 / power.trace()).mid()).mid()
        power = (power * power).mid()
    best = max(range(S.nrows()), key=lambda i: power[i, i])
    return arb_mat([[power[i, best]] for i in range(S.nrows())])


def _refined(S: arb_mat, v: arb_mat) -> arb:
    """The largest of the quotients of v and what the iteration makes of it."""
    best = before = _quotient(S, v)
    for _ in range(STEPS):
        try:
            v = _shifted(S, before.mid()).mid().solve(v, algorithm="approx").mid()
        except ZeroDivisionError:
            break
        quotient = _quotient(S, v)
        if not quotient.is_finite():  # the shift was an eigenvalue
            break
        best = max(best, quotient, key=arb.lower)
        if abs(quotient - before) < quotient * arb(2) ** (-ctx.prec // 2):
            break
        before = quotient
    return best


def _above(value: arb, digits: int) -> arb:
    """A number above all of a ball by 2**-digits of it."""
    return (value.upper() * (1 + arb(2) ** -digits)).upper()


def _is_above(u: arb, S: arb_mat) -> bool:
    """Whether the balls prove that no eigenvalue of S is as large."""
    return is_positive_definite(-1 * _shifted(S, u))


def _quotient(S: arb_mat, v: arb_mat) -> arb:
    return (v.transpose() * S * v)[0, 0] / (v.transpose() * v)[0, 0]


def _shifted(S: arb_mat, by: arb) -> arb_mat:
    shifted = arb_mat(S)
    for i in range(S.nrows()):
        shifted[i, i] -= by
    return shifted
