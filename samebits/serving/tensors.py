"""The tensors of a request as arrays: bounded, and of the type that they say."""

import json
import math
import struct
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

MAX_ROWS = 2**16
MAX_DIMENSION = 2**31 - 1  # so that numpy can have an empty array of any shape
DTYPES = {
    f"{kind}{bits}": np.dtype(f"<{code}{bits // 8}")
    for kind, code, widths in (("FP", "f", (16, 32, 64)), ("INT", "i", (8, 16, 32, 64)), ("UINT", "u", (8, 16, 32, 64)))
    for bits in widths
}


TEXT, TRUTH = "BYTES", "BOOL"  # the types of the table's columns that are no numbers


class RefusedError(Exception):
    """Why a request is refused, and the HTTP status that says so."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class Message(BaseModel):
    """Lists end at their first mistake: 8 MB may hold millions, and each would take a kilobyte."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, protected_namespaces=())


Row = Annotated[list[float], Field(fail_fast=True)]
Rows = Annotated[list[Row], Field(fail_fast=True)]
CELL = {"anyOf": [{"type": kind} for kind in ("number", "string", "boolean", "null")]}
# A tuple, so that it is told from a row. A union of four types would keep the input for each of their errors
Cells = Annotated[list[Any], AfterValidator(tuple), WithJsonSchema({"type": "array", "items": CELL})]


class InputTensor(Message):
    """Numbers in row-major order, flat or nested; none where their bytes follow the JSON.

    Of a column of the table: numbers, texts or truth values, null where one is missing.
    """

    name: str
    shape: list[Annotated[int, Field(ge=0, le=MAX_DIMENSION)]] = Field(min_length=1, max_length=2, fail_fast=True)
    datatype: str = Field(json_schema_extra={"enum": [*DTYPES, TEXT, TRUTH]})
    parameters: dict[str, Any] | None = None
    data: Row | Rows | Cells | None = Field(default=None, union_mode="left_to_right")


def array(
    tensor: InputTensor, index: int, body: bytes | bytearray, start: int, json_bytes: int
) -> tuple[np.ndarray, int]:
    """The values of input number `index`, in its shape, and where the binary data of the next one start."""
    name, size, end = quoted(tensor.name), math.prod(tensor.shape), start
    if tensor.shape[0] > MAX_ROWS:
        raise RefusedError(f"{name}: {tensor.shape[0]} rows; at most {MAX_ROWS} at once", 413)
    dtype = DTYPES[tensor.datatype]
    if tensor.data is None:
        end = start + size * dtype.itemsize
        if (tensor.parameters or {}).get("binary_data_size") != end - start or end > len(body):
            raise RefusedError(f"{name}: neither `data` nor {size} values of {dtype.itemsize} bytes after the JSON")
        values = np.frombuffer(body, dtype, size, start) if size else np.empty(0, dtype)
    else:
        if isinstance(tensor.data, tuple):
            raise RefusedError(f"inputs.{index}.data: not all values are numbers")
        try:
            numbers = np.array(tensor.data, np.float64)
        except ValueError:
            raise RefusedError(f"{name}: rows of different lengths") from None
        if numbers.size != size or (numbers.ndim == 2 and list(numbers.shape) != tensor.shape):
            raise RefusedError(f"{name}: its shape is {tensor.shape}, its data have {list(numbers.shape)}")
        if dtype.kind == "f":
            with np.errstate(over="ignore"):
                values = numbers.astype(dtype)
        elif _are(dtype, numbers, lambda: json.loads(body[:json_bytes])["inputs"][index]["data"]):
            values = numbers
        else:
            raise RefusedError(f"{name}: not all values are {tensor.datatype}")
    if not np.isfinite(values).all():
        raise RefusedError(f"{name}: a value is not a finite number")
    return values.astype(np.float64).reshape(tensor.shape), end


def _are(dtype: np.dtype, numbers: np.ndarray, exact: Callable[[], Any]) -> bool:
    """Whether numbers are integers of a type. exact: reads them anew, where float64 cannot tell the ends of a range."""
    least, greatest = np.iinfo(dtype).min, np.iinfo(dtype).max
    if not ((numbers == np.floor(numbers)) & (numbers >= least) & (numbers <= greatest)).all():
        return False
    if not (np.abs(numbers) >= 2.0**63).any():
        return True
    return all(least <= int(value) <= greatest for value in np.array(exact(), object).flat)


def cells(tensor: InputTensor, index: int, kind: str, body: bytes | bytearray, start: int) -> tuple[np.ndarray, int]:
    """The cells of a column of the table, of a type of DuckDB, and where the binary data of the next tensor start.

    float64 (n,), NaN where one is missing, or texts, None where missing. Raises RefusedError.
    """
    name, rows = quoted(tensor.name), tensor.shape[0]
    if rows > MAX_ROWS:
        raise RefusedError(f"{name}: {rows} rows; at most {MAX_ROWS} at once", 413)
    if math.prod(tensor.shape) != rows:
        raise RefusedError(f"{name}: its shape is {tensor.shape}; it must be [{rows}]")
    if (needs := datatype(kind)) == TEXT and tensor.datatype != TEXT:
        raise RefusedError(f"{name}: datatype {tensor.datatype}; the column is {kind}, and its datatype {needs}")
    values, end = (tensor.data, start) if tensor.data is not None else _binary(tensor, body, start)
    if len(values) != rows:
        raise RefusedError(f"{name}: its shape is {tensor.shape}, its data have [{len(values)}]")
    if tensor.datatype == TEXT:
        if not all(value is None or type(value) is str for value in values):
            raise RefusedError(f"inputs.{index}.data: not all values are text or null")
        texts = np.empty(rows, object)
        texts[:] = values
        return texts, end
    if any(type(value) not in (float, int, bool, type(None)) for value in values):
        raise RefusedError(f"inputs.{index}.data: not all values are numbers, true, false or null")
    numbers = np.array([math.nan if value is None else value for value in values], np.float64)
    if np.isinf(numbers).any():
        raise RefusedError(f"{name}: a value is not a finite number")
    known = numbers[~np.isnan(numbers)]
    if tensor.datatype in DTYPES and DTYPES[tensor.datatype].kind != "f" and (known != np.floor(known)).any():
        raise RefusedError(f"{name}: not all values are {tensor.datatype}")
    return numbers, end


def datatype(kind: str) -> str:
    """The type of a tensor with the cells of a column of a type of DuckDB."""
    name = kind.partition("(")[0]
    if name == "BOOLEAN":
        return TRUTH
    if name in ("FLOAT", "DOUBLE", "DECIMAL"):
        return "FP64"
    return "INT64" if name.endswith("INT") or name == "INTEGER" else TEXT


def _binary(tensor: InputTensor, body: bytes | bytearray, start: int) -> tuple[list[Any], int]:
    """The values of a tensor whose bytes follow the JSON; a text is its length in four bytes, and UTF-8."""
    name, size = quoted(tensor.name), (tensor.parameters or {}).get("binary_data_size")
    if type(size) is not int or not 0 <= size <= len(body) - start:
        raise RefusedError(f"{name}: neither `data` nor bytes after the JSON")
    content = bytes(body[start : start + size])
    if tensor.datatype != TEXT:
        dtype = np.dtype(bool) if tensor.datatype == TRUTH else DTYPES[tensor.datatype]
        if size % dtype.itemsize:
            raise RefusedError(f"{name}: {size} bytes, which are no whole number of values")
        return np.frombuffer(content, dtype).tolist(), start + size
    texts, place = [], 0
    try:
        while place < size:
            (length,) = struct.unpack_from("<I", content, place)
            text = content[place + 4 : place + 4 + length]
            if len(text) != length:
                raise ValueError
            texts.append(text.decode())
            place += 4 + length
    except (ValueError, struct.error):
        raise RefusedError(f"{name}: its bytes are no texts of UTF-8, each after its length") from None
    return texts, start + size


def binary(values: np.ndarray) -> bytes:
    """Float64 numbers or texts as bytes that follow the JSON, in row-major order."""
    if values.dtype != object:
        return values.astype("<f8").tobytes()
    texts = [text.encode() for text in values.ravel().tolist()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def quoted(text: str) -> str:
    """A name from outside, for a message."""
    return repr(text if len(text) <= 100 else f"{text[:100]}...")
