import gzip
import hashlib
import re
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pytest
import yaml

from samebits.errors import UserError
from samebits.tables.table import Table
from tests import housing
from tests.conftest import ROOT

ALL = "SELECT * FROM source"
ADVICE = "; every value must be a finite number: filter, cast or fill it in data.query"
FOUR_ROWS = "a,b,y\n1,0.5,10\n2,-1e3,20\n3,.25,30\n4,5e-324,40\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Rows(NamedTuple):
    features: list[str]
    target: str
    X: np.ndarray
    y: np.ndarray


def read(source: str, query: str, target: str) -> Rows:
    """All rows of a table, fragment by fragment."""
    table = Table.of(source, query, target)
    blocks = [block for fragment in table.fragments for block in table.blocks(fragment)]
    columns = [
        [np.empty((0, len(table.features))), *(X for X, _, _ in blocks)],
        [np.empty(0), *(y for _, y, _ in blocks)],
    ]
    return Rows(table.features, table.target, np.vstack(columns[0]), np.concatenate(columns[1]))


def read_text(text: str, query: str = ALL, target: str = "y", name: str = "table.csv") -> Rows:
    Path(name).write_text(text)
    return read(name, query, target)


def mistake(text: str, query: str = ALL, target: str = "y", name: str = "table.csv") -> str:
    with pytest.raises(UserError) as caught:
        read_text(text, query, target, name)
    return str(caught.value)


def assert_four_rows(table: Rows) -> None:
    assert (table.features, table.target) == (["a", "b"], "y")
    assert table.X.tolist() == [[1, 0.5], [2, -1000], [3, 0.25], [4, 5e-324]]
    assert table.y.tolist() == [10, 20, 30, 40]
    assert table.X.dtype == table.y.dtype == np.float64


def test_csv_is_read() -> None:
    assert_four_rows(read_text(FOUR_ROWS))


def test_gzipped_csv_is_read() -> None:
    with gzip.open("table.csv.gz", "wt") as file:
        file.write(FOUR_ROWS)
    assert_four_rows(read("table.csv.gz", ALL, "y"))


@pytest.mark.parametrize(
    "text",
    [
        FOUR_ROWS.replace(",", ";"),
        FOUR_ROWS.replace(",", "\t"),
        FOUR_ROWS.replace("\n", "\r\n"),
        FOUR_ROWS.replace("a,b,y", '"a","b","y"').replace("1,0.5", '"1","0.5"'),
        FOUR_ROWS.replace("a,b,y", "'a','b','y'").replace("1,0.5", "'1','0.5'"),
        f"# a comment\n{FOUR_ROWS}",
        f"\ufeff{FOUR_ROWS}",
    ],
)
def test_csv_of_any_dialect_is_read(text: str) -> None:
    assert_four_rows(read_text(text))


@pytest.mark.parametrize("name", ["it's", "', 'b", "a': 'DOUBLE'}); COPY (SELECT 1) TO 'written.csv'; --"])
def test_the_names_of_columns_are_no_sql(name: str) -> None:
    table = read_text(f'"{name}",y\n1,2\n3,4\n')
    assert table.features == [name]
    assert table.X.tolist() == [[1], [3]]
    assert not Path("written.csv").exists()


def test_parquet_is_read() -> None:
    Path("table.csv").write_text(FOUR_ROWS)
    with duckdb.connect() as connection:
        connection.execute("COPY (SELECT a, b, y::DECIMAL(9, 2) AS y FROM 'table.csv') TO 'table.parquet'")
    assert_four_rows(read("table.parquet", ALL, "y"))


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "json"])
def test_json_lines_are_read(suffix: str) -> None:
    rows = [dict(zip("aby", line.split(","), strict=True)) for line in FOUR_ROWS.splitlines()[1:]]
    text = "".join(f'{{"a": {row["a"]}, "b": {float(row["b"])}, "y": {row["y"]}}}\n' for row in rows)
    assert_four_rows(read_text(text, name=f"table.{suffix}"))


def test_files_of_a_glob_are_read_in_the_order_of_their_names() -> None:
    header, *rows = FOUR_ROWS.splitlines()
    for name, part in (("part-2.csv", rows[2:]), ("part-1.csv", rows[:2])):
        Path(name).write_text("\n".join([header, *part]))
    assert_four_rows(read("part-*.csv", ALL, "y"))


@pytest.mark.parametrize("name", ["it's.csv", "two words.csv", "brackets[1].csv", 'double"quote.csv', "größe.csv"])
def test_a_file_may_have_any_name(name: str) -> None:
    assert_four_rows(read_text(FOUR_ROWS, name=name))


def test_the_query_decides_columns_and_rows() -> None:
    query = 'SELECT y / 4 AS "a quarter", a > 2 AS large, b AS "B" FROM source WHERE a <> 2 ORDER BY a DESC;'
    table = read_text(FOUR_ROWS, query, target="a quarter")
    assert (table.features, table.target) == (["large", "B"], "a quarter")
    assert table.X.tolist() == [[1, 5e-324], [1, 0.25], [0, 0.5]]
    assert table.y.tolist() == [10, 7.5, 2.5]


def test_integers_become_floats() -> None:
    table = read_text("x,y\n9007199254740991,-3\n-5,4\n")
    assert table.X.tolist() == [[2.0**53 - 1], [-5]]
    assert table.y.tolist() == [-3, 4]


def test_integers_that_a_float_does_not_hold_stay_text() -> None:
    text = "id,x,y\n12345678901234567890,1,-3\n9007199254740993,2,4\n"
    assert "column id, row 1: '12345678901234567890' is text" in mistake(text)
    numbers = "SELECT id::DOUBLE AS id, x, (id LIKE '%93')::INT AS y FROM source"
    assert read_text(text, numbers).y.tolist() == [0, 1]


@pytest.mark.parametrize("files", [1, 2])
def test_dates_that_are_not_written_from_year_to_day_stay_text(files: int) -> None:
    for part in range(files):
        Path(f"part-{part}.csv").write_text(f"day,x,y\n02/06/2016,{part}.5,1\n03/06/2016,2,2\n")
    query = "SELECT month(strptime(day, '%m/%d/%Y')) AS month, x, y FROM source"
    assert read("part-*.csv", query, "y").X[:, 0].tolist() == [2, 3] * files


def test_types_are_those_of_all_files() -> None:
    for part, value in enumerate(["1", "2.5", "007"]):
        Path(f"part-{part}.csv").write_text(f"x,y\n{value},1\n")
    query = "SELECT (x = '007')::INT AS x, y FROM source"
    assert read("part-*.csv", query, "y").X[:, 0].tolist() == [0, 0, 1]


def test_rows_keep_the_order_of_the_file() -> None:
    rows = 300_000
    table = read_text("x,y\n" + "".join(f"{i},{i * 7 % 1000}\n" for i in range(rows)))
    assert np.array_equal(table.X[:, 0], np.arange(rows))
    assert np.array_equal(table.y, np.arange(rows) * 7 % 1000)


def test_the_housing_table_is_that_of_the_csv_file() -> None:
    table = read(str(housing.SOURCE), housing.QUERY, housing.TARGET)
    X, y = housing.table()
    assert (table.features, table.target) == (housing.FEATURES, housing.TARGET)
    assert table.X.tobytes() == X.tobytes()
    assert table.y.tobytes() == y.tobytes()


@pytest.mark.parametrize(
    ("cells", "column", "row", "problem"),
    [
        (["1,2", "3,"], "y", 2, "NULL"),
        ([",2", "3,4", ",6"], "x", 1, "NULL"),
        (["1,2", "1,nan", "1,nan"], "y", 2, "nan"),
        (["1,2", "2,3", "inf,3"], "x", 3, "inf"),
        (["1,2", "-inf,3"], "x", 2, "-inf"),
        (["1,2", "1e400,3"], "x", 2, "inf"),
        (["1,2", "2,three", "x,3"], "y", 2, "'three' is text"),
        (["1,2", "2,3", "2020-01-31,3"], "x", 3, "'2020-01-31' is text"),
        (["1,2", "2,3", "nan,4", ",nan"], "x", 3, "nan"),
    ],
)
def test_the_first_value_that_is_no_finite_number_is_named(
    cells: list[str], column: str, row: int, problem: str
) -> None:
    text = "\n".join(["x,y", *cells])
    assert mistake(text) == f"data.query, column {column}, row {row}: {problem}{ADVICE}"


def test_the_first_bad_row_of_all_columns_is_named() -> None:
    assert "column b, row 2" in mistake("a,b,y\n1,1,1\n1,,1\n1,1,\n,1,1\n")


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("DATE '2020-01-31'", "2020-01-31"),
        ("'5'", "'5' is text"),
        ("[a]", "[1.0]"),
        ("NULL", "NULL"),
        ("1 / 0.0", "inf"),
    ],
)
def test_a_column_without_any_number_is_named(expression: str, problem: str) -> None:
    message = mistake(FOUR_ROWS, f"SELECT {expression} AS odd, y FROM source WHERE a < 4")
    assert message.startswith("data.query, column odd, row 1: ")
    assert problem in message


def test_a_date_column_is_named() -> None:
    message = mistake("day,y\n2020-01-31,1\n2020-02-01,2\n")
    assert message.startswith("data.query, column day, row 1: '2020-01-31")


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "tsv", "jsonl"])
def test_numbers_after_many_integers_keep_their_fractions(suffix: str) -> None:
    values = [1.0] * 50_000 + [0.5] * 10
    texts = [str(value).removesuffix(".0") for value in values]
    separator = "\t" if suffix == "tsv" else ","
    if suffix == "jsonl":
        lines = [f'{{"x": {text}, "y": 2}}' for text in texts]
    else:
        lines = [f"x{separator}y", *(f"{text}{separator}2" for text in texts)]
    text = "\n".join(lines)
    name = f"table.{suffix}"
    Path(name).write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    assert read(name, ALL, "y").X[:, 0].tolist() == values


def test_parquet_files_of_other_types_are_refused() -> None:
    with duckdb.connect() as connection:
        connection.execute("COPY (SELECT 1 AS x, 2.5::DOUBLE AS y) TO 'part-1.parquet'")
        connection.execute("COPY (SELECT 0.25::DOUBLE AS x, 2.5::DOUBLE AS y) TO 'part-2.parquet'")
    with pytest.raises(UserError, match="column x has different types in the files"):
        read("part-*.parquet", ALL, "y")


def test_a_missing_target_is_named_with_the_columns_there_are() -> None:
    assert mistake(FOUR_ROWS, target="Y") == "data.target is 'Y'; the columns of data.query are a, b, y"


def test_a_table_may_have_no_rows() -> None:
    assert len(read_text(FOUR_ROWS, ALL + " WHERE a > 4").y) == 0
    assert mistake("a,y\n") == "data.query returns no rows from table.csv"


def test_a_query_without_features_is_refused() -> None:
    message = mistake(FOUR_ROWS, "SELECT y FROM source")
    assert message == "data.query returns only the target y; it must return at least one feature"


def test_duplicate_columns_are_named() -> None:
    message = mistake(FOUR_ROWS, "SELECT a, y, b AS a FROM source")
    assert message == "data.query returns the column a twice; name each column once with AS"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC a FROM source", 'Parser Error: syntax error at or near "SELEC"'),
        ("SELECT nope, y FROM source", 'Referenced column "nope" not found'),
        ("SELECT a, y FROM sauce", "Table with name sauce does not exist"),
        ("SELECT error('boom'), y FROM source", "boom"),
        ("SELECT y::DATE AS y, a FROM source", "Could not convert"),
    ],
)
def test_bad_sql_is_a_mistake_of_the_user(query: str, message: str) -> None:
    told = mistake(FOUR_ROWS, query)
    assert told.startswith("data.query: ")
    assert message in told


@pytest.mark.parametrize("query", [" ", ";", "-- a comment"])
def test_a_query_without_a_statement_is_a_mistake_of_the_user(query: str) -> None:
    assert "data.query" in mistake(FOUR_ROWS, query)


@pytest.mark.parametrize("name", ["nope.csv", "no'pe.csv", "nope/*.parquet", "nope"])
def test_a_missing_file_is_a_mistake_of_the_user(name: str) -> None:
    with pytest.raises(UserError, match=f"^data.source {re.escape(name)}: "):
        read(name, ALL, "y")


@pytest.mark.parametrize("name", ["bad.parquet", "bad.csv.gz", "bad.json"])
def test_a_damaged_file_is_a_mistake_of_the_user(name: str) -> None:
    assert mistake("not what its name says", name=name).startswith(f"data.source {name}: ")


@pytest.mark.parametrize("name", ["table.csv", "it's.csv"])
@pytest.mark.parametrize("query", ["SELECT x + 1 AS x, y FROM source", "SELECT x / y AS x, y FROM source"])
@pytest.mark.parametrize("row", [1, 3, 30_001])
def test_text_in_a_column_that_the_query_computes_with_is_named(name: str, query: str, row: int) -> None:
    lines = ["1,2"] * 30_010
    lines[row - 1] = "many,2"
    text = "\n".join(["x,y", *lines])
    assert mistake(text, query, name=name) == f"data.source {name}, column x, row {row}: 'many' is text"


@pytest.mark.parametrize("row", [1, 3, 30_001])
@pytest.mark.parametrize("missing", ["NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", ""])
def test_what_others_write_for_a_missing_value_is_no_text(missing: str, row: int) -> None:
    lines = ["1,2"] * 30_010
    lines[row - 1] = f"{missing},2"
    table = read_text("\n".join(["x,y", *lines]), "SELECT coalesce(x, 7) AS x, y FROM source")
    assert np.flatnonzero(table.X[:, 0] == 7).tolist() == [row - 1]


def test_the_first_text_among_numbers_is_named() -> None:
    text = "a,b,word,y\n1,2,one,1\n3,4,two,2\n5,?,three,3\n-,6,four,4\n7,-,five,5\n"
    message = mistake(text, "SELECT a * b AS ab, y FROM source")
    assert message == "data.source table.csv, column b, row 3: '?' is text"


def test_booleans_beside_a_missing_value_are_not_blamed_for_it() -> None:
    text = "sqft,garage,price\n1000,no,1\n,yes,2\n800,no,3\n"
    told = mistake(text, "SELECT price, sqft, garage FROM source", "price")
    assert told == f"data.query, column sqft, row 2: NULL{ADVICE}"


SIDES = "a,y,s\n1,10,{}\n2,20,{}\n3,30,{}\n"


def sides(text: str, query: str = ALL, split: str = "s", name: str = "table.csv") -> tuple[list[str], list[bool]]:
    """The features, and of each row whether the column says that it is a test row."""
    Path(name).write_text(text)
    table = Table.of(name, query, "y", split)
    found = [test for fragment in table.fragments for *_, test in table.blocks(fragment) if test is not None]
    return table.features, np.concatenate(found).tolist()


@pytest.mark.parametrize(
    ("values", "query"),
    [
        (("0", "1", "0"), ALL),
        (("false", "true", "false"), ALL),
        (("0.0", "1.0", "-0.0"), ALL),
        (("x", "y", "z"), "SELECT a, y, s = 'y' AS s FROM source"),
        (("0", "1", "0"), "SELECT s, y, a FROM source"),
        (("0", "1", "0"), "SELECT a, y, s::DECIMAL(3, 1) AS s FROM source"),
        (("0", "1", "0"), "SELECT a, y, s::HUGEINT AS s FROM source"),
        (("2020-01-01", "2024-01-01", "2023-12-31"), "SELECT s >= DATE '2024-01-01' AS s, a, y FROM source"),
    ],
)
def test_a_column_says_which_rows_are_test_rows(values: tuple[str, str, str], query: str) -> None:
    assert sides(SIDES.format(*values), query) == (["a"], [False, True, False])


@pytest.mark.parametrize(
    ("values", "query", "found"),
    [
        (("0", "1", "2"), ALL, "row 3: 2.0"),
        (("0", "", "1"), ALL, "row 2: NULL"),
        (("0", "0.5", "2"), ALL, "row 2: 0.5"),
        (("-1", "1", "0"), ALL, "row 1: -1.0"),
        (("0", "nan", "1"), "SELECT a, y, s::DOUBLE AS s FROM source", "row 2: nan"),
        (("test", "train", "0"), ALL, "row 1: 'test' is of type VARCHAR"),
        (("0", "1", "0"), "SELECT a, y, s::VARCHAR AS s FROM source", "row 1: '0' is of type VARCHAR"),
        (("2020-01-01", "2024-01-01", ""), ALL, "row 1: '2020-01-01' is of type DATE"),
        (("0", "1", "0"), "SELECT a, y, NULL AS s FROM source", "row 1: NULL"),
    ],
)
def test_a_side_that_is_not_0_or_1_is_named(values: tuple[str, str, str], query: str, found: str) -> None:
    with pytest.raises(UserError) as caught:
        sides(SIDES.format(*values), query)
    assert str(caught.value) == f"data.split, column s, {found}; it must be 1 for a test row, 0 for a training row"


@pytest.mark.parametrize(("split", "columns"), [("t", "a, s"), ("S", "a, s"), ("y", "a, s"), ("Hash", "a, s")])
def test_a_split_that_is_no_column_beside_the_target_is_refused(split: str, columns: str) -> None:
    with pytest.raises(UserError) as caught:
        sides(SIDES.format(0, 1, 0), split=split)
    assert str(caught.value) == (
        f"data.split is '{split}'; it must be shuffle, hash, or a column of data.query that marks test "
        f"rows; the columns besides the target are {columns}"
    )


def test_target_and_split_alone_are_refused() -> None:
    with pytest.raises(
        UserError, match="returns only the target y and the split s; it must return at least one feature"
    ):
        sides(SIDES.format(0, 1, 0), "SELECT y, s FROM source")


def test_another_column_that_is_no_number_is_still_named() -> None:
    with pytest.raises(UserError, match=r"data\.query, column a, row 2: 'x' is text"):
        sides(SIDES.format(0, 1, 0).replace("2,20", "x,20"))


def docs(split: str) -> dict[str, Any]:
    """The block of docs/tables.md whose query holds this text."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "tables.md").read_text(), re.DOTALL)
    [found] = [block for block in blocks if split in block]
    return yaml.safe_load(found)["data"]


def test_the_split_by_time_of_the_docs() -> None:
    data = docs("sold_at")
    days = ["2023-12-31", "2024-01-01", "2022-06-01", "2025-01-01"]
    text = "area,rooms,price,sold_at\n" + "".join(f"{i},2,30,{day}\n" for i, day in enumerate(days))
    Path("table.csv").write_text(text)
    table = Table.of("table.csv", data["query"], data["target"], data["split"])
    [(X, y, test)] = [block for fragment in table.fragments for block in table.blocks(fragment)]
    assert (table.features, X.shape, y.tolist()) == (["area", "rooms"], (4, 2), [30] * 4)
    assert test is not None
    assert test.tolist() == [False, True, False, True]


@pytest.mark.parametrize("kind", ["INTEGER", "VARCHAR"])
def test_the_split_by_groups_of_the_docs(kind: str) -> None:
    data = docs("md5(")
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (SELECT range % 5000 AS visits, 1 AS age, 2 AS spent, (range % 5000)::{kind} AS customer
                FROM range(10_000)) TO 'table.parquet'"""
        )
    table = Table.of("table.parquet", data["query"], data["target"], data["split"])
    [(X, _, test)] = [block for fragment in table.fragments for block in table.blocks(fragment)]
    assert table.features == ["visits", "age"]
    assert test is not None
    digests = [hashlib.md5(str(int(visits)).encode()).hexdigest() for visits in X[:, 0]]
    assert test.tolist() == [int(digest[:4], 16) < 0x3333 for digest in digests]
    assert np.array_equal(test[:5000], test[5000:])
    assert abs(test.mean() - 0.2) < 0.02


def test_a_split_that_a_table_has_as_in_the_docs() -> None:
    [query] = re.findall(r"`(SELECT \* EXCLUDE.*?)`", (ROOT / "docs" / "tables.md").read_text())
    text = "a,y,part\n1,10,train\n2,20,test\n3,30,valid\n"
    assert sides(text, query, "is_test") == (["a"], [False, True, False])
