"""Pickles of any making, joblib's and torch's: read, never unpickled."""

import io
import pickle
import pickletools
import struct
import zipfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import joblib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from sklearn.ensemble import RandomForestClassifier

from tests.proof.comparing import EQUAL, close, said, verdict

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4) | st.binary(max_size=4)
)
OBJECTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(LEAVES, inner, max_size=3)
        | st.tuples(inner, inner)
        | st.sets(st.text(max_size=3), max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(OBJECTS, st.integers(3, 5))
def test_pickles_in_another_form_are_equal(value: Any, protocol: int) -> None:
    promised = pickle.dumps(value, protocol)
    assert verdict("a.pkl", promised, pickletools.optimize(promised)) in ("same", "equal")


@settings(max_examples=60, deadline=None)
@given(OBJECTS, OBJECTS)
def test_pickles_of_other_values_differ(value: Any, other: Any) -> None:
    if pickle.dumps(value) != pickle.dumps(other) and repr(value) != repr(other) and not _same(value, other):
        assert verdict("a.pkl", pickle.dumps(value), pickle.dumps(other)) == "differs"


def _same(value: Any, other: Any) -> bool:
    """Sets have no order."""
    return isinstance(value, set) and value == other


def test_protocols_and_sets() -> None:
    value = {"a": [1, 2.5, "b"], "c": (None, True)}
    assert verdict("a.pkl", pickle.dumps(value, 2), pickle.dumps(value, 5)) == "equal"
    one = b"\x80\x04\x8f(\x8c\x01a\x8c\x01b\x90."
    assert pickle.loads(one) == {"a", "b"}
    assert verdict("a.pkl", one, b"\x80\x04\x8f(\x8c\x01b\x8c\x01a\x90.") == "equal"
    assert verdict("a.pkl", one, b"\x80\x04\x8f(\x8c\x01b\x8c\x01c\x90.") == "differs"


def test_floats_of_pickles() -> None:
    pair = [pickle.dumps({"model": {"coef_": [0.1, each]}}) for each in (0.3, 0.30000000000000004)]
    assert "model.coef_[1] is 0.3 promised, 0.30000000000000004 obtained (1 ulp)" in said("a.pkl", *pair)
    assert verdict("a.pkl", *pair, close(ulp=1)) == "close"
    assert verdict("a.pkl", pickle.dumps(1), pickle.dumps(1.0), close(ulp=1)) == "differs"
    assert verdict("a.pkl", pickle.dumps({1: 0}), pickle.dumps({"1": 0})) == "differs"
    assert verdict("a.pkl", pickle.dumps({5: 1}), pickle.dumps({"key": 5, "value": 1})) == "differs"


def test_what_is_shared_counts() -> None:
    inner: list[int] = [1]
    assert verdict("a.pkl", pickle.dumps([inner, inner]), pickle.dumps([[1], [1]])) == "differs"
    cyclic: list[Any] = [1]
    cyclic.append(cyclic)
    assert verdict("a.pkl", pickle.dumps(cyclic, 3), pickle.dumps(cyclic, 4)) == "equal"
    text = "".join(["a", "b"])
    assert verdict("a.pkl", pickle.dumps([text, "".join(["a", "b"])]), pickle.dumps([text, text])) == "equal"


class Runs:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text

    def __reduce__(self) -> Any:
        return Path.write_text, (self.path, self.text)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    pair = [pickle.dumps(Runs(tmp_path / "ran", each)) for each in "ab"]
    assert "'a' promised, 'b' obtained" in said("a.pkl", *pair)
    assert verdict("a.pkl", pair[0], pickle.dumps(Runs(tmp_path / "ran", "a"), 3)) in ("equal", "differs")
    system = [b"\x80\x04cos\nsystem\n(Vtouch %s\ntR." % each for each in (b"a", b"b")]
    assert "'touch a' promised, 'touch b' obtained" in said("a.pkl", *system)
    assert list(tmp_path.iterdir()) == []


def test_calls_that_leave_no_trace_in_the_object_count() -> None:
    quiet = pickle.dumps(1, 4)
    loud = b"\x80\x04cos\nsystem\n(Vtrue\ntR0K\x01."  # calls, drops what came back, gives 1
    assert verdict("a.pkl", quiet, loud, close(atol=1)) == "differs"
    assert verdict("a.pkl", loud, loud.replace(b"true", b"tr" + b"ux"), close(atol=1)) == "differs"


def test_the_order_of_calls_counts() -> None:
    call = b"ccollections\nOrderedDict\n)R"
    promised = b"\x80\x04(" + call + b"q\x01" + call + b"q\x02t."  # makes 1, then 2
    assert verdict("a.pkl", promised, promised.replace(b"q\x02", b"")) == "equal"
    built = [
        b"\x80\x04(" + call + b"q\x01" + call + b"q\x02" + order + b"t." for order in (b"", b"}b")
    ]  # changes the second or none
    assert verdict("a.pkl", *built) == "differs"


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_arrays_of_pickles(protocol: int) -> None:
    values = np.arange(6.0).reshape(2, 3)
    other = values.copy()
    other[1, 2] = np.nextafter(other[1, 2], 9)
    pair = [pickle.dumps({"w": each}, protocol) for each in (values, other)]
    assert "1 of 6 values differ, by up to 1 ulp; first at [5]" in said("a.pkl", *pair)
    assert verdict("a.pkl", *pair, close(ulp=1)) == "close"
    assert verdict("a.pkl", *pair, close(atol=1e-20)) == "differs"
    assert verdict("a.pkl", pair[0], pickle.dumps({"w": values.reshape(3, 2)}, protocol), close(ulp=1)) == "differs"
    scalars = [pickle.dumps(each, protocol) for each in (np.float32(1), np.nextafter(np.float32(1), np.float32(2)))]
    assert verdict("a.pkl", *scalars, close(ulp=1)) == "close"
    assert verdict("a.pkl", *scalars, close(ulp=0)) == "differs"


def dumped(value: Any, compress: Any = 0) -> bytes:
    file = io.BytesIO()
    joblib.dump(value, file, compress=compress)
    return file.getvalue()


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 1), ("xz", 1)])
def test_joblib(compress: Any) -> None:
    values = np.arange(6.0).reshape(2, 3)
    other = values.copy()
    other[1, 2] = np.nextafter(other[1, 2], 9)
    pair = [dumped({"w": each, "n": [1.5]}, compress) for each in (values, other)]
    assert "w.array 1 of 6 values differ, by up to 1 ulp; first at [5]" in said("a.joblib", *pair)
    assert verdict("a.joblib", *pair, close(ulp=1)) == "close"
    if compress == 3:
        assert verdict("a.joblib", pair[0], dumped({"w": values, "n": [1.5]}, 9)) in ("same", "equal")
        assert verdict("a.joblib", pair[0] + b"a", pair[0] + b"b") == "differs"


def test_a_forest_names_its_threshold() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    forest = RandomForestClassifier(2, random_state=0).fit(rows, rows[:, 0] > 0)
    for dump in (dumped, pickle.dumps):
        promised = dump(forest)
        threshold = float(forest.estimators_[1].tree_.threshold[0])
        at = promised.rindex(struct.pack("<d", threshold))
        obtained = promised[:at] + struct.pack("<d", np.nextafter(threshold, 9)) + promised[at + 8 :]
        text = said("m.pkl", promised, obtained)
        assert "estimators_[1].tree_" in text
        assert "threshold 1 of" in text
        assert "by up to 1 ulp" in text
        assert verdict("m.pkl", promised, obtained, close(ulp=1)) == "close"


def test_objects_in_arrays_of_joblib() -> None:
    pair = [dumped(np.array(["a", each], object)) for each in "bc"]
    assert "only bytes compared" in said("a.joblib", *pair)


def test_torch() -> None:
    def saved(weights: list[float], dtype: torch.dtype, name: str = "net") -> bytes:
        file = io.BytesIO()
        torch.save({"w": torch.tensor(weights, dtype=dtype), "epoch": 1}, file)
        return file.getvalue()

    for dtype, step in ((torch.float32, 2.0**-22), (torch.bfloat16, 2.0**-6), (torch.float64, 2.0**-51)):
        promised, obtained = saved([1, 2], dtype), saved([1, 2 + step], dtype)
        assert "data/0: 1 of 2 values differ, by up to 1 ulp; first at [1]" in said("net.pt", promised, obtained)
        assert verdict("net.pt", promised, obtained, close(ulp=1)) == "close"
        assert verdict("net.pt", promised, obtained, EQUAL) == "differs"
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(promised)) as old, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.infolist():
            new.writestr(each.filename, old.read(each))
    assert verdict("net.pt", promised, promised.replace(b"epoch", b"epocj")) == "differs"
    assert verdict("net.pt", promised, saved([1, 2], torch.float32), close(ulp=1)) == "differs"


def test_integers_that_may_be_shapes_are_exact() -> None:
    wide = close(ulp=1e300, rtol=1e300, atol=1e300)
    values = np.arange(6.0)
    pair = [pickle.dumps(values.reshape(shape)) for shape in ((2, 3), (3, 2))]
    assert verdict("a.pkl", *pair, wide) == "differs"
    pair = [dumped(values.reshape(shape)) for shape in ((2, 3), (3, 2))]
    assert verdict("a.joblib", *pair, wide) == "differs"
    assert verdict("a.pkl", pickle.dumps([1]), pickle.dumps([2]), wide) == "differs"
    assert "an integer of" in said("a.pkl", pickle.dumps(10**9000), pickle.dumps(10**9000 + 1))


def test_a_pickle_that_cannot_be_read_is_equal_to_none() -> None:
    promised = pickle.dumps(list(range(10)), 4)
    frame = promised.index(b"\x95")
    for at, byte in ((1, 9), (frame + 1, 255), (frame + 3, 1)):
        broken = promised[:at] + bytes([byte]) + promised[at + 1 :]
        with pytest.raises((ValueError, pickle.UnpicklingError)):
            pickle.loads(broken)
        assert verdict("a.pkl", promised, broken) == "differs"
    assert verdict("a.pkl", b"(.", b"\x80\x04(.") == "differs"
