"""Tails and quantiles of Student's t and Fisher's F, as balls at the working precision of flint.

Both are the regularised incomplete beta function I (Abramowitz and Stegun, Handbook of Mathematical Functions, 1964,
26.6.2 and 26.7.1).
"""

from flint import arb, ctx, fmpq

FAR = 16  # t**2, from where on a continued fraction is fast


def t_tail(t: arb | fmpq, df: int) -> arb:
    """The probability that |T| > |t|, for T of Student's t distribution."""
    square, a, half = arb(t * t), fmpq(df, 2), fmpq(1, 2)
    if square > FAR:
        return _far_tail(square, df)
    if square > 1:
        return (df / (df + square)).beta_lower(arb(a), arb(half), regularized=True)
    return 1 - (square / (df + square)).beta_lower(arb(half), arb(a), regularized=True)


def _far_tail(square: arb, df: int) -> arb:
    """The tail beyond the root of a large square, where flint's own function is slow.

    With z = df / square, a = df / 2 and x = df / (df + square) it is

        x**a (1 - x)**(-1/2) / (a B(a, 1/2)) F(1/2, 1; a + 1; -z)

    and Gauss's continued fraction 1 / (1 + z d_1 / (1 + z d_2 / ...)) of F has positive terms, of which each bounds all
    that follows: d_n = n (df + n - 1) / ((df + 2 n - 2) (df + 2 n)) (NIST Digital Library of Mathematical Functions,
    8.17.7, 15.8.1 and 15.7).
    """
    a, z = fmpq(df, 2), df / square
    front = (1 + 1 / z) ** -a * (1 + z).sqrt() * arb(a + fmpq(1, 2)).gamma() / (arb(a + 1).gamma() * arb.pi().sqrt())
    enough = arb(2) ** (8 - min(ctx.prec, z.rel_accuracy_bits()))
    rest = arb.nan()
    for terms in (16, 64, 256, 1024):
        middle = (z / 4).upper()
        rest = arb(middle, middle)  # each d_n is at most 1/2
        for n in range(terms, 0, -1):
            rest = z * fmpq(n * (df + n - 1), (df + 2 * n - 2) * (df + 2 * n)) / (1 + rest)
        if rest.rad() < enough:
            break
    return front / (1 + rest)


def f_tail(f: arb | fmpq, df1: int, df2: int) -> arb:
    """The probability that F > f, for F of the F distribution with df1 and df2 degrees of freedom."""
    f, a, b = arb(f), arb(fmpq(df2, 2)), arb(fmpq(df1, 2))
    if f > 1:
        return (df2 / (df2 + df1 * f)).beta_lower(a, b, regularized=True)
    return 1 - (df1 * f / (df2 + df1 * f)).beta_lower(b, a, regularized=True)


def t_quantile(tail: fmpq, df: int) -> arb:
    """The t that |T| exceeds with probability `tail` < 1/5.

    For t > 0 the tail falls and is convex, so Newton's steps from below stay below and converge. The last is widened to
    an interval at whose ends the tail lies on either side of what is asked for; a ball that proves nothing is nan.
    """
    t, a, half = arb(1), fmpq(df, 2), arb(fmpq(1, 2))
    constant = 2 * arb(a + fmpq(1, 2)).gamma() / (arb(a).gamma() * (df * arb.pi()).sqrt())
    for _ in range(200):
        density = constant * (1 + t * t / df) ** -(a + half)
        step = ((t_tail(t, df) - tail) / density).mid()
        t = (t + step).mid()
        if abs(step) < t * arb(2) ** (-ctx.prec // 2 - 4):
            break  # the next step would be the square of this one
    t = (t + ((t_tail(t, df) - tail) / density).mid()).mid()
    width = t * arb(2) ** (24 + df.bit_length() - ctx.prec)
    if t_tail((t - width).mid(), df) > tail > t_tail((t + width).mid(), df):
        return arb(t, width)
    return arb.nan()
