"""Writing and reading the pipeline's files: canonical bytes, all or nothing.

A `.joblib` file is a plain pickle, which `joblib.load` and `pickle.load` read. Here it is read as data: an unpickler
that knows numpy arrays and scikit-learn's linear models, the latter without importing scikit-learn, and nothing else.
"""

import io
import json
import os
import pickle
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from samebits.errors import UserError

PICKLE_PROTOCOL = 5

_NUMPY = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
}
_ESTIMATORS = {
    ("sklearn.linear_model._base", "LinearRegression"),
    ("sklearn.linear_model._ridge", "Ridge"),
}


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ESTIMATORS:
            return SimpleNamespace
        if (module, name) in _NUMPY:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def dump(value: Any, path: str | Path) -> None:
    """Write `value`, made of plain containers, numpy arrays and at most one estimator, as a pickle.

    The same value gives the same bytes, provided that its arrays are C-contiguous and little-endian.
    """
    write_bytes(pickle.dumps(value, protocol=PICKLE_PROTOCOL), path)


def load(path: str | Path) -> Any:
    """Read what `dump` wrote; an estimator comes back as a plain namespace of its attributes.

    Raises UserError if the file is missing or holds anything but data.
    """
    return loads(read_bytes(path), path)


def loads(content: bytes, path: str | Path) -> Any:
    """As `load`, from the content of the file at `path`."""
    try:
        return _DataUnpickler(io.BytesIO(content)).load()
    except (pickle.UnpicklingError, EOFError) as error:
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
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left_by_a_killed_run in path.parent.glob(f"{path.name}.*.tmp"):
        left_by_a_killed_run.unlink(missing_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".tmp")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
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
