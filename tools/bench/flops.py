"""How much a graph computes: the multiplications with additions of its convolutions and products, counted from shapes.

What is not counted (activations, sums, means) is below a hundredth of it in the networks used here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import NodeProto, helper

from tools.errors import BenchError

Shape = Sequence[int]


@dataclass(frozen=True)
class LayerCost:
    """Of one node."""

    operator: str
    name: str
    multiply_adds: int


@dataclass(frozen=True)
class GraphCost:
    """Of one tile."""

    layers: tuple[LayerCost, ...]

    @property
    def multiply_adds(self) -> int:
        """A multiplication and the addition of its product, counted as one."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def flops(self) -> int:
        """The same counted as two, as cards' peaks are."""
        return 2 * self.multiply_adds

    def by_operator(self) -> Mapping[str, int]:
        """Multiply-adds by the kind of node."""
        costs: Counter[str] = Counter()
        for layer in self.layers:
            costs[layer.operator] += layer.multiply_adds
        return costs


def count(model: onnx.ModelProto, centroids: int) -> GraphCost:
    """Count a bundle's graph for one tile and `centroids` centroids.

    Raises:
        BenchError: a shape cannot be inferred.
    """
    shapes = _shapes(model, centroids)
    layers = []
    for node in model.graph.node:
        if node.op_type in _COSTS:
            inputs = [shapes.get(name) for name in node.input]
            output = shapes.get(node.output[0])
            if output is None or None in inputs[:2]:
                raise BenchError(f"node {node.name or node.output[0]}: no shape can be inferred, so it is not counted")
            known = [shape for shape in inputs if shape is not None]
            layers.append(LayerCost(node.op_type, node.name, _COSTS[node.op_type](node, known, output)))
    return GraphCost(tuple(layers))


def unused(graph: onnx.GraphProto) -> list[str]:
    """Names of nodes and weights that no output of the graph depends on, computed or carried in vain."""
    wanted = {value.name for value in graph.output}
    idle = []
    for node in reversed(graph.node):
        if wanted.isdisjoint(node.output):
            idle.append(node.name or node.output[0])
        else:
            wanted |= set(node.input)
    return [*reversed(idle), *(weight.name for weight in graph.initializer if weight.name not in wanted)]


def _shapes(model: onnx.ModelProto, centroids: int) -> dict[str, Shape]:
    """Of every value, for one tile."""
    fixed = onnx.ModelProto.FromString(model.SerializeToString())
    for name, rows in (("tiles", 1), ("centroids", centroids)):
        value = next((each for each in fixed.graph.input if each.name == name), None)
        if value is not None:
            value.type.tensor_type.shape.dim[0].dim_value = rows
    del fixed.graph.value_info[:]  # what stands there may name axes that are fixed now
    inferred = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    values = [*inferred.value_info, *inferred.input, *inferred.output]
    shapes: dict[str, Shape] = {each.name: list(each.dims) for each in inferred.initializer}
    for value in values:
        axes = value.type.tensor_type.shape.dim
        if all(axis.HasField("dim_value") for axis in axes):
            shapes.setdefault(value.name, [axis.dim_value for axis in axes])
    return shapes


def _convolution(_node: NodeProto, inputs: Sequence[Shape], output: Shape) -> int:
    """Weight O×(C/groups)×kernel: each output value takes one weight row."""
    return math.prod(output) * math.prod(inputs[1][1:])


def _transposed_convolution(_node: NodeProto, inputs: Sequence[Shape], _output: Shape) -> int:
    """Weight C×(O/groups)×kernel: each input value is spread by one weight row."""
    return math.prod(inputs[0]) * math.prod(inputs[1][1:])


def _product(_node: NodeProto, inputs: Sequence[Shape], output: Shape) -> int:
    return math.prod(output) * inputs[0][-1]


def _gemm(node: NodeProto, inputs: Sequence[Shape], output: Shape) -> int:
    turned = any(helper.get_attribute_value(each) for each in node.attribute if each.name == "transA")
    return math.prod(output) * inputs[0][0 if turned else 1]


_COSTS: Mapping[str, Callable[[NodeProto, Sequence[Shape], Shape], int]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Gemm": _gemm,
    "MatMul": _product,
}
