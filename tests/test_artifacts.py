import io
import json
import math
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge

from samebits import artifacts, params, pickles
from samebits.errors import UserError
from tests.conftest import ROOT

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=10,
)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def python(code: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "value.joblib"


@given(PLAIN)
@settings(max_examples=50, deadline=None)
def test_plain_values_come_back(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "plain.joblib"
    pickles.dump(value, path)
    assert pickles.load(path) == value
    assert pickles.loads(path.read_bytes(), path) == value


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.array([-0.0, 5e-324, math.inf, math.nan]),
        np.arange(5, dtype=np.int64)[::2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.empty((0, 3)),
        np.float64(0.1),
    ],
    ids=["matrix", "special", "strided", "fortran", "empty", "scalar"],
)
def test_arrays_come_back(path: Path, array: np.ndarray) -> None:
    pickles.dump({"X": array, "n": 3}, path)
    loaded = pickles.load(path)
    assert loaded["n"] == 3
    assert loaded["X"].dtype == array.dtype
    np.testing.assert_array_equal(loaded["X"], array)


def test_texts_come_back_as_a_list(path: Path) -> None:
    pickles.dump(np.array(["MedInc", "größe"], dtype=object), path)
    assert pickles.load(path) == ["MedInc", "größe"]
    assert joblib.load(path).tolist() == ["MedInc", "größe"]


def test_joblib_and_pickle_read_what_was_written(path: Path) -> None:
    X = np.arange(6.0).reshape(3, 2)
    pickles.dump({"features": ["a", "b"], "X": X}, path)
    assert path.read_bytes()[:2] == b"\x80\x05"
    for loaded in (joblib.load(path), pickle.loads(path.read_bytes())):
        assert loaded["features"] == ["a", "b"]
        assert loaded["X"].tolist() == X.tolist()


@pytest.mark.parametrize("model", [LinearRegression(), Ridge(alpha=2.0)])
def test_an_estimator_is_loaded_without_scikit_learn(path: Path, model: Any) -> None:
    X = np.arange(12.0).reshape(6, 2) ** 2
    model.fit(X, X[:, 0] + 1)
    pickles.dump(model, path)
    code = """
import sys
from samebits import pickles
model = pickles.load(sys.argv[1])
assert "sklearn" not in sys.modules
print(repr(model.coef_.tolist()), repr(float(model.intercept_)), model.n_features_in_, type(model).__name__)
"""
    done = python(code, path)
    assert done.stderr == ""
    expected = f"{model.coef_.tolist()!r} {float(model.intercept_)!r} 2 SimpleNamespace\n"
    assert done.stdout == expected


@pytest.mark.parametrize(
    "call",
    [
        Call(os.system, "touch called"),
        Call(eval, "open('called', 'w')"),
        Call(exec, "open('called', 'w')"),
        Call(open, "called", "w"),
        Call(subprocess.Popen, ["touch", "called"]),
        Call(np.save, "called", np.zeros(1)),
        Call(getattr, "", "join"),
        Call(joblib.load, "called"),
    ],
    ids=lambda call: call.call[0].__name__,
)
def test_a_pickle_that_calls_a_function_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.chdir(tmp_path)
    Path("evil.joblib").write_bytes(pickle.dumps([1, {"a": call}]))
    with pytest.raises(UserError, match=r"^evil.joblib: not a file that this pipeline wrote \(.* is not allowed\)"):
        pickles.load("evil.joblib")
    assert os.listdir() == ["evil.joblib"]


@pytest.mark.parametrize("value", [1 + 2j, Path("a"), Exception("a"), json.dumps, np.random.default_rng(0)])
def test_a_pickle_of_anything_but_data_is_refused(path: Path, value: Any) -> None:
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(UserError, match="is not allowed"):
        pickles.load(path)


def test_a_pickle_cannot_make_pointers(path: Path) -> None:
    path.write_bytes(pickle.dumps(Call(np.ndarray, (1,), "O", bytearray(b"A" * 8)), protocol=5))
    done = python("import sys; from samebits import pickles; pickles.load(sys.argv[1])", path)
    assert done.returncode == 1
    assert "UserError" in done.stderr


def test_a_truncated_file_is_refused(path: Path) -> None:
    pickles.dump({"X": np.arange(6.0), "features": ["a"]}, path)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match="not a file that this pipeline wrote"):
            pickles.load(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n",
        b'{"a": 1}\n',
        b"version https://git-lfs.github.com/spec/v1\n",
        b"\x1f\x8b\x08\x00",
        b"\x80\xff.",
    ],
)
def test_a_file_of_another_kind_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a file that this pipeline wrote"):
        pickles.load(path)


@pytest.mark.parametrize("read", [pickles.load, artifacts.read_json, artifacts.read_bytes])
def test_a_missing_file_is_a_mistake_of_the_user(path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(UserError, match=r"value\.joblib: No such file or directory; `dvc repro` writes"):
        read(path)


def test_the_same_value_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    code = """
import sys
import numpy as np
from samebits import artifacts, pickles
names = np.array(["a", "b", "c"], dtype=object)
value = {name: name * 2 for name in "zyxabc"} | {"X": np.arange(6.0).reshape(3, 2), "n": 10**30, "names": names}
pickles.dump(value, sys.argv[1])
artifacts.write_json({name: name * 2 for name in "zyxabc"}, sys.argv[2])
"""
    for seed in ("1", "2"):
        done = python(code, tmp_path / f"{seed}.joblib", tmp_path / f"{seed}.json", PYTHONHASHSEED=seed)
        assert done.stderr == ""
    assert len({path.read_bytes() for path in tmp_path.glob("*.joblib")}) == 1
    assert len({path.read_bytes() for path in tmp_path.glob("*.json")}) == 1


def test_what_was_loaded_gives_the_same_bytes_again(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    pickles.dump({"X": np.arange(6.0).reshape(3, 2), "y": np.ones(3)}, one)
    pickles.dump(pickles.load(one), two)
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("value", ["features", (1.5, 2.5)])
def test_equal_values_give_the_same_bytes(tmp_path: Path, value: Any) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    pickles.dump([value, value], one)
    pickles.dump([value, pickle.loads(pickle.dumps(value))], two)
    assert one.read_bytes() == two.read_bytes()


def test_json_is_written_in_canonical_form(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    value = {"r2": 0.1, "größe": [1, 1e-7, -0.0], "a": {"x": None}}
    artifacts.write_json(value, path)
    text = '{\n  "r2": 0.1,\n  "größe": [\n    1,\n    1e-07,\n    -0.0\n  ],\n  "a": {\n    "x": null\n  }\n}\n'
    assert path.read_bytes() == text.encode()
    assert artifacts.read_json(path) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=50, deadline=None)
def test_json_keeps_every_bit_of_a_float(tmp_path_factory: pytest.TempPathFactory, value: float) -> None:
    path = tmp_path_factory.getbasetemp() / "float.json"
    artifacts.write_json([value], path)
    assert np.float64(artifacts.read_json(path)[0]).tobytes() == np.float64(value).tobytes()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_refuses_what_is_not_finite(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        artifacts.write_json({"r2": [1, value]}, tmp_path / "metrics.json")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"{", b"{'a': 1}", b"\xff\xfe{", b"\x80"])
def test_a_file_that_is_not_json_is_a_mistake_of_the_user(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"metrics\.json: not JSON"):
        artifacts.read_json(path)


def test_a_value_that_cannot_be_written_leaves_the_old_file(path: Path) -> None:
    pickles.dump("old", path)
    with pytest.raises((AttributeError, pickle.PicklingError, TypeError)):
        pickles.dump({"a": lambda: 1}, path)
    with pytest.raises(TypeError):
        artifacts.write_json({"a": io.BytesIO()}, path)
    with pytest.raises(UnicodeEncodeError):
        artifacts.write_text("\udcff", path)
    assert pickles.load(path) == "old"
    assert os.listdir(path.parent) == [path.name]


def test_a_write_that_fails_at_the_end_leaves_nothing_behind(path: Path) -> None:
    file = artifacts.written(path)
    file.__enter__()
    path.mkdir()
    (path / "kept").touch()
    with pytest.raises(OSError, match="directory"):
        file.__exit__(None, None, None)
    assert os.listdir(path.parent) == [path.name]
    assert os.listdir(path) == ["kept"]


def test_a_full_disk_leaves_the_old_file(path: Path) -> None:
    artifacts.write_bytes(b"old", path)
    code = """
import resource, signal, sys
from samebits import artifacts
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
artifacts.write_bytes(bytes(100_000), sys.argv[1])
"""
    done = python(code, path, PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


def test_a_reader_of_the_old_file_is_not_disturbed(path: Path) -> None:
    artifacts.write_bytes(b"old", path)
    with open(path, "rb") as reader:
        artifacts.write_bytes(b"new content", path)
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new content"


def test_a_link_is_replaced_and_its_target_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "cache", tmp_path / "link"
    target.write_bytes(b"cached")
    link.symlink_to(target)
    artifacts.write_bytes(b"new", link)
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"cached", b"new", False)


def test_what_a_killed_run_left_is_removed(path: Path) -> None:
    stale, other = path.with_name(f"{path.name}.abcd.tmp"), path.with_name("other.joblib.abcd.tmp")
    stale.touch()
    other.touch()
    artifacts.write_bytes(b"new", path)
    assert sorted(os.listdir(path.parent)) == sorted([path.name, other.name])


def test_folders_are_made_and_files_are_readable_by_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.txt"
    artifacts.write_text("größe\n", path)
    assert path.read_bytes() == "größe\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("where", [".", "", "file/below", "folder", os.devnull, "/dev/null/below"])
def test_where_no_file_can_be_written_it_is_a_mistake_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("file", ".mine.tmp"):
        Path(name).touch()
    Path("folder").mkdir()
    with pytest.raises(UserError, match="name a writable file"):
        artifacts.write_text("x", where)
    assert sorted(os.listdir()) == [".mine.tmp", "file", "folder"]


def test_nested_mappings_are_flattened_to_dotted_names() -> None:
    tree = {"a": {"b": 1, "c": {"d": [2, {"e": 3}]}}, "f": None, "g": {}}
    assert params.flatten(tree) == {"a.b": 1, "a.c.d": [2, {"e": 3}], "f": None}
