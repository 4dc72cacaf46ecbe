"""Which nodes of a graph INT8 takes: those of the backbone, found by their place in the graph, never by their names.

Left in float32 are the ends and what is small. The first block runs at the finest resolution with few channels, where
float32 is as quick (measured), and what it loses is lost to everything behind it. The head, whose products and
distances are read as they are, comes behind the last convolution fed by a depthwise one. Squeeze-and-excitation's own
convolutions see one position a tile and cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from onnx import NodeProto, helper

from engines.errors import BuildError

FIRST = 3
"""Convolutions of the first block, left in float32: the stem, a depthwise one, and the projection behind it."""
BETWEEN = frozenset({"Add", "Clip", "GlobalAveragePool", "Mul", "Relu", "Sigmoid"})
"""What may stand between convolutions and has an INT8 kernel in ONNX Runtime."""

Shapes = dict[str, list[int]]
"""Of float32 values with four axes N×C×h×w; 0 where an axis is not fixed."""


@dataclass(frozen=True)
class Backbone:
    """What runs in INT8, in the graph's order."""

    convolutions: list[NodeProto]
    between: list[NodeProto]


def find_backbone(graph: onnx.GraphProto) -> Backbone:
    """Find it in a graph whose shapes are inferred.

    Raises:
        BuildError: the graph has no such backbone.
    """
    shapes = _shapes(graph)
    convolutions = _convolutions(graph, shapes)[FIRST:]
    if not convolutions:
        raise BuildError(
            "the bundle's graph has no depthwise convolutions behind its first block; INT8 knows EfficientNets alone. "
            "Run this bundle in float32"
        )
    from_them = _reached(graph.node, {node.output[0] for node in convolutions})
    to_them = leading(graph.node, {node.input[0] for node in convolutions})
    between = [
        node
        for node in graph.node
        if node.op_type in BETWEEN
        and node.output[0] in from_them & to_them
        and (node.op_type == "GlobalAveragePool" or _spatial(node.output[0], shapes))
    ]
    return Backbone(convolutions, between)


def is_depthwise(node: NodeProto) -> bool:
    """Whether each channel is convolved by itself."""
    return node.op_type == "Conv" and attribute(node, "group", 1) > 1


def attribute(node: NodeProto, name: str, default: int) -> int:
    """An integer attribute of a node."""
    return next((int(helper.get_attribute_value(each)) for each in node.attribute if each.name == name), default)


def leading(nodes: Sequence[NodeProto], values: set[str]) -> set[str]:
    """These values and all that they are made of."""
    found = set(values)
    for node in reversed(nodes):
        if not found.isdisjoint(node.output):
            found |= set(node.input)
    return found


def _convolutions(graph: onnx.GraphProto, shapes: Shapes) -> list[NodeProto]:
    """All that lead to a depthwise one, are one, or are fed by one."""
    found = [node for node in graph.node if node.op_type == "Conv" and _spatial(node.output[0], shapes)]
    depthwise = [node for node in found if is_depthwise(node)]
    to_depthwise = leading(graph.node, {node.input[0] for node in depthwise})
    fed = _fed_by_depthwise(graph, {node.output[0] for node in found})
    return [node for node in found if node in depthwise or node.output[0] in to_depthwise or node.input[0] in fed]


def _fed_by_depthwise(graph: onnx.GraphProto, convolved: set[str]) -> set[str]:
    """Values with a depthwise convolution behind which no other spatial convolution stands."""
    fed: set[str] = set()
    for node in graph.node:
        inherits = node.output[0] not in convolved and not fed.isdisjoint(node.input)
        if is_depthwise(node) or inherits:
            fed |= set(node.output)
    return fed


def _reached(nodes: list[NodeProto], values: set[str]) -> set[str]:
    """These values and all that are made of them."""
    reached = set(values)
    for node in nodes:
        if not reached.isdisjoint(node.input):
            reached |= set(node.output)
    return reached


def _shapes(graph: onnx.GraphProto) -> Shapes:
    return {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in graph.value_info
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT and len(value.type.tensor_type.shape.dim) == 4
    }


def _spatial(value: str, shapes: Shapes) -> bool:
    return value in shapes and shapes[value][2:] != [1, 1]
