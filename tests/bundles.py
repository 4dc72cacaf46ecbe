"""A tiny but real bundle, made in milliseconds: its graph describes a cell by the mean and the spread of its pixels.

It runs in the real engine, is verified like any other, and fails frames with a visible spot. So everything but the
learning can be tested on an install without torch.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
from numpy.typing import NDArray

from calib.calibration import Calibration
from engines.bundle import Bundle, GoldenTiles, write_bundle
from engines.manifest import BackboneEntry, Manifest, TileGeometry, TrainingEntry

TOP_CELLS = 2
GREY = 120
"""The good surface is this grey, give or take `NOISE`."""
NOISE = 6


def surface_picture(seed: int, height: int = 64, width: int = 96) -> NDArray[np.uint8]:
    """A good picture: H×W×3, grey with noise."""
    noise = np.random.default_rng(seed).integers(-NOISE, NOISE + 1, (height, width, 1))
    return np.repeat(np.clip(GREY + noise, 0, 255).astype(np.uint8), 3, axis=2)


def spot(picture: NDArray[np.uint8], y: int, x: int, size: int = 16) -> NDArray[np.uint8]:
    """The same picture with a black square whose upper left corner is at (y, x)."""
    defective = picture.copy()
    defective[y : y + size, x : x + size] = 0
    return defective


def tiny_bundle(
    parent: Path,
    *,
    tile: int = 64,
    overlap: int = 16,
    cell: int = 8,
    surface: str = "tiny",
    threshold: float = 20.0,
    golden_factor: float = 1.0,
) -> Bundle:
    """Write the bundle below `parent`. With a `golden_factor` its golden scores are not what the graph says."""
    geometry = TileGeometry(size=tile, overlap=overlap, cell=cell, alignment=16)
    centroids = np.array([[GREY] * 3 + [NOISE / 2] * 3], np.float32)
    tiles = np.stack([surface_picture(seed, tile, tile) for seed in range(3)])
    tiles = np.concatenate([tiles, spot(tiles[0], 8, 8)[None]])
    distance = expected_distance(tiles, centroids, cell)
    top = np.sort(distance.reshape(len(tiles), -1), axis=1)[:, -TOP_CELLS:].mean(axis=1)
    model = tiny_model(tile, cell).SerializeToString()
    return bundle_of(
        parent,
        surface=surface,
        kind="tiny",
        model=model,
        geometry=geometry,
        centroids=centroids,
        golden=GoldenTiles(
            tiles, (golden_factor * top).astype(np.float32), distance.max(axis=(1, 2)).astype(np.float32)
        ),
        threshold=threshold,
        cells_per_picture=96,
    )


def bundle_of(
    parent: Path,
    *,
    surface: str,
    kind: str,
    model: bytes,
    geometry: TileGeometry,
    centroids: NDArray[np.float32],
    golden: GoldenTiles,
    threshold: float,
    cells_per_picture: int,
) -> Bundle:
    """Write the bundle of a graph that was not learned, below `parent`; `kind` stands for method and backbone."""
    return write_bundle(
        parent,
        Manifest(
            surface=surface,
            created_utc="2026-01-01T00:00:00Z",
            method=kind,
            backbone=BackboneEntry(name=kind, weights_sha256=hashlib.sha256(model).hexdigest(), weights_source="none"),
            tile=geometry,
            embedding=centroids.shape[1],
            centroids=centroids.shape[0],
            training=TrainingEntry(
                fingerprint=hashlib.sha256(kind.encode()).hexdigest(),
                pictures=1,
                held_out_pictures=3,
                tiles=1,
                seed=0,
            ),
            versions={"onnx": onnx.__version__},
            figures={},
            files={},
        ),
        model=model,
        centroids=centroids,
        calibration=Calibration(
            threshold=threshold,
            top_cells=TOP_CELLS,
            target_false_rejects=0.01,
            method="pareto-tail",
            observed_false_rejects=0.0,
            interval=(0.0, 0.7),
            cells_per_picture=cells_per_picture,
            held_out_scores=(1.0, 1.5, 2.0, 2.5, 3.0),
            held_out_mean_distances=(0.5, 0.75, 1.0, 1.25, 1.5),
        ),
        golden=golden,
        report=f"<!doctype html><title>{kind}</title>",
    )


def expected_distance(tiles: NDArray[np.uint8], centroids: NDArray[np.float32], cell: int) -> NDArray[np.floating]:
    """What the graph computes, in numpy: N×h×w."""
    count, size = tiles.shape[:2]
    cells = tiles.astype(np.float64).reshape(count, size // cell, cell, size // cell, cell, 3)
    features = np.concatenate([cells.mean(axis=(2, 4)), cells.std(axis=(2, 4))], axis=-1)
    difference = features[:, :, :, None, :] - centroids
    nearest: NDArray[np.floating] = np.sqrt((difference**2).sum(-1)).min(-1)
    return nearest


def tiny_model(tile: int, cell: int) -> onnx.ModelProto:
    """The graph: mean and standard deviation of every cell and channel, distance to the nearest centroid."""
    side = tile // cell
    model = onnx.parser.parse_model(f"""
        <ir_version: 8, opset_import: ["" : 18]>
        tiny (uint8[N, {tile}, {tile}, 3] tiles, float[K, 6] centroids)
            => (float[N, {side}, {side}] distance, float[N] score)
        {{
            pixels = Cast <to = 1> (tiles)
            planes = Transpose <perm = [0, 3, 1, 2]> (pixels)
            mean = AveragePool <kernel_shape = [{cell}, {cell}], strides = [{cell}, {cell}]> (planes)
            squares = Mul (planes, planes)
            mean_square = AveragePool <kernel_shape = [{cell}, {cell}], strides = [{cell}, {cell}]> (squares)
            square_mean = Mul (mean, mean)
            variance = Sub (mean_square, square_mean)
            no_less = Relu (variance)
            spread = Sqrt (no_less)
            features = Concat <axis = 1> (mean, spread)
            last = Transpose <perm = [0, 2, 3, 1]> (features)
            middle = Constant <value_ints = [3]> ()
            embedding = Unsqueeze (last, middle)
            difference = Sub (embedding, centroids)
            last_axis = Constant <value_ints = [4]> ()
            length = ReduceL2 <keepdims = 0> (difference, last_axis)
            nearest_axis = Constant <value_ints = [3]> ()
            distance = ReduceMin <keepdims = 0> (length, nearest_axis)
            flat_shape = Constant <value_ints = [0, -1]> ()
            flat = Reshape (distance, flat_shape)
            count = Constant <value_ints = [{TOP_CELLS}]> ()
            top, position = TopK (flat, count)
            row = Constant <value_ints = [1]> ()
            score = ReduceMean <keepdims = 0> (top, row)
        }}
    """)
    onnx.checker.check_model(model)
    return model
