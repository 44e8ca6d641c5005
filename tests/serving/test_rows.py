import csv
import io
import json
import math
import random
import re
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samebits.errors import UserError
from samebits.serving.rows import CHUNK, MAX_LINE, blocks

FEATURES = ["a", "b"]
finite = st.floats(allow_nan=False, allow_infinity=False)


def parse(content: bytes | str, features: Sequence[str] = FEATURES) -> tuple[list[list[float]], str]:
    """The rows, and the message of the error that ends them."""
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    rows: list[list[float]] = []
    try:
        for X in blocks(io.BufferedReader(file), features):
            assert X.dtype == np.float64
            rows += X.tolist()
    except UserError as error:
        return rows, str(error)
    return rows, ""


@given(st.lists(st.tuples(finite, finite)), st.permutations(["a", "b", "other", "text"]))
def test_csv_of_any_column_order_comes_back(rows: list[tuple[float, float]], names: list[str]) -> None:
    file = io.StringIO()
    writer = csv.DictWriter(file, names)
    writer.writeheader()
    writer.writerows({"a": repr(a), "b": repr(b), "other": "1", "text": 'no, "number"'} for a, b in rows)
    assert parse(file.getvalue()) == ([list(row) for row in rows], "")


@given(st.lists(st.tuples(finite, finite), min_size=1))
def test_json_lines_come_back(rows: list[tuple[float, float]]) -> None:
    text = "\n".join(json.dumps({"b": b, "x": [1], "a": a}) for a, b in rows)
    assert parse(text) == ([list(row) for row in rows], "")


@pytest.mark.parametrize("text", ["1", " 1 ", "+1", "1.", ".5", "1e5", "1E-5", "-0", "9" * 400 + "e-400", "1e-400"])
def test_numbers_as_python_and_numpy_read_them(text: str) -> None:
    for line in (f"{text},2", f'"{text}",2'):  # the way for whole blocks, and for single rows
        assert parse(f"a,b\n{line}\n") == ([[float(text), 2.0]], "")


@pytest.mark.parametrize(
    "text",
    ["x", "nan", "NaN", "inf", "-Infinity", "1e400", "1_0", "0x10", "1d5", "1 2", "\u0661", "True", "1;2", "1j", "\0"],
)
def test_what_is_no_finite_number_is_named(text: str) -> None:
    for line in (f"3,{text}", f'"3","{text}"'):
        rows, error = parse(f"a,b\n1,2\n{line}\n5,6\n")
        assert rows == [[1, 2]]
        assert error == f"row 2, column b: {text!r} is not a finite number"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no rows; the first line must name the columns a, b, or be a JSON object"),
        ("\n\n", "no rows; the first line must name the columns a, b, or be a JSON object"),
        ("a,c\n1,2\n", "header: no column b; it names a, c"),
        ("a,b,a\n1,2,3\n", "header: names the column a twice"),
        ("a,b\n1\n", "row 1: has 1 cells, the header 2"),
        ("a,b\n1,2,3\n", "row 1: has 3 cells, the header 2"),
        ("a,b\n\n1,2\n", "row 1: has 0 cells, the header 2"),
        ("a,b\n1,2\n \n\n3,4\n", "row 2: has 1 cells, the header 2"),
        ('{"a": 1, "b": 2}\n\n{"a": 1, "b": 2}', "row 2: not JSON"),
        ("a,b\na,b\n", "row 1, column a: 'a' is not a finite number"),
        ('a,b\n"1\n2",3\n', "row 1: not CSV (unexpected end of data); a row is one line"),
        ('a,b\n1,"2"x\n', "row 1: not CSV (',' expected after '\"'); a row is one line"),
        (b"a,b\n1,\xff\n", "line 2: not UTF-8; save the file as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "line 1: not UTF-8; save the file as UTF-8"),
        ("a,b\n" + "1" * (2 * MAX_LINE + CHUNK), f"line 2: longer than {MAX_LINE} bytes; a row is one line"),
        ('{"a": 1, "b": true}', "row 1, column b: True is not a finite number"),
        ('{"a": 1, "b": "2"}', "row 1, column b: '2' is not a finite number"),
        ('{"a": 1, "b": 1e400}', "row 1, column b: inf is not a finite number"),
        ('{"a": NaN, "b": 1}', "row 1, column a: nan is not a finite number"),
        ('{"a": 1, "b": 1' + "0" * 310 + "}", "row 1, column b: 1000000000"),
        ('{"a": 1, "b": 1' + "0" * 5000 + "}", "row 1: not JSON"),
        ('{"a": ' + "[" * 100_000, "row 1: not JSON"),
        ('{"a": 1, "b": 2}\n[1, 2]', "row 2: not a JSON object; one object a line, with a key for each column"),
        ('{"a": 1, "b": 2}\n{"a"', "row 2: not JSON"),
    ],
)
def test_mistakes(content: bytes | str, message: str) -> None:
    assert parse(content)[1].startswith(message)


@pytest.mark.parametrize(
    "content",
    ["a,b\n1,2\n3,\n5, \n", 'a,b\n"1",2\n3,""\n5,\n', '{"a": 1, "b": 2}\n{"a": 3}\n{"a": 5, "b": null}\n'],
)
def test_a_missing_value_is_nan(content: str) -> None:
    rows, error = parse(content)
    np.testing.assert_equal(rows, [[1, 2], [3, math.nan], [5, math.nan]])
    assert not error


def test_all_rows_before_the_first_wrong_one_are_given() -> None:
    rng = random.Random(1)
    values = [[rng.uniform(-1e6, 1e6), rng.gauss(0, 1)] for _ in range(20_000)]  # several chunks
    lines = [f"{a!r},{b!r}" for a, b in values]
    assert parse("a,b\n" + "\n".join(lines)) == (values, "")
    for wrong in (0, 1, 4095, 4096, 15_000, 19_999):
        for text in (b"1,x", b"1,\xff", b"1,2,3"):
            content = b"\n".join([b"a,b", *map(str.encode, lines[:wrong]), text, *map(str.encode, lines[wrong:])])
            rows, error = parse(content)
            assert rows == values[:wrong]
            assert f"row {wrong + 1}" in error or f"line {wrong + 2}" in error


def test_windows_files_with_a_byte_order_mark() -> None:
    assert parse("\ufeffa,b\r\n1,2\r\n3,4\r\n") == ([[1, 2], [3, 4]], "")
    assert parse('\ufeff{"a": 1, "b": 2}\r\n') == ([[1, 2]], "")


@pytest.mark.parametrize("end", ["\n", "\r\n\r\n", " \n\t\n", "\n" * 3 * CHUNK])
def test_blank_lines_at_the_end_are_no_rows(end: str) -> None:
    assert parse(f"a,b\n1,2\n{end}") == ([[1, 2]], "")
    assert parse(f"a,b\n{end}") == ([], "")
    assert parse('{"a": 1, "b": 2}\n' + end) == ([[1, 2]], "")
    assert parse(f"a,b\n1,2\n{end}3,4\n")[1].startswith("row 2: has ")


class Slow(io.RawIOBase):
    """A file whose parts arrive one at a time."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = iter(parts)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        part = next(self.parts, b"")
        buffer[: len(part)] = part
        return len(part)


def test_rows_come_as_they_arrive() -> None:
    slow = Slow(b"a,b\n1,2\n3,", b"4\n", b"5,6\n")
    found = [X.tolist() for X in blocks(io.BufferedReader(slow), FEATURES)]
    assert [row for X in found for row in X] == [[1, 2], [3, 4], [5, 6]]
    assert len(found) > 1


def parse_late(text: str, first: str, many: int = 100) -> tuple[list[list[float]], str]:
    """As `parse` for rows that come after many others, whose number is taken from that in the message.

    first: the header, if any, and a line before those of the text.
    """
    *header, row = first.splitlines(keepends=True)
    slow = Slow("".join([*header, *[row] * many]).encode(), text.encode())
    rows: list[list[float]] = []
    error = ""
    try:
        with patch("samebits.serving.rows.MANY", many):  # a hundred examples would parse the real number of rows
            for X in blocks(io.BufferedReader(slow, CHUNK), FEATURES):
                rows += X.tolist()
    except UserError as problem:
        error = re.sub(r"(?<=^row )\d+|(?<=^line )\d+", lambda found: str(int(found[0]) - many), str(problem))
    return rows[many:], error


cells = st.one_of(
    finite.map(repr),
    st.integers().map(str),
    st.from_regex(r"[ \t]?[+-]?[0-9]{0,20}\.?[0-9]{0,20}([eE][+-]?[0-9]{1,3})?[ \t\r]?", fullmatch=True),
    st.sampled_from(
        ["", " ", "-0", "-0 ", "-0.0", "007", "1],[2", "[1]", "true", "null", "NaN", "1e400", "1_0", '"1"', '1"']
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=3),
)


@settings(deadline=None)  # the first one imports
@given(
    st.sampled_from(["a,b", "b,a", "b,other,a"]),
    st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=5),
)
def test_after_many_rows_a_text_gives_the_same_numbers_and_messages(header: str, rows: list[list[str]]) -> None:
    width = header.count(",") + 1
    text = "\n".join(",".join(row[:width]) for row in rows)
    first = f"{header}\n" + ",".join("0" * width) + "\n"
    assert repr(parse_late(text, first)) == repr(parse(f"{header}\n{text}"))  # -0.0 is not 0.0


values = st.one_of(
    finite.map(repr),
    st.integers().map(str),
    st.integers(10**15, 10**25).map(str),
    st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["-0", "-0.0", "1e400", "9" * 400, "NaN", "-Infinity", "true", "null", '"1"', "[1]", "{}", ""]),
)
keys = st.sampled_from(["a", "b", "\\u0061", "other", "A", "\\ud800"])
pairs = st.tuples(keys, values).map(lambda pair: f'"{pair[0]}": {pair[1]}')
rights = st.tuples(values, values).map(lambda pair: f'{{"b": {pair[1]}, "x": [{{}}], "a": {pair[0]}}}')
objects = rights | st.lists(pairs, max_size=4).map(lambda found: f"{{{', '.join(found)}}}")


@settings(deadline=None)  # the first one imports
@given(
    st.lists(
        objects | st.sampled_from(["", "[1]", "{", "1", "null", '{"a":1,"b":2},{"a":1,"b":2}']), min_size=1, max_size=3
    )
)
def test_after_many_rows_json_gives_the_same_numbers_and_messages(lines: list[str]) -> None:
    first, text = '{"a": 0, "b": 0}\n', "\n".join(lines)
    rows, error = parse(first + text)
    early = rows[1:], re.sub(r"(?<=^row )\d+|(?<=^line )\d+", lambda found: str(int(found[0]) - 1), error)
    assert repr(parse_late(text, first)) == repr(early)


def test_one_feature() -> None:
    assert parse("a\n1\n2\n", ["a"]) == ([[1], [2]], "")
    assert parse("a\n1\n\n2\n", ["a"]) == ([[1]], "row 2: has 0 cells, the header 1")
    assert math.copysign(1, parse("a\n-0.0\n", ["a"])[0][0][0]) == -1
