"""The exported graph, prepared for runtimes that keep to its types and take no more of ONNX than they must."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, numpy_helper

from engines.errors import BuildError
from engines.plan import TILES


def prepare(model: bytes) -> onnx.ModelProto:
    """The graph with every weight in float32 and its pixels cast before anything else is done to them.

    The numbers it computes are those of `model`, bit for bit.

    Raises:
        BuildError: it is no graph of a bundle.
    """
    try:
        prepared = onnx.load_from_string(model)
        _widen_weights(prepared.graph)
        _cast_pixels_first(prepared.graph)
        return onnx.shape_inference.infer_shapes(prepared, check_type=True, strict_mode=True)
    except onnx.shape_inference.InferenceError as error:
        raise BuildError(f"the bundle's graph cannot be prepared: {error}") from error


def replace_nodes(graph: onnx.GraphProto, nodes: list[NodeProto]) -> None:
    """Make these, in this order, the graph's nodes."""
    copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _widen_weights(graph: onnx.GraphProto) -> None:
    """Undo that weights are stored in half precision with a Cast behind each: a converter would take the Cast for
    arithmetic."""
    weights = {weight.name: weight for weight in graph.initializer}
    others = []
    for node in graph.node:
        weight = weights.get(node.input[0]) if node.op_type == "Cast" else None
        if weight is not None and weight.data_type == TensorProto.FLOAT16:
            widened = numpy_helper.to_array(weight).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(widened, node.output[0]))
        else:
            others.append(node)
    replace_nodes(graph, others)


def _cast_pixels_first(graph: onnx.GraphProto) -> None:
    """Cast the tiles before they are transposed: TensorRT takes uint8 as a network's input, and can only cast it."""
    moves = []
    node = _only_consumer(graph, TILES)
    while node.op_type != "Cast":
        moves.append(node)
        node = _only_consumer(graph, node.output[0])
    if not moves:
        return
    moves[-1].output[0], node.output[0] = node.output[0], f"{TILES}/float"
    node.input[0], moves[0].input[0] = TILES, node.output[0]
    replace_nodes(graph, [node, *(other for other in graph.node if other.output[0] != node.output[0])])
    del graph.value_info[:]


def _only_consumer(graph: onnx.GraphProto, value: str) -> NodeProto:
    found: list[NodeProto] = [node for node in graph.node if value in node.input]
    if len(found) != 1:
        raise BuildError(f"the bundle's graph uses {value!r} {len(found)} times before it is cast; wanted once")
    return found[0]
