"""train: a model of the family that params.yaml names, as a scikit-learn estimator."""

from samebits import artifacts, families, params, pickles
from samebits.errors import run
from samebits.families.family import Data
from samebits.model.linear import LinearModel


def main() -> None:
    """Train, compare with scikit-learn's own fit, write the model, its coefficients and their standard errors."""
    data = Data()
    fit = families.train(params.load().train, data)
    model = LinearModel.of(fit.estimator)
    coefficients = dict(zip(data.features, model.coef.tolist(), strict=True))
    chosen = {"cross_validation": fit.chosen} if fit.chosen else {}
    facts = {**chosen, "rank": fit.rank, "intercept": model.intercept, "coefficients": coefficients}
    pickles.dump(fit.estimator, "models/model.joblib")
    artifacts.write_json(fit.penalties, "plots/penalty.json")
    artifacts.write_json(facts, "metrics/train.json")
    artifacts.write_json(fit.summary, "metrics/coefficients.json")


if __name__ == "__main__":
    run(main)
