from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from engines.bundle import Bundle
from engines.errors import BuildError
from engines.precision.backbone import find_backbone
from engines.precision.compensated import STEPS, round_weight
from engines.precision.graph import prepare
from engines.precision.int8 import to_int8
from engines.precision.moments import Moments, gather
from engines.precision.safety import GraphRun
from tests.engines.precision.graphs import conv_bundle
from tests.engines.precision.mobile import INT8, mobile_bundle, textured


@pytest.fixture(scope="module")
def mobile(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return mobile_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def tiles() -> NDArray[np.uint8]:
    good = np.stack([textured(seed) for seed in range(100, 116)])
    good[8:, 4:12, 4:12] = 0
    return good


@pytest.fixture(scope="module")
def int8(mobile: Bundle, tiles: NDArray[np.uint8]) -> bytes:
    return to_int8(mobile.model, tiles, mobile.centroids, threads=1)


def test_first_block_squeeze_and_excitation_and_head_stay_in_float32(mobile: Bundle) -> None:
    backbone = find_backbone(prepare(mobile.model).graph)
    assert [node.input[1] for node in backbone.convolutions] == [f"{name}_weight" for name in INT8]
    assert [node.output[0] for node in backbone.between] == ["wide", "deep", "gated"]


def test_it_scores_as_float32_does(mobile: Bundle, int8: bytes) -> None:
    tiles = np.stack([textured(seed) for seed in range(200, 208)])
    tiles[::2, 8:20, 8:20] = 255
    full, half = (GraphRun(model, mobile.centroids, threads=1)(tiles) for model in (mobile.model, int8))
    np.testing.assert_allclose(half.score, full.score, rtol=0.05)
    np.testing.assert_allclose(half.distance, full.distance, atol=0.05 * full.distance.max())


def test_its_types_stand_in_the_graph(int8: bytes) -> None:
    model = onnx.load_from_string(int8)
    onnx.checker.check_model(model)
    weights = {each.name: each for each in model.graph.initializer if len(each.dims) == 4}
    kept = {name for name, each in weights.items() if each.data_type == TensorProto.FLOAT}
    assert kept == {"stem_weight", "first_weight", "block_weight", "gate_weight", "head_weight"}
    integers = [numpy_helper.to_array(each) for each in weights.values() if each.data_type == TensorProto.INT8]
    assert len(integers) == len(INT8)
    assert max(int(np.abs(each.astype(int)).max()) for each in integers) == STEPS
    assert "GlobalAveragePool" in {node.op_type for node in model.graph.node}


def test_a_backbone_that_is_not_known_is_refused(tmp_path: Path) -> None:
    bundle = conv_bundle(tmp_path)
    with pytest.raises(BuildError, match="INT8 knows EfficientNets alone"):
        to_int8(bundle.model, bundle.golden.tiles, bundle.centroids)


def test_a_graph_that_means_over_something_else_keeps_its_means(mobile: Bundle, tiles: NDArray[np.uint8]) -> None:
    model = onnx.load_from_string(mobile.model)
    squeeze = next(node for node in model.graph.node if node.output[0] == "squeezed")
    squeeze.input[1] = "channels"
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "channels"))
    gate = next(each for each in model.graph.initializer if each.name == "gate_weight")
    gate.CopyFrom(numpy_helper.from_array(np.ones((16, 1, 1, 1), np.float32), "gate_weight"))
    quantised = onnx.load_from_string(to_int8(model.SerializeToString(), tiles, mobile.centroids, threads=1))
    assert "GlobalAveragePool" not in {node.op_type for node in quantised.graph.node}


class TestRounding:
    def moments(self, windows: NDArray[np.float32]) -> Moments:
        moments = Moments()
        moments.add(windows)
        return moments

    def correlated(self, groups: int) -> NDArray[np.float32]:
        rng = np.random.default_rng(0)
        hidden = rng.normal(size=(groups, 4000, 3))
        mixed = hidden @ rng.normal(size=(groups, 3, 9)) + 0.1 * rng.normal(size=(groups, 4000, 9)) + 1.0
        return mixed.astype(np.float32)

    @pytest.mark.parametrize("groups", [1, 5], ids=["dense", "depthwise"])
    def test_errors_cancel_in_the_output(self, groups: int) -> None:
        windows = self.correlated(groups)
        weight = np.random.default_rng(1).normal(size=(5, 1, 3, 3)).astype(np.float32)
        rounded = round_weight(weight, self.moments(windows))
        nearest = np.rint(weight / rounded.scale[:, None, None, None]) * rounded.scale[:, None, None, None]
        spread, spread_nearest = (
            np.std(windows @ (each - weight).reshape(5, 9, 1), axis=1).mean() for each in (rounded.weight, nearest)
        )
        assert spread < 0.7 * spread_nearest
        shift = (windows @ (rounded.weight - weight).reshape(5, 9, 1)).mean(axis=1)[:, 0] + rounded.bias
        np.testing.assert_allclose(shift, 0, atol=1e-4)

    def test_weights_lie_on_their_grid(self) -> None:
        weight = np.random.default_rng(1).normal(size=(4, 1, 3, 3)).astype(np.float32)
        rounded = round_weight(weight, self.moments(self.correlated(4)))
        steps = rounded.weight / rounded.scale[:, None, None, None]
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
        assert np.abs(steps).max() <= STEPS + 1e-4

    def test_channels_without_weights_or_signal_do_no_harm(self) -> None:
        windows = self.correlated(1)
        windows[:, :, 4] = 0
        weight = np.random.default_rng(1).normal(size=(3, 1, 3, 3)).astype(np.float32)
        weight[1] = 0
        rounded = round_weight(weight, self.moments(windows))
        assert np.isfinite(rounded.weight).all()
        assert not rounded.weight[1].any()


def test_what_hardly_varies_around_a_large_value_keeps_its_variance() -> None:
    """Of such channels the backbone has many where a surface is all grey."""
    rng = np.random.default_rng(0)
    lots = [
        (np.linspace(1, 60, 64) + 1e-4 * rng.normal(size=(1, 500, 64)) * np.linspace(1, 30, 64)).astype(np.float32)
        for _ in range(20)
    ]
    moments = Moments()
    for lot in lots:
        moments.add(lot)
    seen = np.concatenate(lots, axis=1)[0].astype(np.float64)
    expected = np.cov(seen.T, bias=True)
    np.testing.assert_allclose(moments.mean[0], seen.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(moments.covariance[0], expected, atol=1e-3 * expected.diagonal().mean())
    weight = rng.normal(size=(8, 64, 1, 1)).astype(np.float32)
    assert np.isfinite(round_weight(weight, moments).weight).all()


def test_moments_are_those_of_what_the_kernel_sees(mobile: Bundle, tiles: NDArray[np.uint8]) -> None:
    """A convolution's mean output follows from its mean input: here on maps of 256 positions and fewer, all of them."""
    model = prepare(mobile.model)
    nodes = [node for node in model.graph.node if node.op_type == "Conv" and node.output[0] in {"wide_raw", "deep_raw"}]
    weights = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    kernels = {node.input[1]: weights[node.input[1]].shape[2:] for node in nodes}
    feeds: dict[str, NDArray[Any]] = {"tiles": tiles, "centroids": mobile.centroids}
    moments = gather(model, nodes, kernels, feeds, threads=1)
    model.graph.output.extend(helper.make_empty_tensor_value_info(node.output[0]) for node in nodes)

    outputs = ort.InferenceSession(model.SerializeToString()).run([node.output[0] for node in nodes], feeds)
    for node, output in zip(nodes, outputs, strict=True):
        weight, bias = (weights[name] for name in node.input[1:3])
        expected = (weight.reshape(len(weight), -1) * moments[node.input[1]].mean).sum(axis=1) + bias
        np.testing.assert_allclose(output.mean(axis=(0, 2, 3)), expected, rtol=1e-3, atol=1e-3)
