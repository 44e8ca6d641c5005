"""Statistical inference of a least-squares fit from its exact moments: each number the float64 nearest to the true one.

docs/exact.md has the formulas. They are computed in balls, whose precision grows until each decides its rounding.
"""

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from flint import arb, arb_mat, fmpq, fmpq_mat

from samebits.exact.balls import middle, nearest
from samebits.exact.fitting import UNNAMED, Fit
from samebits.exact.inference.distributions import f_tail, t_quantile, t_tail
from samebits.exact.inference.eigenvalues import largest_eigenvalue
from samebits.exact.inference.robust import Covariance
from samebits.exact.inference.summary import FREQUENCY, PRECISION, Coefficient, Summary
from samebits.exact.least_squares import normal_equations, penalties
from samebits.exact.moments import Moments
from samebits.exact.precision import working_precision
from samebits.exact.rows import Seen

# bits of the balls, and whether parameters and residuals, which may be exactly 0, are solved in fractions
STAGES = ((128, False), (256, False), (512, True), (1024, True), (4096, True))
FEW = 32  # parameters: the diagonal of the inverse, too, is then computed in fractions
OUTSIDE = fmpq(1, 20)  # of a 95 % interval

Number = arb | fmpq
Key = tuple[int | None, str]  # of a number: its column of [1, X], None if it is of the whole fit, and its name


def inference(
    fit: Fit,
    seen: Seen,
    features: list[str] | None = None,
    target: str = "y",
    weights: str = FREQUENCY,
    covariance: Covariance | None = None,
) -> Summary:
    """The statistics of a fit to rows that were seen; features without names are x1, x2, ...

    weights: whether a weight counts as so many copies of its row, or is proportional to the inverse of the variance of
    its error. covariance: of the parameters; None is the usual one.

    What is not defined is None: with collinear columns, all that follows from a parameter which they leave open; with
    alpha > 0, all that takes estimates without bias for granted. Raises ValueError where the weights do not have the
    meaning that they are said to have.
    """
    solution, alpha, fit_intercept = fit.solution, fit.how.alpha, fit.how.fit_intercept
    features = features or [UNNAMED.format(j + 1) for j in range(len(solution.model.coef))]
    names, estimates = ["(intercept)", *features], [solution.model.intercept, *solution.model.coef.tolist()]
    problem = _Problem(fit, seen, weights, covariance)
    values, undecided = _decided(problem)
    digits = fit.digits()

    known: dict[int | None, dict[str, Any]] = {None: {}} | {j: {} for j in problem.columns}
    for (column, name), value in values.items():
        known[column][name] = value if math.isfinite(value) else None
    if not alpha:
        known[None] |= {"df_model": problem.df_model, "df_residual": problem.df_residual, "df_test": problem.df_test}
    beyond = [key for key, value in values.items() if not math.isfinite(value)]
    return Summary(
        target=target,
        alpha=alpha,
        fit_intercept=fit_intercept,
        rows=problem.rows,
        coefficients=tuple(Coefficient(names[j], estimates[j], digits=digits[j], **known[j]) for j in problem.columns),
        undecided=tuple(_label(key, names) for key in undecided if key in values),
        weights=weights if problem.weighted else None,
        cov=covariance.kind if covariance else None,
        notes=(
            *([doubt] if not problem.relations and (doubt := fit.doubt(features)) else []),
            *_notes(problem, features, values, [_label(key, names) for key in beyond]),
            *(f"could not be computed: {_label(key, names)}" for key in undecided if key not in values),
        ),
        **known[None],
    )


class _Problem:
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


class _Fit:
    """A problem solved at the working precision; its numbers are balls, computed when asked for."""

    def __init__(self, problem: _Problem, exact: bool) -> None:
        """Raises ZeroDivisionError if balls cannot tell the matrix from a singular one."""
        self.problem = problem
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
        return self.residual / self.problem.df_residual

    @cached_property
    def quantile(self) -> arb:
        return t_quantile(OUTSIDE, self.problem.df_test)

    @cached_property
    def f(self) -> Number:
        """Of the usual covariance, or Wald's of another one."""
        problem = self.problem
        if not problem.covariance:
            return (problem.total - self.residual) / problem.df_model / self.variance
        start = int(problem.intercept)
        w, V = self.w[start:], self.robust.tolist()
        slopes = arb_mat([[arb(each)] for each in w])
        inverse = arb_mat([row[start:] for row in V[start:]]).inv()
        return (slopes.transpose() * inverse * slopes)[0, 0] / problem.df_model

    @cached_property
    def robust(self) -> arb_mat:
        """The covariance of the parameters that was asked for."""
        problem = self.problem
        assert problem.covariance
        return problem.covariance.of(problem.independent, [arb(each) for each in self.w], self.inverse, problem.rows)

    @cached_property
    def log_likelihood(self) -> arb:
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
        if problem.df_residual > 0:
            variance = self.robust[i, i] if problem.covariance else arb(self.variance * self.diagonal[i])
            error = variance.sqrt()
            numbers |= {
                "std_error": lambda: error,
                "low": lambda: self.w[i] - self.quantile * error,
                "high": lambda: self.w[i] + self.quantile * error,
            }
            if not self.perfect:
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
            possible = not problem.covariance or problem.df_model <= problem.df_test  # or V is singular
            if problem.df_model and not self.perfect and possible:
                numbers["f"] = lambda: self.f
                numbers["f_p_value"] = lambda: f_tail(self.f, problem.df_model, problem.df_test)
        return numbers

    def _condition_number(self) -> arb:
        """The condition number of [1, X]: the root of the largest eigenvalue of M divided by the smallest."""
        M = arb_mat(self.problem.A) * self.problem.unit
        return (largest_eigenvalue(M) * largest_eigenvalue(self.inverse)).sqrt()


def _inverse(problem: _Problem, exact: bool) -> arb_mat:
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


def _decided(problem: _Problem) -> tuple[dict[Key, float], list[Key]]:
    """All numbers that are defined, rounded, and which of them are only the middle of their last ball."""
    values: dict[Key, float] = {}
    for precision, exact in STAGES:
        with working_precision(precision):
            try:
                numbers = _Fit(problem, exact).numbers()
            except ZeroDivisionError:
                continue
            found = {key: number() for key, number in numbers.items() if key not in values}
            rounded = {key: nearest(number) for key, number in found.items()}
            values |= {key: value for key, value in rounded.items() if value is not None}
            undecided = [key for key in found if key not in values]
            if not undecided:
                break
    values |= {key: middle(ball) for key in undecided if (ball := arb(found[key])).is_finite()}
    return {key: values[key] for key in numbers if key in values}, undecided


def _label(key: Key, names: list[str]) -> str:
    column, name = key
    return name if column is None else f"{name} of {names[column]}"


def _notes(problem: _Problem, features: list[str], values: dict[Key, float], beyond: list[str]) -> list[str]:
    """Why something is not defined."""
    notes = [
        f"collinear: {each.text(features)}; such coefficients have no standard errors" for each in problem.relations
    ]
    if problem.df_residual <= 0 and not problem.penalised:
        notes.append(f"{problem.rows} rows for {len(problem.independent)} parameters: no residual degrees of freedom")
    if values.get((None, "residual_variance")) == 0 and (None, "log_likelihood") not in values:
        notes.append("the fit is perfect: t, F, log-likelihood, AIC and BIC are not defined")
    if beyond:
        notes.append(f"beyond the range of float64: {', '.join(beyond)}")
    return notes
