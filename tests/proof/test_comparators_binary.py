"""Binary formats: arrays, tensors, tables, pictures, archives."""

import bz2
import gzip
import io
import lzma
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import ml_dtypes
import numpy as np
import onnx
import pyarrow as pa
import pytest
import safetensors.numpy
from hypothesis import given, settings
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, PngImagePlugin
from pyarrow import parquet

from samebits.proof.settings import Rule
from tests.proof.comparing import EQUAL, close, compared, said, verdict

FLOATS = ["f2", "f4", "f8", ">f4", "c8"]
DTYPES = st.sampled_from([*FLOATS, "i1", "i8", "u8", "?", "U3", "S3", "M8[s]"])


def npy(values: np.ndarray, **kinds: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, values, **kinds)
    return file.getvalue()


def bits(values: np.ndarray) -> bytes:
    """The bytes of values, where all NaN are one."""
    if values.dtype.kind == "c":
        values = np.atleast_1d(values).view(f"{values.dtype.byteorder}f{values.dtype.itemsize // 2}")
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.asarray(np.nan, values.dtype), values)
    return values.tobytes()


@settings(max_examples=60, deadline=None)
@given(DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_side=3))), st.data())
def test_npy(values: np.ndarray, data: st.DataObject) -> None:
    assert verdict("a.npy", npy(values), npy(values)) == "same"
    assert verdict("a.npy", npy(values), npy(values, version=(2, 0))) == "equal"
    assert verdict("a.npy", npy(values), npy(np.array(values, order="F"))) in ("same", "equal")
    other = values.copy()
    other[()] = data.draw(hnp.arrays(values.dtype, values.shape))
    expected = "equal" if bits(values) == bits(other) else "differs"
    assert verdict("a.npy", npy(values), npy(other, version=(2, 0))) == expected
    assert verdict("a.npy", npy(values), npy(values[None])) == "differs"


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["f2", "f4", "f8"]), st.data(), st.integers(0, 4), st.sampled_from(["ulp", "rtol", "atol"]))
def test_arrays_are_close_by_the_definition(dtype: str, data: st.DataObject, most: int, kind: str) -> None:
    values = data.draw(hnp.arrays(dtype, 3))
    steps = data.draw(st.lists(st.integers(-6, 6), min_size=3, max_size=3))
    other = values.copy()
    for index, step in enumerate(steps):
        for _ in range(abs(step)):
            with np.errstate(over="ignore"):
                other[index] = np.nextafter(other[index], np.asarray(np.copysign(np.inf, step), dtype))
    if bits(values) == bits(other):
        return
    limit = {"ulp": most, "rtol": most * float(np.finfo(dtype).eps), "atol": most * 2.0**-20}[kind]
    within = True
    for one, two, step in zip(values.tolist(), other.tolist(), steps, strict=True):
        if one == two or (one != one and two != two):
            continue
        finite = np.isfinite([one, two]).all()
        bound = {"ulp": limit, "rtol": limit * abs(one), "atol": limit}[kind]
        within &= bool(finite and (abs(step) if kind == "ulp" else abs(one - two)) <= bound)
    found = verdict("a.npy", npy(values), npy(other), close(**{kind: limit}))
    assert found == ("close" if within else "differs")


@settings(max_examples=60, deadline=None)
@given(hnp.arrays("i8", 2), hnp.arrays("i8", 2), st.integers(0, 2**40))
def test_integers_are_close_exactly(values: np.ndarray, other: np.ndarray, atol: int) -> None:
    if (values == other).all():
        return
    within = all(abs(one - two) <= atol for one, two in zip(values.tolist(), other.tolist(), strict=True))
    assert verdict("a.npy", npy(values), npy(other), close(atol=atol)) == ("close" if within else "differs")
    assert verdict("a.npy", npy(values), npy(other), close(ulp=1e300)) == "differs"


def test_what_is_said_of_arrays() -> None:
    values = np.zeros((2, 3), "f4") + 1
    other = values.copy()
    other[1, 2] = np.nextafter(np.float32(1), np.float32(2))
    text = said("a.npy", npy(values), npy(other))
    assert text == "1 of 6 values differ, by up to 1 ulp; first at [1, 2]: 1.0 promised, 1.0000001 obtained"
    assert "float32[2, 3] promised, float64[2, 3] obtained" in said("a.npy", npy(values), npy(values.astype("f8")))
    wide = close(ulp=1e300, atol=1e300, rtol=1e300)
    assert verdict("a.npy", npy(values), npy(values.astype("f8")), wide) == "differs"
    assert verdict("a.npy", npy(values), npy(values.astype(">f4")), wide) == "differs"
    assert verdict("a.npy", npy(np.array([0.0])), npy(np.array([-0.0]))) == "differs"
    assert verdict("a.npy", npy(np.array([0.0])), npy(np.array([-0.0])), close(ulp=0)) == "close"
    record = np.array([(1, 0.5)], [("n", "i4"), ("seconds", "f8")])
    later = np.array([(1, 0.75)], record.dtype)
    rule = Rule(path="*", compare="ignore", field="seconds", reason="a clock")
    assert verdict("a.npy", npy(record), npy(later), rule) == "ignored"
    assert "seconds 1 of 1" in said("a.npy", npy(record), npy(later))


def test_arrays_of_objects_are_not_loaded() -> None:
    objects = [npy(np.array([each], object), allow_pickle=True) for each in (1, 2)]
    assert "never loaded" in said("a.npy", *objects)


def test_npz() -> None:
    arrays: dict[str, Any] = {"a": np.arange(3.0), "b": np.arange(2)}
    files = []
    for save in (np.savez, np.savez_compressed):
        files.append(io.BytesIO())
        save(files[-1], **arrays)
    assert verdict("a.npz", *(file.getvalue() for file in files)) == "equal"
    changed = io.BytesIO()
    np.savez(changed, a=np.array([0.0, 1.0, np.nextafter(2, 3)]), b=np.arange(2))
    assert "a.npy: 1 of 3 values differ, by up to 1 ulp" in said("a.npz", files[0].getvalue(), changed.getvalue())
    assert verdict("a.npz", files[0].getvalue(), changed.getvalue(), close(ulp=1)) == "close"


def test_safetensors() -> None:
    tensors = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.array([True]), "c": np.arange(2)}
    promised = safetensors.numpy.save(tensors)
    start = 8 + int.from_bytes(promised[:8], "little")
    spaced = (start).to_bytes(8, "little") + promised[8:start] + b" " * 8 + promised[start:]
    assert verdict("a.safetensors", promised, spaced) == "equal"
    for key, value in (("a", np.float32(7)), ("b", False), ("c", 5)):
        changed = {name: each.copy() for name, each in tensors.items()}
        changed[key].flat[0] = value
        assert said("a.safetensors", promised, safetensors.numpy.save(changed)).startswith(key)
    assert verdict("a.safetensors", promised, safetensors.numpy.save(tensors, {"by": "x"})) == "differs"
    assert verdict("a.safetensors", promised, promised + b" ") == "differs"
    brain = [np.array([1, each], ml_dtypes.bfloat16) for each in (2, 2.015625)]
    files = [safetensors.numpy.save({"w": each}) for each in brain]
    assert "1 of 2 values differ, by up to 1 ulp; first at [1]: 2.0 promised, 2.015625" in said("a.safetensors", *files)


def model(weights: np.ndarray, raw: bool) -> onnx.ModelProto:
    tensor = numpy_helper.from_array(weights, "w")
    if not raw:
        tensor = helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.ravel().tolist())
    info = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    graph = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "g", [], [info], [tensor])
    return helper.make_model(graph)


def test_onnx() -> None:
    weights = np.array([1, 2], "f4")
    promised = model(weights, raw=True).SerializeToString()
    assert verdict("m.onnx", promised, model(weights, raw=False).SerializeToString()) == "equal"
    other = model(np.array([1, np.nextafter(np.float32(2), np.float32(3))], "f4"), raw=True).SerializeToString()
    assert "graph.initializer[0].values 1 of 2 values differ, by up to 1 ulp" in said("m.onnx", promised, other)
    assert verdict("m.onnx", promised, other, close(ulp=1)) == "close"
    axes = model(weights, raw=True)
    axes.opset_import[0].version += 1
    assert verdict("m.onnx", promised, axes.SerializeToString(), close(atol=9)) == "differs"
    assert verdict("m.onnx", promised, promised + b"\xfa\x7f\x01x") == "differs"  # an unknown field
    renamed = model(weights, raw=True)
    renamed.graph.name = "h"
    assert verdict("m.onnx", promised, renamed.SerializeToString()) == "differs"


def written(table: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(table if isinstance(table, pa.Table) else pa.table(table), file, **options)
    return file.getvalue()


TABLE: dict[str, Any] = {
    "x": [0.5, None, 1.5],
    "n": pa.array([1, 2, None], pa.int16()),
    "s": pa.array(["a", None, "c"]).dictionary_encode(),
    "t": pa.array([1, 2, 3], pa.timestamp("ns")),
    "l": [[1.0], [], None],
    "b": [True, False, None],
}


def test_parquet() -> None:
    promised = written(TABLE)
    assert verdict("a.parquet", promised, written(TABLE, compression="zstd", row_group_size=2)) == "equal"
    others = {"x": [0.5, None, 1.25], "n": pa.array([1, 2, 0], pa.int16()), "s": ["a", "b", "c"], "b": [None] * 3}
    others |= {"t": pa.array([1, 2, 4], pa.timestamp("ns")), "l": [[1.5], [], None]}
    for name, column in others.items():
        other = written({**TABLE, name: column})
        assert verdict("a.parquet", promised, other) == "differs"
        assert f"columns.{name}." in said("a.parquet", promised, other)
        ignored = Rule(path="*", compare="ignore", field=name, reason="r")
        assert verdict("a.parquet", promised, other, ignored) == "ignored"
        without = written({key: value for key, value in TABLE.items() if key != name})
        assert verdict("a.parquet", promised, without, ignored) == "ignored"
    assert verdict("a.parquet", promised, written(dict(reversed(TABLE.items())))) == "differs"
    assert verdict("a.parquet", promised, written({**TABLE, "x": others["x"]}), close(atol=0.25)) == "close"
    assert verdict("a.parquet", promised, written({**TABLE, "t": pa.array([1, 2, 3], pa.timestamp("us"))})) == "differs"
    assert (
        verdict("a.parquet", promised, written({**TABLE, "x": pa.array([0.5, None, 1.5], pa.float32())})) == "differs"
    )
    later = written({**TABLE, "t": others["t"]})
    assert verdict("a.parquet", promised, later, close(rtol=1, atol=9)) == "differs"
    noted = pa.table(TABLE).replace_schema_metadata({"crs": "4326"})
    assert verdict("a.parquet", promised, written(noted)) == "differs"
    assert verdict("a.parquet", written({"l": [[0.0]]}), written({"l": [[-0.0]]})) == "differs"


def png(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def test_png() -> None:
    pixels = np.arange(48, dtype="u1").reshape(4, 4, 3)
    by = PngImagePlugin.PngInfo()
    by.add_text("Software", "another")
    promised = png(pixels)
    assert verdict("a.png", promised, png(pixels, pnginfo=by, compress_level=0)) == "equal"
    other = pixels.copy()
    other[2, 1, 0] += 1
    assert "first at [2, 1, 0]: 27 promised, 28 obtained" in said("a.png", promised, png(other))
    assert verdict("a.png", promised, png(other), close(atol=1)) == "close"
    assert verdict("a.png", promised, png(pixels, transparency=(0, 1, 2))) == "differs"
    deep = [png(np.array([[256 * 7, each]], "u2")) for each in (1, 2)]
    assert verdict("a.png", *deep) == "differs"


def zipped(members: Mapping[str, bytes], year: int = 2000, kind: int = zipfile.ZIP_DEFLATED, **more: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))
            info.compress_type = kind
            info.external_attr = more.get("mode", 0o644) << 16
            archive.writestr(info, content)
    return file.getvalue()


def tarred(members: Mapping[str, bytes], year: int = 2000, kind: int = tarfile.PAX_FORMAT, **more: Any) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=kind) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(content), year * 10**6, more.get("mode", 0o644)
            info.uname = f"user of {year}"
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


MEMBERS = {"a.txt": b"a", "d/m.json": b'{"r2": 0.5, "seconds": 1}'}


@pytest.mark.parametrize(("name", "pack"), [("o.zip", zipped), ("o.tar", tarred)])
def test_archives(name: str, pack: Callable[..., bytes]) -> None:
    promised, backwards = pack(MEMBERS), dict(reversed(MEMBERS.items()))
    assert verdict(name, promised, pack(backwards, 2010)) == "equal"
    assert verdict(name, promised, pack(backwards, 2010, 0)) == "equal"
    assert verdict(name, promised, pack(MEMBERS, mode=0o755)) == "differs"
    assert verdict(name, promised, pack({**MEMBERS, "b": b""})) == "differs"
    assert verdict(name, promised, pack({"a.txt": b"a"})) == "differs"
    assert verdict(name, promised, pack({**MEMBERS, "d/m.json": b'{"seconds":1,"r2":5e-1}'})) == "equal"
    other = pack({**MEMBERS, "d/m.json": b'{"r2": 0.5, "seconds": 2}'}, 2010)
    assert "d/m.json: seconds is 1 promised, 2 obtained" in said(name, promised, other)
    for pattern in ("*.zip", "*.tar", "**/m.json"):
        rule = Rule(path=pattern, compare="ignore", field="seconds", reason="a clock")
        fits = rule.fits(f"{name}/d/m.json")
        assert compared(name, promised, other, rule).allowed == fits
        assert not compared(name, promised, pack({**MEMBERS, "a.txt": b"b"}), rule).allowed
    member = Rule(path=f"{name}/a.txt", compare="ignore", reason="a log")
    assert compared(name, promised, pack({**MEMBERS, "a.txt": b"b"}), member).verdict == "ignored"


def test_hidden_bytes_count() -> None:
    promised = zipped(MEMBERS)
    assert verdict("o.zip", b"#!x\n" + promised, b"#!y\n" + promised) == "differs"
    tar = tarred(MEMBERS)
    for offset in (1, 600, len(tar) - 1):
        hidden = tar[: len(tar) - offset] + b"x" + tar[len(tar) - offset + 1 :]
        assert verdict("o.tar", tar, hidden) == "differs"
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        packed = pack(b"x")
        assert verdict("o.gz", packed + b"hidden a", packed + b"hidden b") == "differs"
        assert verdict("o.gz", packed, packed[:-3]) == "differs"
        assert verdict("o.gz", packed + pack(b"y"), pack(b"xy")) == "equal"


@pytest.mark.parametrize(
    ("end", "packs"),
    [
        ("gz", [lambda each: gzip.compress(each, mtime=1), lambda each: gzip.compress(each, 1, mtime=2)]),
        ("bz2", [bz2.compress, lambda each: bz2.compress(each, 1)]),
        ("xz", [lzma.compress, lambda each: lzma.compress(each, check=lzma.CHECK_CRC32)]),
    ],
)
def test_compressed_files(end: str, packs: list[Callable[[bytes], bytes]]) -> None:
    text = b'{"r2": 0.5}' * 1
    assert verdict(f"m.json.{end}", packs[0](text), packs[1](text + b" ")) == "equal"
    assert verdict(f"m.json.{end}", packs[0](text), packs[1](b'{"r2": 0.75}'), close(atol=0.25)) == "close"
    assert "r2 is 0.5 promised, 0.75 obtained" in said(f"m.json.{end}", packs[0](text), packs[1](b'{"r2": 0.75}'))
    assert verdict(f"m.tar.{end}", packs[0](tarred(MEMBERS)), packs[1](tarred(MEMBERS, 2010))) == "equal"


def test_tar_of_the_system(tmp_path: Any) -> None:
    for year in (2001, 2002):
        (tmp_path / "a").write_text("a")
        command = ["tar", "-cf", f"{year}.tar", f"--mtime={year}-01-01", f"--owner=u{year}:{year}", "a"]
        subprocess.run(command, cwd=tmp_path, check=True)
    assert verdict("o.tar", *((tmp_path / f"{year}.tar").read_bytes() for year in (2001, 2002)), EQUAL) == "equal"
