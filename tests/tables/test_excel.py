"""Workbooks, also those that are made to do harm."""

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from samebits import params
from samebits.advice import use
from samebits.errors import UserError
from samebits.tables import excel
from samebits.tables.table import Table
from tests.advice.test_use import noise, project_folder, run_use
from tests.conftest import ROOT

__all__ = ["project_folder"]  # a fixture

DATA = params.load(ROOT / "params.yaml").data
Rows = Sequence[Sequence[Any]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_first_sheet_of_a_workbook_becomes_csv(project_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    y = noise(30)
    rows = [(i * i, ["north", "south", ""][i % 3], 44562 + 20 * i, t) for i, t in enumerate(y)]
    write_workbook("Sales of 2022.xlsx", ["units", "region", "day", "revenue"], rows)
    run_use("Sales of 2022.xlsx", "--target", "revenue", "--yes")
    assert "reading first, the first of 2 sheets" in capsys.readouterr().err
    data = params.load().data
    assert data.source == "data/raw/Sales of 2022.csv"
    table = Table.of(data.source, data.query, data.target)
    [(X, found, *_)] = [block for fragment in table.fragments for block in table.blocks(fragment)]
    assert found.tolist() == y
    columns = dict(zip(table.features, X.T.tolist(), strict=True))
    assert columns["units"] == [i * i for i in range(30)]
    assert columns["day"] == [20 * i for i in range(30)]  # 44562 is 2022-01-01 in Excel
    assert columns["region = north"] == [float(i % 3 == 0) for i in range(30)]
    assert columns["region is missing"] == [float(i % 3 == 2) for i in range(30)]


def cells(path: str) -> list[list[str]]:
    excel.to_csv(path, Path("sheet.csv"))
    with open("sheet.csv", newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def mistake(path: str) -> str:
    with pytest.raises(UserError) as caught:
        excel.to_csv(path, Path("sheet.csv"))
    assert not Path("sheet.csv").exists()
    return str(caught.value)


def test_times_of_a_day_stay_times_also_at_midnight() -> None:
    write_workbook("hours.xlsx", ["day", "y"], [(45292 + i / 24, i * i % 7) for i in range(240)])
    rows = cells("hours.xlsx")
    assert [row[0] for row in rows[1:27]] == [f"2024-01-{1 + i // 24:02} {i % 24:02}:00:00" for i in range(26)]
    proposal = use.propose("sheet.csv", "y", DATA)
    assert "left out" not in proposal.query


def test_days_stay_days() -> None:
    write_workbook("days.xlsx", ["day", "y"], [(45292 + i, i) for i in range(3)])
    assert [row[0] for row in cells("days.xlsx")] == ["day", "2024-01-01", "2024-01-02", "2024-01-03"]


@pytest.mark.parametrize("corner", ["XFD1048576", "A1048576", "XFD1"])
def test_a_stray_cell_far_away_ends_nothing(corner: str) -> None:
    row = corner.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    stray = f'<row r="{row}"><c r="{corner}"><v>1</v></c></row>'
    write_workbook("table.xlsx", ["x", "y"], [(i, i * i) for i in range(5)], stray if row != "1" else "")
    if corner == "XFD1048576":
        message = mistake("table.xlsx")
        assert message.startswith("table.xlsx: the first sheet is too large to read; delete cells far from the table")
        assert "\n" not in message
    else:
        assert cells("table.xlsx")[:6] == [["x", "y"], *([str(i), str(i * i)] for i in range(5))]


def test_empty_columns_and_rows_beside_a_stray_cell_are_dropped() -> None:
    stray = '<row r="5000"><c r="ZZ5000"><v>1</v></c></row>'
    write_workbook("table.xlsx", ["x", "y"], [(1, 2), (3, 4)], stray)
    assert cells("table.xlsx") == [["x", "y", ""], ["1", "2", ""], ["3", "4", ""], ["", "", "1"]]


def test_a_table_of_too_many_columns_is_refused() -> None:
    names = [f"x{i}" for i in range(2500)]
    write_workbook("wide.xlsx", names, [range(2500)])
    assert mistake("wide.xlsx") == "wide.xlsx: 2,500 columns; samebits use takes at most 2,000: keep those that matter"
    Path("wide.csv").write_text("\n".join([",".join(names), *[",".join(map(str, range(2500)))] * 2]))
    with pytest.raises(UserError, match=r"^wide.csv: 2,500 columns; samebits use takes at most 2,000"):
        use.propose("wide.csv", "x0", DATA)


def test_a_sheet_that_needs_too_much_memory_is_refused() -> None:
    """30 MB of XML in 40 kB: 16,000 times 16,000 cells between two that hold something."""
    far = "".join(f'<row r="{row}"><c r="WQJ{row}"><v>1</v></c></row>' for row in range(16_000, 16_010))
    write_workbook("table.xlsx", ["x", "y"], [(1, 2)], far)
    assert "too large" in mistake("table.xlsx")


@pytest.mark.parametrize("damage", [b"", b"no workbook", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_workbook_is_refused(damage: bytes) -> None:
    Path("table.xlsx").write_bytes(damage)
    message = mistake("table.xlsx")
    assert message.startswith("table.xlsx: ")
    assert "\n" not in message


def write_workbook(path: str, header: Sequence[str], rows: Rows, more: str = "") -> None:
    """The smallest workbook that ECMA-376 allows, of two sheets; numbers of the column `day` are dates.

    more: rows of XML after the others.
    """
    main, relations = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "application/vnd.openxmlformats-"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"

    def cell(name: str, value: Any) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>' if value else "<c/>"
        return f'<c s="{int(name == "day")}"><v>{value}</v></c>'

    lines = [
        [cell("", name) for name in header],
        *([cell(*pair) for pair in zip(header, row, strict=True)] for row in rows),
    ]
    sheet = "".join(f"<row>{''.join(line)}</row>" for line in lines) + more
    kinds = {
        "workbook": "sheet.main",
        "worksheets/sheet1": "worksheet",
        "worksheets/sheet2": "worksheet",
        "styles": "styles",
    }
    overrides = "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="{relations}officedocument.spreadsheetml.{kind}+xml"/>'
        for part, kind in kinds.items()
    )
    of_book = "".join(
        f'<Relationship Id="r{i}" Type="{office}/{kind}" Target="{target}.xml"/>'
        for i, (kind, target) in enumerate(
            [("worksheet", "worksheets/sheet1"), ("worksheet", "worksheets/sheet2"), ("styles", "styles")]
        )
    )
    xf = '<xf numFmtId="{}" fontId="0" fillId="0" borderId="0"/>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f"{overrides}</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r0" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">{of_book}</Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="first" sheetId="1" r:id="r0"/><sheet name="second" sheetId="2" r:id="r1"/></sheets></workbook>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs>{xf.format(0)}{xf.format(14)}</cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
        "xl/worksheets/sheet2.xml": f'<worksheet xmlns="{main}"><sheetData/></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as file:
        for name, text in parts.items():
            file.writestr(name, text)
