"""Writing and reading the pipeline's files: canonical bytes, all or nothing.

A `.joblib` file is a plain pickle, which `joblib.load` and `pickle.load` read. Here it is read as data, by an unpickler
that knows arrays of numbers and scikit-learn's linear models, the latter without importing scikit-learn: nothing in the
file can run code.
"""

import contextlib
import glob
import io
import json
import os
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np

from samebits.errors import UserError

PICKLE_PROTOCOL = 5
DTYPES = {"f8": np.float64, "i8": np.int64}


class _Dtype:
    """Stands in for numpy.dtype: its code and nothing that numpy would act on."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = code

    def __setstate__(self, _: object) -> None:
        pass


class _Objects(list[object]):
    """Stands in for an array of Python objects."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.extend(state[-1])


def _array(content: bytearray, dtype: _Dtype, shape: tuple[int, ...], *_: object) -> np.ndarray:
    return np.frombuffer(content, DTYPES[dtype.code]).reshape(shape)


def _scalar(dtype: _Dtype, content: bytes) -> Any:
    return np.frombuffer(content, DTYPES[dtype.code])[0]


# What numpy and scikit-learn put into a pickle, and what stands for it here. numpy's own functions would trust what
# they are given, pointers to objects included.
_STAND_INS = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): None,  # an argument of _reconstruct; never to be called
    ("numpy._core.multiarray", "_reconstruct"): _Objects,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _array,
    ("sklearn.linear_model._base", "LinearRegression"): SimpleNamespace,
    ("sklearn.linear_model._ridge", "Ridge"): SimpleNamespace,
}


class _CanonicalPickler(pickle.Pickler):
    """Writes equal values in equal bytes: arrays contiguous and little-endian, nothing by reference."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, protocol=PICKLE_PROTOCOL)
        self.fast = True  # else two equal strings are written in another way if they are one object

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind in "fi":
            canonical = np.require(value, value.dtype.newbyteorder("<"), ["C", "W"])
            return canonical.__reduce_ex__(PICKLE_PROTOCOL)
        return NotImplemented


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed") from None


def dump(value: Any, path: str | Path) -> None:
    """Write plain containers, arrays of float64 or int64, or an estimator, as a pickle of canonical bytes."""
    with _written(path) as file:
        _CanonicalPickler(file).dump(value)


def load(path: str | Path) -> Any:
    """Read what `dump` wrote; an estimator comes back as a plain namespace of its attributes.

    Raises UserError if the file is missing or holds anything but data.
    """
    return loads(read_bytes(path), path)


def loads(content: bytes, path: str | Path) -> Any:
    """As `load`, from the content of the file at `path`."""
    try:
        return _DataUnpickler(io.BytesIO(content)).load()
    except Exception as error:  # whatever a pickle that is none may lead to
        raise UserError(f"{path}: not a file that this pipeline wrote ({error}); run `dvc repro`") from None


def write_json(value: Mapping[str, Any] | list[Any], path: str | Path) -> None:
    """Write `value` as JSON in the order of its keys, with Python's shortest float repr and a final newline."""
    write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", path)


def write_text(value: str, path: str | Path) -> None:
    """Write text as UTF-8."""
    write_bytes(value.encode(), path)


def read_json(path: str | Path) -> Any:
    """Read a JSON file. Raises UserError if it is missing or not JSON."""
    return parse_json(read_bytes(path), path)


def parse_json(content: bytes, path: str | Path) -> Any:
    """As `read_json`, from the content of the file at `path`."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error})") from None


def read_bytes(path: str | Path) -> bytes:
    """The content of a file. Raises UserError if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; `dvc repro` makes the files of the pipeline") from None


def write_bytes(content: bytes, path: str | Path) -> None:
    """Write a file that appears whole or not at all, whenever the process dies."""
    with _written(path) as file:
        file.write(content)


@contextlib.contextmanager
def _written(path: str | Path) -> Iterator[IO[bytes]]:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left_by_a_killed_run in path.parent.glob(f"{glob.escape(path.name)}.*.tmp"):
        left_by_a_killed_run.unlink(missing_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".tmp")
    try:
        with open(descriptor, "wb") as file:
            yield file
            os.fchmod(file.fileno(), 0o644)  # mkstemp makes files private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
