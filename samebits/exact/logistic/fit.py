"""From rows to the parameters of the maximum, each rounded once."""

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat, fmpq

from samebits.exact.balls import middle, nearest
from samebits.exact.least_squares import Solver
from samebits.exact.logistic.likelihood import Likelihood
from samebits.exact.logistic.search import newton
from samebits.exact.logistic.separation import SeparationError, separation
from samebits.exact.logistic.solve import Enclosure, enclosures
from samebits.exact.logistic.whitening import whitened
from samebits.exact.moments import Moments
from samebits.exact.precision import working_precision
from samebits.exact.solving.collinear import Relation
from samebits.model.linear import LinearModel


@dataclass(frozen=True)
class Fit:
    """A logistic model and what its statistics need.

    parameters: (k,), of the intercept, if any, and of the columns; undecided: those whose last bit is open.
    columns: of which parameters the likelihood speaks, the others being combinations of them; exponents: of two, the
    units that it divides these columns by.
    """

    parameters: list[float]
    undecided: list[int]
    relations: list[Relation]
    columns: list[int]
    exponents: np.ndarray
    likelihood: Likelihood
    enclosure: Enclosure

    @property
    def model(self) -> LinearModel:
        """That of the log odds; without an intercept, it is 0."""
        first = int(self.likelihood.intercept)
        return LinearModel(np.array(self.parameters[first:]), self.parameters[0] if first else 0.0)


def fit(
    X: np.ndarray, sign: np.ndarray, weight: np.ndarray, intercept: bool, penalties: list[fmpq], names: list[str]
) -> Fit:
    """The maximum of the likelihood of classes sign (n,), 1 or -1, less half of the sum of penalty w**2.

    X: (n, p); weight: (n,), > 0; penalties: (p,), all 0 or none. Raises SeparationError where the maximum does not
    exist, and ArithmeticError where nothing can be proved.
    """
    penalised = any(penalties)
    relations = [] if penalised else _relations(X, intercept)
    dependent = {each.feature for each in relations}
    if penalised and intercept:  # the penalty alone acts on a constant, which the intercept replaces
        dependent |= set(np.flatnonzero(X.min(axis=0) == X.max(axis=0)).tolist())
    kept = [j for j in range(X.shape[1]) if j not in dependent]
    exponents = np.frexp(np.abs(X[:, kept]).max(axis=0, initial=0))[1]
    scaled = np.ldexp(X[:, kept], -exponents)
    units = [fmpq(4) ** -int(each) for each in exponents]
    inner = [*([fmpq(0)] if intercept else []), *(penalties[j] * unit for j, unit in zip(kept, units, strict=True))]
    likelihood = Likelihood(scaled, sign, weight, intercept, inner)
    exponents = np.concatenate([np.zeros(int(intercept), int), exponents])

    try:
        rows = whitened(likelihood)
        v, saturated = newton(rows.Z, weight, rows.penalty(likelihood))
    except np.linalg.LinAlgError:
        raise ArithmeticError(_not_enclosed(penalised)) from None
    if saturated and not penalised and (found := separation(likelihood, rows)):
        raise SeparationError([names[j] for j, each in zip(kept, found[int(intercept) :], strict=True) if each])
    best: tuple[list[float], list[int], Enclosure] | None = None
    zeros: set[int] = set()
    for enclosure in enclosures(likelihood, rows.parameters(v)):
        with working_precision(enclosure.precision):
            if best is None:
                open_ones = [j for j, each in enumerate(enclosure.parameters) if each.contains(0)]
                zeros = _exact_zeros(likelihood, open_ones)
            balls = [
                arb(0) if j in zeros else each * arb(2) ** -int(exponent)
                for j, (each, exponent) in enumerate(zip(enclosure.parameters, exponents, strict=True))
            ]
            balls = _all_parameters(balls, kept, relations, X.shape[1], intercept)
            rounded = [0.0 if each == 0 else nearest(each) for each in balls]
            best = (
                [middle(each) if value is None else value for each, value in zip(balls, rounded, strict=True)],
                [j for j, value in enumerate(rounded) if value is None],
                enclosure,
            )
        if None not in rounded:
            break
    if best is None:
        raise ArithmeticError(_not_enclosed(penalised))
    parameters, undecided, enclosure = best
    columns = [*([0] if intercept else []), *(j + 1 for j in kept)]
    return Fit(parameters, undecided, relations, columns, exponents, likelihood, enclosure)


def _relations(X: np.ndarray, intercept: bool) -> list[Relation]:
    collinear = Solver(Moments.of(X, np.zeros(len(X))), intercept, rows=len(X)).collinear
    return collinear.relations if collinear else []


def _not_enclosed(penalised: bool) -> str:
    remedy = "give a larger penalty, which is a smaller C" if penalised else "rescale the columns, or give a penalty"
    return f"the maximum of the likelihood could not be enclosed; {remedy}"


def _all_parameters(
    balls: list[arb], kept: list[int], relations: list[Relation], features: int, intercept: bool
) -> list[arb]:
    """All parameters from those of the independent columns: the shortest w that predicts the same in every row.

    The columns are X = X_kept R and constants; the shortest w with R w = u is R'(R R')^-1 u.
    """
    first, u = balls[: int(intercept)], balls[int(intercept) :]
    if not relations:
        w = [arb(0)] * features
        for j, each in zip(kept, u, strict=True):
            w[j] = each
        return [*first, *w]
    rows = [[fmpq(int(i == j)) for j in range(features)] for i in kept]
    place = {j: i for i, j in enumerate(kept)}
    for relation in relations:
        for other, coef in relation.terms.items():
            rows[place[other]][relation.feature] = coef
    w = [arb(0)] * features
    if kept:
        R = arb_mat([[arb(each) for each in row] for row in rows])
        z = (R * R.transpose()).solve(arb_mat([[each] for each in u]))
        w = (R.transpose() * z).entries()
    shift = sum((w[each.feature] * arb(each.constant) for each in relations), arb(0))
    return [*(each - shift for each in first), *w]


def _exact_zeros(likelihood: Likelihood, candidates: list[int]) -> set[int]:
    """Which parameters are 0 because the likelihood is the same when they change their signs: no ball decides those.

    Its rows s a are then the same, but for their order, when these columns change their signs.
    """
    ones = np.ones((len(likelihood.sign), int(likelihood.intercept)))
    rows = np.hstack([ones, likelihood.X]) * likelihood.sign[:, None] + 0.0
    if len(candidates) == rows.shape[1] and not _have_sums(rows, likelihood.weight):
        return set(candidates)  # the gradient at 0
    zeros: set[int] = set()
    for some in [candidates, *([each] for each in candidates)]:
        if some and not zeros.issuperset(some):
            flipped = rows.copy()
            flipped[:, some] = 0.0 - flipped[:, some]
            if np.array_equal(_counted(rows, likelihood.weight), _counted(flipped, likelihood.weight)):
                zeros |= set(some)
    return zeros


def _have_sums(rows: np.ndarray, weight: np.ndarray) -> bool:
    """Whether the exact sum of some column of weighted rows (n, k) is not 0."""
    return any(Moments.weighted(rows, np.zeros(len(rows)), weight).integers.tolist()[0][1:-1])


def _counted(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Rows with their weights, in an order that does not depend on that of the rows."""
    together = np.column_stack([rows, weight])
    return together[np.lexsort(together.T)]
