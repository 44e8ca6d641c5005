"""The bounds of the proof in docs/exact.md, the tables that reach them, and what happens beyond."""

import math
import re
import sys
import threading
import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from samebits.exact import compiled, cross_validation, derived, least_squares, slices, triangle
from samebits.exact.moments import Moments
from samebits.exact.slices import BITS, BUFFER, FLUSH_BLOCKS, LIMIT, LONGER, MAX_SLICES, SMALL, TERMS, Grid
from samebits.exact.solving import factor, nonnegative, refinement
from tests import definitions

DOCUMENT = Path(__file__).parents[2] / "docs" / "exact.md"
MOST_ROWS, MOST_THREADS = 2**39, 2**20  # of one call, in the proof
UNIT = BITS - 1  # the scale that makes 1 the unit of the first slice
LAST = 2.0 ** (-2 * BITS)  # then the unit of the third slice


@pytest.fixture(autouse=True)
def through_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "library", lambda: None)


def full(k: int) -> float:
    """A number of three slices, LIMIT or -LIMIT each, the first one slice k: float64 has no bits for a fourth."""
    signs = (1, 1, -1) if k == 0 else (1, -1, 1)
    return math.fsum(sign * LIMIT * 2.0 ** (-BITS * (k + i)) for i, sign in enumerate(signs))


def matrix(integers: np.ndarray, exponent: int) -> definitions.Matrix:
    return [[entry * Fraction(2) ** exponent for entry in row] for row in triangle.full(integers).tolist()]


def products(X: np.ndarray, y: np.ndarray, grid: Grid, threads: int = 1) -> tuple[definitions.Matrix, list[int]]:
    integers, exponent, left_out = slices.products(X, y, grid, threads)
    return matrix(integers, exponent), left_out.tolist()


def repeated(X: np.ndarray, y: np.ndarray, times: int) -> definitions.Matrix:
    """A'A with A = [1, X, y] over so many copies of these rows."""
    return [[times * entry for entry in row] for row in definitions.moments(X, y)]


def test_the_constants_keep_the_bounds_of_the_proof() -> None:
    limit = int(LIMIT)
    lowest, highest = Grid.of(np.full((1, 1), 5e-324), np.full(1, sys.float_info.max)).scale.tolist()
    assert np.isfinite(np.ldexp(LIMIT, -lowest))  # 1. Scale: the largest factor is finite
    assert np.ldexp(LIMIT, -highest) >= sys.float_info.min  # 1. Scale: the smallest factor is a normal number
    assert limit == LIMIT == 2**BITS / 2  # 2. Cut: a rest of 1/2, times 2^BITS, is a slice within LIMIT
    assert TERMS * limit**2 <= 2**53  # 4. Block: every partial sum is a float64 number
    assert limit >= 1  # 5. Ones: they are slices, too
    chunk = max(1, LONGER * BUFFER // (2 * TERMS))  # blocks
    assert (FLUSH_BLOCKS + chunk) * TERMS * limit**2 + 2**32 < 2**63  # 6. Chunk: low between two carries
    assert MOST_ROWS * limit**2 // 2**32 + MOST_THREADS < 2**63  # 7. Carry: high of all threads
    assert MOST_ROWS + 2**32 * MOST_THREADS < 2**63  # 7. Carry: low of all threads
    assert BITS <= 32  # 8. Together: high is shifted to the left
    assert 2 ** (2 * BITS) <= 2**63  # 8. Together: two digits in one number
    bound = MAX_SLICES * MOST_ROWS * limit**2
    carry = bound // (2**BITS - 1) + 2
    assert carry + MOST_ROWS + 2**32 * MOST_THREADS * MAX_SLICES < 2**63  # 8. Together: low + carry
    assert (bound // 2**32 + MOST_THREADS * MAX_SLICES) << (32 - BITS) < 2**63  # 8. Together: the shifted high


def test_the_document_gives_the_constants_their_values() -> None:
    found = re.findall(r"`([A-Z_]+)`\s=\s(\d+)(?:\^(-?\d+))?", DOCUMENT.read_text())
    names = {
        slices: ("BITS", "LIMIT", "TERMS", "MAX_SLICES", "FLUSH_BLOCKS", "BUFFER", "LONGER"),
        cross_validation: ("BELOW", "ABOVE", "POINTS"),
        derived: ("ROUNDINGS", "WEAK"),
        least_squares: ("WIDE",),
        factor: ("ENOUGH", "UNIT", "LEVELS"),
        nonnegative: ("FEW",),
        triangle: ("LIMB",),
        refinement: ("GUARD", "EXACT", "MOST_BITS"),
    }
    values = {name: getattr(module, name) for module, each in names.items() for name in each}
    assert {name: float(base) ** int(power or 1) for name, base, power in found} == values


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("k", range(MAX_SLICES - 2))
def test_slices_reach_their_limit(k: int, sign: int) -> None:
    Z = np.empty((1 + MAX_SLICES, TERMS))
    grid = Grid(np.array([UNIT]), np.array([MAX_SLICES]))
    unfit = slices._cut(np.empty((1, 0)), np.array([sign * full(k)]), grid, np.empty((1, TERMS)), Z)
    assert not unfit.size
    three = [1, 1, -1] if k == 0 else [1, -1, 1]
    assert Z[:, 0].tolist() == [1, *[0] * k, *(sign * LIMIT * each for each in three), *[0] * (MAX_SLICES - k - 3)]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_largest_slices_sum_exactly(threads: int) -> None:
    ks, times = range(MAX_SLICES - 2), 2**15
    pairs = np.array([[full(k), -full(other)] for k in ks for other in ks])  # every slice of x meets every one of y
    rows = np.repeat(pairs, times, axis=0)
    assert len(rows) > 5 * FLUSH_BLOCKS * TERMS
    grid = Grid(np.array([UNIT, UNIT]), np.array([MAX_SLICES, MAX_SLICES]))
    expected = repeated(pairs[:, :1], pairs[:, 1], times)
    assert products(rows[:, :1], rows[:, 1], grid, threads) == (expected, [])


def test_the_largest_slices_of_many_columns_sum_exactly() -> None:
    row = full(0) * np.resize([1.0, -1.0, 1.0], (1, 22))
    grid = Grid(np.full(22, UNIT), np.full(22, 3))
    n = (FLUSH_BLOCKS + 9) * TERMS + 1
    rows = np.repeat(row, n, axis=0)
    rows[777, 3] = LAST / 2  # does not fit, must not be counted
    assert 1 + grid.slices.sum() > 64  # the ones stand on both sides
    assert products(rows[:, :-1], rows[:, -1], grid) == (repeated(row[:, :-1], row[:, -1], n - 1), [777])


@pytest.mark.parametrize(("value", "count"), [(LIMIT, 1), (-LIMIT, 1), (0.0, 0)])
def test_the_largest_chunk_sums_exactly(value: float, count: int) -> None:
    n = SMALL + TERMS + 1
    grid = Grid(np.array([UNIT]), np.array([count]))
    expected = repeated(np.empty((1, 0)), np.array([value]), n)
    assert products(np.empty((n, 0)), np.full(n, value), grid, threads=2) == (expected, [])


def test_slices_at_their_limit_need_not_be_in_the_sample() -> None:
    n, usual, other = 5 * FLUSH_BLOCKS * TERMS + 1, full(0), full(0) / 4
    y = np.full(n, usual)
    sampled = slice(None, None, -(-n // slices.SAMPLE_ROWS))
    y[sampled] = other
    grid = Grid.of(-y[:, None], y)
    assert (grid.scale.tolist(), grid.slices.tolist()) == ([UNIT, UNIT], [3, 3])
    few = len(y[sampled])
    many, rare = (
        repeated(np.array([[-value]]), np.array([value]), times) for value, times in ((usual, n - few), (other, few))
    )
    expected = [[a + b for a, b in zip(*each, strict=True)] for each in zip(many, rare, strict=True)]
    assert products(-y[:, None], y, grid, threads=2) == (expected, [])
    assert matrix((moments := Moments.of(-y[:, None], y)).triangle, moments.exponent) == expected


@pytest.mark.parametrize(
    "value", [LIMIT + 1, -LIMIT - 1, 2.0**1000, -(2.0**1023), LAST / 2, 1 + LAST / 4, 5e-324, math.inf, math.nan]
)
def test_a_row_that_does_not_fit_is_left_out(value: float) -> None:
    X = np.array([[LIMIT, 0], [-LIMIT, 0], [value, 0], [LAST, 0], [full(0), 0], [1, value], [-full(0), 0]])
    y, fits = np.arange(7.0), [0, 1, 3, 4, 6]
    grid = Grid(np.full(3, UNIT), np.array([3, 0, 1]))
    assert products(X, y, grid) == (definitions.moments(X[fits], y[fits]), [2, 5])


@pytest.mark.parametrize(
    ("value", "left_out"),
    [(2.0**-60, [1]), (2.0**-60 * (1 + 2.0**-36), [1]), (2.0**-60 * (1 + 2.0**-37), [0, 1, 2]), (5e-324, [0, 1, 2])],
)
def test_a_chunk_with_a_value_that_loses_bits_is_left_out(value: float, left_out: list[int]) -> None:
    X, y = np.array([[2.0**1000], [value], [-(2.0**1000)]]), np.array([1.0, 2.0, 3.0])
    grid = Grid(np.array([1000, UNIT]), np.array([MAX_SLICES, 1]))
    fits = sorted({0, 1, 2} - set(left_out))
    assert products(X, y, grid) == (definitions.moments(X[fits], y[fits]), left_out)


def put_together(rows: int, threads: int) -> tuple[definitions.Matrix, definitions.Matrix]:
    """What `_put_together` makes of the largest sums over so many rows, and what is right."""
    A = np.array([1, *[int(LIMIT), -int(LIMIT)] * MAX_SLICES], dtype=object)
    sums = rows * np.outer(A, A)
    low, high = (sums & 2**32 - 1) + (threads << 32), (sums >> 32) - threads
    low[0, 0], high[0, 0] = rows, 0
    grid = Grid(np.array([UNIT, UNIT]), np.array([MAX_SLICES, MAX_SLICES]))
    x = sum((Fraction(LIMIT) / 2 ** (BITS * k) for k in range(MAX_SLICES)), definitions.ZERO)
    right = [[rows * a * b for b in (definitions.ONE, x, -x)] for a in (definitions.ONE, x, -x)]
    weighed = slices._by_weight(np.array([low, high]).astype(np.int64), grid)
    upper = [each[:, *np.triu_indices(3)] for each in weighed]
    return matrix(*slices._put_together(upper, np.array([-1, 0, 1]), grid)), right


@pytest.mark.parametrize("threads", [0, 1, MOST_THREADS])
def test_the_largest_sums_are_put_together_exactly(threads: int) -> None:
    made, right = put_together(MOST_ROWS, threads)
    assert made == right


def test_sums_over_more_rows_than_the_proof_allows_overflow() -> None:
    made, right = put_together(2 * MOST_ROWS, 1)
    assert made != right


BEYOND: dict[str, tuple[dict[str, float], int, float]] = {
    # 4. Block: the sum of a block is odd and larger than 2^53, no float64 number in whatever order
    "a bit more": ({"BITS": BITS + 1, "LIMIT": 2 * LIMIT}, TERMS - 1, 2 * LIMIT - 1),
    "twice the terms": ({"TERMS": 2 * TERMS}, 2 * TERMS - 1, LIMIT - 1),
    # 6. Chunk: the sum is 2^63
    "no carry": ({"FLUSH_BLOCKS": 1024}, 1024 * TERMS, LIMIT),
    "a long chunk": ({"BUFFER": 2**23}, 1024 * TERMS, LIMIT),
}


@pytest.mark.parametrize("case", BEYOND)
def test_a_constant_beyond_its_bound_makes_sums_wrong(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    constants, n, value = BEYOND[case]
    X, y = np.full((n, 1), value), np.full(n, value)
    scale = int(constants.get("BITS", BITS)) - 1
    grid = Grid(np.array([scale, scale]), np.array([2, 2]))
    expected = repeated(X[:1], y[:1], n)
    assert products(X, y, grid) == (expected, [])
    for name, constant in constants.items():
        monkeypatch.setattr(slices, name, constant)
    made, left_out = products(X, y, grid)
    assert not left_out
    assert made != expected


def test_the_examples_of_the_document_run() -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert all(example.count("assert ") >= 2 for example in examples)
    exec(compile("\n".join(examples), str(DOCUMENT), "exec"), {})  # each goes on with those before it


def test_the_other_threads_stop_where_one_is_interrupted() -> None:
    taken = []

    def work(chunks: Iterable[int]) -> None:
        for each in chunks:
            taken.append(each)
            if threading.current_thread() is threading.main_thread():
                raise KeyboardInterrupt
            time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        slices._in_threads(work, range(5000), 3)
    assert len(taken) < 2500
