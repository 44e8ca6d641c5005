"""What inference knows exactly of a fit: its moments, weights, independent columns and degrees of freedom."""

from functools import cached_property
from typing import Any

from flint import fmpq, fmpq_mat

from samebits.exact.fitting import Fit
from samebits.exact.inference.robust import Covariance
from samebits.exact.inference.summary import PRECISION
from samebits.exact.least_squares import normal_equations, penalties
from samebits.exact.moments import Moments
from samebits.exact.rows import Seen


class Problem:
    """The fit of those columns of [1, X] that are independent: one is left out for each relation."""

    def __init__(self, fit: Fit, seen: Seen, weights: str, covariance: Covariance | None) -> None:
        self.moments, self.intercept, self.relations = fit.moments, fit.how.fit_intercept, fit.relations
        self.penalties = penalties(fit.moments, fit.how.alpha, fit.how.standardize)
        self.columns = list(range(0 if self.intercept else 1, fit.moments.integers.ncols() - 1))
        redundant = {each.feature + 1 for each in self.relations}
        self.independent = [j for j in self.columns if j not in redundant]
        self.precise, self.covariance = weights == PRECISION, covariance
        self.rows, self.weights = _count(fit.moments, seen, self.precise)
        self.df_model, self.df_residual = len(self.independent) - self.intercept, self.rows - len(self.independent)
        self.A, self.b, self.unit = normal_equations(self.moments, self.penalties, self.independent)
        if covariance and self.penalised:
            raise ValueError(f"cov={covariance.kind!r}: a ridge fit is biased and has no standard errors")

    @property
    def weighted(self) -> bool:
        """Whether there are weights but 1."""
        return any(weight != 1 for weight in self.weights)

    @property
    def df_test(self) -> int:
        """The degrees of freedom of t, and of the denominator of F."""
        return self.covariance.degrees(self.df_residual) if self.covariance else self.df_residual

    @property
    def penalised(self) -> bool:
        """Whether this is a ridge fit."""
        return any(self.penalties)

    @cached_property
    def determined(self) -> list[int]:
        """The columns whose parameter is the same in all solutions: those that no relation involves."""
        involved = {feature + 1 for each in self.relations for feature in (each.feature, *each.terms)}
        if any(each.constant for each in self.relations):
            involved.add(0)
        return [j for j in self.independent if j not in involved]

    def square(self, j: int, centred: bool) -> fmpq:
        """The sum of squares of a column of [1, X, y], about its mean or about 0."""
        N = self.moments.integers
        shift = fmpq(N[0, j] ** 2, N[0, 0]) if centred else fmpq(0)
        return fmpq(2) ** self.moments.exponent * (N[j, j] - shift)

    @cached_property
    def total(self) -> fmpq:
        """The total sum of squares of y, about its mean if there is an intercept."""
        return self.square(self.moments.integers.ncols() - 1, self.intercept)

    def residual(self, w: list[Any]) -> Any:
        """The residual sum of squares y'y - w'A'y - w'Pw of the solution w, in fractions or in balls."""
        penalised = [each * each * self.penalties[j] for each, j in zip(w, self.independent, strict=True)]
        penalty = sum(penalised, fmpq(0))
        explained = sum((each * (self.unit * m) for each, m in zip(w, self.b.entries(), strict=True)), fmpq(0))
        return self.square(self.moments.integers.ncols() - 1, False) - explained - penalty

    @cached_property
    def exact(self) -> tuple[list[fmpq], fmpq]:
        """The parameters and the residual sum of squares in fractions."""
        w = self.A.solve(self.b).entries()
        return w, self.residual(w)

    @cached_property
    def exact_inverse(self) -> fmpq_mat:
        """That of A, in fractions."""
        return fmpq_mat(self.A).inv()


def _count(moments: Moments, seen: Seen, precise: bool) -> tuple[int, dict[float, int]]:
    """The number of rows, and the weights with how often each occurs, if they are known."""
    if precise:
        if seen.rows is None or seen.weights is None:
            raise ValueError("weights='precision' needs the number of rows, which `fit` and `partial_fit` know")
        return seen.rows, seen.weights
    if not seen.whole or moments.weight.q != 1:
        raise ValueError(
            "standard errors need whole numbers as weights, which count rows; weights='precision' takes any"
        )
    return moments.rows, seen.weights or {}
