"""From a float32 graph to one whose backbone runs in 8 bit integers on a CPU.

Weights are rounded by `compensated`, one scale a channel; activations take the range that calibration tiles show. ONNX
Runtime's quantiser writes the types into the graph as pairs of QuantizeLinear and DequantizeLinear, of which its CPU
provider makes integer kernels as it loads. See docs/decisions/023-int8-by-onnx-runtime.md.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from engines.precision.backbone import Backbone, find_backbone
from engines.precision.compensated import Rounded, round_weight
from engines.precision.graph import prepare
from engines.precision.moments import gather

_BATCH = 4
_PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")
"""How the quantiser is told that a graph was prepared; it warns otherwise."""


def to_int8(
    model: bytes,
    tiles: NDArray[np.uint8],
    centroids: NDArray[np.float32],
    *,
    threads: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> bytes:
    """The same graph with its backbone in INT8.

    Args:
        model: the bundle's.
        tiles: N×T×T×3 RGB to calibrate on. What lies outside of the ranges that they show is cut off, so they must hold
            defects too.
        centroids: K×E, the bundle's.
        threads: of ONNX Runtime; 0 takes one for each core.
        progress: called with the layers done and their number.

    Raises:
        BuildError: it has no backbone that INT8 knows.
    """
    prepared = prepare(model)
    _pool_globally(prepared.graph)
    backbone = find_backbone(prepared.graph)
    feeds: dict[str, NDArray[Any]] = {"tiles": tiles, "centroids": centroids}
    rounded = _round_weights(prepared, backbone, feeds, threads, progress)
    return _quantise(prepared, backbone, rounded, feeds)


def _pool_globally(graph: onnx.GraphProto) -> None:
    """Write means over whole maps as GlobalAveragePool, which has an INT8 kernel; ReduceMean has none."""
    constants = {each.name: numpy_helper.to_array(each).ravel().tolist() for each in graph.initializer if each.dims}
    for node in graph.node:
        if node.op_type == "ReduceMean" and constants.get(node.input[-1]) in ([2, 3], [-2, -1]) and _keeps(node):
            node.CopyFrom(helper.make_node("GlobalAveragePool", node.input[:1], node.output, name=node.name))
    used = {name for node in graph.node for name in node.input}
    kept = [each for each in graph.initializer if each.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _keeps(node: NodeProto) -> bool:
    return all(each.i for each in node.attribute if each.name == "keepdims")


def _round_weights(
    model: onnx.ModelProto,
    backbone: Backbone,
    feeds: dict[str, NDArray[Any]],
    threads: int,
    progress: Callable[[int, int], None],
) -> dict[str, Rounded]:
    """Put each convolution's weight on its grid, by the weight's name."""
    initializers = {each.name: each for each in model.graph.initializer}
    weights = {node.input[1]: numpy_helper.to_array(initializers[node.input[1]]) for node in backbone.convolutions}
    kernels = {name: (weight.shape[2], weight.shape[3]) for name, weight in weights.items()}
    moments = gather(model, backbone.convolutions, kernels, feeds, threads)
    rounded = {}
    for index, node in enumerate(backbone.convolutions):
        name = node.input[1]
        rounded[name] = round_weight(weights[name], moments.pop(name))
        initializers[name].CopyFrom(numpy_helper.from_array(rounded[name].weight, name))
        _add_bias(model.graph, node, rounded[name].bias)
        progress(index + 1, len(backbone.convolutions))
    return rounded


def _add_bias(graph: onnx.GraphProto, node: NodeProto, bias: NDArray[np.float32]) -> None:
    """An exporter gives each convolution a bias of its own, or none."""
    if len(node.input) > 2:
        old = next(each for each in graph.initializer if each.name == node.input[2])
        old.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(old) + bias, old.name))
    else:
        node.input.append(f"{node.input[1]}/bias")
        graph.initializer.append(numpy_helper.from_array(bias, node.input[2]))


class _Tiles(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime ships no types
    """Calibration tiles, a batch at a time."""

    def __init__(self, feeds: dict[str, NDArray[Any]]) -> None:
        self._batches = self._cut(feeds)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._batches, None)

    @staticmethod
    def _cut(feeds: dict[str, NDArray[Any]]) -> Iterator[dict[str, NDArray[Any]]]:
        tiles = feeds["tiles"]
        for start in range(0, len(tiles), _BATCH):
            yield {**feeds, "tiles": tiles[start : start + _BATCH]}


def _quantise(
    model: onnx.ModelProto, backbone: Backbone, rounded: dict[str, Rounded], feeds: dict[str, NDArray[Any]]
) -> bytes:
    nodes = [*backbone.convolutions, *backbone.between]
    _name(nodes)
    model.metadata_props.add(key=_PREPARED[0], value=_PREPARED[1])
    with _quiet(), tempfile.TemporaryDirectory(prefix="inspectd-int8-") as folder:
        file = Path(folder) / "model.onnx"
        quantize_static(
            model,
            str(file),
            _Tiles(feeds),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=[node.name for node in nodes],
            op_types_to_quantize=sorted({node.op_type for node in nodes}),
            extra_options={"TensorQuantOverrides": {name: _grid(each) for name, each in rounded.items()}},
        )
        quantised = onnx.load(file)
    _check_weights(quantised.graph)
    quantised.graph.name = model.graph.name
    return bytes(quantised.SerializeToString(deterministic=True))


def _grid(rounded: Rounded) -> list[dict[str, Any]]:
    """The grid that a weight lies on already, as the quantiser takes it."""
    zero = np.array(0, np.int8)
    return [
        {"axis": 0, "quant_type": QuantType.QInt8, "scale": np.array(scale, np.float32), "zero_point": zero}
        for scale in rounded.scale
    ]


def _name(nodes: Sequence[NodeProto]) -> None:
    """The quantiser tells nodes apart by their names, which a graph need not have."""
    for node in nodes:
        node.name = f"int8/{node.output[0]}"


def _check_weights(graph: onnx.GraphProto) -> None:
    """What makes every CPU's sums equal must not have been lost on the way."""
    for each in graph.initializer:
        if each.data_type == TensorProto.INT8 and len(each.dims) == 4:
            assert np.abs(numpy_helper.to_array(each).astype(int)).max() <= 64, each.name


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser tells the root logger of layers whose bias needs a coarser step, which no user can act on."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
