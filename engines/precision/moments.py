"""What the inputs of convolutions look like on real tiles: mean and covariance of what each kernel is laid over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime as ort
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import NodeProto, helper

from engines.precision.backbone import is_depthwise

POSITIONS = 256
"""Of a tile's map, drawn at random; all where there are fewer. Neighbours tell little more."""
_BATCH = 4
"""Tiles run together: every convolution's input is in memory at once."""


@dataclass
class Moments:
    """Of one convolution's windows, as they come by.

    They are added up as differences from the first windows' mean: a channel that hardly varies around a large value
    would lose its variance in float32's rounding, and end with one below 0.
    """

    count: int = 0
    pivot: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    """G×1×I."""
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(()))
    """G×I."""
    products: NDArray[np.float64] = field(default_factory=lambda: np.zeros(()))
    """G×I×I."""

    def add(self, windows: NDArray[np.float32]) -> None:
        """Add G×n×I: n windows of I values in each of G groups of channels."""
        if not self.count:
            self.pivot = windows.mean(axis=1, keepdims=True)
        differences = windows - self.pivot
        self.products = self.products + differences.transpose(0, 2, 1) @ differences
        self.sums = self.sums + differences.sum(axis=1, dtype=np.float64)
        self.count += windows.shape[1]

    @property
    def mean(self) -> NDArray[np.float64]:
        """G×I."""
        return self.pivot[:, 0] + self.sums / self.count

    @property
    def covariance(self) -> NDArray[np.float64]:
        """G×I×I."""
        beside = self.sums / self.count
        covariance: NDArray[np.float64] = self.products / self.count - beside[:, :, None] * beside[:, None, :]
        return covariance


def gather(
    model: onnx.ModelProto,
    convolutions: Sequence[NodeProto],
    kernels: Mapping[str, tuple[int, int]],
    feeds: Mapping[str, NDArray[np.generic]],
    threads: int,
) -> dict[str, Moments]:
    """Run the float32 graph and gather each convolution's moments, by its weight's name.

    Args:
        model: the whole graph.
        convolutions: some of its nodes, each dense or depthwise.
        kernels: height and width by weight's name, px of its input.
        feeds: its inputs; `tiles` is cut into batches.
        threads: of ONNX Runtime; 0 takes one for each core.
    """
    inputs = list(dict.fromkeys(node.input[0] for node in convolutions))
    session = _session(model, inputs, threads)
    rng = np.random.default_rng(0)
    moments = {node.input[1]: Moments() for node in convolutions}
    tiles = feeds["tiles"]
    for start in range(0, len(tiles), _BATCH):
        outputs = session.run(inputs, {**feeds, "tiles": tiles[start : start + _BATCH]})
        maps = dict(zip(inputs, outputs, strict=True))
        for node in convolutions:
            moments[node.input[1]].add(windows(node, maps[node.input[0]], kernels[node.input[1]], rng))
    return moments


def windows(
    node: NodeProto, maps: NDArray[np.float32], kernel: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """What a convolution's kernel is laid over at some positions of N×C×h×w: G×n×I, as its weight is laid out."""
    attributes = {each.name: list(each.ints) for each in node.attribute if each.ints}
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    down, across = attributes.get("strides", [1, 1])
    padded = np.pad(maps, ((0, 0), (0, 0), (top, bottom), (left, right)))
    seen = sliding_window_view(padded, kernel, axis=(2, 3))[:, :, ::down, ::across]
    rows, columns = seen.shape[2:4]
    place = rng.permutation(rows * columns)[:POSITIONS]
    chosen = seen[:, :, place // columns, place % columns]  # N×C×n×kh×kw
    if is_depthwise(node):
        return chosen.transpose(1, 0, 2, 3, 4).reshape(maps.shape[1], -1, kernel[0] * kernel[1])
    return chosen.transpose(0, 2, 1, 3, 4).reshape(1, -1, maps.shape[1] * kernel[0] * kernel[1])


def _session(model: onnx.ModelProto, outputs: Sequence[str], threads: int) -> ort.InferenceSession:
    probe = onnx.ModelProto.FromString(model.SerializeToString())
    del probe.graph.output[:]
    probe.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in outputs)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
