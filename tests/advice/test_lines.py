"""Lines around the rows, as titles and notes: they are named with the option that skips them, and skipped."""

from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest

from samebits.commands import predict
from samebits.errors import UserError
from samebits.tables.source import Source
from samebits.tables.table import Table
from tests.advice.test_use import Used
from tests.tables.test_raw import model

ROWS = [f"{1 + i * 37 % 100},{i % 9},{i * 37 % 100 * 3 + i % 9}" for i in range(60)]
TABLE = ["x,z,y", *ROWS]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(*lines: str, encoding: str = "utf-8") -> str:
    Path("t.csv").write_text("\n".join(lines) + "\n", encoding=encoding)
    return "t.csv"


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (["Source: office, 2024"], "line 62: 2 fields; .*Source: office.*: samebits use --skip-footer 1$"),
        (["", "Source: A", '"Note: x, z"'], "line 63: 1 field; .*Source: A; .*: samebits use --skip-footer 2$"),
        (["1,2", "3,4,5"], "line 62: 2 fields; .*correct or delete the line: 1,2$"),
        (["1,2,3,4"], "line 62: 4 fields; .*correct or delete the line: 1,2,3,4$"),
    ],
)
def test_a_note_after_the_last_row_is_named_with_what_skips_it(after: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Source.of(write(*TABLE, *after))


@pytest.mark.parametrize("above", [["Table 1. Houses,,", ",,"], ["Table 1. Houses", ""]])
def test_the_line_that_names_the_target_is_named(above: list[str]) -> None:
    with pytest.raises(UserError, match=r"no such column; .*line 3 has it: --skip 2 takes that line as the header$"):
        Used(write(*above, *TABLE, *(["", "Source: office"] if above[1] == "" else [])), "y")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_lines_that_the_person_names_are_skipped_by_use_and_predict(
    encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = np.array([[float(cell) for cell in row.split(",")] for row in ROWS])
    predictor = model(Table.of(write(*TABLE), "SELECT x, z * 2 AS z, y FROM source", "y"))
    expected = [repr(float(each)) for each in predictor.predict(cells[:, :2] * [1, 2])]
    write("Tabelle für Häuser,,", *TABLE, "Quelle: Amt für Häuser", encoding=encoding)
    arguments = ArgumentParser()
    predict.add_arguments(arguments)
    capsys.readouterr()
    assert predict.run(arguments.parse_args(["t.csv", "--raw", "--skip", "1", "--skip-footer", "1"])) == 0
    found = capsys.readouterr()
    assert found.out.split() == expected
    assert "of its 63 lines, the first 1 and the last 1, from 'Quelle: Amt" in found.err
