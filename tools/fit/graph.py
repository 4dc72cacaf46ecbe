"""The model as one module, and as the ONNX graph that every runtime runs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import onnx.compose
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from tools.method.features import FeatureExtractor, Features
from tools.method.score import top_mean
from tools.method.scorers import LockedScorer, Scorer

OPSET = 18
"""Understood alike by ONNX Runtime ≥ 1.14 and TensorRT 10."""
SMALLEST_HALF = 256
"""Values in a tensor from which on storing it in half precision is worth a Cast."""


class Head(nn.Module):
    """Features and centroids in, maps and scores out: what is learned of a surface."""

    def __init__(self, scorer: Scorer, top_cells: int) -> None:
        super().__init__()
        self.scorer, self.top_cells = scorer, top_cells
        self.eval()

    def forward(
        self, fine: Tensor, middle: Tensor, deep: Tensor, colour: Tensor, centroids: Tensor
    ) -> tuple[Tensor, Tensor]:
        """`Features` and K×E to `distance` N×h×w and `score` N."""
        cells: Tensor = self.scorer(Features(fine, middle, deep, colour), centroids)
        return cells, top_mean(cells, self.top_cells)


class Graph(nn.Module):
    """Tiles and centroids in, maps and scores out: the one definition of the model at run time."""

    def __init__(self, extractor: FeatureExtractor, head: Head) -> None:
        super().__init__()
        self.extractor, self.head = extractor, head
        self.eval()

    def forward(self, tiles: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
        """`tiles` uint8 N×T×T×3 and `centroids` K×E to `distance` N×h×w and `score` N."""
        distance, score = self.head(*self.extractor(tiles), centroids)
        return distance, score


def export_extractor(extractor: FeatureExtractor, size: int) -> bytes:
    """What turns any number of `tiles` of side `size` px into features, as ONNX."""
    tiles = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    free_axes = {"tiles": {0: torch.export.Dim("N")}}
    model = _exported(extractor, {"tiles": tiles}, free_axes, list(Features._fields))
    return bytes(model.SerializeToString(deterministic=True))


def export(extractor: bytes, head: Head, centroids: tuple[int, ...]) -> bytes:
    """The whole graph as ONNX, its weights in half precision wherever that loses nothing.

    It takes any number of tiles, and any number of centroids unless these are locked to positions. Of the extractor
    it holds what the head asks for.

    Args:
        extractor: as `export_extractor` has it. Nothing was learned in it, and exporting it takes the longest, so that
            it is not done again for each head.
        head: to stand behind it.
        centroids: their shape, K×E.
    """
    body = onnx.load_from_string(extractor)
    # Both number their values alike.
    onnx.compose.add_prefix(body, "extractor.", rename_inputs=False, inplace=True)
    tail = _exported_head(head, [_shape(output) for output in body.graph.output], centroids)
    joints = [(f"extractor.{name}", name) for name in _drop_unused(tail.graph)]
    graph = onnx.compose.merge_graphs(body.graph, tail.graph, joints, outputs=["distance", "score"])
    model = helper.make_model(
        graph, producer_name="inspectd", ir_version=body.ir_version, opset_imports=[helper.make_opsetid("", OPSET)]
    )
    _forget_source(model)
    store_in_half(model)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Of all its axes but the first, which is free."""
    return tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim[1:])


def _exported_head(head: Head, shapes: Sequence[tuple[int, ...]], centroids: tuple[int, ...]) -> onnx.ModelProto:
    maps = {name: torch.zeros(2, *shape) for name, shape in zip(Features._fields, shapes, strict=True)}
    tiles = torch.export.Dim("N")
    free_axes = {name: {0: tiles} for name in maps}
    free_axes["centroids"] = {} if isinstance(head.scorer, LockedScorer) else {0: torch.export.Dim("K")}
    return _exported(head, {**maps, "centroids": torch.zeros(centroids)}, free_axes, ["distance", "score"])


def _drop_unused(graph: onnx.GraphProto) -> list[str]:
    """Drop the features that no node reads from the head's inputs, and tell which are left."""
    read = {name for node in graph.node for name in node.input}
    kept = [value for value in graph.input if value.name in read]
    del graph.input[:]
    graph.input.extend(kept)
    return [value.name for value in kept if value.name in Features._fields]


def _exported(
    module: nn.Module, inputs: Mapping[str, Tensor], free_axes: Mapping[str, dict[int, Any]], outputs: Sequence[str]
) -> onnx.ModelProto:
    with _quiet():
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=dict(free_axes),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def store_in_half(model: onnx.ModelProto) -> None:
    """Store float32 weights that half precision holds exactly as such, each widened by a Cast as the model loads."""
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(weight)
        half = values.astype(np.float16)
        if values.size < SMALLEST_HALF or not np.array_equal(half.astype(np.float32), values):
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"widen {name}", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _forget_source(model: onnx.ModelProto) -> None:
    """The exporter notes stack traces, with paths of this machine, on every node."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    model.graph.name = "inspectd"
    # Also what the optimiser left of shapes: they repeat what the checker infers.
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    messages: list[Any] = [*model.graph.input, *model.graph.output, *model.graph.initializer]
    for message in messages:
        del message.metadata_props[:]
        message.doc_string = ""


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of matters of its own that no user of a fit can act on."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
