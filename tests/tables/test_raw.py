"""The law of raw rows: a row of the table, as it stands there, has the bits that it has in the pipeline."""

import gzip
import json
import os
import random
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from samebits import artifacts
from samebits.commands import predict as command
from samebits.errors import UserError
from samebits.model import payload
from samebits.model.predictor import Predictor
from samebits.model.schemes import SCHEMES, QParams, Quantized
from samebits.tables import describe
from samebits.tables.table import Table
from tests.conftest import ROOT
from tests.tables.test_excel import write_workbook

RNG = random.Random(25)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def number() -> str:
    return repr(RNG.choice([RNG.gauss(0, 1), RNG.uniform(-1e6, 1e6), round(RNG.uniform(0, 99), 2), 0.1, -0.0, 3e-310]))


def rows_of(*columns: Callable[[int], str], count: int = 300) -> list[list[str]]:
    return [[column(i) for column in columns] for i in range(count)]


def text_of(header: list[str], rows: list[list[str]], delimiter: str = ",", end: str = "\n") -> str:
    return "".join(delimiter.join(row) + end for row in [header, *rows])


def kind(i: int) -> str:
    return ["flat", "house", "", "NA", "St. Gallen"][i * i % 5]


def day(i: int) -> str:
    return f"20{10 + i % 12}-{i % 12 + 1:02}-{i % 28 + 1:02}"


def plain_csv(path: str) -> None:
    Path(path).write_text(
        text_of(["a", "b", "kind", "y"], rows_of(lambda _: number(), lambda _: number(), kind, lambda _: number()))
    )


def words_of_truth(path: str) -> None:
    rows = rows_of(lambda i: ["yes", "no"][i % 3 % 2], lambda i: ["true", "false"][i % 2], lambda _: number())
    Path(path).write_text(text_of(["owner", "new", "y"], rows))


def dates(path: str) -> None:
    rows = rows_of(
        day, lambda i: f"{day(i)} {i % 24:02}:{i % 60:02}:00", lambda i: f"{i % 24:02}:30:00", lambda _: number()
    )
    Path(path).write_text(text_of(["sold", "seen", "hour", "y"], rows, ";", "\r\n"))


def other_dates(path: str) -> None:
    rows = rows_of(lambda i: f"{i % 28 + 1:02}.{i % 12 + 1:02}.2021", lambda _: number())
    Path(path).write_text(text_of(["sold", "y"], rows))


def gzipped(path: str) -> None:
    plain_csv("table.csv")
    Path(path).write_bytes(gzip.compress(Path("table.csv").read_bytes()))


def quoted(path: str) -> None:
    rows = rows_of(lambda i: f'"a ""b"", {i % 3}\nline"', lambda i: number(), lambda _: number())
    Path(path).write_text(text_of(["größe, text", "b", "y"], rows).replace("größe, text", '"größe, text"', 1))


def below_a_title(path: str) -> None:
    rows = rows_of(lambda i: f"{i:05}", lambda i: number(), lambda _: number())
    Path(path).write_text("Sales of the year\n\n" + text_of(["code", "b", "y"], rows))


def tabs(path: str) -> None:
    rows = rows_of(lambda i: "" if i % 7 == 0 else number(), lambda i: ["true", "false"][i % 2], lambda _: number())
    Path(path).write_text(text_of(["a", "is new", "y"], rows, "\t"))


def json_lines(path: str) -> None:
    rows = [{"a": RNG.gauss(0, 1), "kind": kind(i) or None, "in": {"b": i}, "y": RNG.random()} for i in range(300)]
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))


def parquet(path: str) -> None:
    duckdb.execute(
        f"""COPY (SELECT i AS big, (i / 7)::DECIMAL(12, 3) AS d, 'k' || i % 3 AS kind,
        DATE '2020-01-01' + i::INT AS day, sin(i)::FLOAT AS f, {{'x': i, 'z': [i]}} AS s,
        CASE WHEN i % 5 > 0 THEN cos(i) END AS m, sqrt(i) AS y
        FROM range(300) t(i)) TO '{path}'"""
    )


def workbook(path: str) -> None:
    rows = [(RNG.gauss(0, 1), ["north", "south", ""][i % 3], 44562 + i, RNG.random()) for i in range(120)]
    write_workbook("book.xlsx", ["units", "region", "day", "y"], rows)
    from samebits.tables import excel

    excel.to_csv("book.xlsx", Path(path))


TABLES: list[tuple[str, Callable[[str], None], str, str]] = [
    ("t.csv", plain_csv, "SELECT a, b, y FROM source", ""),
    ("t.csv", words_of_truth, "SELECT owner, new, y FROM source", ""),
    (
        "t.csv",
        plain_csv,
        "SELECT a / 10 AS a, b * b AS b, (kind IS NOT DISTINCT FROM 'flat')::INT AS k, y FROM source",
        "",
    ),
    (
        "t.csv",
        plain_csv,
        "WITH t AS (SELECT * FROM source WHERE kind <> 'house') SELECT a + b AS s, y FROM t WHERE y > 0",
        "",
    ),
    (
        "t.csv.gz",
        gzipped,
        "SELECT a, (kind = 'house') AS h, coalesce(b, 0) AS b, y FROM source WHERE kind IS NOT NULL",
        "",
    ),
    (
        "t.csv",
        dates,
        "SELECT sold - DATE '2010-01-01' AS sold, (month(sold) = 3)::INT AS march, epoch(seen) AS seen, "
        "epoch(hour) / 3600 AS hour, y FROM source",
        "",
    ),
    ("t.csv", other_dates, "SELECT dayofyear(strptime(sold, '%d.%m.%Y')) AS d, y FROM source", ""),
    ("t.csv", quoted, 'SELECT length("größe, text") AS l, b, y FROM source', ""),
    ("t.csv", below_a_title, "SELECT code[-1]::INT AS last, b / 3 AS b, y FROM source", ""),
    ("t.tsv", tabs, 'SELECT coalesce(a, 2.5) AS a, "is new", (a IS NULL)::INT AS "a is missing", y FROM source', ""),
    ("t.jsonl", json_lines, "SELECT a, \"in\".b AS b, (kind = 'flat') IS TRUE AS k, y FROM source", ""),
    (
        "t.parquet",
        parquet,
        "SELECT big, d / 3 AS d, kind = 'k1' AS k, day - DATE '2020-01-01' AS day, f, s.x AS x, "
        "coalesce(m, 0.5) AS m, y FROM source",
        "",
    ),
    (
        "sheet.csv",
        workbook,
        "SELECT units, (region = 'south') IS TRUE AS s, day - DATE '2022-01-01' AS day, y FROM source",
        "book.xlsx",
    ),
]


def model(table: Table) -> Predictor:
    """Some model of the table, in the folder `models`, whose ranges are those of all rows."""
    X = np.concatenate([X for fragment in table.fragments for X, *_ in table.blocks(fragment)])
    p = len(table.features)
    codes = np.array([RNG.randrange(256) for _ in range(p)])
    payload.save(Quantized(SCHEMES["per_channel_pow2"], 8, codes, QParams.pow2(np.full(p, 0.125), 8), 1.5))
    ends = zip(table.features, X.min(axis=0).tolist(), X.max(axis=0).tolist(), strict=True)
    features = {name: {"min": low, "mean": low, "max": high} for name, low, high in ends}
    card = {"target": "y", "features": features, "bits": 8, "table": describe.schema(table).to_plain()}
    artifacts.write_json(card, "models/card.json")
    return Predictor.load()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[str], list[str]]:
    """The lines that `samebits predict` writes to stdout and to stderr."""
    parser = ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(arguments)) == 0
    found = capsys.readouterr()
    return found.out.splitlines(), found.err.splitlines()


@pytest.mark.parametrize(("source", "write", "query", "rows"), TABLES)
def test_raw_rows_have_the_bits_of_the_pipeline(
    source: str, write: Callable[[str], None], query: str, rows: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(source)
    table = Table.of(source, query, "y")
    predictor = model(table)
    blocks = [X for fragment in table.fragments for X, *_ in table.blocks(fragment)]
    expected = [repr(value) for X in blocks for value in predictor.predict(X).tolist()]
    capsys.readouterr()
    found, told = run(capsys, rows or source)
    assert [line for line in found if line] == expected
    every = len(duckdb.execute(f"FROM '{source}'").fetchall()) if source.endswith(("jsonl", "parquet")) else None
    assert every is None or len(found) == every
    form = "of features" if predictor.schema and predictor.schema.plain else "of the table"
    assert told[-1].startswith(f"{rows or source}: {len(found)} rows {form}")
    assert not [line for line in told if "training" in line]


HOMES = "SELECT rooms, area / 10 AS area, (kind = 'flat')::INT AS flat, sold - DATE '2020-01-01' AS sold, price AS y "
HOMES += "FROM source "
HOMES += "WHERE price IS NOT NULL AND rooms > 1"


@pytest.fixture
def homes() -> Predictor:
    """A model of homes with 2 to 6 rooms, 20 to 49 m2, sold in 2020."""
    lines = [
        f"{20 + i % 30},{2 + i % 5},{'flat' if i % 3 else 'house'},2020-{i % 12 + 1:02}-11,{900 + i}" for i in range(60)
    ]
    Path("homes.csv").write_text("\n".join(["area,rooms,kind,sold,price", *lines, "30,1,hut,1990-01-01,", ""]))
    return model(Table.of("homes.csv", HOMES, "y"))


def test_each_row_has_a_line_or_a_reason(homes: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["3,2020-05-11,flat,30", "1,2020-05-11,flat,30", "3,2020-05-11,,30", "3,,flat,30"]
    rows += ["3,2020-05-11,flat,3O", "3,2020-02-30,flat,30"]
    Path("rows.csv").write_text("\n".join(["rooms,sold,kind,area", *rows, ""]))
    [first, *others], told = run(capsys, "rows.csv")
    assert float(first) == homes.predict(np.array([[3, 3, 1, 131.0]]))[0]
    assert others == [""] * 5
    assert told == [
        "row 2: no prediction: the query leaves it out",
        "row 3: no prediction: missing: kind",
        "row 4: no prediction: missing: sold",
        "row 5: no prediction: area: '3O' is not a number",
        "row 6: no prediction: sold: '2020-02-30' is not a date",
        "5 of 6 rows have no prediction",
        "rows.csv: 6 rows of the table, of which the model's query made features",
    ]
    with pytest.raises(UserError, match="row 2: the query leaves it out"):
        run(capsys, "rows.csv", "--strict")
    assert capsys.readouterr().out == f"{first}\n"


def test_a_filter_on_a_missing_target_does_not_apply(homes: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    for header, row in (
        ("area,rooms,kind,sold,price", "30,3,flat,2020-05-11,"),
        ("rooms,area,sold,kind", "3,30,2020-05-11,flat"),
    ):
        Path("rows.csv").write_text(f"{header}\n{row}\n")
        assert run(capsys, "rows.csv", "--raw")[0] == [repr(homes.predict(np.array([[3, 3, 1, 131.0]]))[0].item())]


def test_many_rows_without_a_prediction_are_told_by_their_count(
    homes: Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("rows.csv").write_text("rooms,sold,kind,area\n" + "3,2020-05-11,flat,\n" * 5000)
    found, told = run(capsys, "rows.csv")
    assert found == [""] * 5000
    assert len(told) == 12
    assert told[10] == "5,000 of 5,000 rows have no prediction"


def test_values_unlike_the_training_are_told_once_a_column(
    homes: Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["3,2020-05-11,flat,30", "7,2020-05-11,flat,300", "9,2021-05-11,villa,400", "3,2020-05-11,castle,30"]
    Path("rows.csv").write_text("\n".join(["rooms,sold,kind,area", *rows]))
    found, told = run(capsys, "rows.csv")
    assert all(found)
    assert told[:-1] == [
        "warning: rooms: 2 rows outside the training rows (2.0 to 6.0)",
        "warning: area: 2 rows outside the training rows (the table has 20.0 to 49.0)",
        "warning: sold: 1 row outside the training rows (the table has 2020-01-11 to 2020-12-11)",
        "warning: kind: 2 rows with a level that training never saw, as 'villa'",
    ]
    assert run(capsys, "rows.csv", "--ranges", "off") == (found, told[-1:])
    with pytest.raises(UserError, match="row 2: rooms is outside the training rows"):
        run(capsys, "rows.csv", "--ranges", "error")
    assert capsys.readouterr().out == f"{found[0]}\n"


def test_names_that_fit_both_are_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{20 + i % 30},{2 + i % 5},{900 + i}" for i in range(60)]
    Path("homes.csv").write_text("\n".join(["area,rooms,y", *lines]))
    predictor = model(Table.of("homes.csv", "SELECT rooms, area / 10 AS area, y FROM source", "y"))
    as_raw, as_features = ([repr(value.item())] for value in predictor.predict(np.array([[3, 3.0], [3, 30.0]])))
    Path("whole.csv").write_text("area,y,rooms\n30,5,3\n")
    Path("part.csv").write_text("area,rooms\n30,3\n")
    assert run(capsys, "whole.csv")[0] == as_raw
    with pytest.raises(UserError, match="which the model's query makes of them; say which with --raw or --features"):
        run(capsys, "part.csv")
    assert run(capsys, "part.csv", "--raw")[0] == as_raw
    assert run(capsys, "part.csv", "--features", "--ranges", "off")[0] == as_features


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("area,rooms\n30,3\n", "rows.csv: no column kind, sold; there are area, rooms; the features are rooms, area"),
        ("area,rooms,kind,sold\n30,3,flat\n", "rows.csv: line 2: has 3 cells, the header 4"),
        ("", "rows.csv: no column area, rooms, kind, sold"),
        ('{"area": 30, "rooms": 3, "kind": "flat", "sold": "2020-05-11"}\n{"area"', "rows.csv: "),
    ],
)
def test_mistakes(homes: Predictor, content: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rows.csv").write_text(content)
    with pytest.raises(UserError) as caught:
        run(capsys, "rows.csv")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("SELECT a, avg(b) OVER () AS m, y FROM source", "WINDOW"),
        ("SELECT a, y FROM source ORDER BY a", "ORDER_BY"),
        ("SELECT a, y FROM source LIMIT 50", "LIMIT"),
        ("SELECT DISTINCT a, y FROM source", "GROUP_BY"),
        ("SELECT a, sum(y) AS y FROM source GROUP BY a", "GROUP_BY"),
        ("SELECT s.a, t.b, s.y FROM source s JOIN source t ON s.a = t.a", "2 reads of source"),
        ("SELECT a + random() AS a, y FROM source", "gives other values for a part of the rows"),
    ],
)
def test_a_query_of_several_rows_takes_features_only(query: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i % 40},{i * i % 7},{i % 11}" for i in range(200)]
    Path("t.csv").write_text("\n".join(["a,b,y", *rows]))
    schema = describe.schema(Table.of("t.csv", query, "y"))
    assert not schema.by_row
    assert what in capsys.readouterr().err
    with pytest.raises(UserError, match="needs more than one row at a time"):
        schema.form(["a", "b", "y"], ["a"], "raw")
    assert schema.form(["a", "m"], ["a"]) == "features"


@pytest.mark.parametrize("kernel", ["Haswell", "Sandybridge"])
def test_rows_from_a_pipe_as_csv_json_and_gzip(homes: Predictor, kernel: str) -> None:
    expected = f"{homes.predict(np.array([[3, 3, 1, 131.0]]))[0].item()!r}\n"
    csv_ = b'area,rooms,kind,sold,price\r\n30,3,"flat",2020-05-11,\r\n\r\n'
    line = json.dumps({"area": 30, "rooms": "3", "kind": "flat", "sold": "2020-05-11", "more": [1]}).encode()
    for content in (csv_, gzip.compress(csv_), line, b"\xef\xbb\xbf" + csv_):
        done = subprocess.run(
            [sys.executable, "-m", "samebits", "predict"],
            input=content,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_CORETYPE": kernel},
        )
        assert done.stdout.decode() == expected, done.stderr
