"""Files that are broken, or made to harm: a clear difference, never a traceback, a hang or a wrong `equal`."""

import csv
import gzip
import io
import json
import pickle
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import joblib
import numpy as np
import onnx
import pytest
import safetensors.numpy
from hypothesis import given, settings
from onnx import helper
from PIL import Image
from pyarrow import parquet
from ruamel.yaml import YAML

from samebits.proof.comparators import compare, reading
from samebits.proof.settings import Rule
from tests.proof.comparing import EQUAL, close, said, verdict
from tests.proof.test_comparators_binary import TABLE, npy, png, tarred, written, zipped

RULES = (close(ulp=0), Rule(path="*", compare="close", field="a", atol=0))


def dumped(value: object) -> bytes:
    file = io.BytesIO()
    joblib.dump(value, file)
    return file.getvalue()


FILES = {
    "a.json": json.dumps({"a": [1.5, "x", None], "b": {"c": 2}}).encode(),
    "a.yaml": b"a: [1.5, x]\nb: &n {c: 2}\nd: *n\n",
    "a.toml": b"a = 1.5\n[b]\nc = 'x'\n",
    "a.csv": b"a,b\n1.5,x\n2,y\n",
    "a.npy": npy(np.arange(3.0)),
    "a.npz": zipped({"a.npy": npy(np.arange(3.0))}),
    "a.zip": zipped({"a.json": b"[1]", "b": b"x"}),
    "a.tar": tarred({"a.json": b"[1]", "b": b"x"}),
    "a.json.gz": zlib.compress(b"[1, 2]", wbits=31),
    "a.safetensors": safetensors.numpy.save({"a": np.arange(3.0)}),
    "a.onnx": helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString(),
    "a.parquet": written(TABLE),
    "a.png": png(np.zeros((2, 2, 3), "u1")),
    "a.pkl": pickle.dumps({"a": [1.5, np.arange(2.0)], "b": {"x"}}),
    "a.joblib": dumped({"a": np.arange(2.0), "b": 1}),
}


class Data(pickle.Unpickler):
    """Unpickles these files, and no code."""

    def find_class(self, module: str, name: str) -> Any:
        assert (module, name) in (
            ("numpy", "dtype"), ("numpy._core.numeric", "_frombuffer"), ("numpy", "ndarray"),
            ("numpy._core.multiarray", "_reconstruct"),
        )  # fmt: skip
        return super().find_class(module, name)


def members(content: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {each: archive.read(each) for each in archive.namelist()}


def tar_members(content: bytes) -> Any:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive if each.isfile()}  # type: ignore[union-attr]


TRUTHS: dict[str, Callable[[bytes], Any]] = {
    "a.json": json.loads,
    "a.yaml": lambda content: YAML(typ="safe").load(content.decode()),
    "a.toml": lambda content: tomllib.loads(content.decode()),
    "a.csv": lambda content: [
        [as_number(cell) for cell in row] for row in csv.reader(io.StringIO(content.decode(), newline=""))
    ],
    "a.npy": lambda content: repr(np.load(io.BytesIO(content))),
    "a.npz": lambda content: repr(dict(np.load(io.BytesIO(content)))),
    "a.zip": members,
    "a.tar": tar_members,
    "a.json.gz": lambda content: json.loads(gzip.decompress(content)),
    "a.safetensors": lambda content: repr(safetensors.numpy.load(content)),
    "a.onnx": lambda content: str(onnx.ModelProto.FromString(content)),
    "a.parquet": lambda content: parquet.read_table(io.BytesIO(content)),
    "a.png": lambda content: np.asarray(Image.open(io.BytesIO(content)).convert("RGBA")).tolist(),
    "a.pkl": lambda content: repr(Data(io.BytesIO(content)).load()),
    "a.joblib": lambda content: repr(joblib.load(io.BytesIO(content))),
}


def as_number(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_broken_files_are_compared_without_a_traceback(name: str, data: st.DataObject) -> None:
    content = FILES[name]
    at = data.draw(st.integers(0, len(content)))
    cut = data.draw(st.integers(0, 20))
    other = content[:at] + data.draw(st.binary(max_size=8)) + content[at + cut :]
    there, back = verdict(name, content, other, *RULES), verdict(name, other, content, *RULES)
    assert there == back
    if there == "equal":
        assert TRUTHS[name](content) == TRUTHS[name](other)
    verdict(name, other, content[: data.draw(st.integers(0, len(content)))])
    verdict(name, data.draw(st.binary(max_size=40)), data.draw(st.binary(max_size=40)))


def bomb(name: str) -> bytes:
    zeros = bytes(2**16)
    if name.endswith("zip"):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w") as member:
            for _ in range(20):
                member.write(zeros)
        return file.getvalue()
    packer = zlib.compressobj(wbits=31 if name.endswith("gz") else 15)
    return b"".join(packer.compress(zeros) for _ in range(20)) + packer.flush()


@pytest.mark.parametrize("name", ["a.zip", "a.gz", "a.joblib"])
def test_what_unpacks_to_too_much(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LIMIT", 2**20)
    content = bomb(name)
    assert "unpacks to more than 1 MB" in said(name, content, content + b"\0")


def test_archives_within_archives() -> None:
    promised, obtained = b"[1]", b"[2]"
    for _ in range(3):
        promised, obtained = zipped({"a.zip": promised}), zipped({"a.zip": obtained})
    assert "differ" in said("a.zip", promised, obtained) or "byte" in said("a.zip", promised, obtained)
    for _ in range(4):
        promised, obtained = zipped({"a.zip": promised}), zipped({"a.zip": obtained})
    assert "within one another" in said("a.zip", promised, obtained)


def test_many_members() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for index in range(3000):
            archive.addfile(tarfile.TarInfo(str(index)))
    assert verdict("a.tar", file.getvalue(), file.getvalue() + bytes(512)) == "equal"


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.yaml", LAUGHS, "too many values"),
        ("a.yaml", "a: &a\n  b: *a\n", "for themselves"),
        ("a.yaml", "[" * 100_000, "200 levels"),
        ("a.yaml", "- " * 100_000 + "a", "200 levels"),
        ("a.json", "[" * 100_000 + "1" + "]" * 100_000, "recursion"),
        ("a.json", '{"a":' * 600 + "1" + "}" * 600, ""),
        ("a.toml", "a = " + "[" * 100_000, "recursion"),
        ("a.toml", "a = " + "1" * 10_000, "digits"),
        ("a.pkl", b"\x80\x04" + b"]" * 10_000 + b".", "more than one object"),
        ("a.pkl", b"\x80\x04r\xff\xff\xff\xff.", "remembers nothing"),
        ("a.pkl", b"\x80\x04K\x01r\xff\xff\xff\xff.", ""),
        ("a.pkl", b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x0f.", "ValueError"),
        ("a.pkl", b"\x80\x04)" + b"2" * 10 + b".", "DUP"),
        ("a.npy", b"\x93NUMPY\1\0\x76\0" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,), }",
         "only bytes compared"),
        ("a.safetensors", b"\xff" * 16, "cut off"),
        ("a.safetensors", (60).to_bytes(8, "little") + b'{"a":{"dtype":"F64","shape":[99],"data_offsets":[0,99]}}     ',
         "the place of tensor a"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\x06\0\0\0", "too many"),
    ],
)  # fmt: skip
def test_files_made_to_harm(name: str, content: bytes | str, reason: str) -> None:
    content = content.encode() if isinstance(content, str) else content
    assert reason in said(name, content, content + b"\n")
    assert verdict(name, content, b"1\n", EQUAL) == "differs"


def test_lists_within_lists() -> None:
    content = b"\x80\x04" + b"]" * 5000 + b"a" * 4999 + b"."
    assert "recursion" in said("a.pkl", content, content.replace(b"\x80\x04", b"\x80\x05"))


def test_tuples_that_hold_one_another_twice() -> None:
    content = b"\x80\x04K\x01" + b"".join(b"q%ch%c\x86" % (n, n) for n in range(200)) + b"."
    assert verdict("a.pkl", content, content.replace(b"\x80\x04", b"\x80\x05")) == "equal"
    other = content.replace(b"K\x01", b"K\x02")
    assert verdict("a.pkl", content, other) == "differs"


def test_files_over_the_limit_are_compared_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LIMIT", 10)
    files = tmp_path / "a", tmp_path / "b"
    for file in files:
        file.write_text(f"[1, 2, 3, 4,   {file.name == 'a'}]")
    found = compare("a.json", *files, [EQUAL])
    assert found.verdict == "differs"
    assert "only bytes compared: over" in found.differences[0].sentence()


def test_a_name_in_an_archive_is_data() -> None:
    make: Callable[[bytes], bytes] = lambda content: zipped({"\x1b[31m\n../../etc/passwd": content})  # noqa: E731
    assert "\\x1b[31m\\n" in said("a.zip", make(b"a"), make(b"b"))
    onnx_file = onnx.ModelProto(producer_name="\x1b[31m").SerializeToString()
    assert "\\x1b" in said("a.onnx", onnx_file, onnx.ModelProto(producer_name="x").SerializeToString())
