"""A small bundle with everything that half precision has to tell apart: pixels, convolutions, squeeze-and-excitation,
distance to centroids. Made in milliseconds, with weights drawn at random."""

from __future__ import annotations

from dataclasses import replace
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

TILE, CELL, CENTROIDS, EMBEDDING = 32, 8, 5, 4


def conv_bundle(parent: Path, *, gain: float = 1.0) -> Bundle:
    """Write the bundle. Its first convolution's maps are `gain` times as large; float32's scores do not tell."""
    rng = np.random.default_rng(0)
    model = conv_model(gain).SerializeToString()
    centroids = rng.normal(size=(CENTROIDS, EMBEDDING)).astype(np.float32)
    tiles = rng.integers(0, 256, (6, TILE, TILE, 3)).astype(np.uint8)
    tiles[3:] //= 4  # darker ones, so that scores differ
    distance, score = ort.InferenceSession(model).run(["distance", "score"], {"tiles": tiles, "centroids": centroids})
    return bundle_of(
        parent,
        surface="convolved",
        kind="random",
        model=model,
        geometry=TileGeometry(size=TILE, overlap=0, cell=CELL, alignment=16),
        centroids=centroids,
        golden=GoldenTiles(tiles, score, distance.max(axis=(1, 2))),
        threshold=float(np.sort(score)[2:4].mean()),
        cells_per_picture=16,
    )


def conv_model(gain: float) -> onnx.ModelProto:
    """Pixels transposed before they are cast and weights stored in half precision, as training exports them."""
    side = TILE // CELL
    model = onnx.parser.parse_model(f"""
        <ir_version: 8, opset_import: ["" : 18]>
        convolved (uint8[N, {TILE}, {TILE}, 3] tiles, float[K, {EMBEDDING}] centroids)
            => (float[N, {side}, {side}] distance, float[N] score)
        {{
            planes = Transpose <perm = [0, 3, 1, 2]> (tiles)
            pixels = Cast <to = 1> (planes)
            centred = Sub (pixels, mean)
            normal = Div (centred, std)
            stem = Cast <to = 1> (stem_half)
            first = Conv <strides = [{CELL}, {CELL}]> (normal, stem)
            active = Relu (first)
            axes = Constant <value_ints = [2, 3]> ()
            squeezed = ReduceMean (active, axes)
            gate_raw = Conv (squeezed, gate_weight)
            gate = Sigmoid (gate_raw)
            gated = Mul (active, gate)
            last = Conv (gated, last_weight)
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
    for name, value in _weights(gain).items():
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    onnx.checker.check_model(model, full_check=True)
    return model


def with_threshold(bundle: Bundle, threshold: float) -> Bundle:
    """The same bundle, in memory, failing at another score."""
    return replace(bundle, calibration=bundle.calibration.model_copy(update={"threshold": threshold}))


def _weights(gain: float) -> dict[str, NDArray[np.float32] | NDArray[np.float16]]:
    rng = np.random.default_rng(1)

    def draw(*shape: int) -> NDArray[np.float32]:
        return rng.normal(size=shape).astype(np.float32)

    return {
        "mean": np.full((3, 1, 1), 127.0, np.float32),
        "std": np.full((3, 1, 1), 64.0, np.float32),
        "stem_half": (draw(EMBEDDING, 3, CELL, CELL) / 8 * gain).astype(np.float16),
        "gate_weight": draw(EMBEDDING, EMBEDDING, 1, 1) / np.float32(gain),
        "last_weight": draw(EMBEDDING, EMBEDDING, 1, 1) / np.float32(gain),
    }
