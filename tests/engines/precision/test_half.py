from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import onnxruntime as ort
import pytest
from onnx import TensorProto

from engines.bundle import Bundle, open_bundle
from engines.errors import BuildError
from engines.precision.backbone import is_depthwise
from engines.precision.graph import prepare
from engines.precision.half import to_half
from tests.engines.precision.graphs import conv_model
from tests.engines.precision.mobile import mobile_model
from tools.demo.bundle import shipped_bundle

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return open_bundle(shipped_bundle())


@pytest.fixture(scope="module", params=["shipped", "squeezing", "mobile"])
def half(request: pytest.FixtureRequest, shipped: Bundle) -> onnx.ModelProto:
    if request.param == "shipped":
        return to_half(prepare(shipped.model))
    model = conv_model(gain=1) if request.param == "squeezing" else mobile_model()
    return to_half(prepare(model.SerializeToString()))


def types(model: onnx.ModelProto) -> dict[str, int]:
    graph = model.graph
    known = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input, *graph.output)}
    return known | {weight.name: weight.data_type for weight in graph.initializer}


def test_preparing_changes_no_number(shipped: Bundle) -> None:
    feed = {"tiles": shipped.golden.tiles[:2], "centroids": shipped.centroids}
    before = ort.InferenceSession(shipped.model).run(None, feed)
    after = ort.InferenceSession(prepare(shipped.model).SerializeToString()).run(None, feed)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_pixels_are_cast_before_anything_else_and_weights_are_not(shipped: Bundle) -> None:
    graph = prepare(shipped.model).graph
    assert [node.op_type for node in graph.node if "tiles" in node.input] == ["Cast"]
    assert sum(node.op_type == "Cast" for node in graph.node) == 1


def test_inputs_and_outputs_keep_their_names_types_and_order(half: onnx.ModelProto) -> None:
    assert [(v.name, v.type.tensor_type.elem_type) for v in half.graph.input] == [
        ("tiles", TensorProto.UINT8),
        ("centroids", FLOAT),
    ]
    assert [(v.name, v.type.tensor_type.elem_type) for v in half.graph.output] == [
        ("distance", FLOAT),
        ("score", FLOAT),
    ]


def test_convolutions_behind_the_first_depthwise_one_run_in_half_precision_weights_and_all(
    half: onnx.ModelProto,
) -> None:
    known = types(half)
    convolutions = [node for node in half.graph.node if node.op_type == "Conv"]
    depthwise = [index for index, node in enumerate(convolutions) if is_depthwise(node)]
    wide = depthwise[0] + 1 if depthwise else 0
    assert len(convolutions) > wide
    for index, node in enumerate(convolutions):
        assert {known[value] for value in (*node.input, *node.output)} == {FLOAT if index < wide else HALF}, node.name


def test_a_gate_on_the_first_depthwise_convolution_runs_in_half_precision() -> None:
    """It is made of what stays in float32 and multiplies it: neither may draw the other to its side."""
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 18]>
        gated (uint8[N, 2, 4, 4] tiles, float[1, 1, 1, 1] centroids) => (float[N, 2, 4, 4] distance, float[N, 2] score)
        <float[2, 2, 1, 1] same = {1, 0, 0, 1}, float[2, 1, 1, 1] one = {1, 1}>
        {
            pixels = Cast <to = 1> (tiles)
            stem = Conv (pixels, same)
            depthwise = Conv <group = 2> (stem, one)
            places = Constant <value_ints = [2, 3]> ()
            squeezed = ReduceMean (depthwise, places)
            raw = Conv (squeezed, same)
            gate = Sigmoid (raw)
            passed = Mul (depthwise, gate)
            last = Conv (passed, same)
            distance = Sub (last, centroids)
            score = ReduceMax <keepdims = 0> (distance, places)
        }
    """)
    half = to_half(prepare(model.SerializeToString()))
    known = types(half)
    made = {node.output[0].removeprefix("half/"): known[node.output[0]] for node in half.graph.node}
    assert {made[name] for name in ("stem", "depthwise", "squeezed", "distance")} == {FLOAT}
    assert {made[name] for name in ("raw", "gate", "passed")} == {HALF}


def test_normalising_reductions_and_distance_stay_in_float32(half: onnx.ModelProto) -> None:
    known = types(half)
    wide = {
        "Sub",
        "Div",
        "MatMul",
        "ReduceMean",
        "ReduceSum",
        "ReduceL2",
        "Pow",
        "Sqrt",
        "TopK",
        "ArgMin",
        "AveragePool",
    }
    found = [node for node in half.graph.node if node.op_type in wide]
    assert len(found) >= 8
    for node in found:
        assert HALF not in {known.get(value) for value in (*node.input, *node.output)}, node.name
    for node in half.graph.node:
        if "centroids" in node.input:
            assert known[node.output[0]] == FLOAT


def test_nothing_wide_is_rounded_on_its_way(half: onnx.ModelProto) -> None:
    """A value that is cast is cast once: cast down and up again it would be rounded for nothing."""
    cast = {node.output[0] for node in half.graph.node if node.op_type == "Cast"}
    assert not [node.name for node in half.graph.node if node.op_type == "Cast" and node.input[0] in cast]


def test_a_graph_without_convolutions_comes_back_as_it_is(bundle: Bundle) -> None:
    prepared = prepare(bundle.model)
    assert to_half(prepared).SerializeToString() == prepared.SerializeToString()


def test_a_distance_that_takes_pixels_past_the_convolutions_is_refused() -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 18]>
        mixed (uint8[N, 3, 8, 8] tiles, float[1, 3, 1, 1] centroids) => (float[N, 3, 8, 8] distance, float[N, 3] score)
        <float[3, 3, 1, 1] weight = {1, 0, 0, 0, 1, 0, 0, 0, 1}>
        {
            pixels = Cast <to = 1> (tiles)
            features = Conv (pixels, weight)
            difference = Sub (features, centroids)
            distance = Add (difference, pixels)
            places = Constant <value_ints = [2, 3]> ()
            score = ReduceMax <keepdims = 0> (distance, places)
        }
    """)
    with pytest.raises(BuildError, match="mixes pixels and distances"):
        to_half(prepare(model.SerializeToString()))
