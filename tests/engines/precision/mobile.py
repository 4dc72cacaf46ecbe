"""A small bundle built like an EfficientNet: a first block, an inverted bottleneck with squeeze-and-excitation, a head
behind it. Made in milliseconds, with weights drawn at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import numpy_helper

from engines.bundle import Bundle, GoldenTiles
from engines.manifest import TileGeometry
from tests.bundles import bundle_of

TILE, CELL, CENTROIDS, EMBEDDING = 32, 4, 8, 6
INT8 = ("expand", "deep", "project")
"""Convolutions that INT8 takes, by the beginning of their weights' names."""


def textured(seed: int, height: int = TILE, width: int = TILE) -> NDArray[np.uint8]:
    """A good surface, H×W×3: stripes with noise."""
    rng = np.random.default_rng(seed)
    stripes = 120 + 40 * np.sin(np.arange(width) / 3 + rng.uniform(0, 6))
    noisy = stripes + rng.normal(0, 8, (height, width))
    return np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def mobile_bundle(parent: Path) -> Bundle:
    """Write the bundle. Its centroids are embeddings of good tiles, so defects score higher."""
    model = mobile_model().SerializeToString()
    good = np.stack([textured(seed) for seed in range(16)])
    golden = good[:4].copy()
    golden[2:, 8:24, 8:24] = 255
    centroids = _embeddings(model, good)
    distance, score = ort.InferenceSession(model).run(["distance", "score"], {"tiles": golden, "centroids": centroids})
    return bundle_of(
        parent,
        surface="mobile",
        kind="random",
        model=model,
        geometry=TileGeometry(size=TILE, overlap=0, cell=CELL, alignment=16),
        centroids=centroids,
        golden=GoldenTiles(golden, score, distance.max(axis=(1, 2))),
        threshold=float(np.sort(score)[1:3].mean()),
        cells_per_picture=64,
    )


def mobile_model() -> onnx.ModelProto:
    """As training exports such networks: ReLU6 as Clip, squeezing as ReduceMean."""
    side = TILE // CELL
    model = onnx.parser.parse_model(f"""
        <ir_version: 8, opset_import: ["" : 18]>
        mobile (uint8[N, {TILE}, {TILE}, 3] tiles, float[K, {EMBEDDING}] centroids)
            => (float[N, {side}, {side}] distance, float[N] score)
        {{
            planes = Transpose <perm = [0, 3, 1, 2]> (tiles)
            pixels = Cast <to = 1> (planes)
            centred = Sub (pixels, mean)
            normal = Div (centred, std)
            stem_raw = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (normal, stem_weight)
            stem = Clip (stem_raw, zero, six)
            dw_raw = Conv <group = 8, pads = [1, 1, 1, 1]> (stem, first_weight)
            dw = Clip (dw_raw, zero, six)
            block = Conv (dw, block_weight)
            wide_raw = Conv (block, expand_weight, expand_bias)
            wide = Clip (wide_raw, zero, six)
            deep_raw = Conv <group = 16, strides = [2, 2], pads = [1, 1, 1, 1]> (wide, deep_weight, deep_bias)
            deep = Clip (deep_raw, zero, six)
            squeezed = ReduceMean (deep, axes)
            gate_raw = Conv (squeezed, gate_weight)
            gate = Sigmoid (gate_raw)
            gated = Mul (deep, gate)
            tap = Conv (gated, project_weight)
            last = Conv (tap, head_weight)
            cells = Transpose <perm = [0, 2, 3, 1]> (last)
            rows = Constant <value_ints = [-1, {EMBEDDING}]> ()
            points = Reshape (cells, rows)
            squares = Mul (centroids, centroids)
            row = Constant <value_ints = [1]> ()
            norms = ReduceSum <keepdims = 0> (squares, row)
            two = Constant <value_float = 2.0> ()
            half_norms = Div (norms, two)
            turned = Transpose <perm = [1, 0]> (centroids)
            products = MatMul (points, turned)
            near = Sub (half_norms, products)
            nearest = ArgMin <axis = 1, keepdims = 0> (near)
            chosen = Gather (centroids, nearest)
            difference = Sub (points, chosen)
            length = ReduceL2 <keepdims = 0> (difference, row)
            map_shape = Constant <value_ints = [-1, {side}, {side}]> ()
            distance = Reshape (length, map_shape)
            flat_shape = Constant <value_ints = [0, -1]> ()
            flat = Reshape (distance, flat_shape)
            count = Constant <value_ints = [2]> ()
            top, position = TopK (flat, count)
            score = ReduceMean <keepdims = 0> (top, row)
        }}
    """)
    for name, value in _weights().items():
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    onnx.checker.check_model(model, full_check=True)
    return model


def _embeddings(model: bytes, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    probe = onnx.load_from_string(model)
    del probe.graph.output[:]
    probe.graph.output.append(onnx.helper.make_empty_tensor_value_info("points"))
    session = ort.InferenceSession(probe.SerializeToString())
    none = np.zeros((1, EMBEDDING), np.float32)
    points: NDArray[np.float32] = session.run(["points"], {"tiles": tiles, "centroids": none})[0]
    return np.ascontiguousarray(points[:: len(points) // CENTROIDS][:CENTROIDS])


def _weights() -> dict[str, NDArray[np.generic]]:
    rng = np.random.default_rng(1)

    def draw(*shape: int) -> NDArray[np.float32]:
        drawn: NDArray[np.float64] = rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
        return drawn.astype(np.float32)

    return {
        "mean": np.full((3, 1, 1), 127.0, np.float32),
        "std": np.full((3, 1, 1), 32.0, np.float32),
        "zero": np.array(0, np.float32),
        "six": np.array(6, np.float32),
        "axes": np.array([2, 3], np.int64),
        "stem_weight": draw(8, 3, 3, 3),
        "first_weight": 2 * draw(8, 1, 3, 3),
        "block_weight": 2 * draw(8, 8, 1, 1),
        "expand_weight": 2 * draw(16, 8, 1, 1),
        "expand_bias": np.full(16, 0.5, np.float32),
        "deep_weight": 2 * draw(16, 1, 3, 3),
        "deep_bias": np.full(16, 0.5, np.float32),
        "gate_weight": draw(16, 16, 1, 1),
        "project_weight": 2 * draw(8, 16, 1, 1),
        "head_weight": 2 * draw(EMBEDDING, 8, 1, 1),
    }
