"""Which features separate the two classes of a target by themselves, and what a person should know of that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from samebits.advice import ranks
from samebits.advice.features import Line, count
from samebits.tables.diagnosis import clean

FEW = 5  # rows of a class, of which an order tells nothing
STEPS = 12  # of Newton's method
CHANCE = 1e-3  # rows that would be of one class with a greater probability tell nothing of it
NEARLY = 0.99  # of the pairs of a row of 1 and a row of 0: a column that orders more of them rightly deserves a warning


@dataclass(frozen=True)
class Separating:
    """A feature on which no row of one class lies above a row of the other, though some may lie on one value.

    ones, zeros: how many rows of 1 and of 0 lie where no row of the other class does. all: whether all rows do.
    """

    name: str
    ones: int
    zeros: int
    all: bool


@dataclass(frozen=True)
class Classes:
    """The training rows of both classes. labels: what 0 and 1 mean. separating: features that separate them."""

    rows: tuple[int, int]
    labels: tuple[str, str]
    separating: list[Separating]

    @classmethod
    def of(
        cls,
        asked: Callable[[list[str]], list[Any]],
        features: Sequence[Line],
        y: str,
        labels: tuple[str, str],
        among: str,
    ) -> "Classes":
        """The classes in the rows of a table.

        asked: gives the values of aggregates. y: the SQL of the target, 0 or 1. among: the SQL of the rows.
        """
        no, yes = f"FILTER ({among} AND ({y}) = 0)", f"FILTER ({among} AND ({y}) = 1)"
        x = [f"(({each.sql})::DOUBLE)" for each in features]
        rows = tuple(asked([f"count(*) {no}", f"count(*) {yes}"]))
        ends = asked([f"(min{each} {no}, max{each} {no}, min{each} {yes}, max{each} {yes})" for each in x])
        found = []
        for each, sql, (low0, high0, low1, high1) in zip(features, x, ends, strict=True):
            if None in (low0, low1) or min(low0, low1) == max(high0, high1):
                continue
            if high0 <= low1:
                [(ones, zeros)] = asked([_outside(sql, high0, low1, among)])
            elif high1 <= low0:
                [(zeros, ones)] = asked([_outside(sql, high1, low0, among)])
            else:
                continue
            found.append(Separating(each.name, ones, zeros, ones + zeros == sum(rows)))
        return cls(rows, labels, found)

    def by_chance(self) -> dict[str, str]:
        """Of features that separate so few rows that this tells nothing: by name, why they are left out."""
        return {
            each.name: f"{self._told(each)}, which may be chance"
            for each in self.separating
            if by_chance((each.zeros, each.ones), self.rows)
        }

    def notes(self, target: str, names: Sequence[str]) -> list[str]:
        """What a person must know of the features with these names."""
        left = [each for each in self.separating if each.name in names]
        if not left:
            return []
        shown = "; ".join(f"{each.name} ({self._told(each)})" for each in left[:3])
        more = f"; and {len(left) - 3} more" if len(left) > 3 else ""
        return [
            f"separates the classes: {shown}{more}. Leave it out if it is known only together with {target}; without a "
            "penalty there are no finite coefficients: set train.alpha, as 1.0"
        ]

    def _told(self, each: Separating) -> str:
        if each.all:
            return "all training rows"
        no, yes = (clean(label) for label in self.labels)
        sides = ((each.ones, yes), (each.zeros, no))
        return " and ".join(f"only {label} in {count(rows, 'training row')}" for rows, label in sides if rows)


def _outside(x: str, high: float, low: float, among: str) -> str:
    """The aggregate that counts the rows with x above `high`, and those with x below `low`."""
    conditions = (f"{x} > {high!r}::DOUBLE", f"{x} < {low!r}::DOUBLE")
    return "({}, {})".format(*(f"count(*) FILTER ({among} AND {each})" for each in conditions))


def by_chance(decided: tuple[int, int], rows: tuple[int, int]) -> bool:
    """Whether so many rows of 0 and 1 would lie alone by chance. rows: all of both classes."""
    shares = np.array(rows) / sum(rows)
    return bool(np.prod(shares ** np.array(decided)) > CHANCE)


def alike(x: np.ndarray, y: np.ndarray) -> str:
    """How a column x (n,) orders the rows nearly as y (n,) of 0 and 1 does; empty where it does not, or separates."""
    ones = int(np.sum(y))
    if min(ones, len(y) - ones) < FEW:
        return ""
    area = float(np.mean(ranks.ranks(x)[y == 1]) - (ones + 1) / 2) / (len(y) - ones)
    area = max(area, 1 - area)
    return f"area under the ROC curve {area:.3f}" if NEARLY < area < 1 else ""


def explained(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """The shares of the deviance of y (n,), of 0 and 1, that x (n,) explains as a number and as categories.

    The latter is 0 where the criterion of Schwarz (1978) does not prefer them.
    """
    values, level = np.unique(x, return_inverse=True)
    rows, ones = np.bincount(level), np.bincount(level, y)
    null = _deviance(np.full(len(values), y.mean()), rows, ones)
    if len(rows) < 3 or len(x) <= len(rows) + 1 or not null:
        return 0.0, 0.0
    number = _deviance(_fit((values - x.mean()) / x.std(), rows, ones), rows, ones)
    levels = _deviance(ones / rows, rows, ones)
    preferred = number - levels > (len(rows) - 2) * np.log(len(x))
    return 1 - number / null, 1 - levels / null if preferred else 0.0


def _fit(x: np.ndarray, rows: np.ndarray, ones: np.ndarray) -> np.ndarray:
    """The probabilities (k,) of logistic regression on x (k,), each with so many rows and ones, by Newton's method."""
    A, w = np.stack([np.ones_like(x), x], 1), np.zeros(2)
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(A @ w, -30, 30)))
        information = A.T @ (A * (rows * p * (1 - p))[:, None])
        w += np.linalg.lstsq(information, A.T @ (ones - rows * p))[0]
    return 1 / (1 + np.exp(-np.clip(A @ w, -30, 30)))


def _deviance(p: np.ndarray, rows: np.ndarray, ones: np.ndarray) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(ones > 0, ones * np.log(p), 0) + np.where(rows > ones, (rows - ones) * np.log(1 - p), 0)
    return float(-2 * terms.sum())
