"""`samebits use`: what becomes of a table, read back as the pipeline reads it."""

import csv
import datetime
import json
import re
import shutil
import statistics
import subprocess
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from sklearn.model_selection import train_test_split

from samebits import params
from samebits.advice import use
from samebits.advice.reader import Asked
from samebits.commands import use as command
from samebits.errors import UserError
from samebits.tables.table import Table
from tests.conftest import ROOT, Project

DATA = params.load(ROOT / "params.yaml").data
Rows = Sequence[Sequence[Any]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Used:
    """What `use` decided for a table, and what its query gives."""

    def __init__(self, source: str, target: str, asked: Asked | None = None) -> None:
        self.proposal = use.propose(source, target, DATA, asked)
        self.query = self.proposal.query
        table = Table.of(source, self.query, target)
        blocks = [block for fragment in table.fragments for block in table.blocks(fragment)]
        X, self.y = np.vstack([X for X, *_ in blocks]), np.concatenate([y for _, y, *_ in blocks])
        self.features = dict(zip(table.features, X.T.tolist(), strict=True))

    def most(self, column: str) -> str:
        """The level for which all columns of a category are 0."""
        return re.findall(rf'"{column} = .*all are 0 for (.+), \d+ rows', self.query)[0]

    def left_out(self, column: str) -> str:
        """Why a column is left out."""
        start = f"-- left out: {column}: "
        [line] = [line.strip() for line in self.query.splitlines() if line.strip().startswith(start)]
        return line.removeprefix(start)


def used(header: Sequence[str], rows: Rows, target: str = "y") -> Used:
    write(header, rows)
    return Used("table.csv", target)


def write(header: Sequence[str], rows: Rows, name: str = "table.csv") -> None:
    with open(name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def write_parquet(header: Sequence[str], rows: Rows) -> None:
    """A table whose names may hold anything."""
    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    pyarrow.parquet.write_table(pyarrow.table(columns), "table.parquet")


def mistake(header: Sequence[str], rows: Rows, target: str = "y") -> str:
    write(header, rows)
    with pytest.raises(UserError) as caught:
        use.propose("table.csv", target, DATA)
    return str(caught.value)


@pytest.fixture
def project_folder(tmp_path: Path) -> Path:
    """A repository that holds params.yaml and nothing else, where the tests run."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    commit()
    return tmp_path


def commit() -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "add", "params.yaml"], check=True)
    user = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *user, "commit", "-q", "-m", "as it is"], check=True)


def run_use(*words: str) -> None:
    parser = ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(words)) == 0


def refused(*words: str) -> str:
    with pytest.raises(UserError) as caught:
        run_use(*words)
    return str(caught.value)


def training(count: int) -> list[int]:
    """The numbers of the training rows of a table, in its order."""
    rows, _ = train_test_split(range(count), test_size=DATA.test_size, random_state=DATA.seed)
    return sorted(rows)


def noise(count: int) -> list[float]:
    return np.random.default_rng(1).normal(size=count).round(4).tolist()


def test_numbers_stay_as_they_are() -> None:
    x, y = [1.5 * i * i for i in range(40)], noise(40)
    result = used(["x", "y"], list(zip(x, y, strict=True)))
    assert result.features == {"x": x}
    assert result.y.tolist() == y
    assert '"x", -- number' in result.query


def test_a_missing_number_is_the_median_and_a_column_says_where() -> None:
    x = [None if i % 7 == 0 else float(i * i) for i in range(50)]
    result = used(["x", "y"], [(v, t) for v, t in zip(x, noise(50), strict=True)])
    median = statistics.median(v for v in (x[i] for i in training(50)) if v is not None)
    assert result.features["x"] == [median if v is None else v for v in x]
    assert result.features["x is missing"] == [float(v is None) for v in x]
    assert "16 % missing: filled with the median" in result.query


@pytest.mark.parametrize("missing", ["NA", "?", ".", "-", "nan", "inf"])
def test_what_stands_for_a_missing_number_is_missing(missing: str) -> None:
    x = [missing if i % 9 == 3 else str(i * i) for i in range(45)]
    result = used(["x", "y"], list(zip(x, noise(45), strict=True)))
    median = statistics.median(float(x[i]) for i in training(45) if x[i] != missing)
    assert result.features["x"] == [median if v == missing else float(v) for v in x]
    assert sum(result.features["x is missing"]) == 5


def test_a_category_is_columns_of_0_and_1_but_for_its_most_frequent_level() -> None:
    kind = ["c", "a", "b", "c", "", "c", "a"] * 8
    result = used(["kind", "y"], list(zip(kind, noise(56), strict=True)))
    assert result.features == {
        "kind = a": [float(v == "a") for v in kind],
        "kind = b": [float(v == "b") for v in kind],
        "kind is missing": [float(v == "") for v in kind],
    }


def test_a_date_is_days_and_months() -> None:
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(days=11 * i) for i in range(100)]
    result = used(["day", "y"], list(zip(days, noise(100), strict=True)))
    assert result.features["day"] == [11.0 * i for i in range(100)]
    months = {name: values for name, values in result.features.items() if name != "day"}
    counts = [sum(day.month == month for day in days) for month in range(1, 13)]
    most = 1 + counts.index(max(counts))
    assert len(months) == 11
    for month in set(range(1, 13)) - {most}:
        assert months[f"day = month {month}"] == [float(day.month == month) for day in days]
    assert "to test on the latest rows" in result.query


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2021-03-0{} 06:00:00", 0.25),
        ("2021-03-0{}T06:00:00Z", 0.25),
        ("2021-03-0{}T06:00:00+02:00", 0.25),
        ("2021030{}", 0.0),
    ],
)
def test_times_and_dates_are_known_however_they_are_written(text: str, days: float) -> None:
    which = [1 + i * i % 7 for i in range(40)]
    result = used(["t", "y"], [(text.format(day), y) for day, y in zip(which, noise(40), strict=True)])
    assert result.features == {"t": [day - min(which) + days for day in which]}


def test_a_missing_date_is_the_median_and_in_no_month() -> None:
    days = [None if i % 6 == 0 else datetime.date(2020, 1, 1) + datetime.timedelta(days=31 * i) for i in range(60)]
    result = used(["day", "y"], list(zip(days, noise(60), strict=True)))
    known = [31 * i for i in range(60) if i % 6]
    median = statistics.median(31 * i for i in training(60) if i % 6)
    days_since = [median - min(known) if i % 6 == 0 else 31 * i - min(known) for i in range(60)]
    assert result.features["day"] == days_since
    assert result.features["day is missing"] == [float(i % 6 == 0) for i in range(60)]
    months = [values for name, values in result.features.items() if " = month " in name]
    assert len(months) == 11
    assert not any(values[i] for values in months for i in range(0, 60, 6))


def test_the_same_table_gives_the_same_query() -> None:
    rows = [(i % 9, "abcd"[i * i % 4], x, x * x) for i, x in enumerate(noise(500))]
    assert used(["a", "b", "c", "y"], rows).query == Used("table.csv", "y").query


def test_what_is_no_feature_is_left_out_and_said_why() -> None:
    rows = [
        (i + 1, f"name {i}", "same", None, 1000 + 7 * i, f"t{i % 30}", i % 3, "abc"[i % 3], 2.5 * (i % 7), i % 7, y)
        for i, y in enumerate(noise(120))
    ]
    header = ["row", "name", "constant", "nothing", "customer_id", "many", "depth", "letter", "scaled", "x", "y"]
    result = used(header, rows)
    assert result.left_out("row") == "identifier: counts the rows from 1"
    assert result.left_out("name") == "text with a different value in each row"
    assert result.left_out("constant") == "constant: same"
    assert result.left_out("nothing") == "no values"
    assert result.left_out("customer_id") == "identifier, by its name"
    assert result.left_out("many") == (
        "text with 30 values, as t0; those with 5 training rows or more have 0 % of the rows, a category needs 50%"
    )
    assert result.left_out("letter") == "determined by depth, one to one"
    assert result.left_out("x") == "in the training rows a combination of scaled"
    assert set(result.features) == {"depth", "scaled"}


def test_what_counts_the_rows_is_a_feature_where_there_is_no_other() -> None:
    assert used(["x", "y"], list(enumerate(noise(30)))).features == {"x": list(range(30))}
    assert mistake(["id", "y"], list(enumerate(noise(30)))).endswith("id: identifier: counts the rows from 0")


def test_a_category_that_another_determines_is_left_out() -> None:
    rows = [("abcd"[i % 4], "vowel" if i % 4 == 0 else "consonant", y) for i, y in enumerate(noise(60))]
    result = used(["letter", "kind", "y"], rows)
    assert result.left_out("kind") == "determined by letter"
    assert len(result.features) == 3


def test_copies_of_the_target_are_no_features() -> None:
    y = noise(80)
    rows = [(x, 32 + 1.8 * t, t) for x, t in zip(noise(160)[80:], y, strict=True)]
    result = used(["x", "fahrenheit", "celsius"], rows, "celsius")
    assert result.left_out("fahrenheit") == "the target in another unit: a linear function of celsius"
    assert set(result.features) == {"x"}
    answers = [(x, "yes" if t > 0 else "no", float(t > 0)) for x, t in zip(noise(160)[80:], y, strict=True)]
    result = used(["x", "answer", "coded"], answers, "coded")
    assert result.left_out("answer") == "the target under another name: each value matches one of coded"


def test_parts_that_make_up_the_target_are_told() -> None:
    rows = [(i % 7, i * i % 11, i % 7 + i * i % 11) for i in range(60)]
    notes = used(["casual", "registered", "count"], rows, "count").proposal.warnings
    assert any(note.startswith("count is a combination of registered, casual:") for note in notes)


def test_rows_without_target_are_left_out_and_counted() -> None:
    y = [None if i % 5 == 0 else v for i, v in enumerate(noise(50))]
    x = [i * i for i in range(50)]
    result = used(["x", "y"], list(zip(x, y, strict=True)))
    assert result.y.tolist() == [v for v in y if v is not None]
    assert result.features["x"] == [float(v) for v, t in zip(x, y, strict=True) if t is not None]
    assert "leaves out 10 rows without y" in result.query


def test_what_is_proposed_is_counted() -> None:
    rows = [(i * i, "same", t if i else None) for i, t in enumerate(noise(40))]
    proposal = used(["x", "constant", "y"], rows).proposal
    assert (proposal.features, proposal.columns, proposal.rows, proposal.split) == (1, 3, 39, "shuffle")
    assert proposal.query.startswith("-- 39 rows, 3 columns; 1 feature\n")


HOSTILE = [
    'a "quoted" name',
    "it's",
    "source",
    "SELECT",
    "x; DROP TABLE source; --",
    "-- a comment",
    "/* another",
    "größe (m²)",
    "価格",
    "two\nlines",
    "x\r\ny\tz",
    "\x1b[31m\u2028\x85 \\ 😀",
    "{braces} {0} %s",
    "y is missing",
    "null",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_and_any_level_is_only_text(name: str, project_folder: Path) -> None:
    rows = [(x if i % 6 else None, name if i % 3 else "other", x * x) for i, x in enumerate(noise(60))]
    write_parquet([name, "kind", "y"], rows)
    run_use("table.parquet", "--target", "y", "--yes")
    data = params.load().data
    table = Table.of(data.source, data.query, data.target)
    assert table.features == [name, f"{name} is missing", "kind = other"]
    [(X, *_)] = [block for fragment in table.fragments for block in table.blocks(fragment)]
    assert X[:, 2].tolist() == [float(i % 3 == 0) for i in range(60)]


@pytest.mark.parametrize("name", HOSTILE)
def test_the_target_may_have_any_name(name: str, project_folder: Path) -> None:
    write_parquet(["x", name], [(x, x * x) for x in noise(60)])
    run_use("table.parquet", "--target", name, "--yes")
    data = params.load().data
    assert data.target == name
    assert Table.of(data.source, data.query, data.target).features == ["x"]


def test_names_that_differ_in_case_only_stay_two_columns() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            'CREATE TABLE t AS SELECT i % 7 AS a, i * i % 11 AS "a is missing", i * i AS y FROM range(50) t(i)'
        )
        connection.execute("UPDATE t SET a = NULL WHERE a = 3")
        connection.execute("COPY t TO 'table.parquet'")
    result = Used("table.parquet", "y")
    assert list(result.features) == ["a", "a is missing (2)", "a is missing"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "--target y: the table has no rows"),
        ([(1, None)] * 9, "--target y: no row has a value"),
        ([(i, 4) for i in range(9)], "--target y: every value is 4"),
        (
            [(i, "abc"[i % 3]) for i in range(30)],
            "--target y: text with 3 values (a, b, c); a model predicts a number or one of two values",
        ),
        (
            [(i, f"2020-01-{1 + i}") for i in range(9)],
            "--target y: has type date; a model predicts a number or one of two values",
        ),
        ([(1, i) for i in range(9)], "table.csv: no column except y can be a feature: x: constant: 1"),
        ([(3, 1)], "--target y: every value is 1"),
        ([(3, 1), (5, 2)], "table.csv: no column except y can be a feature: x: constant in the training rows"),
    ],
)
def test_what_cannot_be_a_target_is_refused(rows: Rows, told: str) -> None:
    assert mistake(["x", "y"], rows).startswith(told)


def test_spaces_around_the_name_of_the_target_do_not_count() -> None:
    rows = [(i * 37 % 11, t) for i, t in enumerate(noise(60))]
    write(["x", " y "], rows)
    assert use.propose("table.csv", " y ", DATA).target == use.propose("table.csv", "y", DATA).target == "y"


def test_an_unknown_target_is_told_with_the_columns_that_there_are() -> None:
    assert mistake(["x", "Y"], [(1, 2)] * 5) == "--target y: no such column; the columns are x, Y"


def test_structs_are_their_fields_and_lists_are_left_out() -> None:
    lines = [
        json.dumps({"x": i * i, "tags": ["a"], "at": {"lat": i % 7, "of": {"é": i % 5}}, "y": y})
        for i, y in enumerate(noise(40))
    ]
    Path("table.jsonl").write_text("\n".join(lines))
    result = Used("table.jsonl", "y")
    assert result.left_out("tags") == "list, not a number"
    assert result.features["at.lat"] == [i % 7 for i in range(40)]
    assert result.features["at.of.é"] == [i % 5 for i in range(40)]


def test_wide_integers_decimals_and_booleans_of_parquet_are_numbers() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            """COPY (SELECT CASE WHEN i % 5 > 0 THEN i::HUGEINT * 10::HUGEINT ** 30 END AS huge,
                     (i * i % 13)::DECIMAL(38, 9) AS money,
                     CASE WHEN i % 4 > 0 THEN i % 3 = 0 END AS flag, TIME '00:30:00' + INTERVAL (i % 5) HOUR AS time,
                     i * i % 17 AS y FROM range(60) t(i)) TO 'table.parquet'"""
        )
    result = Used("table.parquet", "y")
    assert result.features["money"] == [float(i * i % 13) for i in range(60)]
    assert result.features["flag"] == [float(i % 4 > 0 and i % 3 == 0) for i in range(60)]
    assert result.features["time"] == [0.5 + i % 5 for i in range(60)]
    assert result.features["huge"][1] == 1e30


def test_a_model_that_can_learn_its_rows_by_heart_is_told() -> None:
    rng = np.random.default_rng(3)
    rows = [(*x, y) for x, y in zip(rng.normal(size=(20, 30)).tolist(), noise(20), strict=True)]
    result = used([*(f"x{i}" for i in range(30)), "y"], rows)
    assert any("memorise" in note for note in result.proposal.warnings)
    assert len(result.features) < 16


def test_only_the_table_changes_in_params_yaml(project_folder: Path) -> None:
    before = Path("params.yaml").read_text()
    write(["x", "y"], [(i * i, y) for i, y in enumerate(noise(40))])
    run_use("table.csv", "--target", "y", "--yes")
    after = Path("params.yaml").read_text()
    query = "  query: |"
    assert after[: after.index(query)] == before[: before.index(query)].replace(
        "source: data/raw/cal_housing.csv.gz", "source: data/raw/table.csv"
    ).replace("target: MedHouseVal", 'target: "y"')
    assert after.endswith(before[before.index("\ncompute:") :])
    assert Path("data/raw/table.csv").read_bytes() == Path("table.csv").read_bytes()
    old, new = params.load(ROOT / "params.yaml"), params.load()
    assert (new.compute, new.train, new.quantize) == (old.compute, old.train, old.quantize)
    assert (new.data.seed, new.data.split, new.data.test_size) == (old.data.seed, old.data.split, old.data.test_size)


@pytest.mark.parametrize(
    "layout",
    [
        "data:\n    source: 'a' # of\n    # all\n    target: y\n    query: SELECT 1\n    {deep}\n\n# end\n{others}",
        "{others}\n# the data\ndata:\n  query: >\n    A\n\n    B\n\n  # the rest\n  {rest}\n  source: a\n  target: b",
    ],
)
def test_params_yaml_may_be_laid_out_in_another_way(layout: str, project_folder: Path) -> None:
    rest = "test_size: 0.2\n{0}seed: 42\n{0}split: shuffle # so\n{0}keep_rows: 1000"
    own = (ROOT / "params.yaml").read_text()
    others = own[own.index("compute:") :]
    text = layout.format(deep=rest.format("    "), rest=rest.format("  "), others=others)
    Path("params.yaml").write_text(text)
    commit()
    write(["x", "z"], [(i * i, y) for i, y in enumerate(noise(40))])
    run_use("table.csv", "--target", "z", "--yes")
    after = Path("params.yaml").read_text()
    assert [line.partition("#")[2] for line in text.splitlines() if "#" in line] == [
        line.partition("#")[2]
        for line in after.splitlines()
        if "#" in line and "# by samebits" not in line and "--" not in line
    ]
    data = params.load().data
    assert Table.of(data.source, data.query, data.target).features == ["x"]


def test_without_yes_it_shows_and_writes_nothing(project_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("params.yaml").read_text()
    write(["x", "y"], [(i * i, y) for i, y in enumerate(noise(40))])
    run_use("table.csv", "--target", "y")
    shown = capsys.readouterr().out
    assert '"x", -- whole number, 0 to 1521' in shown
    assert Path("params.yaml").read_text() == before
    assert not Path("data").exists()
    run_use("table.csv", "--target", "y", "--yes")
    assert shown[: shown.index("`--yes` writes")].strip() in Path("params.yaml").read_text()


def test_a_query_that_git_does_not_keep_is_not_overwritten(project_folder: Path) -> None:
    write(["x", "y"], [(i * i, y) for i, y in enumerate(noise(40))])
    with Path("params.yaml").open("a") as file:
        file.write("# mine\n")
    before = Path("params.yaml").read_text()
    assert refused("table.csv", "--target", "y", "--yes") == (
        "params.yaml has uncommitted changes, which would be lost; commit them, or drop them with "
        "`git checkout params.yaml`"
    )
    assert Path("params.yaml").read_text() == before
    assert not Path("data").exists()


def test_another_file_in_data_raw_is_not_overwritten(project_folder: Path) -> None:
    write(["x", "y"], [(i * i, y) for i, y in enumerate(noise(40))])
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/table.csv").write_text("mine")
    message = refused("table.csv", "--target", "y", "--yes")
    assert message == "data/raw/table.csv exists and differs from table.csv; rename one of them"
    assert Path("data/raw/table.csv").read_text() == "mine"


@pytest.mark.parametrize("where", ["data/raw/mine", "./data/../data/raw/mine", "{root}/data/raw/mine"])
def test_a_table_in_data_raw_stays_where_it_is(where: str, project_folder: Path) -> None:
    Path("data/raw/mine").mkdir(parents=True)
    write(["x", "y"], [(i * i, y) for i, y in enumerate(noise(40))], "data/raw/mine/table.csv")
    run_use(f"{where.format(root=project_folder)}/table.csv", "--target", "y", "--yes")
    assert params.load().data.source == "data/raw/mine/table.csv"
    assert [path.name for path in Path("data/raw").iterdir()] == ["mine"]


def test_a_table_too_large_for_git_is_added_to_dvc_before_the_run(
    project_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "FOR_DVC", 100)
    write(["x", "y"], [(i * i, y) for i, y in enumerate(noise(40))], "my table.csv")
    run_use("my table.csv", "--target", "y", "--yes")
    commands = [line.strip() for line in capsys.readouterr().out.splitlines()[1:]]
    assert commands[0] == "dvc add 'data/raw/my table.csv'   # too large for git"
    assert commands[1] == "make"


def test_files_of_a_glob_are_copied(project_folder: Path) -> None:
    Path("in").mkdir()
    for part in (1, 2):
        write(["x", "y"], [(i * i * part, y) for i, y in enumerate(noise(20))], f"in/part-{part}.csv")
    run_use("in/part-*.csv", "--target", "y", "--yes")
    assert params.load().data.source == "data/raw/part-*.csv"
    assert sorted(path.name for path in Path("data/raw").iterdir()) == ["part-1.csv", "part-2.csv"]
    Path("in/part-2.csv").unlink()
    Path("in/part-3.csv").write_text("x,y\n1,2\n")
    commit()
    assert refused("in/part-*.csv", "--target", "y").startswith("in/part-*.csv: copy these 2 files into a folder of")


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("nothing.csv", "nothing.csv: no such file"),
        ("no*.csv", "no*.csv: no such file"),
        ("folder", "folder is a folder; name its files, as folder/*.csv"),
        ("empty.csv", "empty.csv: the file is empty"),
        ("table.doc", "table.doc: the name must end in one of .csv, .tsv, .parquet, .json"),
        ("table.parquet", "data.source table.parquet: "),
        ("table.xlsx", "table.xlsx: "),
    ],
)
def test_what_is_no_table_is_told(table: str, told: str, project_folder: Path) -> None:
    Path("table.doc").write_text("x,y\n1,2\n")
    Path("table.parquet").write_text("no Parquet")
    Path("empty.csv").touch()
    Path("folder").mkdir()
    Path("table.xlsx").write_text("no Excel")
    assert refused(table, "--target", "y").startswith(told)


@pytest.mark.slow
def test_the_five_commands_of_the_docs_do_what_they_say(project: Project) -> None:
    write(
        ["größe", "kind", "sold on", "price"],
        [(i * i if i % 9 else None, "abc"[i % 3], f"2020-0{1 + i % 7}-11", t) for i, t in enumerate(noise(150))],
        str(project.root.parent / "houses.csv"),
    )
    text = (ROOT / "docs" / "tables.md").read_text()
    commands = text.partition("\n## In a clone\n")[2].partition("```console\n")[2].partition("```")[0]
    settings = "git config user.name test; git config user.email test@example.com"
    installed = 'make() { command make --assume-old=.venv/installed "$@"; }'
    done = project.run("bash", "-ec", "\n".join([settings, installed, commands, "make check"]))
    assert "5 features, 120 training rows. R2, RMSE and MAE are of 30 test rows." in done.stdout
    page = (project.root / "page.html").read_text()
    assert "A linear model of price" in page
    assert project.git("rev-parse", "HEAD").strip() in page
    assert "as in the commit" in page
    assert "dvc.lock is the record of a run of this tree" in page
    assert "Reproduced: 22 of 22 outputs are the same" in done.stdout
