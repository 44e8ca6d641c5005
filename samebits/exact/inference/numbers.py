"""The numbers of a fit at one precision, in flint's balls or, where they must be told from 0, in fractions."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from flint import arb, arb_mat, fmpq, fmpq_mat

from samebits.exact.inference.distributions import f_tail, t_quantile, t_tail
from samebits.exact.inference.eigenvalues import largest_eigenvalue
from samebits.exact.inference.problem import Problem
from samebits.exact.inference.robust import Matrix, UndefinedError
from samebits.exact.least_squares import normal_equations, penalties

FEW = 32  # parameters: the diagonal of the inverse, too, is then computed in fractions
OUTSIDE = fmpq(1, 20)  # of a 95 % interval

Number = arb | fmpq
Key = tuple[int | None, str]  # of a number: its column of [1, X], None if it is of the whole fit, and its name


class Numbers:
    """A problem solved at the working precision; its numbers are balls, computed when asked for."""

    def __init__(self, problem: Problem, exact: bool) -> None:
        """Raises ZeroDivisionError if balls cannot tell the matrix from a singular one."""
        self.problem, self.exact = problem, exact
        self.inverse = _inverse(problem, exact) * (1 / problem.unit)  # of M + P
        self.diagonal: Sequence[Number] = [self.inverse[i, i] for i in range(self.inverse.nrows())]
        self.w: Sequence[Number]
        self.residual: Number
        if exact:
            self.w, self.residual = problem.exact
            if len(self.w) <= FEW:
                self.diagonal = [problem.exact_inverse[i, i] / problem.unit for i in range(len(self.w))]
        else:
            self.w = (self.inverse * (arb_mat(problem.b) * problem.unit)).entries()
            self.residual = problem.residual(self.w)

    def numbers(self) -> dict[Key, Callable[[], Number]]:
        """All numbers that are defined, by their names in a Summary."""
        problem = self.problem
        numbers: dict[Key, Callable[[], Number]] = {}
        if problem.total:
            numbers[None, "r2"] = lambda: 1 - self.residual / problem.total
        if problem.penalised:
            numbers[None, "effective_df"] = lambda: self.effective_df
            if problem.rows > problem.intercept:
                numbers[None, "gcv"] = lambda: problem.rows * self.residual / (problem.rows - self.effective_df) ** 2
            return numbers
        for i, j in enumerate(problem.independent):
            if j in problem.determined:
                numbers |= {(j, name): number for name, number in self._of_parameter(i, j).items()}
        return numbers | {(None, name): number for name, number in self._of_fit().items()}

    @cached_property
    def effective_df(self) -> arb:
        """The trace of the hat matrix A (M + P)^-1 A', which is that of (M + P)^-1 M."""
        M, _, unit = normal_equations(
            self.problem.moments, penalties(self.problem.moments, 0.0), self.problem.independent
        )
        return (self.inverse * arb_mat(M)).trace() * unit

    @cached_property
    def perfect(self) -> bool:
        """Whether the residuals are 0; balls cannot tell."""
        return isinstance(self.residual, fmpq) and not self.residual

    @cached_property
    def variance(self) -> Number:
        """Of the errors."""
        return self.residual / self.problem.df_residual

    @cached_property
    def quantile(self) -> arb:
        """Of t, at the ends of an interval."""
        return t_quantile(OUTSIDE, self.problem.df_test)

    @cached_property
    def f(self) -> Number:
        """Of the usual covariance, or Wald's of another one."""
        problem = self.problem
        if not problem.covariance:
            return (problem.total - self.residual) / problem.df_model / self.variance
        V, start = self.robust, int(problem.intercept)
        matrix: Any = type(V)
        slopes = matrix([[each if matrix is fmpq_mat else arb(each)] for each in self.w[start:]])
        return (slopes.transpose() * self._of_slopes(V).inv() * slopes)[0, 0] / problem.df_model

    @cached_property
    def robust(self) -> Matrix:
        """The covariance of the parameters that was asked for; in fractions where balls cannot tell that it is regular.

        Raises UndefinedError.
        """
        problem = self.problem
        assert problem.covariance
        how = problem.independent, problem.rows
        V = problem.covariance.of(*how, [arb(each) for each in self.w], self.inverse)
        if not self.exact or len(self.w) > FEW or self._is_regular(V):
            return V
        return problem.covariance.of(*how, problem.exact[0], problem.exact_inverse * (1 / problem.unit))

    @cached_property
    def no_errors(self) -> str:
        """Why there are no errors; "" where there are, or where balls cannot tell."""
        how = self.problem.covariance
        if not how:
            return ""
        try:
            V = self.robust
        except UndefinedError as reason:
            return str(reason)
        if self.exact and not all(arb(V[i, i]).is_finite() for i in range(V.nrows())):
            return f"{how.kind} could not be computed: a leverage is 1, or too near to 1 for balls to tell"
        return ""

    @cached_property
    def singular(self) -> bool:
        """Whether the covariance of the slopes is singular; balls cannot tell, but where clusters are few."""
        problem = self.problem
        if not problem.covariance or problem.df_model > problem.df_test:
            return bool(problem.covariance)
        V = self.robust
        return isinstance(V, fmpq_mat) and bool(self._of_slopes(V).rank() < problem.df_model)

    def _of_slopes(self, V: Matrix) -> Any:
        matrix: Any = type(V)
        start = int(self.problem.intercept)
        return matrix([row[start:] for row in V.tolist()[start:]])

    def _is_regular(self, V: Matrix) -> bool:
        """Whether no variance is 0, and the covariance of the slopes has an inverse."""
        try:
            self._of_slopes(V).inv()
        except ZeroDivisionError:
            return False
        return all(V[i, i] > 0 for i in range(V.nrows()))

    @cached_property
    def log_likelihood(self) -> arb:
        """At its maximum, for normal errors."""
        problem, rows = self.problem, self.problem.rows
        value = fmpq(-rows, 2) * ((2 * arb.pi() * self.residual / rows).log() + 1)
        if problem.precise:
            logs = (count * arb(weight).log() for weight, count in problem.weights.items())
            value += sum(logs, arb(0)) / 2
        return value

    def _of_parameter(self, i: int, j: int) -> dict[str, Callable[[], Number]]:
        """The numbers of parameter i, which belongs to column j of [1, X]."""
        problem = self.problem
        numbers: dict[str, Callable[[], Number]] = {}
        if problem.df_residual > 0 and not self.no_errors:
            variance = self.robust[i, i] if problem.covariance else self.variance * self.diagonal[i]
            error = arb(variance).sqrt()
            numbers |= {
                "std_error": lambda: error,
                "low": lambda: self.w[i] - self.quantile * error,
                "high": lambda: self.w[i] + self.quantile * error,
            }
            if not (isinstance(variance, fmpq) and not variance):
                numbers |= {
                    "t": lambda: self.w[i] / error,
                    "p_value": lambda: t_tail(self.w[i] / error, problem.df_test),
                }
        if j:
            square = problem.square(j, problem.intercept)
            numbers["vif"] = lambda: square * self.diagonal[i]
            if problem.total:
                numbers["std_ratio"] = lambda: arb(square / problem.total).sqrt()
        return numbers

    def _of_fit(self) -> dict[str, Callable[[], Number]]:
        problem = self.problem
        numbers: dict[str, Callable[[], Number]] = {}
        rows, parameters = problem.rows, len(problem.independent)
        if not problem.relations:
            numbers["condition_number"] = self._condition_number
        if not self.perfect:
            numbers |= {
                "log_likelihood": lambda: self.log_likelihood,
                "aic": lambda: 2 * parameters - 2 * self.log_likelihood,
                "bic": lambda: parameters * arb(rows).log() - 2 * self.log_likelihood,
            }
        if problem.df_residual > 0:
            numbers |= {"residual_variance": lambda: self.variance, "residual_std": lambda: arb(self.variance).sqrt()}
            if problem.total:
                shares = fmpq(rows - problem.intercept, problem.df_residual) / problem.total
                numbers["adjusted_r2"] = lambda: 1 - shares * self.residual
            if problem.df_model and not (self.perfect or self.no_errors or self.singular):
                numbers["f"] = lambda: self.f
                numbers["f_p_value"] = lambda: f_tail(self.f, problem.df_model, problem.df_test)
        return numbers

    def _condition_number(self) -> arb:
        """The condition number of [1, X]: the root of the largest eigenvalue of M divided by the smallest."""
        M = arb_mat(self.problem.A) * self.problem.unit
        return (largest_eigenvalue(M) * largest_eigenvalue(self.inverse)).sqrt()


def _inverse(problem: Problem, exact: bool) -> arb_mat:
    """The inverse of the integers A, scaled to a diagonal of about 1, so that units of columns cost no precision."""
    A = arb_mat(problem.A)
    scales = [arb(2) ** -(int(problem.A[i, i]).bit_length() // 2) for i in range(A.nrows())]
    try:
        inverse = _scaled(_scaled(A, scales).inv(), scales)
        if not exact or all(inverse[i, i].rel_accuracy_bits() > 64 for i in range(A.nrows())):
            return inverse
    except ZeroDivisionError:
        if not exact:
            raise
    return arb_mat(problem.exact_inverse)


def _scaled(A: arb_mat, scales: list[arb]) -> arb_mat:
    rows = zip(A.tolist(), scales, strict=True)
    return arb_mat([[entry * a * b for entry, a in zip(row, scales, strict=True)] for row, b in rows])
