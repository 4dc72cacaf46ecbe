"""Making a CPU round where a GPU does.

ONNX Runtime has no half-precision convolution on x86. It runs such nodes in float32 with casts around each, and then
takes out every pair of casts that meet, at any level of optimisation: measured, such a graph gives float32's results to
five digits, and proves nothing. An Identity between them keeps the casts apart, as it takes half precision for what it
is; optimisation must be off, for it removes Identities. Then every value is what its node gives in float32 from rounded
inputs, rounded once, bit for bit. That is what a GPU does that accumulates in float32, and rounds more often than one
that runs several nodes as one.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from onnx import NodeProto, TensorProto, helper

from engines.precision.backbone import is_depthwise
from engines.precision.graph import replace_nodes


@dataclass(frozen=True)
class RoundedGraph:
    """A graph that rounds, and tells the largest magnitude of each rounded value as an output of its own."""

    model: bytes
    peaks: dict[str, str]
    """Name of the output that tells it, by the layer: operator and node, as `Conv node_conv2d_7`."""


def round_everywhere(half: onnx.ModelProto) -> RoundedGraph:
    """Keep rounding in force, for ONNX Runtime without optimisation.

    Products in float32 round their operands to half precision's 10 bits too, as a GPU's TF32 does: those that find the
    nearest centroid, the distance to which is computed apart, and dense convolutions. Depthwise ones do not: they have
    one product a channel, which Tensor Cores cannot share out.

    Args:
        half: of `half.to_half`, with shapes inferred.
    """
    model = onnx.ModelProto.FromString(half.SerializeToString())
    graph = model.graph
    rounded = {value.name for value in graph.value_info if value.type.tensor_type.elem_type == TensorProto.FLOAT16}
    nodes: list[NodeProto] = []
    peaks = {}
    for node in graph.node:
        if node.output[0] not in rounded and (node.op_type == "MatMul" or _is_dense(node)):
            nodes += _round_operands(node)
        nodes.append(node)
        for index, value in enumerate(node.output):
            if value in rounded:
                node.output[index] = f"{value}/raw"
                nodes += _barrier(f"{value}/raw", value)
                nodes += _peak(value)
                peaks[f"{node.op_type} {(node.name or value).rpartition('/')[2]}"] = f"{value}/peak"
    replace_nodes(graph, nodes)
    del graph.value_info[:]
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in peaks.values())
    return RoundedGraph(model.SerializeToString(), peaks)


def _is_dense(node: NodeProto) -> bool:
    return node.op_type == "Conv" and not is_depthwise(node)


def _barrier(raw: str, value: str) -> list[NodeProto]:
    return [helper.make_node("Identity", [raw], [value], name=f"{value}/round")]


def _peak(value: str) -> list[NodeProto]:
    """In float32: half precision is widened before anything is done to it."""
    wide, magnitude = f"{value}/wide", f"{value}/magnitude"
    return [
        helper.make_node("Cast", [value], [wide], to=TensorProto.FLOAT),
        helper.make_node("Abs", [wide], [magnitude]),
        helper.make_node("ReduceMax", [magnitude], [f"{value}/peak"], keepdims=0),
    ]


def _round_operands(product: NodeProto) -> list[NodeProto]:
    """A convolution's bias, its third input, is added to what they make, and not rounded."""
    nodes = []
    for index, operand in enumerate(product.input[:2]):
        short, kept, wide = (f"{product.output[0]}/{index}/{step}" for step in ("short", "kept", "wide"))
        nodes += [
            helper.make_node("Cast", [operand], [short], to=TensorProto.FLOAT16),
            *_barrier(short, kept),
            helper.make_node("Cast", [kept], [wide], to=TensorProto.FLOAT),
        ]
        product.input[index] = wide
    return nodes
