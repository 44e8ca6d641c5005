"""What a model knows of its table: how a row of it becomes a row of features.

It is data: the stage `data` finds it out, the card holds it. `samebits.tables.raw` applies it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

import numpy as np

from samebits.errors import UserError

Form = Literal["raw", "features"]
SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Column:
    """A column of the table.

    type: DuckDB's. needed: whether a prediction depends on it. min, max: of its numbers, dates and times, as JSON has
    them. levels: the texts of a column that has few, the most frequent first. missing: in how many rows. default: what
    stands in where it is missing, as text: of a column of the target that a filter asks for.
    """

    type: str
    needed: bool = False
    min: Any = None
    max: Any = None
    levels: list[str] | None = None
    missing: int = 0
    default: str | None = None


@dataclass(frozen=True)
class Schema:
    """A table, and the query that makes features of its rows.

    options: how its CSV was read, as DuckDB's read_csv takes it; none of another format. columns: all, by their names,
    in their order. sources: by the name of a feature, the columns that it is made of. by_row: whether each row of the
    query is made of one row of the table; only then it can be asked of other rows. same: by the name of a feature, the
    column that it is as it stands. plain: whether each row of the table is one of features, under the same names.
    """

    query: str
    by_row: bool
    plain: bool
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_features(cls, features: Sequence[str]) -> Self:
        """That of rows of features, which stay as they are."""
        columns = {name: Column("DOUBLE", needed=True) for name in features}
        return cls("FROM source", False, True, columns=columns, sources={name: [name] for name in features})

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """What `to_plain` gave. Raises TypeError where it is something else."""
        columns = {name: Column(**of) for name, of in plain["columns"].items()}
        return cls(**{**plain, "columns": columns})

    def to_plain(self) -> dict[str, Any]:
        """Plain containers, for a file; of a column, only what is known of it."""
        defaults = asdict(Column(""))
        columns = {
            name: {key: value for key, value in asdict(of).items() if key == "type" or value != defaults[key]}
            for name, of in self.columns.items()
        }
        return {**asdict(self), "columns": columns}

    @property
    def needed(self) -> list[str]:
        """The columns without which there is no prediction."""
        return [name for name, of in self.columns.items() if of.needed]

    def named(self, header: Sequence[str]) -> list[str]:
        """The names of the columns under a header of the table.

        A name that the reader of the table had changed, as of two that are equal, is told from its place. What is no
        column of the table gets a name that no other has.
        """
        columns = list(self.columns)
        if len(header) == len(columns) and all(
            name == cell or cell not in columns or cell in header[:place]
            for place, (name, cell) in enumerate(zip(columns, header, strict=True))
        ):
            return columns
        taken = {name.lower() for name in (*columns, *header)}
        names: list[str] = []
        for cell in header:
            if cell in columns and cell not in names:
                names.append(cell)
                continue
            number = len(names)
            while (name := f"{cell} ({number})").lower() in taken:
                number += 1
            taken.add(name.lower())
            names.append(name)
        return names

    def form(
        self,
        names: Collection[str],
        features: Sequence[str],
        asked: Form | None = None,
        how: str = "with --raw or --features",
    ) -> Form:
        """Whether rows with these columns are raw rows of the table, or rows of features.

        asked: what the user says. how: the user can say it. Raises UserError where columns are missing, or the rows
        may be both.
        """
        no_feature = [name for name in features if name not in names]
        no_column = [name for name in self.needed if name not in names]
        if asked == "raw" and not self.by_row:
            raise UserError("the model's query needs more than one row at a time; give rows of features")
        may_be_raw = self.by_row and not no_column
        if asked == "features" or (asked is None and not no_feature and (self.plain or not may_be_raw)):
            missing, of = no_feature, "features"
        elif asked == "raw" or may_be_raw:
            missing, of = no_column, "columns of the table"
        else:
            raise UserError(self._told_missing(no_column, no_feature, names))
        if missing:
            raise UserError(
                f"no column {_listed(missing)}; the {of} are {_listed(features if of == 'features' else self.needed)}"
            )
        if asked is None and of != "features" and not no_feature and any(name not in names for name in self.columns):
            raise UserError(
                f"the columns {_listed(features)} may be those of the table or the features, which the model's query "
                f"makes of them; say which {how}"
            )
        return "features" if of == "features" else "raw"

    def _told_missing(self, no_column: list[str], no_feature: list[str], names: Collection[str]) -> str:
        there = f"there are {_listed(list(names))}"
        if not self.by_row or len(no_feature) < len(no_column):
            return f"no column {_listed(no_feature)}; {there}"
        return f"no column {_listed(no_column)}; {there}; the features are {_listed([*self.sources])}"


@dataclass(frozen=True)
class Unseen:
    """Rows with a level that no row of the table has: how many, the place of the first, and its level."""

    rows: int
    place: int
    level: str


@dataclass(frozen=True)
class Rows:
    """Rows of features.

    X: (n, p), not finite where a row has no prediction. why: of some rows without, by their places, the reason. unseen:
    by column of the table.
    """

    X: np.ndarray
    why: Mapping[int, str] = field(default_factory=dict)
    unseen: Mapping[str, Unseen] = field(default_factory=dict)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name if len(name) <= 60 else f"{name[:60]}…" for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
