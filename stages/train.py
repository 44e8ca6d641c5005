"""train: the least-squares solution of the training moments, as a scikit-learn model."""

from samebits import artifacts, least_squares, params, score, sklearn_model
from samebits.errors import run, warn
from samebits.moments import Moments


def main() -> None:
    """Solve, compare with scikit-learn's own fit, write the model and its metrics."""
    alpha = params.load().train.alpha
    data = artifacts.load("data/moments.joblib")
    moments = {part: Moments.from_plain(data[part]) for part in ("train", "test")}
    solution = least_squares.solve(moments["train"], alpha)
    for relation in solution.relations:
        warn(f"collinear columns: {relation.text(data['features'])}; this is the solution of minimum norm")

    rows = artifacts.load("data/train.joblib")
    fit = sklearn_model.compare_with_fit(solution, rows["X"], rows["y"], alpha)
    if fit.distance > fit.bound:
        raise AssertionError(f"scikit-learn's fit differs by {fit.distance}, rounding explains {fit.bound}")
    if fit.rank != solution.rank:
        ranks = f"rank {solution.rank} exactly, {fit.rank} to scikit-learn"
        warn(f"columns are nearly collinear, or of very different units: {ranks}; rescale or drop some in data.query")

    artifacts.dump(sklearn_model.estimator(solution, data["features"], alpha), "models/model.joblib")
    scores = {part: score.scores(of, solution.model) for part, of in moments.items()}
    coefficients = dict(zip(data["features"], solution.model.coef.tolist(), strict=True))
    artifacts.write_json(
        {**scores, "rank": solution.rank, "intercept": solution.model.intercept, "coefficients": coefficients},
        "metrics/train.json",
    )


if __name__ == "__main__":
    run(main)
