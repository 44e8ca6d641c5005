"""Training of a logistic regression: the maximum of the likelihood, penalised or not."""

import numpy as np
from flint import fmpq

from samebits.errors import UserError, warn
from samebits.exact import cross_validation
from samebits.exact.logistic.cross_validation import POINTS, LogisticValidation, Rows, penalties
from samebits.exact.logistic.fit import Fit as Maximum
from samebits.exact.logistic.fit import fit
from samebits.exact.logistic.inference import inference
from samebits.exact.logistic.log_loss import log_loss
from samebits.exact.logistic.separation import SeparationError
from samebits.exact.logistic.summary import LogisticCoefficient, LogisticSummary
from samebits.exact.moments import Moments
from samebits.exact.rational import exactly, nearest_sqrt
from samebits.families.family import Data, Fit, warn_at_an_end
from samebits.families.odds import check_classes
from samebits.frameworks import sklearn
from samebits.model.linear import LinearModel
from samebits.params import Train

NAMED = 10  # columns that separate the classes
NEAR = 1e-6  # of log loss; a solver that stops farther from the maximum did not find it


def train(options: Train, data: Data) -> Fit:
    """Find the maximum for all training rows; compare it with scikit-learn's."""
    if options.std_errors != "classical":
        raise UserError(f"train.std_errors is {options.std_errors}; a logistic model has classical ones only")
    moments, features, target = Moments.from_plain(data.of_all["train"]), data.features, data.of_all["target"]
    X, y = data.train["X"], data.train["y"]
    check_rows(y, moments.rows, target)
    alpha, validation = choose_alpha(options, moments, Rows(X, y, np.ones(len(y)), features))
    penalty = penalties(X, exactly(alpha), options.standardize)
    try:
        found = fit(X, 2 * y - 1, np.ones(len(y)), True, penalty, features)
    except SeparationError as error:
        raise separated(error) from None
    for relation in found.relations:
        warn(f"collinear columns: {relation.text(features)}; this is the solution of minimum norm")
    model = found.model
    compare(model, penalty, X, y)

    summary = summarise(found, target, options.classes[1], features, alpha).to_plain()
    for each, variance in zip(summary["coefficients"], [None, *moments.variances()], strict=True):
        each["std_ratio"] = variance and nearest_sqrt(variance)
    rank = len(features) - len(found.relations)
    curve, chosen = (validation.curve(), validation.row(validation.best)) if validation else ([], None)
    return Fit(sklearn.classifier(model, alpha, features), rank, summary, curve, chosen)


def check_rows(y: np.ndarray, rows: int, target: str) -> None:
    """Raise UserError where y (n,) is not of all training rows, or not of two classes."""
    if len(y) < rows:
        raise UserError(
            f"data.keep_rows is {len(y)}, but a logistic model needs all {rows} training rows; set it to {rows} or more"
        )
    check_classes(y, target)
    if y.all() or not y.any():
        raise UserError(f"the target {target} is {y[0]:g} in all {rows} training rows; there is nothing to learn")


def separated(error: SeparationError) -> UserError:
    """What to do about classes that are separated."""
    names = ", ".join(error.columns[:NAMED])
    more = f" and {len(error.columns) - NAMED} more" if len(error.columns) > NAMED else ""
    which = f"a combination of {names}{more}" if len(error.columns) > 1 else names
    return UserError(
        f"train: {which} separates the classes of the target, so the likelihood has no maximum; set train.alpha to a "
        "penalty, such as 1, or leave out columns in data.query"
    )


def choose_alpha(options: Train, train: Moments, rows: Rows) -> tuple[float, LogisticValidation | None]:
    """The penalty, and the cross-validation if it chose the penalty: log loss over folds of the rows in their order."""
    if isinstance(options.alpha, float):
        return options.alpha, None
    if options.alpha == "auto":
        alphas = cross_validation.grid(train, options.standardize, POINTS)
    else:
        alphas = sorted(set(options.alpha))
    n = np.arange(len(rows.y))
    folds = [(np.setdiff1d(n, part), part) for part in np.array_split(n, options.folds)]
    try:
        found = LogisticValidation.of(rows, folds, list(map(exactly, alphas)), standardize=options.standardize)
    except SeparationError as error:
        raise separated(error) from None
    except ValueError as error:
        raise UserError(f"train.folds is {options.folds}: {error}; use fewer") from None
    warn_at_an_end(options, found.alpha, found.alphas)
    return found.alpha, found


def compare(ours: LinearModel, penalty: list[fmpq], X: np.ndarray, y: np.ndarray) -> None:
    """Raise AssertionError where scikit-learn's parameters are better, warn where they are much worse.

    Ours minimise the penalised log loss, but for the rounding of the parameters and of the log odds.
    """
    theirs = sklearn.logistic_fit(X, y, penalty)
    least, reached = (
        log_loss(each.predict(X), y).nearest()
        + sum(float(of) * w * w for of, w in zip(penalty, each.coef.tolist(), strict=True)) / (2 * len(y))
        for each in (ours, theirs)
    )
    noise = 2.0**-50 * (len(penalty) + 1) * (1 + float(np.abs(ours.predict(X)).max()))
    if reached < least - noise:
        raise AssertionError(f"scikit-learn's fit has a lower loss, {reached} < {least}")
    if reached > least + NEAR:
        warn(f"scikit-learn's own fit stops at the loss {reached:.7g}; the least is {least:.7g}")


def summarise(found: Maximum, target: str, positive: str, features: list[str], alpha: float) -> LogisticSummary:
    """The statistics of a fit; with a penalty, no more than its coefficients."""
    if not alpha:
        return inference(found, features, target, positive)
    rows, coefficients = len(found.likelihood.sign), zip(["(intercept)", *features], found.parameters, strict=True)
    return LogisticSummary(
        target=target,
        positive=positive,
        rows=rows,
        coefficients=tuple(LogisticCoefficient(*each) for each in coefficients),
        df_model=len(features),
        df_residual=rows - len(features) - 1,
        notes=(f"a penalty of {alpha:g}: no standard errors",),
    )
