"""What rules allow, and text formats: JSON, YAML, TOML, CSV."""

import csv
import io
import itertools
import json
import math
import subprocess
import sys
from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import assume, given, settings

from samebits.proof.settings import Rule
from samebits.proof.verdict import Row
from tests.proof.comparing import EQUAL, close, compared, said, verdict

NUMBERS = st.floats() | st.integers(-(2**70), 2**70)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=5)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def leaves(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all values that are no containers."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, each in items for found in leaves(each, (*place, key))]
    return [place]


def changed(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[place[0]] = changed(value[place[0]], place[1:], new)
    return copied


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(each) for each in value] if isinstance(value, list) else value


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_json_in_another_form_is_equal(document: Any) -> None:
    promised, obtained = json.dumps(document), json.dumps(shuffled(document), indent=3, ensure_ascii=False)
    if any(0xD800 <= ord(each) < 0xE000 for each in obtained):
        return
    assert verdict("a.json", promised, promised) == "same"
    assert verdict("a.json", promised, obtained) in ("same", "equal")
    assert verdict("a.json", json.dumps([document, 1.0]), json.dumps([document, 1])) == "equal"
    assert not compared("a.json", promised, obtained + "\n").allowed


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, LEAVES, st.data())
def test_one_changed_value_is_never_equal(document: Any, new: Any, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(leaves(document)))
    old = document
    for key in place:
        old = old[key]
    numbers = {type(old), type(new)} <= {int, float}
    one_number = numbers and old == new and math.copysign(1, old) == math.copysign(1, new)
    if json.dumps(old) == json.dumps(new) or one_number:
        return
    other = changed(document, place, new)
    assert verdict("a.json", json.dumps(document), json.dumps(other)) == "differs"
    everywhere = close(ulp=0, rtol=0, atol=0)
    expected = "close" if numbers and old == new else "differs"
    assert verdict("a.json", json.dumps(document), json.dumps(other), everywhere) == expected


def distance(promised: float, obtained: float, most: int) -> int | None:
    """How many steps of nextafter lead from one float to the other, where there are at most `most`."""
    at, steps = promised, 0
    while at != obtained and steps <= most:
        at, steps = math.nextafter(at, obtained), steps + 1
    return steps if steps <= most else None


@settings(max_examples=60, deadline=None)
@given(FINITE, st.integers(-6, 6), st.integers(0, 5))
def test_ulp_counts_the_floats_between(promised: float, steps: int, most: int) -> None:
    obtained = promised
    for _ in range(abs(steps)):
        obtained = math.nextafter(obtained, math.copysign(math.inf, steps))
    if promised == obtained or math.isinf(obtained):
        return
    expected = "differs" if distance(promised, obtained, most) is None else "close"
    pair = json.dumps([promised]), json.dumps([obtained])
    assert verdict("a.json", *pair, close(ulp=most)) == expected
    assert verdict("a.json", *reversed(pair), close(ulp=most)) == expected
    assert f"({abs(steps)} ulp)" in said("a.json", *pair)


def test_numbers_far_apart_are_told_in_parts_of_the_promised_one() -> None:
    assert "a is 0.8 promised, 1.0 obtained (rtol 0.25)" in said("a.json", '{"a": 0.8}', '{"a": 1.0}')
    assert "a is -2.0 promised, 1.0 obtained (rtol 1.5)" in said("a.json", '{"a": -2.0}', '{"a": 1.0}')
    assert " ulp)" in said("a.json", "[0.0]", "[1.0]")
    assert " ulp)" in said("a.json", "[5e-324]", "[-1e308]")


@settings(max_examples=60, deadline=None)
@given(NUMBERS, NUMBERS, st.none() | st.floats(0, 1e300), st.none() | st.floats(0, 10))
def test_tolerances_are_their_definition(
    promised: float, obtained: float, atol: float | None, rtol: float | None
) -> None:
    if promised == obtained or (promised != promised and obtained != obtained) or (atol is None and rtol is None):
        return
    finite = all(isinstance(each, int) or math.isfinite(each) for each in (promised, obtained))
    within = False
    if finite:
        apart, size = abs(Fraction(promised) - Fraction(obtained)), abs(Fraction(promised))
        limits = ([Fraction(atol)] if atol is not None else []) + ([Fraction(rtol) * size] if rtol is not None else [])
        if any(abs(apart - limit) <= limit / 2**50 for limit in limits):
            return  # floats are rounded
        within = any(apart <= limit for limit in limits)
    rule = Rule(path="*", compare="close", atol=atol, rtol=rtol)
    expected = "close" if within else "differs"
    assert verdict("a.json", json.dumps([promised]), json.dumps([obtained]), rule) == expected
    assert verdict("a.csv", f"x\n{promised!r}\n", f"x\n{obtained!r}\n", rule) == expected


def test_special_numbers() -> None:
    wide = close(ulp=1e300, rtol=1e300, atol=1e300)
    assert verdict("a.json", "[NaN]", "[NaN ]") == "equal"
    assert verdict("a.json", "[Infinity]", "[1e308]", wide) == "differs"
    assert verdict("a.json", "[Infinity]", "[-Infinity]", wide) == "differs"
    assert verdict("a.json", "[NaN]", "[1]", wide) == "differs"
    assert verdict("a.json", "[true]", "[1]", wide) == "differs"
    assert verdict("a.json", '["1"]', "[1]", wide) == "differs"
    assert verdict("a.json", "[0.0]", "[-0.0]") == "differs"
    assert verdict("a.json", "[0.0]", "[-0.0]", close(ulp=0)) == "close"
    assert verdict("a.json", "[1e400]", "[1e500]", wide) == "differs"
    assert verdict("a.json", "[9007199254740993]", "[9007199254740992.0]", EQUAL) == "differs"
    assert verdict("a.json", f"[1{'0' * 9000}]", f"[1{'0' * 8999}1]", wide) == "differs"
    assert verdict("a.json", f"[1{'0' * 9000}]", f"[ 1{'0' * 9000}]") == "equal"
    assert verdict("a.json", "[5]", "[6]", close(ulp=10)) == "differs"
    assert verdict("a.json", "[5]", "[6]", close(atol=1)) == "close"
    assert verdict("a.json", "[3]", "[3.0000000000000004]", close(ulp=1)) == "close"


def test_duplicate_keys_are_not_lost() -> None:
    assert verdict("a.json", '{"a": 1, "a": 2}', '{"a": 2}') == "differs"
    assert verdict("a.json", '{"a": 1, "a": 2}', '{"a": 2, "a": 1}') == "differs"
    assert verdict("a.json", '{"a": 1, "a": 2}', '{"a":1,"a":2}') == "equal"
    assert verdict("a.csv", "a,a\n1,2\n", "a,a\n3,2\n") == "differs"
    assert verdict("a.yaml", "a: 1\na: 2\n", "a: 2\n") == "differs"


def test_places_are_named_and_texts_are_data() -> None:
    assert said("a.json", '{"a": {"b": [1, 2.5]}}', '{"a": {"b": [1, 2.75]}}').startswith(
        "a.b[1] is 2.5 promised, 2.75 obtained"
    )
    assert "\\x1b[31m" in said("a.json", '{"\\u001b[31m": "\\u001b[2J"}', '{"\\u001b[31m": "\\u202e"}')
    assert "a.b is only in the promised file" in said("a.json", '{"a": {"b": 1}}', '{"a": {}}')
    many = said("a.json", json.dumps(list(range(100))), json.dumps(list(range(1, 101))))
    assert "and 95 more" in many
    assert "row 2.column y is 3 promised, 4 obtained" in said("a.csv", "x,y\n1,2\n2,3\n", "x,y\n1,2\n2,4\n")
    assert "character 500" in said("a.json", json.dumps("x" * 500 + "a"), json.dumps("x" * 500 + "b"))


IGNORED = Rule(path="*.json", compare="ignore", field="seconds", reason="a clock")


def test_rules_of_fields() -> None:
    promised, obtained = '{"a": {"seconds": {"x": 1}, "r2": 0.5}}', '{"a": {"seconds": {"x": 2, "y": 1}, "r2": 0.5}}'
    found = compared("m.json", promised, obtained, IGNORED)
    assert (found.verdict, found.allowed) == ("ignored", True)
    assert found.rule == "*.json, field seconds: ignore (a clock)"
    assert not compared("m.json", promised, obtained.replace("0.5", "0.6"), IGNORED).allowed
    assert not compared("m.yaml", promised, obtained, IGNORED).allowed
    assert not compared("m.json", "[1]", "[ 1]", IGNORED).allowed  # the field is not there
    strict = Rule(path="*.json", compare="bytes", field="x")
    assert not compared("m.json", promised, obtained, IGNORED, strict).allowed  # the last one stands
    assert not compared("m.json", promised, obtained, IGNORED, Rule(path="*", compare="equal", field="a")).allowed
    assert compared("m.json", promised, obtained, Rule(path="*", compare="equal", field="a"), IGNORED).allowed
    loose = [close(rtol=0.5), Rule(path="*", compare="close", field="r2", ulp=1)]
    assert compared("m.json", promised, promised.replace("1", "1.2"), *loose).allowed
    assert not compared("m.json", promised, promised.replace("0.5", "0.51"), *loose).allowed
    column = Rule(path="*.csv", compare="ignore", field="t", reason="a clock")
    assert compared("a.csv", "x,t\n1,2\n", "x,t\n1,3\n", column).verdict == "ignored"
    assert compared("a.csv", "x,t\n1,2\n", "x\n1\n", column).verdict == "ignored"
    assert compared("a.csv", "x,t\n1,2\n", "x,t\n2,2\n", column).verdict == "differs"


def test_the_last_rule_of_the_file_stands() -> None:
    loose, strict = Rule(path="*", compare="ignore", reason="a log"), Rule(path="*.txt", compare="bytes")
    assert compared("a.txt", "a", "b", strict, loose).verdict == "ignored"
    assert "a log" in str(compared("a.txt", "a", "b", loose).rule)
    assert not compared("a.txt", "a", "b", loose, strict).allowed
    assert not compared("a.json", "[", "]", loose, Rule(path="*", compare="bytes", field="r2")).allowed


def test_without_a_rule_only_the_same_bytes_pass() -> None:
    assert compared("a.json", "[1]", "[1]").allowed
    found = compared("a.json", "[1]", "[ 1]")
    assert (found.verdict, found.allowed, found.rule) == ("equal", False, None)


@settings(deadline=None)
@given(*[st.lists(st.sampled_from(["", "a", "b", "é", "\t", "x" * 300]), max_size=30).map("\n".join)] * 2)
def test_lines_side_by_side_are_those_of_the_files(promised: str, obtained: str) -> None:
    assume(promised != obtained)
    [difference] = compared("a.txt", promised, obtained).differences
    assume(difference.text.startswith("line "))
    sides: list[list[tuple[int, str]]] = [[], []]
    for row in difference.rows:
        for side, at, text in zip(sides, (row.promised_at, row.obtained_at), (row.promised, row.obtained), strict=True):
            if at is not None and text is not None:
                side.append((at, text))
            assert (at is None) == (text is None)
    for side, lines in zip(sides, (promised.split("\n"), obtained.split("\n")), strict=True):
        numbers = [at for at, _ in side]
        assert numbers == sorted({*numbers})
        for at, text in side:
            assert text.strip(".") in lines[at - 1].replace("\t", "\\t")
    first = next(at for at in itertools.count() if promised.split("\n")[at] != obtained.split("\n")[at])
    assert difference.text == f"line {first + 1}:"
    shown = next(row for row in difference.rows if first + 1 in (row.promised_at, row.obtained_at))
    assert shown.promised != shown.obtained


@settings(deadline=None)
@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=40))
def test_bytes_side_by_side_are_those_of_the_files(start: bytes, one: bytes, other: bytes) -> None:
    promised, obtained = b"\0" + start + one, b"\0" + start + other
    assume(promised != obtained)
    [difference] = compared("a.bin", promised, obtained).differences
    assert difference.sizes == (len(promised), len(obtained))
    first = next(at for at in itertools.count() if promised[at : at + 1] != obtained[at : at + 1])
    assert difference.text == f"byte {first}:"
    offsets = [each for row in difference.rows for each in (row.promised_at, row.obtained_at)]
    assert first // 16 * 16 in offsets
    for row in difference.rows:
        for content, at, text in ((promised, row.promised_at, row.promised), (obtained, row.obtained_at, row.obtained)):
            if at is not None and text is not None:
                assert bytes.fromhex(text) == content[at : at + 16]


def test_lines_that_one_file_has_more_stand_alone() -> None:
    promised, obtained = "a\nb\nc\nd\n1\n2\n3\ne\nf\n", "a\nb\nnew\nc\nd\n1\n2\n3\nE\nf\n"
    [difference] = compared("a.txt", promised, obtained).differences
    assert difference.rows == [
        Row(1, "a", 1, "a"),
        Row(2, "b", 2, "b"),
        Row(None, None, 3, "new"),
        Row(3, "c", 4, "c"),
        Row(4, "d", 5, "d"),
        Row(6, "2", 7, "2"),
        Row(7, "3", 8, "3"),
        Row(8, "e", 9, "E"),
        Row(9, "f", 10, "f"),
    ]


def test_how_many_more_there_are() -> None:
    assert said("a.json", json.dumps([0] * 20), json.dumps([1] * 20)).endswith("and 15 more")


def test_text_names_the_line() -> None:
    assert said("a.txt", "a\nb\nc\n", "a\nb\nd\n").startswith("line 3: 'c' promised, 'd' obtained")
    assert said("a.bin", b"\0\1", b"\0\2").startswith("byte 1: 0x01 promised, 0x02 obtained")
    assert "the end" in said("a.bin", b"\0\1", b"\0")
    assert said("a", b"x" * 3_000_000 + b"\0a", b"x" * 3_000_000 + b"\0b").startswith("byte 3,000,001: 0x61")
    assert "line 1: 'ä' promised, 'ö'" in said("a.txt", "ä", "ö")


CELLS = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=4) | FINITE.map(repr)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=5), st.data())
def test_csv_quoted_otherwise_is_equal(rows: list[list[str]], data: st.DataObject) -> None:
    def written(quoting: int, end: str, rows: list[list[str]]) -> str:
        text = io.StringIO()
        csv.writer(text, quoting=quoting, lineterminator=end).writerows([["x", "y"], *rows])  # type: ignore[arg-type]
        return text.getvalue()

    promised = written(csv.QUOTE_MINIMAL, "\n", rows)
    assert verdict("a.csv", promised, written(csv.QUOTE_ALL, "\r\n", rows)) == "equal"
    at = data.draw(st.integers(0, len(rows) - 1))
    other = [*rows[:at], [rows[at][0], rows[at][1] + "1x"], *rows[at + 1 :]]
    assert verdict("a.csv", promised, written(csv.QUOTE_MINIMAL, "\n", other), close(atol=1e300)) == "differs"


def test_what_counts_in_csv() -> None:
    assert verdict("a.csv", "a,b\n1,2\n", "a;b\n1;2\n") == "differs"
    assert verdict("a.csv", "a,b\n1,2\n", "b,a\n2,1\n") == "differs"
    assert verdict("a.csv", "zip\n007\n", "zip\n7\n", close(atol=1)) == "differs"
    assert verdict("a.csv", "x\n1.0\n", "x\n1.00\n") == "equal"
    assert verdict("a.csv", "1.0,2\n3,4\n", "1.5,2\n3,4\n", close(atol=1)) == "close"
    assert verdict("a.csv", "x\n1\n", "x\n1\n2\n", close(atol=9)) == "differs"
    assert "2 rows promised, 3 obtained" in said("a.csv", "x\n1\n2\n", "x\n1\n2\n3\n")
    assert verdict("a.tsv", "x\ty\n1,5\t2\n", '"x"\ty\n1,5\t2\n') == "equal"
    assert verdict("a.csv", "x,y\n1\n", "x,y\n2\n", close(atol=1)) == "close"
    assert verdict("a.csv", "x,y\n1,2,3\n", "x,y\n1,2,4\n") == "differs"
    assert verdict("a.csv", "x,y\n1,2,3\n", "x,y\n1,9,3\n") == "differs"


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_yaml_in_another_form_is_equal(document: Any) -> None:
    promised = yaml.safe_dump(document, allow_unicode=False)
    obtained = yaml.safe_dump(document, default_flow_style=True, default_style='"', width=20)
    plain = verdict("a.yaml", promised, yaml.safe_dump(document, sort_keys=False, indent=6) + "# said\n")
    assert plain in ("same", "equal")
    assert verdict("a.yml", obtained, yaml.safe_dump(document, default_flow_style=False, default_style='"')) in (
        "same",
        "equal",
    )


def test_what_counts_in_yaml() -> None:
    assert verdict("a.yaml", "a: &x [1, 2]\nb: *x\n", "a: [1, 2]\nb: [1, 2]\n") == "equal"
    assert verdict("a.yaml", "a: yes\n", 'a: "yes"\n') == "differs"  # true for readers of YAML 1.1
    assert verdict("a.yaml", "a: 010\n", "a: 10\n") == "differs"  # so is 8
    assert verdict("a.yaml", "a: abc\n", "a: 'abc'\n") == "equal"
    assert verdict("a.yaml", "a: 1\n", "a: '1'\n") == "differs"
    assert verdict("a.yaml", "a: 1\n", "a: 1.0\n") == "differs"
    assert verdict("a.yaml", "1: a\n", "'1': a\n") == "differs"
    assert verdict("a.yaml", "1: a\n", "true: a\n") == "differs"
    assert verdict("a.yaml", "a: !x 1\n", "a: !y 1\n") == "differs"
    assert verdict("a.yaml", "a: 1\n---\nb: 1\n", "a: 1\n---\nb: 2\n") == "differs"
    assert verdict("a.yaml", "a: 1.5e-3\n", "a: 1.6e-3\n", close(rtol=0.1)) == "close"
    assert verdict("a.yaml", "y: 1.5\n", "y: 2.5\n", Rule(path="*", compare="close", field="y", atol=1)) == "close"
    assert verdict("a.yaml", "a: 2001-01-01\n", "a: 2001-01-02\n") == "differs"


def test_what_counts_in_toml() -> None:
    assert verdict("a.toml", "[a]\nb = 1\nc = 2\n", "a = {c = 2, b = 1}\n") == "equal"
    assert verdict("a.toml", "a = 1\n", "a = 1.0\n") == "differs"
    assert verdict("a.toml", "a = 1.5\n", "a = 1.25\n", close(atol=1)) == "close"
    assert verdict("a.toml", "a = 1979-05-27T07:32:00Z\n", "a = 1979-05-27T00:32:00-07:00\n") == "differs"


def test_json_lines() -> None:
    promised = '{"a": 1}\n{"a": 2}\n'
    for name in ("a.jsonl", "a.json"):
        assert verdict(name, promised, '{"a":1}\r\n{"a":2}') == "equal"
        assert verdict(name, promised, '{"a": 1}\n{"a": 3}\n') == "differs"
        assert verdict(name, promised, '{"a": 1}\n{"a": 2}\n{"a": 2}\n') == "differs"
    assert "line 2.a is 2 promised, 3 obtained" in said("a.jsonl", promised, promised.replace("2", "3"))


def test_the_package_needs_no_more_than_its_extra() -> None:
    program = """
import sys
for name in ("numpy", "onnx", "pyarrow", "PIL", "safetensors", "torch", "joblib"):
    sys.modules[name] = None
from tests.proof.comparing import verdict, said
assert verdict("a.json", "[1]", "[ 1]") == verdict("a.yaml", "a: 1", "a:  1") == verdict("a.csv", "a", '"a"') == "equal"
import pickle
assert verdict("a.pkl", pickle.dumps([1.5, "a"], 2), pickle.dumps([1.5, "a"], 5)) == "equal"
for name in ("a.npy", "a.onnx", "a.parquet", "a.png"):
    print(said(name, b"a", b"b"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    for line, needed in zip(lines, ("numpy", "numpy and onnx", "numpy and pyarrow", "numpy and pillow"), strict=True):
        assert f"install {needed} to see values" in line


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.toml", "a.csv", "a.txt"])
def test_what_is_no_text_differs_by_bytes(name: str) -> None:
    for wrong in (b"\xff\xfe\x00", b"\x00", b"[" * 1_000_000, b'{"a": ', b'"a\nb,"c"d', b"a: [", b"- " * 100_000, b""):
        assert verdict(name, b'["a"]', wrong) == "differs"
        assert verdict(name, wrong, b'["a"]') == "differs"
        assert verdict(name, wrong, wrong + b" ") in ("differs", "equal")
