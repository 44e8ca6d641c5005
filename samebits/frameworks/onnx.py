"""Models as ONNX. The codes of the quantized one are unsigned integers of the least type that holds them."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from samebits.model.family import LINEAR, Family, Logistic
from samebits.model.schemes import Quantized

OPSET = 21  # the first with DequantizeLinear of 4 and 16 bits
CODES = {4: TensorProto.UINT4, 8: TensorProto.UINT8, 16: TensorProto.UINT16}


def export(quantized: Quantized, facts: Mapping[str, Any], family: Family = LINEAR) -> bytes:
    """A graph from X (n, p) to y (n, 1), both float64: y = X @ weights + bias.

    Of a logistic model, y is called `log_odds`, and `probability` and `label` stand before it: see `_logistic`.

    facts: about the columns of X, as the query that makes them; with what a card says of the family, they become
    metadata, in JSON.

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
    head = _logistic(family) if isinstance(family, Logistic) else _Head("y", [], [], {})
    nodes += [
        helper.make_node("Reshape", ["weights", "column"], ["matrix"]),
        helper.make_node("Gemm", ["X", "matrix", "bias"], [head.takes]),
        *head.nodes,
    ]
    types = {**head.outputs, head.takes: TensorProto.DOUBLE}
    outputs = [helper.make_tensor_value_info(name, kind, ["n", 1]) for name, kind in types.items()]
    return _model(nodes, constants + head.constants, p, outputs, {**facts, **family.to_plain()})


def export_estimator(estimator: Any) -> bytes:
    """A graph from X (n, p) to y (n, k), both float64, of a fitted estimator with `coef_` and `intercept_`: X @ w + b.

    For `ExactLinearRegression`, `ExactRidgeCV` and scikit-learn's linear regressions. A runtime rounds as it adds up;
    `predict` rounds once. The names of the columns, if any, become metadata, `features`, in JSON.
    """
    coef = np.atleast_2d(estimator.coef_).astype(np.float64)
    k, p = coef.shape
    bias = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), k)
    constants = [
        helper.make_tensor("weights", TensorProto.DOUBLE, [k, p], coef.ravel().tolist()),
        helper.make_tensor("bias", TensorProto.DOUBLE, [k], bias.tolist()),
    ]
    nodes = [helper.make_node("Gemm", ["X", "weights", "bias"], ["y"], transB=1)]
    names = getattr(estimator, "feature_names_in_", None)
    facts = {} if names is None else {"features": [str(each) for each in names]}
    return _model(nodes, constants, p, [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["n", k])], facts)


def _model(
    nodes: list[NodeProto],
    constants: list[TensorProto],
    p: int,
    outputs: list[ValueInfoProto],
    facts: Mapping[str, Any],
) -> bytes:
    """The bytes of a graph from X (n, p), float64, with facts as metadata, in JSON."""
    inputs = [helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["n", p])]
    graph = helper.make_graph(nodes, "samebits", inputs, outputs, constants)
    model = helper.make_model(
        graph, producer_name="samebits", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10
    )
    helper.set_model_props(model, {name: json.dumps(fact, ensure_ascii=False) for name, fact in facts.items()})
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


class _Head(NamedTuple):
    """What comes after the linear part: the name of what it takes, and the types of its outputs by their names."""

    takes: str
    nodes: list[NodeProto]
    constants: list[TensorProto]
    outputs: dict[str, int]


def _logistic(family: Logistic) -> _Head:
    """The probability of class 1, float64, and the label, a text."""
    nodes = [
        helper.make_node("Sigmoid", ["log_odds"], ["probability"]),
        helper.make_node("GreaterOrEqual", ["probability", "threshold"], ["is_1"]),
        helper.make_node("Cast", ["is_1"], ["class"], to=TensorProto.INT64),
        helper.make_node("Gather", ["labels", "class"], ["label"]),
    ]
    constants = [
        helper.make_tensor("threshold", TensorProto.DOUBLE, [], [family.threshold]),
        numpy_helper.from_array(np.array(family.labels, object), "labels"),
    ]
    return _Head("log_odds", nodes, constants, {"probability": TensorProto.DOUBLE, "label": TensorProto.STRING})
