"""The largest eigenvalue of a symmetric matrix, enclosed: by Rayleigh's quotient from below, by Cholesky from above."""

from flint import arb, arb_mat, ctx


def largest_eigenvalue(S: arb_mat) -> arb:
    """That of the positive definite S (k, k), as a ball at the working precision; nan where it proves nothing.

    A quotient v'Sv / v'v is at most the largest eigenvalue, and u is above it if u I - S is positive definite. The
    vector is found by powers of S and the iteration of Rayleigh's quotient (Parlett, The Symmetric Eigenvalue Problem,
    1998, section 4.6), in flint's own arithmetic, whose bits do not depend on the machine.
    """
    k, power = S.nrows(), S.mid()
    for _ in range(10):
        for _ in range(4):
            power = (power * (1 / power.trace()).mid()).mid()
            power = (power * power).mid()
        best = max(range(k), key=lambda i: power[i, i])
        v = arb_mat([[power[i, best]] for i in range(k)])
        quotient = _quotient(S, v)
        for _ in range(8):
            shifted = _shifted(S, quotient.mid())
            try:
                v = shifted.mid().solve(v, algorithm="approx").mid()
            except ZeroDivisionError:
                break
            before, quotient = quotient, _quotient(S, v)
            if not quotient.is_finite():
                return arb.nan()
            if abs(quotient - before) < quotient * arb(2) ** (-ctx.prec // 2):
                break
        above = (quotient.upper() * (1 + arb(2) ** (-ctx.prec // 2))).upper()
        if quotient > 0 and is_positive_definite(-1 * _shifted(S, above)):
            return quotient.lower().union(above)
    return arb.nan()


def is_positive_definite(S: arb_mat) -> bool:
    """Whether the balls prove it: a block of S is, and so is its Schur complement."""
    k = S.nrows()
    if k == 1:
        return bool(S[0, 0] > 0)
    half, rows = k // 2, S.tolist()
    A = arb_mat([row[:half] for row in rows[:half]])
    if not is_positive_definite(A):
        return False
    B, D = arb_mat([row[half:] for row in rows[:half]]), arb_mat([row[half:] for row in rows[half:]])
    try:
        return is_positive_definite(D - B.transpose() * A.solve(B))
    except ZeroDivisionError:
        return False


def _quotient(S: arb_mat, v: arb_mat) -> arb:
    return (v.transpose() * S * v)[0, 0] / (v.transpose() * v)[0, 0]


def _shifted(S: arb_mat, by: arb) -> arb_mat:
    shifted = arb_mat(S)
    for i in range(S.nrows()):
        shifted[i, i] -= by
    return shifted
