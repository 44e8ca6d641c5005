"""The Open Inference Protocol (KServe V2 REST): from a request's bytes to rows, from predictions to a response's bytes.

Specification: github.com/kserve/open-inference-protocol. Tensors may follow the JSON as bytes, as in its extension for
binary data (github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md), which Triton's client
uses by default.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from samebits.errors import UserError
from samebits.model.schema import Schema
from samebits.serving import tensors
from samebits.serving.tensors import DTYPES, TEXT, TRUTH, InputTensor, Message, RefusedError, quoted

MAX_BODY = 2**23  # bytes
MAX_VALUES = 2**20  # of all tensors; to decode more would keep other clients waiting
MAX_LISTS = 2**17  # a nested list for each row, and as many again
MAX_OBJECTS = 2**10  # inputs, outputs and their parameters, for up to 128 features; for more, 8 a feature
KEYS = 32  # for each of these
MAX_TEXTS = 2**18  # keys and values
MAX_ID = 2**10  # characters, as the response repeats it

JSON_BYTES = "Inference-Header-Content-Length"
INPUT, FEATURES = "rows", "features"


class RequestedOutput(Message):
    """An output that a client asks for: one of the model's, or the features that they are made of."""

    name: str
    parameters: dict[str, Any] | None = None


class InferenceRequest(Message):
    """Rows: one tensor of shape [n, features], or for each feature a tensor of its name and of shape [n] or [n, 1].

    Or for each column of the table that the model needs. Where names do not tell which, the parameter `form` does: raw
    or features.
    """

    id: str | None = Field(default=None, max_length=MAX_ID)
    parameters: dict[str, Any] | None = None
    inputs: list[InputTensor] = Field(min_length=1, fail_fast=True)
    outputs: list[RequestedOutput] | None = Field(default=None, fail_fast=True)


class OutputTensor(Message):
    """A prediction, a label or the features for each row; none where their bytes follow the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    data: list[float] | list[str] | None = None


class InferenceResponse(Message):
    """The predictions."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


_decoder = TypeAdapter(InferenceRequest)


def decode(
    body: bytes | bytearray, json_bytes: int | None, features: Sequence[str], schema: Schema | None = None
) -> tuple[InferenceRequest, np.ndarray | dict[str, np.ndarray]]:
    """The request and its rows: the features X (n, p), or the cells of raw rows by column, each (n,).

    json_bytes: how much of the body is JSON, where binary data follow. schema: of the table, if raw rows are taken.
    Cells are float64, NaN where missing, or texts, None where missing. Raises RefusedError.
    """
    if json_bytes is not None and json_bytes > len(body):
        raise RefusedError(f"Inference-Header-Content-Length is {json_bytes}, the body has {len(body)} bytes")
    text = body[:json_bytes]
    if len(text) > 2**15:  # what is shorter, is decoded in no time
        _check_counts(text, max(len(features), len(schema.columns) if schema else 0))
    try:
        request = _decoder.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RefusedError(f"{place}: {first['msg']}" if place else first["msg"]) from None
    names = [tensor.name for tensor in request.inputs]
    if twice := next((name for i, name in enumerate(names) if name in names[:i]), None):
        raise RefusedError(f"inputs: {quoted(twice)} is there twice")
    cells = schema.columns if schema and _is_raw(request, schema, features) else {}
    for tensor in request.inputs:
        if tensor.datatype not in DTYPES and not (tensor.name in cells and tensor.datatype in (TEXT, TRUTH)):
            name, kind = quoted(tensor.name), quoted(tensor.datatype)
            raise RefusedError(f"{name}: datatype {kind}; it must be one of {', '.join(DTYPES)}")
    if (values := sum(math.prod(tensor.shape) for tensor in request.inputs)) > MAX_VALUES:
        raise RefusedError(f"inputs: {values} values; at most {MAX_VALUES} at once", 413)
    rows = max((math.prod(tensor.shape) for tensor in request.inputs if tensor.name in cells), default=0)
    if (values := rows * len(features)) > MAX_VALUES:
        raise RefusedError(f"inputs: {rows} rows are {values} values of features; at most {MAX_VALUES} at once", 413)
    arrays, end = {}, len(text)
    for index, tensor in enumerate(request.inputs):
        if tensor.name in cells:
            arrays[tensor.name], end = tensors.cells(tensor, index, cells[tensor.name].type, body, end)
        else:
            arrays[tensor.name], end = tensors.array(tensor, index, body, end, len(text))
    if end < len(body):
        raise RefusedError(f"{len(body) - end} bytes belong to no input")
    if cells:
        return request, _of_one_length({name: array for name, array in arrays.items() if name in cells})
    return request, _rows(arrays, features, schema)


def asked_outputs(request: InferenceRequest, default: Iterable[str], more: Iterable[str]) -> list[RequestedOutput]:
    """The outputs that a client asks for, or the default ones. Raises RefusedError where one is neither of these."""
    there = [*default, *more]
    for output in request.outputs or ():
        if output.name not in there:
            raise RefusedError(f"outputs: no output {quoted(output.name)}; there are {', '.join(there)}")
    return request.outputs or [RequestedOutput(name=name) for name in default]


def encode(
    request: InferenceRequest,
    answers: Iterable[tuple[RequestedOutput, np.ndarray]],
    name: str,
    version: str,
) -> tuple[bytes, int | None]:
    """The response, and how much of it is JSON if the client asked for binary data.

    answers: each output with its tensor, (n, 1) or (n, p), of float64 or texts.
    """
    outputs, data = [], b""
    for asked, values in answers:
        kind = TEXT if values.dtype == object else "FP64"
        output: dict[str, Any] = {"name": asked.name, "shape": list(values.shape), "datatype": kind}
        binary = (asked.parameters or {}).get("binary_data")
        if ((request.parameters or {}).get("binary_data_output") if binary is None else binary) is True:
            content = tensors.binary(values)
            output["parameters"] = {"binary_data_size": len(content)}
            data += content
        else:
            output["data"] = values.ravel().tolist()
        outputs.append(output)
    response = {"model_name": name, "model_version": version, "outputs": outputs}
    if request.id is not None:
        response["id"] = request.id
    head = to_json(response)
    is_binary = any("data" not in output for output in outputs)
    return head + data, len(head) if is_binary else None


def _is_raw(request: InferenceRequest, schema: Schema, features: Sequence[str]) -> bool:
    """Whether the rows are those of the table. Raises RefusedError where it cannot be told."""
    names, form = [tensor.name for tensor in request.inputs], (request.parameters or {}).get("form")
    if form not in (None, "raw", "features"):
        raise RefusedError("parameters.form must be raw or features")
    if form != "raw" and not all(name in names for name in schema.needed):
        return False
    try:
        return schema.form(names, features, form, "with the parameter `form`: raw or features") == "raw"
    except UserError as error:
        raise RefusedError(f"inputs: {error}") from None


def _of_one_length(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    length = len(next(iter(arrays.values()), ()))
    for name, array in arrays.items():
        if len(array) != length:
            raise RefusedError(f"{name}: its shape is [{len(array)}]; it must be [{length}]")
    return arrays


def _check_counts(text: bytes | bytearray, features: int) -> None:
    """Refuse JSON that takes long to decode. It only counts marks, also those in strings: it must be fast."""
    objects = max(MAX_OBJECTS, 8 * features)
    for name, count, most in (
        ("values", text.count(b","), MAX_VALUES),
        ("lists", text.count(b"["), MAX_LISTS),
        ("objects", text.count(b"{"), objects),
        ("texts", text.count(b'"') // 2, MAX_TEXTS),
        ("keys", text.translate(None, b" \t\r\n").count(b'":'), KEYS * objects),
    ):
        if count > most:
            raise RefusedError(f"more than {most} {name}; send fewer, and the values flat or as binary data", 413)


def _rows(arrays: dict[str, np.ndarray], features: Sequence[str], schema: Schema | None) -> np.ndarray:
    """X (n, p) from one matrix or from a vector for each feature."""
    first = next(iter(arrays.values()))
    if len(arrays) == 1 and first.ndim == 2 and first.shape[1] == len(features):
        return first
    if missing := [name for name in features if name not in arrays]:
        shape = f"one input of shape [n, {len(features)}]"
        of_table = f", or for each column of the table: {', '.join(schema.needed)}" if schema else ""
        each = f"one input of shape [n] for each feature{of_table}"
        raise RefusedError(f"inputs: no {', '.join(missing)}; send {shape}, or {each}")
    columns = [arrays[name] for name in features]
    for name, column in zip(features, columns, strict=True):
        if column.shape not in ((len(column),), (len(column), 1)) or len(column) != len(columns[0]):
            raise RefusedError(f"{name}: its shape is {list(column.shape)}; it must be [{len(columns[0])}]")
    return np.column_stack([column.ravel() for column in columns])
