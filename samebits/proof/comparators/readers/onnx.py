"""ONNX: how protobuf writes it does not count, nor how a tensor stores its values. Needs onnx."""

from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import numpy_helper

from samebits.proof.comparators import arrays
from samebits.proof.comparators.reading import Budget, UnreadableError
from samebits.proof.comparators.values import Exact

DATA = {"float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data", "raw_data"}


def read(content: bytes, name: str, budget: Budget) -> Any:
    """The model."""
    model = onnx.ModelProto.FromString(content)
    known = onnx.ModelProto()
    known.CopyFrom(model)
    known.DiscardUnknownFields()
    if known.ByteSize() != model.ByteSize():
        raise UnreadableError("it holds fields that onnx does not know")
    return _fields(model)


def _fields(message: Message) -> dict[str, Any]:
    fields = {field.name: _plain(value, field.cpp_type) for field, value in message.ListFields()}
    if isinstance(message, onnx.TensorProto) and message.data_location != onnx.TensorProto.EXTERNAL:
        if message.data_type == onnx.TensorProto.BFLOAT16:
            raw = numpy_helper.to_array(message).view("u2")
            values: Any = arrays.bfloat16(raw)
        elif message.data_type == onnx.TensorProto.STRING or message.data_type > onnx.TensorProto.BFLOAT16:
            return fields
        else:
            values = arrays.of(numpy_helper.to_array(message))
        return {**{key: value for key, value in fields.items() if key not in DATA}, "values": values}
    return fields


def _plain(value: Any, kind: int) -> Any:
    if isinstance(value, Message):
        return _fields(value)
    if isinstance(value, str | bytes):
        return value
    if kind == FieldDescriptor.CPPTYPE_FLOAT:
        return arrays.of(np.asarray(value, np.float32))
    if isinstance(value, int | float):
        return value if isinstance(value, float) else Exact(value)
    return [_plain(each, kind) for each in value]
