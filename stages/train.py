"""train: the least-squares solution of the training moments, as a scikit-learn model."""

from samebits import artifacts, params, pickles
from samebits.errors import run, warn
from samebits.exact.estimator import ExactLinearRegression
from samebits.exact.moments import Moments
from samebits.frameworks import sklearn


def main() -> None:
    """Solve, compare with scikit-learn's own fit, write the model, what it consists of and how sure it is."""
    alpha = params.load().train.alpha
    data = pickles.load("data/moments.joblib")
    model = ExactLinearRegression(alpha=alpha).fit_moments(Moments.from_plain(data["train"]), data["features"])
    for relation in model.relations_:
        warn(f"collinear columns: {relation.text(data['features'])}; this is the solution of minimum norm")

    rows = pickles.load("data/train.joblib")  # all training rows, or a sample of very many
    sample = ExactLinearRegression(alpha=alpha).fit(rows["X"], rows["y"])
    fit = sklearn.compare_with_fit(sample, rows["X"], rows["y"])
    if fit.distance > fit.bound:
        raise AssertionError(f"scikit-learn's fit differs by {fit.distance}, rounding explains {fit.bound}")
    if fit.rank != sample.rank_:
        ranks = f"rank {sample.rank_} exactly, {fit.rank} to scikit-learn"
        warn(f"columns are nearly collinear, or of very different units: {ranks}; rescale or drop some in data.query")

    pickles.dump(sklearn.estimator(model), "models/model.joblib")
    coefficients = dict(zip(data["features"], model.coef_.tolist(), strict=True))
    facts = {"rank": model.rank_, "intercept": model.intercept_, "coefficients": coefficients}
    artifacts.write_json(facts, "metrics/train.json")
    artifacts.write_json(model.summary(data["target"]).to_plain(), "metrics/coefficients.json")


if __name__ == "__main__":
    run(main)
