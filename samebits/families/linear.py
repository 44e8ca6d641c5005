"""Training of a linear regression: the least squares solution of exact moments."""

import warnings

import numpy as np

from samebits.errors import UserError, warn
from samebits.exact import cross_validation
from samebits.exact.cross_validation import CrossValidation, Fold
from samebits.exact.estimator import ExactLinearRegression
from samebits.exact.fitting import CollinearityWarning
from samebits.exact.moments import Moments
from samebits.families.family import Data, Fit, warn_at_an_end
from samebits.frameworks import sklearn
from samebits.params import Train


def train(options: Train, data: Data) -> Fit:
    """Solve for all training rows; compare with scikit-learn's own fit of the kept ones."""
    moments, features, rows = Moments.from_plain(data.of_all["train"]), data.features, data.train
    alpha, found = choose_alpha(options, moments, [Moments.from_plain(each) for each in data.of_all["folds"]])

    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always", CollinearityWarning)
        model = ExactLinearRegression(alpha=alpha, standardize=options.standardize).fit_moments(moments, features)
    for doubt in doubts:
        warn(str(doubt.message))
    for relation in model.relations_:
        if relation.exact:
            warn(f"collinear columns: {relation.text(features)}; this is the solution of minimum norm")

    with warnings.catch_warnings(action="ignore", category=CollinearityWarning):
        sample = ExactLinearRegression(alpha=alpha, standardize=options.standardize).fit(rows["X"], rows["y"])
    fit = sklearn.compare_with_fit(sample, rows["X"], rows["y"])
    if fit.distance > fit.bound:
        raise AssertionError(f"scikit-learn's fit differs by {fit.distance}, rounding explains {fit.bound}")
    if fit.rank != sample.rank_:
        ranks = f"rank {sample.rank_} exactly, {fit.rank} to scikit-learn"
        warn(f"columns are nearly collinear, or have very different units: {ranks}; rescale or drop some in data.query")
    summary = model.summary(data.of_all["target"])
    if options.std_errors != "classical" and not alpha:  # a penalised fit has none
        if sample.moments_ != moments:
            raise UserError(
                f"train.std_errors is {options.std_errors}, which needs each of the {moments.rows} training rows, and "
                f"data.keep_rows keeps {len(rows['y'])} of them; raise it, or take classical"
            )
        sample.feature_names_in_ = np.array(features, dtype=object)
        summary = sample.summary(data.of_all["target"], cov=options.std_errors)
    penalties, chosen = (found.curve(), found.row(found.best)) if found else ([], None)
    return Fit(sklearn.estimator(model), model.rank_, summary.to_plain(), penalties, chosen)


def choose_alpha(options: Train, train: Moments, folds: list[Moments]) -> tuple[float, CrossValidation | None]:
    """The penalty, and the cross-validation if it chose the penalty."""
    if isinstance(options.alpha, float):
        return options.alpha, None
    for number, fold in enumerate(folds, 1):
        if not fold.rows:
            raise UserError(
                f"train.folds is {len(folds)}: fold {number} has none of the {train.rows} training rows; use fewer"
            )
    alphas = cross_validation.grid(train, options.standardize) if options.alpha == "auto" else options.alpha
    found = CrossValidation.of(Fold.each_of(folds), sorted(set(alphas)), standardize=options.standardize)
    warn_at_an_end(options, found.alpha, found.alphas)
    return found.alpha, found
