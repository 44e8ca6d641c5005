"""data: the exact moments of both parts of a table of any size, and a sample of their rows."""

from samebits import artifacts, params, pickles
from samebits.errors import UserError, run
from samebits.tables import describe, diagnosis, summary
from samebits.tables.table import Table


def main() -> None:
    """Read the source block by block, split its rows, write the moments and a sample of both parts.

    Beside the moments stands what a model needs to know of the table; beside test rows, how some stand in it.
    """
    options = params.load()
    data = options.data
    split = None if data.split in params.SPLITS else data.split
    table = Table.of(data.source, data.query, data.target, split)
    parts = summary.of(table, data, options.train.folds, options.compute)
    rows = {part: each.moments.rows for part, each in parts.items()}
    all_rows, coefficients = sum(rows.values()), len(table.features) + 1
    if not all_rows:
        raise diagnosis.no_rows(data.source)
    blamed = f"data.split: the column {split}" if split else "data.test_size"
    if rows["train"] < coefficients:
        raise UserError(
            f"{blamed} leaves {rows['train']} of {all_rows} rows for training; "
            f"{coefficients} coefficients need at least as many"
        )
    if not rows["test"]:
        raise UserError(f"{blamed} leaves none of {all_rows} rows for testing")

    names = {"features": table.features, "target": table.target}
    moments = {part: each.moments.to_plain() for part, each in parts.items()}
    folds = [each.to_plain() for each in parts["train"].folds]
    schema = describe.schema(table)
    of_training = {"folds": folds, **parts["train"].ranges(), "table": schema.to_plain()}
    pickles.dump({**names, **moments, **of_training}, "data/moments.joblib")
    kept = {}
    for part, each in parts.items():
        X, y = each.sample.rows()
        as_in_table = {"examples": describe.examples(table, schema, X, y)} if part == "test" else {}
        pickles.dump({**names, "X": X, "y": y, **as_in_table}, f"data/{part}.joblib")
        kept[part] = len(y)
    artifacts.write_json({"rows": rows, "kept_rows": kept, "features": len(table.features)}, "metrics/data.json")


if __name__ == "__main__":
    run(main)
