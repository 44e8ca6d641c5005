"""Statistical inference of a least-squares fit from its exact moments: each number the float64 nearest to the true one.

docs/exact.md has the formulas. They are computed in balls, whose precision grows until each decides its rounding.
"""

import math
from collections.abc import Callable
from typing import Any

from flint import arb

from samebits.exact.balls import middle, nearest
from samebits.exact.fitting import UNNAMED, Fit
from samebits.exact.inference.numbers import Key, Number, Numbers
from samebits.exact.inference.problem import Problem
from samebits.exact.inference.robust import Covariance
from samebits.exact.inference.summary import FREQUENCY, Coefficient, Summary
from samebits.exact.precision import working_precision
from samebits.exact.rows import Seen

# bits of the balls, and whether parameters and residuals, which may be exactly 0, are solved in fractions
STAGES = ((128, False), (256, False), (512, True), (1024, True), (4096, True))


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
    problem = Problem(fit, seen, weights, covariance)
    values, undecided, numbers = _decided(problem)
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
            *_notes(problem, features, numbers, [_label(key, names) for key in beyond]),
            *(f"could not be computed: {_label(key, names)}" for key in undecided if key not in values),
        ),
        **known[None],
    )


def _decided(problem: Problem) -> tuple[dict[Key, float], list[Key], Numbers]:
    """All numbers that are defined, rounded; which of them are only the middle of a ball; and the last balls."""
    values: dict[Key, float] = {}
    for precision, exact in STAGES:
        with working_precision(precision):
            try:
                at_precision = Numbers(problem, exact)
                numbers = at_precision.numbers()
            except ZeroDivisionError:
                continue
            found = {key: _value(number) for key, number in numbers.items() if key not in values}
            rounded = {key: nearest(number) for key, number in found.items()}
            values |= {key: value for key, value in rounded.items() if value is not None}
            undecided = [key for key in found if key not in values]
            if not undecided:
                break
    values |= {key: middle(ball) for key in undecided if (ball := arb(found[key])).is_finite()}
    return {key: values[key] for key in numbers if key in values}, undecided, at_precision


def _value(number: Callable[[], Number]) -> Number:
    try:
        return number()
    except ZeroDivisionError:  # balls cannot tell a matrix from a singular one
        return arb("nan")


def _label(key: Key, names: list[str]) -> str:
    column, name = key
    return name if column is None else f"{name} of {names[column]}"


def _notes(problem: Problem, features: list[str], numbers: Numbers, beyond: list[str]) -> list[str]:
    """Why something is not defined."""
    notes = [
        f"collinear: {each.text(features)}; such coefficients have no standard errors" for each in problem.relations
    ]
    if not problem.penalised:
        if problem.df_residual <= 0:
            notes.append(
                f"{problem.rows} rows for {len(problem.independent)} parameters: no residual degrees of freedom"
            )
        elif numbers.perfect:
            notes.append("the fit is perfect: t, F, log-likelihood, AIC and BIC are not defined")
        elif numbers.no_errors:
            notes.append(numbers.no_errors)
        elif numbers.singular:
            notes.append("the covariance of the coefficients is singular: F is not defined")
    if beyond:
        notes.append(f"beyond the range of float64: {', '.join(beyond)}")
    return notes
