"""data: the table, its split and the exact moments of both parts."""

from samebits import artifacts, params, split, table
from samebits.errors import UserError, run
from samebits.moments import Moments


def main() -> None:
    """Read the source, split its rows, write both parts and their moments."""
    options = params.load().data
    rows = table.read(options.source, options.query, options.target)
    train, test = split.shuffle(len(rows.y), options.test_size, options.seed)
    coefficients = len(rows.features) + 1
    if len(train) < coefficients:
        raise UserError(
            f"data.test_size leaves {len(train)} of {len(rows.y)} rows for training; "
            f"{coefficients} coefficients need at least as many"
        )
    names = {"features": rows.features, "target": rows.target}
    moments = {}
    for part, indices in (("train", train), ("test", test)):
        X, y = rows.X[indices], rows.y[indices]
        moments[part] = Moments.of(X, y).to_plain()
        artifacts.dump({**names, "X": X, "y": y}, f"data/{part}.joblib")
    X = rows.X[train] + 0.0  # -0.0 becomes 0.0: which of them is the least is not defined
    artifacts.dump({**names, **moments, "min": X.min(axis=0), "max": X.max(axis=0)}, "data/moments.joblib")
    counts = {"train": len(train), "test": len(test)}
    artifacts.write_json({"rows": counts, "features": len(rows.features)}, "metrics/data.json")


if __name__ == "__main__":
    run(main)
