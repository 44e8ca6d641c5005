"""Pickles of canonical bytes, read as data.

A `.joblib` file is a plain pickle, which `joblib.load` and `pickle.load` read. Here it is read by an unpickler that
knows arrays of numbers and scikit-learn's linear models, the latter without importing scikit-learn: nothing in the file
can run code.
"""

import io
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np

from samebits.artifacts import read_bytes, written
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
    ("sklearn.linear_model._logistic", "LogisticRegression"): SimpleNamespace,
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
    with written(path) as file:
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
