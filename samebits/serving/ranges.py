"""Values unlike those of the training: how many rows have one, by column."""

from collections import Counter

import numpy as np

from samebits.model.predictor import Predictor
from samebits.model.schema import Rows, Schema

MOST_TOLD = 10  # columns


class Ranges:
    """What is outside the ranges and levels of the training, counted over blocks of rows.

    schema: of the table, if the rows are raw; then a column of it is named, else a feature.
    """

    def __init__(self, predictor: Predictor, schema: Schema | None) -> None:
        self._predictor, self._schema = predictor, schema
        self._columns: dict[str, list[int]] = {}
        for j, feature in enumerate(predictor.features):
            of = schema.sources[feature] if schema else []
            self._columns.setdefault(of[0] if len(of) == 1 else feature, []).append(j)
        self._outside: Counter[str] = Counter()
        self._unseen: dict[str, tuple[int, str]] = {}

    def add(self, rows: Rows) -> dict[int, str]:
        """Count; by its place, what is unlike the training in the first row of each column that has such."""
        first: dict[int, str] = {}
        outside = self._predictor.outside(rows.X) & np.isfinite(rows.X).all(axis=1)[:, None]
        if outside.any():
            for name, features in self._columns.items():
                where = outside[:, features].any(axis=1)
                if where.any():
                    self._outside[name] += int(where.sum())
                    first.setdefault(int(where.argmax()), f"{name} is outside the training rows{self._range(name)}")
        for name, of in rows.unseen.items():
            count, level = self._unseen.get(name, (0, of.level))
            self._unseen[name] = count + of.rows, level
            first.setdefault(of.place, f"{name}: training never saw the level {of.level!r}")
        return first

    def warnings(self) -> list[str]:
        """A line for each column."""
        outside = [
            f"{name}: {_rows(of)} outside the training rows{self._range(name)}" for name, of in self._outside.items()
        ]
        unseen = [
            f"{name}: {_rows(count)} with a level that training never saw, as {level!r}"
            for name, (count, level) in self._unseen.items()
        ]
        lines = outside + unseen
        more = len(lines) - MOST_TOLD
        return lines[:MOST_TOLD] + ([f"values of {more} more columns are unlike the training rows"] if more > 0 else [])

    def _range(self, name: str) -> str:
        """What to say of a range: that of the only feature which the column is, or else what the column holds."""
        features = [self._predictor.features[j] for j in self._columns[name]]
        if (
            not self._schema
            or self._schema.columns.keys().isdisjoint([name])
            or self._schema.same.get(features[0]) == name
        ):
            low, high = self._predictor.ranges[:, self._columns[name][0]].tolist()
            return f" ({low!r} to {high!r})"
        of = self._schema.columns[name]
        return f" (the table has {of.min} to {of.max})" if of.min is not None else ""


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count != 1 else ''}"
