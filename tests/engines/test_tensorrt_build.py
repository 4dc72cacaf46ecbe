"""Networks and plans, made by the real TensorRT-RTX, which needs no GPU to build ahead of time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest

from engines.builds import Fingerprint, Precision, Runtime
from engines.bundle import Bundle, open_bundle
from engines.cuda.driver import DeviceInfo
from engines.errors import BuildError
from engines.precision.graph import prepare
from engines.precision.half import to_half
from engines.tensorrt_build import BuiltPlan, build_plan, targets, use_timings
from engines.tensorrt_network import check_interface, layers, parse
from engines.tensorrt_plan import gpu_fingerprint
from tests.bundles import tiny_bundle
from tools.demo.bundle import shipped_bundle


@pytest.fixture(scope="module")
def package() -> Any:
    return pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX comes as the package tensorrt-rtx, for x86-64 only")


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return open_bundle(shipped_bundle())


def half(bundle: Bundle) -> bytes:
    return bytes(to_half(prepare(bundle.model)).SerializeToString())


def fingerprint(bundle: Bundle, precision: Precision, target: str) -> Fingerprint:
    return gpu_fingerprint(bundle, Runtime.TENSORRT_RTX, precision, DeviceInfo("", target, "", 0), max_batch=8)


def build(package: Any, bundle: Bundle, model: bytes, precision: Precision, target: str) -> BuiltPlan:
    wanted = fingerprint(bundle, precision, target)
    return build_plan(package, bundle, model, wanted, timing_cache=b"", progress=lambda *_: None)


def test_the_shipped_bundle_builds_ahead_of_time_in_half_precision(package: Any, shipped: Bundle) -> None:
    phases: list[tuple[str, int, int]] = []
    wanted = fingerprint(shipped, Precision.FP16, "8.6")
    plan = build_plan(
        package, shipped, half(shipped), wanted, timing_cache=b"", progress=lambda *phase: phases.append(phase)
    )
    assert len(plan.plan) > 1_000_000
    assert plan.timing_cache is None
    assert phases
    assert all(0 <= done <= steps for _, done, steps in phases)
    convolutions = [layer for layer in plan.layers if layer.kind == "CONVOLUTION"]
    assert len(convolutions) > 50
    assert [layer.type for layer in convolutions] == ["FLOAT"] * 2 + ["HALF"] * (len(convolutions) - 2)
    assert {layer.type for layer in plan.layers if layer.kind in {"REDUCE", "MATRIX_MULTIPLY", "TOPK"}} == {"FLOAT"}
    assert convolutions[0].shape[0] == -1


def test_half_precision_makes_smaller_plans_than_float32(package: Any, shipped: Bundle) -> None:
    small = build(package, shipped, half(shipped), Precision.FP16, "8.9")
    large = build(package, shipped, prepare(shipped.model).SerializeToString(), Precision.FP32, "8.9")
    assert len(small.plan) < 0.7 * len(large.plan)


@pytest.mark.parametrize("target", ["8.6", "8.9", "12.0"])
def test_plans_are_built_for_each_target(package: Any, bundle: Bundle, target: str) -> None:
    assert target in targets(package)
    assert build(package, bundle, half(bundle), Precision.FP16, target).plan


def test_a_target_that_there_is_not_is_refused_with_those_there_are(package: Any, bundle: Bundle) -> None:
    with pytest.raises(BuildError, match=r"compute capabilities .*8\.6.*, not for 6\.1"):
        build(package, bundle, half(bundle), Precision.FP16, "6.1")


def test_the_graph_as_training_exported_it_needs_preparing(package: Any, shipped: Bundle) -> None:
    """Should this pass one day, `prepare` need not cast pixels first any more."""
    with pytest.raises(BuildError, match=r"does not take the graph: node node_permute \(Transpose\): "):
        parse(package, shipped.model)


def test_a_node_that_is_not_supported_is_named(package: Any, bundle: Bundle) -> None:
    model = prepare(bundle.model)
    node = next(node for node in model.graph.node if node.op_type == "Sqrt")
    node.op_type, node.domain, node.name = "Mystery", "somewhere", "odd one"
    model.opset_import.add(domain="somewhere", version=1)
    with pytest.raises(BuildError, match=r"does not take the graph: node odd one \(Mystery\)"):
        parse(package, model.SerializeToString())


def test_an_interface_that_the_engine_does_not_know_is_refused(package: Any, bundle: Bundle) -> None:
    model = prepare(bundle.model)
    for node in model.graph.node:
        if node.output[0] == "score":
            node.output[0] = "rating"
    model.graph.output[1].name = "rating"
    with pytest.raises(BuildError, match=r"'rating'.*wanted .*'score'"):
        check_interface(parse(package, model.SerializeToString()), bundle)


def test_tiles_of_another_size_are_refused(package: Any, bundle: Bundle, tmp_path: Path) -> None:
    larger = tiny_bundle(tmp_path, tile=128)
    with pytest.raises(BuildError, match=r"tiles is UINT8 \(-1, 128, 128, 3\); wanted UINT8 \(-1, 64, 64, 3\)"):
        check_interface(parse(package, half(larger)), bundle)


def test_a_batch_that_is_fixed_is_refused(package: Any, bundle: Bundle) -> None:
    model = prepare(bundle.model)
    for value in (*model.graph.input[:1], *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 4
    del model.graph.value_info[:]
    fixed = onnx.shape_inference.infer_shapes(model).SerializeToString()
    with pytest.raises(BuildError, match=r"tiles is UINT8 \(4, 64, 64, 3\); wanted UINT8 \(-1, 64, 64, 3\)"):
        check_interface(parse(package, fixed), bundle)


def test_layers_tell_what_the_network_does(package: Any, bundle: Bundle) -> None:
    found = layers(parse(package, half(bundle)))
    assert found[0].kind == "CAST"
    assert found[0].shape == (-1, 64, 64, 3)
    assert {"POOLING", "TOPK"} <= {layer.kind for layer in found}


class Timings:
    """What a configuration remembers of timings, by TensorRT's names; it takes those of its own GPU alone."""

    def __init__(self) -> None:
        self.attached: bytes | None = None

    def create_timing_cache(self, serialized_timing_cache: bytes) -> bytes:
        return serialized_timing_cache

    def set_timing_cache(self, cache: bytes, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        if cache not in {b"", b"of this GPU"}:
            return False
        self.attached = cache
        return True


@pytest.mark.parametrize(("earlier", "used"), [(b"of this GPU", b"of this GPU"), (b"of another", b""), (b"", b"")])
def test_timings_of_another_gpu_are_left_out(earlier: bytes, used: bytes) -> None:
    config = Timings()
    assert use_timings(config, earlier) == used
    assert config.attached == used
