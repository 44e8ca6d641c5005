"""The law of raw rows: a row of the table, as it stands there, has the bits that it has in the pipeline."""

import gzip
import json
import random
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from samebits import artifacts
from samebits.commands import predict as command
from samebits.model import payload
from samebits.model.predictor import Predictor
from samebits.model.schemes import SCHEMES, QParams, Quantized
from samebits.tables import describe
from samebits.tables.table import Table
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
