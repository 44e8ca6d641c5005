"""The penalty with the least cross-validated squared error, computed exactly from the moments of folds.

A fold's moments score a model, and the rest of the total trains it: no row is read again.
"""

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from flint import fmpq

from samebits.errors import UserError
from samebits.exact import least_squares, score
from samebits.exact.moments import Moments
from samebits.exact.rational import nearest_float, nearest_sqrt
from samebits.model.linear import LinearModel

# The grid of `auto`, in powers of two, and its size
BELOW, ABOVE = 20, 6
POINTS = 60
LEAST, GREATEST = -1074, 1023  # that float64 holds


@dataclass(frozen=True)
class Fold:
    """The moments of the rows that train a model, and of those that score it."""

    train: Moments
    test: Moments

    @classmethod
    def each_of(cls, parts: Sequence[Moments]) -> list[Self]:
        """Each part scores once, and all others train."""
        total = functools.reduce(operator.add, parts)
        return [cls(total - part, part) for part in parts]


Loss = Callable[[Fold, LinearModel], fmpq]


def mean_squared_error(fold: Fold, model: LinearModel) -> fmpq:
    """The exact mean squared error of a model over the rows that score it."""
    return score.residual_sum_of_squares(fold.test, model) / fold.test.weight


def one_minus_r2(fold: Fold, model: LinearModel) -> fmpq:
    """The exact 1 - R2 of a model over the rows that score it."""
    return 1 - score.r2(fold.test, model)


Number = TypeVar("Number", bound=Any)  # exact: it compares without rounding


@dataclass(frozen=True)
class Losses(Generic[Number]):
    """The loss of each fold for each penalty: alphas (k,), errors k lists with one for each fold."""

    alphas: list[float]
    errors: list[list[Number]]

    @functools.cached_property
    def means(self) -> list[Number]:
        """The mean errors over the folds, as in `cross_val_score` and `GridSearchCV`: each fold counts the same."""
        return [functools.reduce(operator.add, each) * fmpq(1, len(each)) for each in self.errors]

    @functools.cached_property
    def best(self) -> int:
        """The index of the penalty with the least mean error; of tied penalties, the largest."""
        return min(range(len(self.alphas)), key=lambda i: (self.means[i], -self.alphas[i]))

    @property
    def alpha(self) -> float:
        """The penalty with the least mean error."""
        return self.alphas[self.best]

    def rounded(self, i: int) -> tuple[float, float]:
        """The mean error of penalty i and its standard deviation over the folds, each rounded once."""
        raise NotImplementedError

    def row(self, i: int) -> dict[str, float]:
        """The same under their names."""
        error, spread = self.rounded(i)
        return {"alpha": self.alphas[i], "error": error, "spread": spread}

    def curve(self) -> list[dict[str, Any]]:
        """A row for each penalty, for the plot."""
        return [{**self.row(i), "chosen": i == self.best} for i in range(len(self.alphas))]


@dataclass(frozen=True)
class CrossValidation(Losses[fmpq]):
    """The loss of a fold is that of the model that `least_squares.Solver` gives, with its rounded parameters."""

    @classmethod
    def of(
        cls,
        folds: Sequence[Fold],
        alphas: Iterable[float],
        fit_intercept: bool = True,
        standardize: bool = False,
        loss: Loss = mean_squared_error,
    ) -> Self:
        """Cross-validate penalties, with one model for each penalty and fold.

        Penalties under which a parameter lies beyond the range of float64 are left out. Raises UserError if all are.
        """
        tried, errors = [], []
        problem = None
        solvers = [least_squares.Solver(fold.train, fit_intercept, standardize) for fold in folds]
        for alpha in alphas:
            try:
                models = [each.problem(alpha).solve().model for each in solvers]
            except UserError as error:
                problem = error
                continue
            tried.append(alpha)
            errors.append([loss(fold, model) for fold, model in zip(folds, models, strict=True)])
        if not tried and problem:
            raise problem
        return cls(tried, errors)

    @classmethod
    def mean(cls, of: Sequence[Self]) -> Self:
        """The mean losses of several targets."""
        alphas = [alpha for alpha in of[0].alphas if all(alpha in each.alphas for each in of)]
        errors = [
            [
                sum(same, fmpq(0)) / len(of)
                for same in zip(*(each.errors[each.alphas.index(alpha)] for each in of), strict=True)
            ]
            for alpha in alphas
        ]
        return cls(alphas, errors)

    def rounded(self, i: int) -> tuple[float, float]:
        """The mean error of penalty i and its standard deviation over the folds, each rounded once."""
        variance = sum(((error - self.means[i]) ** 2 for error in self.errors[i]), fmpq(0)) / len(self.errors[i])
        return nearest_float(self.means[i]), nearest_sqrt(variance)


def grid(moments: Moments, standardize: bool = False, points: int = POINTS) -> list[float]:
    """Penalties from almost none to almost all, ascending: at most `points` powers of two, which no rounding touches.

    The penalised solution shrinks along each eigenvector of the centred X'X, of eigenvalue d, by d / (d + alpha), and
    alpha where d is the scale that matters (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning,
    2nd ed., section 3.4.1). The sum of the diagonal bounds the largest eigenvalue from above, its least entry the
    smallest. The grid goes from 2**-BELOW times the latter, or a little less, to 2**ABOVE times the former, both
    rounded down to powers of two. With `standardize`, each entry is the number of rows.
    """
    variances = [each for each in moments.variances() if each]
    if not variances:
        return [1.0]  # all are the same
    diagonal = [moments.weight * (1 if standardize else each) for each in variances]
    low = max(_power_below(min(diagonal)) - BELOW, LEAST)
    high = min(_power_below(sum(diagonal, fmpq(0))) + ABOVE, GREATEST)
    step = 1 + (high - low) // (points - 1)
    return [2.0**power for power in range(high, low - step, -step) if power >= LEAST][::-1]


def _power_below(value: fmpq) -> int:
    """The exponent of the largest power of two that is not above `value` > 0."""
    power = int(value.p).bit_length() - int(value.q).bit_length()
    return power if value >= fmpq(2) ** power else power - 1
