from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from engines.bundle import Bundle, open_bundle
from engines.errors import BuildError
from engines.precision.graph import prepare
from engines.precision.half import to_half
from engines.precision.safety import TOLERANCE, Agreement, GraphRun, HalfRun, check_half
from tests.engines.precision.graphs import conv_bundle, with_threshold
from tools.demo.bundle import shipped_bundle

LOST = 2.0**-12
"""Half precision holds 1, and not 1 + this."""


@pytest.fixture(scope="module")
def convolved(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return conv_bundle(tmp_path_factory.mktemp("bundles"))


def half_run(bundle: Bundle) -> HalfRun:
    return HalfRun(to_half(prepare(bundle.model)), bundle.centroids, threads=1)


def test_what_half_precision_cannot_hold_is_lost_between_any_two_layers() -> None:
    """The first convolution adds it, the second takes 1 away: in float32 it is what remains."""
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 18]>
        lossy (uint8[N, 1, 2, 2] tiles, float[1, 1, 1, 1] centroids) => (float[N, 1, 2, 2] distance, float[N, 1] score)
        <float[1, 1, 1, 1] one = {1}, float[1] little = {0.000244140625}, float[1] away = {-1}>
        {
            pixels = Cast <to = 1> (tiles)
            first = Conv (pixels, one, little)
            second = Conv (first, one, away)
            distance = Sub (second, centroids)
            places = Constant <value_ints = [2, 3]> ()
            score = ReduceMax <keepdims = 0> (distance, places)
        }
    """).SerializeToString()
    ones, zero = np.ones((1, 1, 2, 2), np.uint8), np.zeros((1, 1, 1, 1), np.float32)
    assert GraphRun(model, zero, threads=1)(ones).score == LOST
    run = HalfRun(to_half(prepare(model)), zero, threads=1)
    assert run(ones).score == 0
    assert sorted(run.largest.values()) == [0, 1, 1]


@pytest.mark.parametrize(("factor", "little", "kept"), [(1.0, LOST, LOST), (1.0 + LOST, 0.0, 0.0)])
def test_up_to_the_first_depthwise_convolution_only_operands_of_dense_ones_are_rounded(
    factor: float, little: float, kept: float
) -> None:
    """The stem's result reaches the depthwise convolution, which takes 1 away, as float32 has it: also what its bias
    adds. What comes as its operand may meet a GPU's TF32, which holds no more than half precision."""
    model = onnx.parser.parse_model(f"""
        <ir_version: 8, opset_import: ["" : 18]>
        entry (uint8[N, 2, 2, 2] tiles, float[1, 1, 1, 1] centroids) => (float[N, 2, 2, 2] distance, float[N, 2] score)
        <float factor = {{{factor!r}}}, float[2] little = {{{little!r}, {little!r}}}, float[2] away = {{-1, -1}},
         float[2, 2, 1, 1] same = {{1, 0, 0, 1}}, float[2, 1, 1, 1] one = {{1, 1}}>
        {{
            pixels = Cast <to = 1> (tiles)
            scaled = Mul (pixels, factor)
            stem = Conv (scaled, same, little)
            depthwise = Conv <group = 2> (stem, one, away)
            last = Conv (depthwise, same)
            distance = Sub (last, centroids)
            places = Constant <value_ints = [2, 3]> ()
            score = ReduceMax <keepdims = 0> (distance, places)
        }}
    """).SerializeToString()
    ones, zero = np.ones((1, 2, 2, 2), np.uint8), np.zeros((1, 1, 1, 1), np.float32)
    np.testing.assert_array_equal(GraphRun(model, zero, threads=1)(ones).score, LOST)
    np.testing.assert_array_equal(HalfRun(to_half(prepare(model)), zero, threads=1)(ones).score, kept)


def test_the_shipped_bundle_is_safe_with_room_to_spare() -> None:
    bundle = open_bundle(shipped_bundle())
    run = half_run(bundle)
    agreement = check_half(bundle, run)
    assert agreement
    assert len(agreement.full) == len(bundle.golden.tiles)
    assert 1e-5 < agreement.error.max() <= TOLERANCE / 10  # 0 would mean that nothing was rounded
    assert len(run.largest) > 50
    assert 1 < max(run.largest.values()) < 6550


def test_maps_that_are_large_but_in_range_are_safe(tmp_path: Path) -> None:
    bundle = conv_bundle(tmp_path, gain=5e3)
    run = half_run(bundle)
    assert check_half(bundle, run)
    assert 1e4 < run.largest["Conv first"] < 65504


def test_a_layer_that_overflows_is_refused_and_named(tmp_path: Path) -> None:
    bundle = conv_bundle(tmp_path, gain=4e4)
    with pytest.raises(BuildError, match=r"Conv first exceeds 65504.*--precision fp32"):
        check_half(bundle, half_run(bundle))


def test_another_verdict_on_a_golden_tile_is_refused(convolved: Bundle) -> None:
    full, half = convolved.golden.score, half_run(convolved)(convolved.golden.tiles).score
    between = float(full[0] + half[0]) / 2
    with pytest.raises(BuildError, match=rf"golden tile 00 scores {half[0]:.4g}, in float32 {full[0]:.4g}"):
        check_half(with_threshold(convolved, between), half_run(convolved))


def test_a_graph_that_computes_something_else_is_refused(convolved: Bundle) -> None:
    half = to_half(prepare(convolved.model))
    weight = next(weight for weight in half.graph.initializer if weight.name.endswith("last_weight"))
    changed = onnx.numpy_helper.to_array(weight) * np.float16(1.05)
    weight.CopyFrom(onnx.numpy_helper.from_array(changed, weight.name))
    with pytest.raises(BuildError, match="not safe"):
        check_half(convolved, HalfRun(half, convolved.centroids, threads=1))


def test_batches_do_not_change_results(convolved: Bundle) -> None:
    run, tiles = half_run(convolved), convolved.golden.tiles
    together = run(tiles)
    apart = [run(tile[None]) for tile in tiles]
    np.testing.assert_allclose(np.concatenate([one.distance for one in apart]), together.distance, rtol=1e-6)


def test_agreement_counts_what_is_not_finite_as_another_verdict() -> None:
    agreement = Agreement(1.0, np.array([2.0, 0.5, 2.0], np.float32), np.array([2.01, np.nan, np.inf], np.float32))
    assert not agreement
    assert agreement.flipped.tolist() == [False, True, True]
    assert agreement.error.tolist() == [pytest.approx(0.005, rel=1e-3), np.inf, np.inf]


def test_agreement_measures_errors_by_the_threshold_or_a_larger_score() -> None:
    agreement = Agreement(2.0, np.array([1.0, 10.0], np.float32), np.array([1.02, 10.1], np.float32))
    assert agreement
    np.testing.assert_allclose(agreement.error, [0.01, 0.01], rtol=1e-4)
    assert str(agreement).startswith("2 of 2 verdicts equal, scores differ by 1.00% of the threshold")
