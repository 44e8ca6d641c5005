"""train: the least-squares solution of the training moments, as a scikit-learn model."""

import warnings

from samebits import artifacts, params, pickles
from samebits.errors import UserError, run, warn
from samebits.exact import cross_validation
from samebits.exact.cross_validation import CrossValidation, Fold
from samebits.exact.estimator import ExactLinearRegression
from samebits.exact.fitting import CollinearityWarning
from samebits.exact.moments import Moments
from samebits.frameworks import sklearn
from samebits.params import Train


def main() -> None:
    """Solve, compare with scikit-learn's own fit, write the model, its coefficients and their standard errors."""
    options = params.load().train
    data = pickles.load("data/moments.joblib")
    train, folds = Moments.from_plain(data["train"]), [Moments.from_plain(each) for each in data["folds"]]
    alpha, found = choose_alpha(options, train, folds)
    artifacts.write_json(found.curve() if found else [], "plots/penalty.json")

    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always", CollinearityWarning)
        model = ExactLinearRegression(alpha=alpha, standardize=options.standardize).fit_moments(train, data["features"])
    for doubt in doubts:
        warn(str(doubt.message))
    for relation in model.relations_:
        if relation.exact:
            warn(f"collinear columns: {relation.text(data['features'])}; this is the solution of minimum norm")

    rows = pickles.load("data/train.joblib")  # all training rows, or a sample of very many
    with warnings.catch_warnings(action="ignore", category=CollinearityWarning):
        sample = ExactLinearRegression(alpha=alpha, standardize=options.standardize).fit(rows["X"], rows["y"])
    fit = sklearn.compare_with_fit(sample, rows["X"], rows["y"])
    if fit.distance > fit.bound:
        raise AssertionError(f"scikit-learn's fit differs by {fit.distance}, rounding explains {fit.bound}")
    if fit.rank != sample.rank_:
        ranks = f"rank {sample.rank_} exactly, {fit.rank} to scikit-learn"
        warn(f"columns are nearly collinear, or have very different units: {ranks}; rescale or drop some in data.query")

    pickles.dump(sklearn.estimator(model), "models/model.joblib")
    coefficients = dict(zip(data["features"], model.coef_.tolist(), strict=True))
    chosen = {"cross_validation": found.row(found.best)} if found else {}
    facts = {**chosen, "rank": model.rank_, "intercept": model.intercept_, "coefficients": coefficients}
    artifacts.write_json(facts, "metrics/train.json")
    artifacts.write_json(model.summary(data["target"]).to_plain(), "metrics/coefficients.json")


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
    if options.alpha != "auto" and found.alpha in (found.alphas[0] or None, found.alphas[-1]):
        warn(f"train.alpha: {found.alpha} is the best, but at the end of the list; a longer list may have a better one")
    return found.alpha, found


if __name__ == "__main__":
    run(main)
