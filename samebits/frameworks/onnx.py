"""The quantized model as ONNX, its codes stored as unsigned integers of the least type that holds them."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from samebits.model.schemes import Quantized

OPSET = 21  # the first with DequantizeLinear of 4 and 16 bits
CODES = {4: TensorProto.UINT4, 8: TensorProto.UINT8, 16: TensorProto.UINT16}


def export(quantized: Quantized, facts: Mapping[str, Any]) -> bytes:
    """A graph from X (n, p) to y (n, 1), both float64: y = X @ weights + bias.

    facts: about the columns of X, as the query that makes them; they become metadata, in JSON.

    Each parameter is DequantizeLinear(code, scale, zero_point) - half, in float32, where `half` makes up for a zero
    point that is no integer: exact with power-of-two scales, rounded once with others.
    """
    bits = min(size for size in CODES if size >= quantized.bits)
    m = len(quantized.codes)
    p = len(quantized.model.coef)
    scale, zero_point = (np.broadcast_to(each, m) for each in (quantized.qparams.scale, quantized.qparams.zero_point))
    whole = np.floor(zero_point)
    nodes = [
        helper.make_node("DequantizeLinear", ["codes", "scale", "zero_point"], ["shifted"], axis=0),
        helper.make_node("Sub", ["shifted", "half"], ["values"]),
        helper.make_node("Cast", ["values"], ["parameters"], to=TensorProto.DOUBLE),
    ]
    constants = [
        helper.make_tensor("codes", CODES[bits], [m], quantized.codes.tolist()),
        helper.make_tensor("scale", TensorProto.FLOAT, [m], scale.tolist()),
        helper.make_tensor("zero_point", CODES[bits], [m], whole.astype(int).tolist()),
        helper.make_tensor("half", TensorProto.FLOAT, [m], ((zero_point - whole) * scale).tolist()),
        helper.make_tensor("column", TensorProto.INT64, [2], [-1, 1]),
    ]
    if quantized.bias is None:
        nodes.append(helper.make_node("Split", ["parameters", "sizes"], ["weights", "bias"], axis=0))
        constants.append(helper.make_tensor("sizes", TensorProto.INT64, [2], [p, 1]))
    else:
        nodes.append(helper.make_node("Identity", ["parameters"], ["weights"]))
        constants.append(helper.make_tensor("bias", TensorProto.DOUBLE, [1], [quantized.bias]))
    nodes += [
        helper.make_node("Reshape", ["weights", "column"], ["matrix"]),
        helper.make_node("Gemm", ["X", "matrix", "bias"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["n", p])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["n", 1])]
    graph = helper.make_graph(nodes, "samebits", inputs, outputs, constants)
    model = helper.make_model(
        graph, producer_name="samebits", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10
    )
    helper.set_model_props(model, {name: json.dumps(fact, ensure_ascii=False) for name, fact in facts.items()})
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)
