"""How text is read, and what is odd in a table: each kind by tables that `use` looks at, read back by its query."""

import bz2
import lzma
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from samebits import params
from samebits.advice import sentinels
from samebits.advice.reader import Asked
from samebits.errors import UserError
from samebits.tables import convert
from tests.advice.test_use import Used, noise, project_folder, run_use, training, used, write
from tests.conftest import ROOT
from tests.tables.test_excel import write_workbook

__all__ = ["project_folder"]  # a fixture

DATA = params.load(ROOT / "params.yaml").data


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def grouped(value: float, mark: str, decimal: str = ".") -> str:
    return f"{value:,.2f}".replace(",", "\0").replace(".", decimal).replace("\0", mark)


NUMBERS: dict[str, Callable[[float], str]] = {
    "$1,234.50": lambda v: f"${grouped(v, ',')}",
    "-$5": lambda v: f"{'-' if v < 0 else ''}${abs(v):.2f}",
    "EUR 5": lambda v: f"EUR {v:.2f}",
    "5 €": lambda v: f"{grouped(v, '.', ',')} €",
    "5%": lambda v: f"{v:.2f}%",
    "5 %": lambda v: f"{v:.2f} %",
    "1,234": lambda v: grouped(v, ","),
    "1 234,5": lambda v: grouped(v, "\u202f", ","),
    "1'234.5": lambda v: grouped(v, "'"),
    "1.234,5": lambda v: grouped(v, ".", ","),
    "3,14": lambda v: f"{v:.2f}".replace(".", ","),
    "5 kg": lambda v: f"{v:.2f} kg",
    "5kg": lambda v: f"{v:.2f}kg",
    "5 km/h": lambda v: f"{v:.2f} km/h",
    "5 KM or 5 km": lambda v: f"{v:.2f} {'KM' if v > 500 else 'km'}",
    "₹5 or 5": lambda v: f"{'₹' if v > 500 else ''}{grouped(v, ',')}",
    "(5)": lambda v: f"({grouped(-v, ',')})" if v < 0 else grouped(v, ","),
    "\u22125": lambda v: f"{v:.2f}".replace("-", "\N{MINUS SIGN}"),
    "1e3": lambda v: f"{v / 100:.4f}e2" if v > 0 else f"{v:.2f}",
    " 5 ": lambda v: f"  {v:.2f} {'' if v > 500 else ' '}x".removesuffix("x"),
}


@pytest.mark.parametrize("how", NUMBERS)
def test_numbers_are_read_as_people_write_them(how: str) -> None:
    x = [
        round(1250.25 + i * 3713 % 9121 - (2000 if "-" in how or "(" in how or "\u2212" in how else 0), 2)
        for i in range(120)
    ]
    result = used(["x", "y"], [(NUMBERS[how](v), t) for v, t in zip(x, noise(120), strict=True)])
    assert result.features["x"] == pytest.approx(x)


def test_thousands_and_millions_are_read_as_multiples() -> None:
    values = [
        (f"{1 + i % 9}.5K", 1500 + 1000 * (i % 9)) if i % 2 else (f"{2 + i % 7}M", 2e6 + 1e6 * (i % 7))
        for i in range(90)
    ]
    result = used(["x", "y"], [(text, t) for (text, _), t in zip(values, noise(90), strict=True)])
    assert result.features["x"] == [value for _, value in values]


@pytest.mark.parametrize(
    ("many", "few", "powers"),
    [
        ("{} Crore", "{} Lac", (7, 5)),
        ("${} billion", "${} Million", (9, 6)),
        ("{}K", "{}", (3, 0)),
        ("€{}M", "€{}K", (6, 3)),
    ],
)
def test_multiples_are_told_from_units(many: str, few: str, powers: tuple[int, int]) -> None:
    numbers = [f"{1 + i % 9}.{i * 7 % 10}" for i in range(90)]
    texts = [(few if i % 4 == 0 else many).format(v) for i, v in enumerate(numbers)]
    result = used(["x", "y"], list(zip(texts, noise(90), strict=True)))
    assert result.features["x"] == [float(f"{v}e{powers[i % 4 == 0]}") for i, v in enumerate(numbers)]
    assert not result.proposal.warnings


@pytest.mark.parametrize("how", ["{h}h {m}m", "{h} hours {m} min", "{h} hr {m} mins", "{h}H{m}M"])
def test_durations_of_two_units_are_hours(how: str) -> None:
    minutes = [1 + i * 37 % 1400 for i in range(120)]
    whole = how.partition("{m}")[0]  # 19h beside 2h 50m
    texts = [(how if m % 60 else whole).format(h=m // 60, m=m % 60) for m in minutes]
    result = used(["took", "y"], list(zip(texts, noise(120), strict=True)))
    assert result.features["took"] == [m * 60 / 3600 for m in minutes]


def test_ordinals_are_numbers() -> None:
    floors = [1 + i * 7 % 23 for i in range(120)]
    texts = [f"{n}{'th' if 3 < n < 21 else ['th', 'st', 'nd', 'rd'][n % 10]}" if n % 11 else n for n in floors]
    assert used(["floor", "y"], list(zip(texts, noise(120), strict=True))).features["floor"] == floors


def test_what_fits_a_minority_is_not_the_form_of_a_column() -> None:
    stops = ["non-stop", "1 stop", "2 stops", "3 stops", "4 stops"]
    rows = [(stops[max(0, i % 9 - 4)], t) for i, t in enumerate(noise(180))]
    result = used(["stops", "y"], rows)
    assert len(result.features) == 4
    assert not result.proposal.warnings


DATES = {
    "%b %d, %Y": "Dec 8, 2022",
    "%B %d, %Y": "December 8, 2022",
    "%d-%b-%Y": "31-Jan-2023",
    "%d %B %Y": "31 January 2023",
    "%d.%m.%Y": "31.01.2023",
    "%m/%d/%Y": "01/31/2023",
    "%d/%m/%y": "31/01/23",
    "%Y/%m/%d": "2023/01/31",
    "%Y%m%dT%H%M%S": "20230131T000000",
    "%d/%m/%Y %H:%M": "31/01/2023 18:30",
    "%m/%d/%Y %I:%M %p": "01/31/2023 06:30 PM",
    "%d/%m/%Y %H.%M": "31/01/2023 18.30",
    "%a %d %b %Y": "Tue 31 Jan 2023",
    "%A, %d %B %Y": "Tuesday, 31 January 2023",
}


@pytest.mark.parametrize("how", DATES)
def test_dates_are_read_as_people_write_them(how: str) -> None:
    days = [date.fromordinal(738_000 + 13 * i) for i in range(100)]
    result = used(["day", "y"], [(day.strftime(how), t) for day, t in zip(days, noise(100), strict=True)])
    assert result.features["day"] == [13.0 * i for i in range(100)]
    assert not result.proposal.warnings


@pytest.mark.parametrize(
    "text", ["{y}-{m:02}", "{b} {y}", "{y} {b}", "{m:02}/{y}", "{y}Q{q}", "{y}-Q{q}", "Q{q} {y}", "{q}Q{y}"]
)
def test_months_and_quarters_are_their_first_days(text: str) -> None:
    months = [(2015 + i // 12, 1 + i % 12) for i in range(96)]
    texts = [text.format(y=y, m=m, q=(m + 2) // 3, b=date(y, m, 1).strftime("%b")) for y, m in months]
    result = used(["when", "y"], list(zip(texts, noise(96), strict=True)))
    starts = [date(y, m - (m - 1) % 3 if "q" in text else m, 1).toordinal() for y, m in months]
    assert result.features["when"] == [start - starts[0] for start in starts]


AMBIGUOUS = [(f"{1 + i % 12:02}/{1 + i // 12 % 12:02}/{2014 + i % 5}", t) for i, t in enumerate(noise(96))]


@pytest.mark.parametrize(("asked", "how"), [(None, "%d/%m/%Y"), ("day first", "%d/%m/%Y"), ("month first", "%m/%d/%Y")])
def test_dates_that_fit_both_ways_are_told_and_asked_for(asked: str | None, how: str) -> None:
    write(["day", "y"], AMBIGUOUS)
    result = Used("table.csv", "y", Asked(dates=asked))
    assert how in result.query
    assert any("--dates month-first" in each for each in result.proposal.warnings) == (asked is None)


def test_a_date_that_fits_one_way_tells_the_others() -> None:
    rows = [(day, f"{1 + i % 12:02}/{13 + i % 15}/2020", y) for i, (day, y) in enumerate(AMBIGUOUS)]
    result = used(["day", "other", "y"], rows)
    assert result.query.count("'%m/%d/%Y'") == result.query.count("strptime")
    assert not [each for each in result.proposal.warnings if "--dates" in each]


@pytest.mark.parametrize(
    "texts",
    [
        ["001", "1", "0001", "01"],
        ["00501", "02139", "10001"],
        ["1_2", "1_3", "31_10_1"],
        ["12345678901234567890", "12345678901234567891"],
        ["A1", "B2", "C3"],
        ["747-400", "737-800"],
    ],
)
def test_codes_stay_text(texts: list[str]) -> None:
    result = used(["code", "y"], [(texts[i % len(texts)], t) for i, t in enumerate(noise(120))])
    assert len(result.features) == len(texts) - 1
    for name, values in result.features.items():
        text = name.removeprefix("code = ")
        assert values == [float(texts[i % len(texts)] == text) for i in range(120)]


@pytest.mark.parametrize("stray", ["unknown", "1.2.3", "5 or 6", "n.a.", "1_000", "0x1F"])
def test_a_stray_value_among_numbers_is_missing_and_named(stray: str) -> None:
    x = [stray if i == 70 else f"{i * 37 % 101 + 0.5}" for i in range(150)]
    result = used(["x", "y"], list(zip(x, noise(150), strict=True)))
    median = float(np.median([float(x[i]) for i in training(150) if i != 70]))
    assert result.features["x"] == [median if i == 70 else float(v) for i, v in enumerate(x)]
    assert result.proposal.warnings == [f"x: 1 of 150 values is no number: '{stray}' in row 71; taken as missing"]


def test_of_many_strays_the_column_stays_text_until_the_person_says_they_are_missing() -> None:
    rows = [("closed" if i % 4 == 0 else i * 37 % 101 + 0.5, t, t) for i, t in enumerate(noise(160))]
    result = used(["x", "z", "y"], [(x, i % 7, y) for i, (x, _, y) in enumerate(rows)])
    assert "x" not in result.features
    [warning] = result.proposal.warnings
    assert "40 of 160 values are of another form than the others, as 'closed' in row 1" in warning
    result = Used("table.csv", "y", Asked(missing=(("x", "closed"),)))
    assert sum(result.features["x is missing"]) == 40


@pytest.mark.parametrize("word", ["unknown", "N.A.", "Not available", "*"])
def test_words_for_nothing_are_missing_up_to_half_of_the_rows(word: str) -> None:
    rows = [(word if i % 3 == 0 else i * 37 % 101 + 0.5, t) for i, t in enumerate(noise(150))]
    result = used(["x", "y"], rows)
    assert sum(result.features["x is missing"]) == 50
    assert result.proposal.warnings == [f"x: 50 of 150 values are no number: '{word}' in row 1; taken as missing"]


@pytest.mark.parametrize("value", ["-9999", "-200", "999", "-1", "99999"])
def test_a_repeated_value_far_from_the_rest_is_told_and_missing_if_asked(value: str) -> None:
    x = [value if i % 9 == 0 else str(1 + i * 37 % 100) for i in range(180)]
    result = used(["x", "z", "y"], [(v, i % 7, t) for i, (v, t) in enumerate(zip(x, noise(180), strict=True))])
    [warning] = result.proposal.warnings
    assert warning.startswith(f"{value} is repeated in x (20 rows), far from the other values")
    assert f"-- warning: {value} is repeated" in result.query
    assert result.features["x"] == [float(v) for v in x]
    result = Used("table.csv", "y", Asked(missing=((None, value),)))
    assert result.features["x is missing"] == [float(v == value) for v in x]
    assert result.proposal.warnings == ["taken as missing, as --missing says: x (20 values)"]


def test_few_values_far_from_one_another_are_no_missing_ones() -> None:
    rows = [(["4", "5", "7"][i % 3], [0, 0.1, 0.25, 2.5][i % 4], t) for i, t in enumerate(noise(120))]
    assert not used(["seats", "dose", "y"], rows).proposal.warnings


def test_what_is_far_from_the_rest() -> None:
    rows = [(1.0, 3, 1), (2.0, 3, 2), (3.0, 3, 3)]
    assert sentinels.find(rows, [(100.0, 2, 5), (99.5, 2, 6), (99.0, 1, 7)]) == ()
    found = sentinels.find([(-888.0, 2, 4), (-777.0, 2, 9), *rows], [(50.0, 1, 5), (49.0, 1, 6)])
    assert [(each.example, each.rows, each.first) for each in found] == [("-888", 2, 4), ("-777", 2, 9)]
    assert sentinels.find(rows, [(1e6, 1, 5), (50.0, 1, 6)]) == ()  # an outlier, but not repeated


@pytest.mark.parametrize("label", ["Total", "TOTAL:", "Grand total", "Summe", ""])
def test_a_total_in_the_last_row_is_named_and_left_out(label: str) -> None:
    rows = [("N" if i % 9 < 5 else "S", 1 + i * 37 % 100, 1 + i % 9, round(5 * t, 2)) for i, t in enumerate(noise(60))]
    total: tuple[object, ...] = (label, *(round(sum(column), 2) for column in list(zip(*rows, strict=True))[1:]))
    result = used(["region", "x", "z", "y"], [*rows, total])
    assert result.y.tolist() == [row[3] for row in rows]
    assert any(each.startswith("row 61, the last, is a total") for each in result.proposal.warnings)


def test_a_last_row_that_is_no_total_stays() -> None:
    rows = [(["good", "average", "all"][i % 3], i * 37 % 11, t) for i, t in enumerate(noise(60))]
    assert len(used(["quality", "x", "y"], rows).y) == 60


@pytest.mark.parametrize("space", [" ", "\u00a0", "\t"])
def test_padded_levels_are_one(space: str) -> None:
    sex = [f"{space}male", "female", f"{space * 2}male", f"male{space}", f"female{space}"]
    result = used(["sex", "y"], [(sex[i % 5], t) for i, t in enumerate(noise(60))])
    assert result.features == {"sex = female": [float("fe" in sex[i % 5]) for i in range(60)]}
    assert all(line.isprintable() for line in result.query.splitlines())  # else it is one line of params.yaml


def test_levels_of_few_training_rows_are_pooled() -> None:
    kind = ["a" if i % 3 == 0 else "b" if i % 3 == 1 else f"rare {i}" if i % 2 else "c" for i in range(240)]
    result = used(["kind", "y"], list(zip(kind, noise(240), strict=True)))
    assert {*result.features} == {f"kind = {level}" for level in {"a", "b", "c", "other"} - {result.most("kind")}}
    assert result.features["kind = other"] == [float(v.startswith("rare")) for v in kind]


@pytest.mark.parametrize(
    ("name", "values"), [("hour", range(24)), ("month", range(1, 13)), ("zipcode", range(98001, 98009))]
)
def test_periods_and_codes_are_categories_unless_the_person_says_number(name: str, values: range) -> None:
    x = [values[i * 7 % len(values)] for i in range(40 * len(values))]
    result = used([name, "y"], list(zip(x, noise(len(x)), strict=True)))
    assert len(result.features) == len(values) - 1
    result = Used("table.csv", "y", Asked(numbers=frozenset({name})))
    assert result.features == {name: x}
    write(["grade", "y"], list(zip(x, noise(len(x)), strict=True)))
    assert Used("table.csv", "y").features == {"grade": x}
    assert len(Used("table.csv", "y", Asked(categories=frozenset({"grade"}))).features) == len(values) - 1


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("n", [i if i < 50 else i + 1 for i in range(104)]),  # a counter with a gap
        ("pidnum", [1000 + i * 7919 % 5003 for i in range(104)]),
        ("case", [i * 31 % 997 + 1 for i in range(104)]),
    ],
)
def test_identifiers_are_left_out(name: str, numbers: list[int]) -> None:
    rows = [(number, i * 37 % 11, t) for i, (number, t) in enumerate(zip(numbers, noise(104), strict=True))]
    assert used([name, "x", "y"], rows).left_out(name).startswith("identifier")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("textbook_isbn", "codes by their name, 104 of them: too many for categories, and no quantity"),
        ("Postal Code", "codes by their name, 104 of them: too many for categories, and no quantity"),
        ("college_jobs", None),
        ("amount_paid", None),
        ("store_size", None),
    ],
)
def test_codes_are_no_quantities_and_quantities_no_codes(name: str, why: str | None) -> None:
    rows = [(1000 + i * 7919 % 5003, i * 37 % 11, t) for i, t in enumerate(noise(104))]
    result = used([name, "x", "y"], rows)
    assert (None if name in result.features else result.left_out(name)) == why
    rows = [(1000 + i % 8, x, t) for i, (_, x, t) in enumerate(rows)]
    assert (name in used([name, "x", "y"], rows).features) == (why is None)  # as categories, else


def test_a_text_of_one_level_is_known_or_missing() -> None:
    rows = [("heated" if i % 3 else "", i % 7, t) for i, t in enumerate(noise(90))]
    assert used(["pool", "x", "y"], rows).features["pool is missing"] == [float(i % 3 == 0) for i in range(90)]


def test_a_time_index_is_kept_where_nothing_else_is_of_time() -> None:
    trend = np.cumsum(noise(104)).tolist()
    rows = [(i + 1, i * 37 % 11, t) for i, t in enumerate(trend)]
    assert "week" in used(["week", "x", "y"], rows).features
    assert "n" in used(["n", "x", "y"], rows).features  # the target goes with the order of the rows
    dated = [(f"2020-01-{1 + i % 28:02}", *row) for i, row in enumerate(rows)]
    assert used(["day", "n", "x", "y"], dated).left_out("n") == "identifier: counts the rows from 1"


def test_a_monotone_function_of_the_target_is_told() -> None:
    wage = np.exp(np.array(noise(200)) * 2).tolist()
    rows = [(np.log(w), i * 37 % 11, w) for i, w in enumerate(wage)]
    [warning] = used(["logwage", "x", "wage"], rows, "wage").proposal.warnings
    assert warning.startswith("logwage orders the rows as wage does (rank correlation 1.000)")


def test_rows_that_repeat_others_are_told() -> None:
    rows = [(i * 37 % 50, t) for i, t in enumerate(noise(50))]
    [warning] = used(["x", "y"], [*rows, *rows[:3]]).proposal.warnings
    assert warning.startswith("3 rows (5.7 %) repeat another in all columns")


TEXT = "city,x,y\n" + "".join(
    f"{['Zürich', 'Genève', 'Oslo'][i % 3]},{i * 37 % 101},{i * 37 % 101 * 2 + i % 5}\n" for i in range(90)
)


def packed(name: str) -> None:
    content = TEXT.encode()
    if name.endswith(".zip"):
        with zipfile.ZipFile(name, "w") as archive:
            archive.writestr("data/houses.csv", content)
            archive.writestr("__MACOSX/._houses.csv", b"x")
            archive.writestr("readme.md", b"# read")
    else:
        Path(name).write_bytes(bz2.compress(content) if name.endswith(".bz2") else lzma.compress(content))


@pytest.mark.parametrize("name", ["a.zip", "houses.csv.bz2", "houses.csv.xz"])
def test_packed_tables_are_read(name: str, project_folder: Path) -> None:
    packed(name)
    run_use(name, "--target", "y", "--yes")
    data = params.load().data
    assert data.source == "data/raw/houses.csv"
    assert Path(data.source).read_text() == TEXT


def test_an_archive_of_several_tables_is_asked_for_one(project_folder: Path) -> None:
    with zipfile.ZipFile("two.zip", "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", "x,y\n1,2\n")
    with pytest.raises(UserError, match=r"^two.zip: 2 tables in the archive, which holds a.csv, b.csv; name one"):
        run_use("two.zip", "--target", "y")
    run_use("two.zip#a.csv", "--target", "y", "--yes")
    assert params.load().data.source == "data/raw/a.csv"


@pytest.mark.parametrize("damage", [b"PK\x03\x04 no zip", b""])
@pytest.mark.parametrize("name", ["a.zip", "a.csv.bz2", "a.csv.xz"])
def test_what_cannot_be_unpacked_is_one_line(name: str, damage: bytes, project_folder: Path) -> None:
    Path(name).write_bytes(damage)
    with pytest.raises(UserError, match=f"^{name}: ") as caught:
        run_use(name, "--target", "y")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1", "cp1252"])
def test_other_encodings_are_found_and_told(
    encoding: str, project_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("houses.csv").write_bytes(TEXT.encode(encoding))
    run_use("houses.csv", "--target", "y", "--yes")
    assert "rewritten as UTF-8" in capsys.readouterr().err
    assert Path("data/raw/houses.csv").read_text() == TEXT


def test_fields_between_spaces_are_read_also_with_row_names(
    project_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(i * 37 % 101, f'"level {i % 3}"', i * 37 % 101 * 2 + i % 5) for i in range(60)]
    lines = ["  x    kind   y", *(f'"{i}"  {x}   {kind}    {y}' for i, (x, kind, y) in enumerate(rows, 1))]
    Path("r.txt").write_text("\n".join(lines) + "\n")
    run_use("r.txt", "--target", "y", "--yes")
    assert "fields are separated by spaces" in capsys.readouterr().err
    assert params.load().data.source == "data/raw/r.csv"
    assert Path("data/raw/r.csv").read_text().splitlines()[:2] == ["rownames,x,kind,y", "1,0,level 0,0"]


def test_a_sheet_is_chosen_by_its_name(project_folder: Path) -> None:
    write_workbook("book.xlsx", ["x", "y"], [(i * i, t) for i, t in enumerate(noise(30))])
    with pytest.raises(UserError, match=r"no sheet third; the sheets are first, second"):
        run_use("book.xlsx#third", "--target", "y")
    run_use("book.xlsx#first", "--target", "y", "--yes")
    assert params.load().data.source == "data/raw/book.csv"


def test_what_is_left_out_is_printed_also_with_yes(project_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(["id", "same", "x", "y"], [(i + 1, "a", i * i, t) for i, t in enumerate(noise(40))])
    run_use("table.csv", "--target", "y", "--yes")
    shown = capsys.readouterr().out
    assert "left out: id: identifier: counts the rows from 1\n" in shown
    assert "left out: same: constant: a\n" in shown


def test_a_name_with_a_number_sign_is_a_file() -> None:
    Path("book.xlsx#1").touch()
    assert convert.split("book.xlsx#1") == ("book.xlsx#1", None)
    assert convert.split("table#1.csv") == ("table#1.csv", None)
    assert convert.split("book.xlsx#Sheet 2") == ("book.xlsx", "Sheet 2")


def test_weeks_are_their_mondays() -> None:
    mondays = [date.fromisocalendar(2019 + i // 52, 1 + i % 52, 1) for i in range(130)]
    texts = ["{}-W{:02}".format(*day.isocalendar()) for day in mondays]
    found = used(["week", "y"], list(zip(texts, noise(130), strict=True))).features["week"]
    assert found == [(day - mondays[0]).days for day in mondays]
