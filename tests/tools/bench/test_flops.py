from __future__ import annotations

import onnx
import onnx.parser
import pytest

from engines.bundle import Bundle, open_bundle
from tools.bench.flops import count, unused
from tools.demo.bundle import shipped_bundle
from tools.errors import BenchError

HEADER = '<ir_version: 8, opset_import: ["" : 18]>'


def graph(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f"{HEADER}\n{text}")


@pytest.mark.parametrize(
    ("text", "multiply_adds"),
    [
        pytest.param(
            """g (float[N, 3, 8, 8] tiles, float[16, 3, 3, 3] w) => (float[N, 16, 4, 4] y)
            { y = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (tiles, w) }""",
            16 * 4 * 4 * 3 * 3 * 3,
            id="convolution with strides",
        ),
        pytest.param(
            """g (float[N, 6, 5, 5] tiles, float[6, 1, 3, 3] w) => (float[N, 6, 5, 5] y)
            { y = Conv <group = 6, pads = [1, 1, 1, 1]> (tiles, w) }""",
            6 * 5 * 5 * 3 * 3,
            id="depthwise",
        ),
        pytest.param(
            """g (float[N, 4, 5, 5] tiles, float[4, 2, 2, 2] w) => (float[N, 2, 10, 10] y)
            { y = ConvTranspose <strides = [2, 2]> (tiles, w) }""",
            4 * 5 * 5 * 2 * 2 * 2,
            id="transposed convolution",
        ),
        pytest.param(
            """g (float[N, 10, 8] tiles, float[K, 8] centroids) => (float[N, 10, K] y)
            { turned = Transpose <perm = [1, 0]> (centroids)  y = MatMul (tiles, turned) }""",
            10 * 8 * 7,
            id="product with centroids",
        ),
        pytest.param(
            """g (float[8, 10] a, float[8, 7] b) => (float[10, 7] y) { y = Gemm <transA = 1> (a, b) }""",
            10 * 7 * 8,
            id="gemm, turned",
        ),
        pytest.param("g (float[N, 3] tiles) => (float[N, 3] y) { y = Relu (tiles) }", 0, id="nothing to count"),
    ],
)
def test_it_agrees_with_counting_by_hand(text: str, multiply_adds: int) -> None:
    cost = count(graph(text), centroids=7)
    assert cost.multiply_adds == multiply_adds
    assert cost.flops == 2 * multiply_adds


def test_what_cannot_be_counted_is_told() -> None:
    text = """g (float[N, 3, H, W] tiles, float[4, 3, 1, 1] w) => (float[N, 4, H, W] y) { y = Conv (tiles, w) }"""
    with pytest.raises(BenchError, match="no shape can be inferred"):
        count(graph(text), centroids=1)


def test_nodes_and_weights_that_lead_nowhere_are_named() -> None:
    model = graph("""g (float[N, 3] tiles) => (float[N, 3] y) <float[1] w = {1}, float[1] lost = {1}> {
        y = Mul (tiles, w)
        dead = Relu (y)
        deader = Neg (dead)
    }""")
    assert unused(model.graph) == ["dead", "deader", "lost"]


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return open_bundle(shipped_bundle())


def test_nothing_of_a_fitted_graph_is_computed_in_vain(shipped: Bundle) -> None:
    model = onnx.load_from_string(shipped.model)
    assert unused(model.graph) == []
    cost = count(model, len(shipped.centroids))
    # timm tells 0.40 thousand million for Lite0 at 224 px, 0.52 at 256; with a head that is not here, and without
    # projection and evidence.
    assert cost.by_operator()["MatMul"] == 256 * 1024 * 128
    assert 470e6 < cost.by_operator()["Conv"] < 550e6


@pytest.mark.train
@pytest.mark.parametrize("name", ["efficientnet_b3", "tf_efficientnet_lite0"])
def test_the_backbone_ends_at_its_deepest_tap_and_all_of_it_reaches_one(name: str) -> None:
    torch = pytest.importorskip("torch", reason="needs the training extra")
    backbones = pytest.importorskip("tools.backbones", reason="needs the training extra").BACKBONES
    network = backbones[name].build().eval()
    sum(each.sum() for each in network(torch.rand(1, 3, 64, 64))).backward()
    weights = dict(network.named_parameters())
    assert not [weight for weight in weights if weight.startswith(backbones[name].head)]
    assert [weight for weight, tensor in weights.items() if tensor.grad is None] == []
