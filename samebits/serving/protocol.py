"""The Open Inference Protocol (KServe V2 REST): from a request's bytes to rows, from predictions to a response's bytes.

Specification: github.com/kserve/open-inference-protocol. Tensors may follow the JSON as bytes, as in its extension for
binary data (github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md), which Triton's client
uses by default.
"""

import json
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

MAX_BODY = 2**23  # bytes
MAX_ROWS = 2**16
MAX_VALUES = 2**20  # of all tensors; to decode more would keep other clients waiting
MAX_LISTS = 2**17  # a nested list for each row, and as many again
MAX_OBJECTS = 2**10  # inputs, outputs and their parameters, for up to 128 features; for more, 8 a feature
TEXTS = 32  # keys and texts for each of these
MAX_DIMENSION = 2**31 - 1  # so that numpy can have an empty array of any shape
MAX_ID = 2**10  # characters, as the response repeats it

JSON_BYTES = "Inference-Header-Content-Length"
INPUT, OUTPUT = "rows", "predict"
DTYPES = {
    f"{kind}{bits}": np.dtype(f"<{code}{bits // 8}")
    for kind, code, widths in (("FP", "f", (16, 32, 64)), ("INT", "i", (8, 16, 32, 64)), ("UINT", "u", (8, 16, 32, 64)))
    for bits in widths
}


class RefusedError(Exception):
    """Why a request is refused, and the HTTP status that says so."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class _Message(BaseModel):
    """Lists end at their first mistake: 8 MB may hold millions, and each would take a kilobyte."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, protected_namespaces=())


Row = Annotated[list[float], Field(fail_fast=True)]


class InputTensor(_Message):
    """Numbers in row-major order, flat or nested; none where their bytes follow the JSON."""

    name: str
    shape: list[Annotated[int, Field(ge=0, le=MAX_DIMENSION)]] = Field(min_length=1, max_length=2, fail_fast=True)
    datatype: str = Field(json_schema_extra={"enum": list(DTYPES)})
    parameters: dict[str, Any] | None = None
    data: Row | Annotated[list[Row], Field(fail_fast=True)] | None = Field(default=None, union_mode="left_to_right")


class RequestedOutput(_Message):
    """The output that a client asks for; there is only one."""

    name: str = Field(json_schema_extra={"enum": [OUTPUT]})
    parameters: dict[str, Any] | None = None


class InferenceRequest(_Message):
    """Rows: one tensor of shape [n, features], or for each feature a tensor of its name and of shape [n] or [n, 1]."""

    id: str | None = Field(default=None, max_length=MAX_ID)
    parameters: dict[str, Any] | None = None
    inputs: list[InputTensor] = Field(min_length=1, fail_fast=True)
    outputs: list[RequestedOutput] | None = Field(default=None, fail_fast=True)


class OutputTensor(_Message):
    """A prediction for each row; none where their bytes follow the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    data: list[float] | None = None


class InferenceResponse(_Message):
    """The predictions."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


_decoder = TypeAdapter(InferenceRequest)


def decode(
    body: bytes | bytearray, json_bytes: int | None, features: Sequence[str]
) -> tuple[InferenceRequest, np.ndarray]:
    """The request and its rows X (n, p); json_bytes: how much of the body is JSON, where binary data follow.

    Raises RefusedError.
    """
    if json_bytes is not None and json_bytes > len(body):
        raise RefusedError(f"Inference-Header-Content-Length is {json_bytes}, the body has {len(body)} bytes")
    text = body[:json_bytes]
    if len(text) > 2**15:  # what is shorter, is decoded in no time
        _check_counts(text, len(features))
    try:
        request = _decoder.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RefusedError(f"{place}: {first['msg']}" if place else first["msg"]) from None
    for output in request.outputs or ():
        if output.name != OUTPUT:
            raise RefusedError(f"outputs: no output {_quoted(output.name)}; there is {OUTPUT}")
    for tensor in request.inputs:
        if tensor.datatype not in DTYPES:
            name, kind = _quoted(tensor.name), _quoted(tensor.datatype)
            raise RefusedError(f"{name}: datatype {kind}; it must be one of {', '.join(DTYPES)}")
    if (values := sum(math.prod(tensor.shape) for tensor in request.inputs)) > MAX_VALUES:
        raise RefusedError(f"inputs: {values} values; at most {MAX_VALUES} at once", 413)
    arrays, end = {}, len(text)
    for index, tensor in enumerate(request.inputs):
        if tensor.name in arrays:
            raise RefusedError(f"inputs: {_quoted(tensor.name)} is there twice")
        arrays[tensor.name], end = _array(tensor, index, body, end, len(text))
    if end < len(body):
        raise RefusedError(f"{len(body) - end} bytes belong to no input")
    return request, _rows(arrays, features)


def encode(request: InferenceRequest, y: np.ndarray, name: str, version: str) -> tuple[bytes, int | None]:
    """The response, and how much of it is JSON if the client asked for the predictions (n,) as binary data."""
    output: dict[str, Any] = {"name": OUTPUT, "shape": [len(y), 1], "datatype": "FP64"}
    asked = (request.outputs[0].parameters or {}).get("binary_data") if request.outputs else None
    binary = (request.parameters or {}).get("binary_data_output") if asked is None else asked
    data = y.astype("<f8").tobytes() if binary is True else b""
    output |= {"parameters": {"binary_data_size": len(data)}} if binary is True else {"data": y.tolist()}
    response = {"model_name": name, "model_version": version, "outputs": [output]}
    if request.id is not None:
        response["id"] = request.id
    head = to_json(response)
    return head + data, len(head) if binary is True else None


def _check_counts(text: bytes | bytearray, features: int) -> None:
    """Refuse JSON that takes long to decode. It only counts marks, also those in strings: it must be fast."""
    objects = max(MAX_OBJECTS, 8 * features)
    for name, mark, each, most in (
        ("values", b",", 1, MAX_VALUES),
        ("lists", b"[", 1, MAX_LISTS),
        ("objects", b"{", 1, objects),
        ("keys and texts", b'"', 2, TEXTS * objects),
    ):
        if text.count(mark) > each * most:
            raise RefusedError(f"more than {most} {name}; send fewer, and the values flat or as binary data", 413)


def _array(
    tensor: InputTensor, index: int, body: bytes | bytearray, start: int, json_bytes: int
) -> tuple[np.ndarray, int]:
    """The values of input number `index`, in its shape, and where the binary data of the next one start."""
    name, size, end = _quoted(tensor.name), math.prod(tensor.shape), start
    if tensor.shape[0] > MAX_ROWS:
        raise RefusedError(f"{name}: {tensor.shape[0]} rows; at most {MAX_ROWS} at once", 413)
    dtype = DTYPES[tensor.datatype]
    if tensor.data is None:
        end = start + size * dtype.itemsize
        if (tensor.parameters or {}).get("binary_data_size") != end - start or end > len(body):
            raise RefusedError(f"{name}: neither `data` nor {size} values of {dtype.itemsize} bytes after the JSON")
        values = np.frombuffer(body, dtype, size, start) if size else np.empty(0, dtype)
    else:
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


def _rows(arrays: dict[str, np.ndarray], features: Sequence[str]) -> np.ndarray:
    """X (n, p) from one matrix or from a vector for each feature."""
    first = next(iter(arrays.values()))
    if len(arrays) == 1 and first.ndim == 2 and first.shape[1] == len(features):
        return first
    if missing := [name for name in features if name not in arrays]:
        shape = f"one input of shape [n, {len(features)}]"
        raise RefusedError(f"inputs: no {', '.join(missing)}; send {shape}, or one input of shape [n] for each feature")
    columns = [arrays[name] for name in features]
    for name, column in zip(features, columns, strict=True):
        if column.shape not in ((len(column),), (len(column), 1)) or len(column) != len(columns[0]):
            raise RefusedError(f"{name}: its shape is {list(column.shape)}; it must be [{len(columns[0])}]")
    return np.column_stack([column.ravel() for column in columns])


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:100]}...")
