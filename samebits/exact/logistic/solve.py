"""The maximum of the logistic likelihood, enclosed: Newton's method, and a contraction that proves where it ends.

docs/logistic.md has the proof, with the same names.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from flint import arb, arb_mat

from samebits.exact.balls import middle
from samebits.exact.logistic.information import Information, inner
from samebits.exact.logistic.likelihood import WHOLE, Likelihood
from samebits.exact.precision import working_precision

# slices of the Fisher information; bits of the rows' probabilities, None for double-double numbers
STAGES = ((2, None), (5, None), (WHOLE, None), (WHOLE, 256), (WHOLE, 1024))
PRECISION = 256  # bits of all that is no row, at least
REFINEMENTS = 200  # a tiny penalty of separated classes takes one for each unit of the log odds
NEAR = 2.0**-10  # a step that moves no row's log odds by more leaves the Fisher information as it is
CLOSE, SPARE = 2.0**-80, 2.0**40  # a step that ends the refinement: beside standard errors; in balls, beside their bits


@dataclass(frozen=True)
class Enclosure:
    """Balls (k,) that hold the parameters of the maximum; at: parameters near it.

    moved: a bound of the distance between any row's log odds at both. precision: of the balls, in bits.
    """

    parameters: list[arb]
    at: list[arb]
    moved: arb
    precision: int

    @property
    def in_balls(self) -> bool:
        """Whether rows were computed in balls, too; else `at` has sums of two float64 numbers."""
        return self.precision > PRECISION


def enclosures(likelihood: Likelihood, at: list[arb], better_than: int = 0) -> Iterator[Enclosure]:
    """The maximum in ever smaller balls, of more bits than `better_than`, from parameters (k,) near it.

    There are none where nothing can be proved.
    """
    if not at:
        yield Enclosure([], [], arb(0), PRECISION)
        return
    for slices, precision in STAGES:
        if PRECISION + (precision or 0) <= better_than:
            continue
        with working_precision(PRECISION + (precision or 0)):
            try:
                found = _proved(likelihood, at, slices, precision)
            except ZeroDivisionError:  # a matrix that balls cannot tell from a singular one
                continue
        if found:
            yield found
            at = found.at


def _proved(likelihood: Likelihood, start: list[arb], slices: int, precision: int | None) -> Enclosure | None:
    close = arb(CLOSE) if precision is None else SPARE * arb(2) ** -precision
    w: list[arb] = [_rounded(each, precision) for each in start]
    H: arb_mat | None = None
    for _ in range(REFINEMENTS):
        if precision is not None:
            gradient, value, _ = likelihood.in_balls(w)
            error, information = arb(0), Information(value)
        elif H is None:
            gradient, error, information = likelihood.gradient_and_information(w, slices)
        else:
            gradient, error = likelihood.gradient(w)
        if precision is not None or H is None:
            start, H = w, information.value + likelihood.penalty_matrix()
            C = _symmetric_middle(H.inv())
            reach = (
                inner(C, likelihood.moments).upper().sqrt()
            )  # of a step's length: how far it moves any row's log odds
        step = C * gradient
        length = abs((gradient.transpose() * step)[0, 0]).upper().sqrt()
        wrong = error * arb(len(likelihood.sign)).sqrt()
        if not length.is_finite():
            return None
        if length < close + wrong * reach:
            break
        w = [_rounded(x - each, precision) for x, each in zip(w, step.entries(), strict=True)]
        if length * reach > NEAR:
            H = None
    else:
        return None
    length += wrong * reach
    radius = 2 * length
    moved = likelihood.movement([b - a for a, b in zip(start, w, strict=True)]) + radius * reach
    rest = _norm(_identity(len(w)) - C * H)
    contraction = (rest + information.trace(C, moved.upper(), likelihood.moments)).upper()
    if not (contraction < 0.5 and information.makes_definite(C, rest)):
        return None
    wrong *= reach  # of a parameter, beside its standard error, as (CMC)_jj <= trace(CM) C_jj
    blur = [(C[j, j].sqrt() * (wrong + contraction * radius)).upper() for j in range(len(w))]
    parameters = [x - each + arb(0, more) for x, each, more in zip(w, step.entries(), blur, strict=True)]
    return Enclosure(parameters, w, (radius * reach).upper(), PRECISION + (precision or 0))


def _identity(k: int) -> arb_mat:
    return arb_mat([[arb(int(i == j)) for j in range(k)] for i in range(k)])


def _norm(M: arb_mat) -> arb:
    return sum((each * each for each in M.entries()), arb(0)).upper().sqrt()


def _symmetric_middle(M: arb_mat) -> arb_mat:
    return arb_mat([[M[min(i, j), max(i, j)].mid() for j in range(M.ncols())] for i in range(M.nrows())])


def _rounded(x: arb, precision: int | None) -> arb:
    return _double(x) if precision is None else x.mid()


def _double(x: arb) -> arb:
    """The nearest sum of two float64 numbers."""
    high = middle(x)
    return arb(high) + arb(middle(x - high))
