import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from samebits.errors import UserError
from samebits.exact.moments import Moments
from samebits.params import BACKEND, Compute, Data
from samebits.tables import summary, table
from samebits.tables.split import Hash
from samebits.tables.summary import Summary, Task
from samebits.tables.table import Table

ROWS, FEATURES, FOLDS = 20_011, 3, 5
HERE = Compute(backend="threading", workers=1, scheduler=None)
ALL = "SELECT * FROM source"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(BACKEND, raising=False)


def columns(seed: int = 0) -> np.ndarray:
    """Quotients, decimals and counts: (FEATURES + 1, ROWS)."""
    random = np.random.default_rng(seed)
    return np.array(
        [
            random.integers(1, 500, ROWS) / random.integers(1, 500, ROWS),
            random.normal(1e6, 1, ROWS),
            random.poisson(3, ROWS),
            random.normal(size=ROWS),
        ]
    )


def write(name: str, values: np.ndarray, options: str = "") -> str:
    """A file of the columns a, b, c and y."""
    a, b, c, y = values
    with duckdb.connect() as connection:
        rows = {"a": a, "b": b, "c": c, "y": y}
        connection.execute(
            f"""COPY (SELECT unnest($a) AS a, unnest($b) AS b, unnest($c) AS c, unnest($y) AS y)
                TO '{name}' {options}""",
            {name: column.tolist() for name, column in rows.items()},
        )
    return name


def options(source: str, split: str = "hash", keep_rows: int = 500, query: str = ALL) -> Data:
    query = GIVEN if split == "is_test" and query == ALL else query
    return Data(source, query, "y", test_size=0.2, seed=5, split=split, keep_rows=keep_rows)


def summarised(data: Data, where: Compute = HERE) -> dict[str, Summary]:
    return summary.of(table_of(data), data, FOLDS, where)


def table_of(data: Data) -> Table:
    return Table.of(data.source, data.query, data.target, None if data.split in ("hash", "shuffle") else data.split)


def plain(found: dict[str, Summary]) -> dict[str, Any]:
    """All that is kept, in bytes."""
    return {
        part: (
            [fold.to_plain() for fold in each.folds],
            {name: value.tobytes() for name, value in each.ranges().items()},
            [array.tobytes() for array in each.sample.rows()],
        )
        for part, each in found.items()
    }


def expected(
    values: np.ndarray, test: np.ndarray, priority: np.ndarray, folds: np.ndarray, keep_rows: int
) -> dict[str, Any]:
    """The same from all rows at once; folds: of each row."""
    values, found = values + 0.0, {}
    group = np.where(test, -1, folds)
    for part, rows, groups in (("train", ~test, range(FOLDS)), ("test", test, [-1])):
        X, y = values[:-1, rows].T.copy(), values[-1, rows]
        kept = np.argsort(priority[rows])[:keep_rows]
        ranges = {"min": (X.min(axis=0) + 0.0).tobytes(), "max": (X.max(axis=0) + 0.0).tobytes()}
        sums = [Moments.of(values[:-1, group == each].T, values[-1, group == each]).to_plain() for each in groups]
        found[part] = (sums, ranges, [X[kept].tobytes(), y[kept].tobytes()])
    return found


def hashed(values: np.ndarray, keep_rows: int = 500) -> dict[str, Any]:
    test, priority = Hash(0.2, 5).decide(0, values[:-1].T, values[-1])
    return expected(values, test, priority, hash_folds(priority), keep_rows)


def hash_folds(priority: np.ndarray) -> np.ndarray:
    return np.array([each % 2**32 * FOLDS // 2**32 for each in priority.tolist()])


def shuffled(values: np.ndarray, keep_rows: int = 500) -> dict[str, Any]:
    order = np.random.RandomState(5).permutation(values.shape[1])
    test_rows = int(np.ceil(0.2 * values.shape[1]))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    priority, folds = np.where(place < test_rows, place, place - test_rows), np.empty_like(place)
    for fold, rows in enumerate(np.array_split(order[test_rows:], FOLDS)):  # as KFold
        folds[rows] = fold
    return expected(values, place < test_rows, priority, folds, keep_rows)


GIVEN = "SELECT *, (a > 1 AND c < 4)::INT AS is_test FROM source"


def given(values: np.ndarray, keep_rows: int = 500) -> dict[str, Any]:
    _, priority = Hash(0.2, 5).decide(0, values[:-1].T, values[-1])
    return expected(values, (values[0] > 1) & (values[2] < 4), priority, hash_folds(priority), keep_rows)


TRUTHS: dict[str, Callable[..., Any]] = {"hash": hashed, "shuffle": shuffled, "is_test": given}


@pytest.mark.parametrize("keep_rows", [1, 500, 4000, 10**6])
@pytest.mark.parametrize(("split", "truth"), TRUTHS.items())
def test_a_summary_is_that_of_all_rows_at_once(split: str, truth: Callable[..., Any], keep_rows: int) -> None:
    values = columns()
    source = write("table.parquet", values, "(ROW_GROUP_SIZE 2048)")
    assert plain(summarised(options(source, split, keep_rows))) == truth(values, keep_rows)


@pytest.mark.parametrize("split", TRUTHS)
@pytest.mark.parametrize("rows", [1, 7, 1000, 4096, ROWS - 1, ROWS])
def test_blocks_of_any_size_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch, rows: int, split: str) -> None:
    values = columns()[:, : ROWS if rows > 7 else 800]
    source = write("table.parquet", values)
    monkeypatch.setattr(table, "BLOCK_ROWS", rows)
    assert plain(summarised(options(source, split))) == TRUTHS[split](values)


@pytest.mark.parametrize("split", TRUTHS)
@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("workers", [2, 4])
def test_workers_of_any_kind_and_number_give_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, backend: str, workers: int, split: str
) -> None:
    values = columns()
    source = write("table.parquet", values, "(ROW_GROUP_SIZE 2048)")
    monkeypatch.setattr(table, "FRAGMENT_ROWS", 2048)
    where = Compute(backend, workers, None)  # type: ignore[arg-type]
    data = options(source, split)
    assert len(table_of(data).fragments) == 10
    assert plain(summarised(data, where)) == TRUTHS[split](values)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet", "json"])
def test_however_rows_are_ordered_and_cut_into_files_a_hash_gives_the_same_bytes(suffix: str) -> None:
    values = columns()[:, :3000]
    order = np.random.default_rng(1).permutation(3000)
    whole = write(f"whole.{suffix}", values)
    for number, rows in enumerate(np.split(order, [10, 11, 2000])):
        write(f"part-{number}.{suffix}", values[:, rows])
    assert plain(summarised(options(whole))) == plain(summarised(options(f"part-*.{suffix}"))) == hashed(values)


@pytest.mark.parametrize("workers", [1, 2])
def test_files_are_read_in_the_order_of_their_names(workers: int) -> None:
    values = columns()[:, :3000]
    for number, rows in enumerate(np.split(np.arange(3000), [10, 11, 2000])):
        write(f"part-{number}.csv", values[:, rows])
    where = Compute("threading", workers, None)
    assert plain(summarised(options("part-*.csv", "shuffle"), where)) == shuffled(values)


@pytest.mark.parametrize(
    ("query", "fragments"),
    [
        (ALL, 3),
        ("SELECT a + b AS a, c, y FROM source WHERE c > 2", 3),
        ("WITH s AS (SELECT a, y FROM source WHERE a < 1) SELECT a * 2 AS a, y FROM s", 3),
        ("FROM source WHERE false", 3),
        ("SELECT a, y FROM temp.source", 3),
        ('SELECT a, y FROM "source" AS s', 3),
        ("SELECT #1 AS a, y FROM source", 3),
        ("SELECT * FROM source ORDER BY a, b", 1),
        ("WITH s AS (FROM source) SELECT s.a, t.y FROM s JOIN s AS t USING (b)", 1),
        ("SELECT unnest([a, b]) AS a, y FROM source", 1),
        ("SELECT a, y FROM source WHERE a IN (SELECT max(a) FROM source)", 1),
        ("SELECT DISTINCT ON (c) a, y FROM source ORDER BY c, a", 1),
        ("SELECT a, y FROM source TABLESAMPLE reservoir(10 ROWS) REPEATABLE (1)", 1),
        ("SELECT * FROM source LIMIT 700", 1),
        ("SELECT * FROM 'part-*.parquet'", 1),
        ("SELECT * FROM 'part-0.parquet'", 1),
        ("SELECT c AS a, avg(y) AS y FROM source GROUP BY c ORDER BY c", 1),
        ("SELECT a - avg(a) OVER () AS a, y FROM source", 1),
        ("SELECT a - (SELECT max(a) FROM source) AS a, y FROM source", 1),
        ("SELECT DISTINCT c AS a, c AS y FROM source", 1),
        ("SELECT a, y FROM source UNION ALL SELECT b, y FROM source", 1),
        ("SELECT s.a, t.y FROM source s JOIN source t ON s.b = t.b", 1),
        ("SELECT row_number() OVER () AS a, y FROM source", 1),
    ],
)
def test_only_queries_that_take_row_by_row_are_asked_of_fragments(query: str, fragments: int) -> None:
    values = columns()[:, :2000]
    for number, rows in enumerate(np.split(np.arange(2000), [500, 900])):
        write(f"part-{number}.parquet", values[:, rows])
    data = options("part-*.parquet", query=query)
    assert len(Table.of(data.source, query, "y").fragments) == fragments
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("CREATE TEMP VIEW source AS FROM 'part-*.parquet'")
        found = connection.execute(query).fetchnumpy()
    X = np.column_stack([column for name, column in found.items() if name != "y"]).astype(float)
    whole = summarised(data)
    assert whole["train"].moments + whole["test"].moments == Moments.of(X, found["y"].astype(float))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_parquet_file_of_no_rows_has_no_moments(workers: int) -> None:
    with duckdb.connect() as connection:
        connection.execute("COPY (SELECT 1.5 AS a, 2.5 AS y WHERE false) TO 'table.parquet'")
    found = summarised(options("table.parquet"), Compute("loky", workers, None))
    assert [each.moments.rows for each in found.values()] == [0, 0]


@pytest.mark.parametrize("keep_rows", [300, 40_000])
def test_rows_that_differ_in_the_sign_of_zero_are_equal(monkeypatch: pytest.MonkeyPatch, keep_rows: int) -> None:
    random = np.random.default_rng(3)
    values = random.choice([0.0, -0.0, 1.0], size=(4, 40_000))
    whole = plain(summarised(options(write("table.parquet", values), keep_rows=keep_rows)))
    monkeypatch.setattr(table, "BLOCK_ROWS", 1000)
    moved = write("moved.parquet", values[:, random.permutation(40_000)])
    assert plain(summarised(options(moved, keep_rows=keep_rows))) == whole


def test_a_query_that_gives_other_rows_each_time_is_refused() -> None:
    source = write("table.parquet", columns())
    with pytest.raises(UserError, match=r"data\.query returns different rows each time"):
        summarised(options(source, "shuffle", query="SELECT * FROM source WHERE random() < 0.5"))


def test_a_worker_sends_no_more_rows_than_are_kept() -> None:
    source = Table.of(write("table.csv", columns()), ALL, "y")
    limits = {part: np.uint64(2**64 - 1) for part in ("train", "test")}
    blocks = summary._blocks(Task(source, source.fragments[0], Hash(0.2, 5), FOLDS, None, limits), threads=1)
    [merged] = summary._merge(FEATURES, 500, FOLDS, blocks)
    assert {part: len(block.y) for part, block in merged.items()} == {"train": 500, "test": 500}


@pytest.mark.parametrize("name", ["filename", "FileName", "file_row_number", "File_Row_Number"])
def test_a_column_may_be_called_as_duckdb_calls_its_own(name: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (SELECT 7 AS "{name}", range AS a, random() AS y FROM range(5000))
                TO 'table.parquet' (ROW_GROUP_SIZE 2048)"""
        )
    found = summarised(options("table.parquet", query="SELECT a, y FROM source"))
    assert sum(each.moments.rows for each in found.values()) == 5000


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_bad_value_in_any_fragment_is_named_by_its_row_in_the_table(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    values = columns()
    values[1, 15_000] = np.nan
    values[2, 17_000] = np.inf
    source = write("table.parquet", values, "(ROW_GROUP_SIZE 2048)")
    monkeypatch.setattr(table, "FRAGMENT_ROWS", 2048)
    with pytest.raises(UserError, match=r"data\.query, column b, row 15001: nan; every value must be a finite number"):
        summarised(options(source), Compute(backend, 2, None))  # type: ignore[arg-type]


def test_a_worker_that_dies_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    source = write("table.parquet", columns(), "(ROW_GROUP_SIZE 2048)")
    monkeypatch.setattr(table, "FRAGMENT_ROWS", 2048)
    data = options(source, query="SELECT a, y FROM source")
    broken = table_of(data)
    monkeypatch.setattr(summary, "_blocks", _die)
    with pytest.raises(
        UserError, match=r"compute\.backend loky: A worker process managed by the executor was unexpect"
    ):
        summary.of(broken, data, FOLDS, Compute("loky", 2, None))


def _die(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


# 1e-300 to 1e300 in a column, subnormals, negative zero, huge integers
HOSTILE = [1e-300, 1e300, -1e300, 5e-324, -5e-324, 2.2250738585072011e-308, -0.0, 0.0, 1.0, 2.0**53 + 2, 1e-320]


def test_a_hostile_table_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    monkeypatch.setattr(table, "BLOCK_ROWS", 2**15)
    n = table.BLOCK_ROWS + 1
    a = random.choice(HOSTILE, n)
    b = random.choice([0.0, -0.0, 1e300], n, p=[0.5, 0.49, 0.01])
    c = random.integers(-(2**62), 2**62, n).astype(float)
    y = np.ldexp(random.normal(size=n), random.integers(-1000, 1000, n))
    values = np.array([a, b, c, y])
    with np.errstate(over="ignore"):
        source = write("table.parquet", values)
        found = summarised(options(source))
    assert plain(found) == hashed(values)
    rows = np.arange(0, n, 97)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM '{source}' WHERE file_row_number % 97 = 0) TO 'some.parquet'")
    some = summarised(options("some.parquet"))
    A = [[1, *map(exact_integer, row)] for row in values[:, rows].T.tolist()]
    total = some["train"].moments + some["test"].moments
    for i in range(5):
        for j in range(5):
            of = sum(row[i] * row[j] for row in A) * (SCALE if 0 in (i, j) else 1) * (SCALE if i == j == 0 else 1)
            assert int(total.integers[i, j]) * 2 ** (total.exponent + 2148) == of


SCALE = 2**1074


def exact_integer(value: float) -> int:
    """A value in units of the least subnormal number."""
    numerator, denominator = value.as_integer_ratio()
    return numerator * SCALE // denominator


def test_integers_and_decimals_of_more_than_64_bits_are_rounded_once() -> None:
    random = np.random.default_rng(3)
    numbers = [int(random.integers(2**62)) * int(random.integers(2**62)) * sign for sign in (1, -1) for _ in range(300)]
    decimals = [f"{str(number)[:20]}.{str(number)[-9:]}" for number in numbers]
    rows = ", ".join(f"({number}::HUGEINT, {decimal}, 1)" for number, decimal in zip(numbers, decimals, strict=True))
    write("table.csv", columns()[:, :1])
    wide = Table.of("table.csv", f"FROM (VALUES {rows}) t(a, b, y)", "y")
    [(X, _, _)] = [block for fragment in wide.fragments for block in wide.blocks(fragment)]
    assert X[:, 0].tolist() == [float(number) for number in numbers]
    assert X[:, 1].tolist() == [float(decimal) for decimal in decimals]
