"""Comparisons at their edges: where a difference is said to be, and what stays unread."""

import io
import json
import pickle
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from samebits.proof.settings import Rule
from tests.proof.comparing import close, said, verdict

TIME = Rule(path="*", compare="ignore", field="time", reason="a clock")


@pytest.mark.parametrize(
    ("name", "promised", "obtained", "told"),
    [
        ("a.json", '{"a": {"b": [1]}}', '{"a": {"b": [1, 2]}}', "a.b has 1 items promised, 2 obtained"),
        ("a.json", '{"a": [1, {"x": 1}]}', '{"a": [1, {"y": 1}]}', "a[1].x is only promised | a[1].y is only obtained"),
        ("a.csv", "a,b\n1,2\n3,4\n", "a,b\n1,2\n3,4,5\n", "row 2 has 2 cells promised, 3 obtained"),
        ("a.csv", "a,b\n1,2\n", "a,b\n1,2\n3,4\n", "has 1 rows promised, 2 obtained"),
        ("a.csv", "a,b\n1,2\n", "a,c\n1,2\n", "column b is only promised | column c is only obtained"),
    ],
)
def test_a_difference_is_said_with_its_place(name: str, promised: str, obtained: str, told: str) -> None:
    found = said(name, promised, obtained)
    assert found.replace("in the promised file", "promised").replace("in the obtained file", "obtained") == told


def test_of_long_texts_the_place_is_shown_with_what_stands_before_it() -> None:
    before = "".join(map(str, range(60)))
    told = said("a.json", json.dumps([before + "one" + "x" * 60]), json.dumps([before + "two" + "x" * 60]))
    assert f"differs from character {len(before)} on: '{before[-20:]}onexxx" in told
    assert f"'{before[-20:]}twoxxx" in told


def test_a_rule_holds_for_a_field_that_one_side_only_has() -> None:
    for pair in (['{"a": 1}', '{"a": 1, "time": 2}'], ['{"a": 1, "time": 2}', '{"a": 1}']):
        assert verdict("a.json", *pair, TIME) == "ignored"
        assert verdict("a.json", *pair, Rule(path="*", compare="close", field="time", atol=9)) == "differs"
    assert verdict("a.json", '{"a": {}}', '{"a": {"time": 2}}', TIME) == "ignored"
    assert verdict("a.csv", "a\n1\n", "a,time\n1,2\n", TIME) == "ignored"


def packed(members: dict[str, bytes], system: int = 3, mode: int = 0) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.create_system = system
            archive.writestr(info, content)
            info.external_attr = mode << 16  # writestr sets one where there is none
    return file.getvalue()


def test_a_member_of_one_archive_only_is_named() -> None:
    told = said("o.zip", packed({"a": b"1", "d/b": b"2"}), packed({"a": b"1", "c": b"2"}))
    assert told.startswith("d/b: ")
    assert "| c: " in told


def test_modes_count_only_where_the_archive_has_some() -> None:
    assert verdict("o.zip", packed({"a": b"1"}), packed({"a": b"1"}, system=0)) == "equal"
    assert verdict("o.zip", packed({"a": b"1"}, 0, 0o644), packed({"a": b"1"}, 0, 0o755)) == "equal"
    assert verdict("o.zip", packed({"a": b"1"}, 3, 0o644), packed({"a": b"1"}, 3, 0o755)) == "differs"


def test_a_torch_file_of_an_older_release_has_no_hashes_of_its_own() -> None:
    new = {".data/serialization_id": b"1"}
    old = {"data.pkl": pickle.dumps({"a": 1}, 2), "version": b"3\n"}

    def file(root: str, **more: Any) -> bytes:
        return packed({f"{root}/{name}": content for name, content in {**old, **more}.items()})

    assert verdict("m.pt", file("one"), file("two")) == "equal"
    assert verdict("m.pt", file("one"), file("two", **new)) == "equal"
    assert verdict("m.pt", file("one"), file("two", more=b"1")) == "differs"


def tensors(header: dict[str, Any], data: bytes, spaces: int = 0) -> bytes:
    text = json.dumps(header).encode() + b" " * spaces
    return struct.pack("<Q", len(text)) + text + data


def test_safetensors_without_tensors_and_of_eight_bits() -> None:
    assert verdict("m.safetensors", tensors({}, b""), tensors({}, b"", 4)) == "equal"
    assert verdict("m.safetensors", tensors({}, b"")[:-1], tensors({}, b"", 4)) == "differs"
    for dtype in ("BOOL", "F8_E4M3", "F8_E5M2"):
        header = {"w": {"dtype": dtype, "shape": [2], "data_offsets": [0, 2]}}
        assert verdict("m.safetensors", tensors(header, b"\1\2"), tensors(header, b"\1\2", 8)) == "equal"
        assert verdict("m.safetensors", tensors(header, b"\0\1"), tensors(header, b"\1\1"), close(atol=9)) == "differs"


def test_texts_are_never_close() -> None:
    files = []
    for each in ("a", "b"):
        files.append(io.BytesIO())
        np.save(files[-1], np.array([each, "c"]))
    assert verdict("a.npy", *(file.getvalue() for file in files), close(atol=9, rtol=9, ulp=9)) == "differs"


def test_onnx_in_bfloat16_is_compared_as_numbers() -> None:
    def model(values: list[float], raw: bool) -> bytes:
        tensor = helper.make_tensor("w", TensorProto.BFLOAT16, [2], values)
        if raw:
            words = [struct.unpack("<I", struct.pack("<f", each))[0] >> 16 for each in values]
            tensor = helper.make_tensor("w", TensorProto.BFLOAT16, [2], struct.pack("<2H", *words), raw=True)
        info = helper.make_tensor_value_info("y", TensorProto.BFLOAT16, [2])
        graph = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "g", [], [info], [tensor])
        return bytes(helper.make_model(graph).SerializeToString())

    assert verdict("m.onnx", model([1.0, 2.0], True), model([1.0, 2.0], False)) == "equal"
    assert "by up to 1 ulp" in said("m.onnx", model([1.0, 2.0], True), model([1.0, 2.015625], True))


def picture(depth: int, color: int, size: tuple[int, int], rows: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_pictures_of_which_not_all_would_be_read() -> None:
    deep = [picture(16, 2, (1, 1), bytes([0, 1, 2, 3, 4, 5, low])) for low in (6, 7)]
    assert verdict("a.png", *deep) == "differs"
    assert "16 bits a color, of which Pillow reads 8" in said("a.png", *deep)
    huge = [picture(8, 0, (2**16, 2**16), bytes([low])) for low in (0, 1)]
    assert verdict("a.png", *huge) == "differs"
    assert "65536 x 65536 pixels are too many" in said("a.png", *huge)


class WithKeywords:
    def __init__(self, number: int) -> None:
        self.number = number

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, int]]:
        return (), {"number": self.number}

    def __new__(cls, number: int = 0) -> "WithKeywords":
        return super().__new__(cls)

    def __getstate__(self) -> None:
        return None


def test_keywords_with_which_an_object_is_made_count() -> None:
    one, two = (pickle.dumps([WithKeywords(each)], 4) for each in (1, 2))
    assert verdict("m.pkl", one, two) == "differs"
    assert "is 1 promised, 2 obtained" in said("m.pkl", one, two)
    assert verdict("m.pkl", one, one.replace(b"\x80\x04", b"\x80\x05")) == "equal"
