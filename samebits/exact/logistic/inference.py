"""Statistical inference of a logistic fit: each number is the float64 nearest to the true one."""

import itertools
import math

import numpy as np
from flint import arb, arb_mat, fmpq

from samebits.exact.balls import middle, nearest
from samebits.exact.logistic.fit import Fit
from samebits.exact.logistic.information import Information
from samebits.exact.logistic.likelihood import WHOLE, Likelihood
from samebits.exact.logistic.solve import Enclosure, enclosures
from samebits.exact.logistic.summary import LogisticCoefficient, LogisticSummary
from samebits.exact.precision import working_precision

LEVEL = fmpq(19, 20)  # of the intervals
SLICES = 5  # of the Fisher information, at first
Key = tuple[int | None, str]  # of a number: its parameter, None if it is of the whole fit, and its name


def inference(fit: Fit, features: list[str], target: str, positive: str) -> LogisticSummary:
    """The statistics of a fit without a penalty. Raises ValueError where a weight is no whole number.

    A weight counts as so many copies of its row.
    """
    likelihood = fit.likelihood
    weights, counts = np.unique(likelihood.weight, return_counts=True)
    if (weights != np.floor(weights)).any():
        raise ValueError("standard errors need whole numbers as weights, which count rows")
    rows = sum(int(weight) * count for weight, count in zip(weights.tolist(), counts.tolist(), strict=True))
    intercept = int(likelihood.intercept)
    names = [*(["(intercept)"] * intercept), *features]
    values, undecided = _decided(fit, rows)
    known: dict[int | None, dict[str, float]] = {None: {}} | {j: {} for j in range(len(names))}
    for (parameter, name), value in values.items():
        if math.isfinite(value):
            known[parameter][name] = value
    return LogisticSummary(
        target=target,
        positive=positive,
        rows=rows,
        coefficients=tuple(LogisticCoefficient(name, fit.parameters[j], **known[j]) for j, name in enumerate(names)),
        df_model=len(fit.columns) - intercept,
        df_residual=rows - len(fit.columns),
        undecided=tuple(name if j is None else f"{name} of {names[j]}" for j, name in undecided),
        notes=tuple(
            f"collinear: {each.text(features)}; such coefficients have no standard errors" for each in fit.relations
        ),
        **known[None],
    )


def _decided(fit: Fit, rows: int) -> tuple[dict[Key, float], list[Key]]:
    """All numbers, rounded, and which of them are only the middles of their last balls."""
    better = enclosures(fit.likelihood, fit.enclosure.at, fit.enclosure.precision)
    tries = itertools.chain([(fit.enclosure, SLICES), (fit.enclosure, WHOLE)], ((each, WHOLE) for each in better))
    for enclosure, slices in tries:
        with working_precision(enclosure.precision):
            variances, reached = _at_the_maximum(fit.likelihood, enclosure, slices)
            numbers = _of_parameters(fit, enclosure, variances) | _of_fit(fit, rows, reached)
            rounded = {key: 0.0 if number == 0 else nearest(number) for key, number in numbers.items()}
            values = {key: middle(numbers[key]) if value is None else value for key, value in rounded.items()}
        if None not in rounded.values():
            break
    return values, [key for key, value in rounded.items() if value is None]


def _at_the_maximum(likelihood: Likelihood, enclosure: Enclosure, slices: int) -> tuple[list[arb], arb]:
    """The diagonal of the inverse of the Fisher information J at the maximum, and the log-likelihood there.

    With |J - H| <= N as symmetric matrices and C = 1 / H, J's inverse differs from C on the diagonal by at most that of
    C N C / (1 - v), where v = trace C N. The log-likelihood is a row's weight times moved**2 / 8 away, at most: its
    second derivative in the row's log odds is at most 1/4.
    """
    if not enclosure.at:
        return [], arb(0)
    if enclosure.in_balls:
        _, value, reached = likelihood.in_balls(enclosure.at)
        information = Information(value)
    else:
        information, reached = likelihood.information_and_log_likelihood(enclosure.at, slices)
    further = float(likelihood.weight.sum()) * enclosure.moved**2 / 8
    return _variances(information, enclosure, likelihood.moments), reached + arb(0, further.upper())


def _variances(information: Information, enclosure: Enclosure, moments: arb_mat) -> list[arb]:
    try:
        C = information.value.inv()
    except ZeroDivisionError:  # balls cannot tell it from a singular matrix
        return [arb("nan")] * len(enclosure.at)
    room = 1 - information.trace(C, enclosure.moved, moments)
    if not (room > 0 and information.makes_definite(C, arb(0))):
        return [arb("nan")] * len(enclosure.at)
    wrong = information.diagonal(C, enclosure.moved, moments)
    return [C[j, j] + arb(0, (each / room).upper()) for j, each in enumerate(wrong)]


def _of_parameters(fit: Fit, enclosure: Enclosure, variances: list[arb]) -> dict[Key, arb]:
    """The numbers of the parameters that no relation between columns leaves open."""
    intercept = int(fit.likelihood.intercept)
    involved = {feature + 1 for each in fit.relations for feature in (each.feature, *each.terms)}
    if any(each.constant for each in fit.relations):
        involved.add(0)
    quantile = arb(LEVEL).erfinv() * arb(2).sqrt()
    numbers: dict[Key, arb] = {}
    for i, (column, variance) in enumerate(zip(fit.columns, variances, strict=True)):
        if column in involved:
            continue
        unit = arb(2) ** -int(fit.exponents[i])
        j = column - 1 + intercept
        w = arb(0) if fit.parameters[j] == 0 else enclosure.parameters[i] * unit
        error = variance.sqrt() * unit
        z, low, high = w / error, w - quantile * error, w + quantile * error
        numbers |= {
            (j, "std_error"): error,
            (j, "z"): z,
            (j, "p_value"): (abs(z) / arb(2).sqrt()).erfc(),
            (j, "low"): low,
            (j, "high"): high,
            (j, "odds_ratio"): w.exp(),
            (j, "odds_low"): low.exp(),
            (j, "odds_high"): high.exp(),
        }
    return numbers


def _of_fit(fit: Fit, rows: int, reached: arb) -> dict[Key, arb]:
    likelihood, intercept = fit.likelihood, int(fit.likelihood.intercept)
    ones = int(likelihood.weight[likelihood.sign > 0].sum())
    null = -rows * arb(2).log()
    if intercept:
        null = sum((count * arb(fmpq(count, rows)).log() for count in (ones, rows - ones)), arb(0))
    parameters, df = len(fit.columns), len(fit.columns) - intercept
    if not any(fit.parameters[intercept:]):
        reached = null  # exactly: it is the same model
    numbers = {
        "log_likelihood": reached,
        "null_log_likelihood": null,
        "deviance": -2 * reached,
        "null_deviance": -2 * null,
        "pseudo_r2": 1 - reached / null,
        "aic": 2 * parameters - 2 * reached,
        "bic": parameters * arb(rows).log() - 2 * reached,
    }
    if df:
        ratio = 2 * (reached - null)
        numbers |= {
            "lr": ratio,
            "lr_p_value": (ratio / 2).gamma_upper(arb(fmpq(df, 2)), regularized=1) if ratio != 0 else arb(1),
        }
    return {(None, name): number for name, number in numbers.items()}
