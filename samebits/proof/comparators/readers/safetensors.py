"""safetensors: where tensors lie in the file does not count; their dtypes, shapes and the metadata do.

A length (8 bytes), a JSON header of that length, then the tensors (github.com/huggingface/safetensors). The library
would hand out no more than these parts.
"""

import math
from typing import Any

import numpy as np

from samebits.proof.comparators import arrays
from samebits.proof.comparators.readers import json
from samebits.proof.comparators.reading import Budget, UnreadableError
from samebits.proof.comparators.values import Array

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|u1", "F8_E4M3": "|u1", "F8_E5M2": "|u1",
    "C64": "<c8",
}  # fmt: skip


def read(content: bytes, name: str, budget: Budget) -> Any:
    """The tensors and the metadata."""
    start = 8 + int.from_bytes(content[:8], "little")
    if start > len(content):
        raise UnreadableError("it is cut off")
    header = json.read(content[8:start], name, budget)
    if not isinstance(header, dict):
        raise UnreadableError("its header names a tensor twice, or is no object")
    tensors = {key: value for key, value in header.items() if key != "__metadata__"}
    data, end = content[start:], 0
    found: dict[str, Any] = {"__metadata__": header.get("__metadata__")}
    for key, tensor in sorted(tensors.items(), key=lambda each: each[1]["data_offsets"]):
        begin, stop = tensor["data_offsets"]
        dtype, shape = np.dtype(DTYPES[tensor["dtype"]]), tensor["shape"]
        if begin != end or stop - begin != math.prod(shape) * dtype.itemsize or set(tensor) - _KEYS:
            raise UnreadableError(f"the place of tensor {key} is not what its shape says")
        values = np.frombuffer(data[begin:stop], dtype).reshape(shape)
        end = stop
        found[key] = _array(tensor["dtype"], values)
    if end != len(data):
        raise UnreadableError("it holds other bytes after its last tensor")
    return found


_KEYS = {"dtype", "shape", "data_offsets"}


def _array(dtype: str, values: np.ndarray) -> Array:
    if dtype == "BF16":
        return arrays.bfloat16(values)
    array: Array = arrays.of(values)
    if dtype in ("BOOL", "F8_E4M3", "F8_E5M2"):
        array = Array(dtype, values.view("V1"))  # bits that are no integers: equal or not
    return array
