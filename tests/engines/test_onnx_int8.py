from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engines.base import BatchResult
from engines.builds import BuildCache, BuiltEngine, Precision, Runtime
from engines.bundle import Bundle
from engines.errors import BuildError, GoldenError
from engines.onnx import OnnxEngine
from engines.onnx_int8 import GOLDEN, as_int8, golden_report, int8_fingerprint
from inspectd.runtimes import make_engine
from inspectd.settings import EngineSettings


def scores_of(bundle: Bundle) -> dict[str, Any]:
    return {"score": bundle.golden.score.tolist(), "distance_max": bundle.golden.distance_max.tolist()}


def write(bundle: Bundle, cache: Path, golden: object) -> BuiltEngine:
    return BuildCache(cache).write(int8_fingerprint(bundle), bundle.model, {GOLDEN: golden})


def settings(cache: Path) -> EngineSettings:
    return EngineSettings(runtime=Runtime.ONNX, precision="int8", cache=cache, threads=1)


def test_the_daemon_runs_what_was_built(bundle: Bundle, tmp_path: Path) -> None:
    write(bundle, tmp_path, scores_of(bundle))
    with make_engine(bundle, settings(tmp_path)) as engine:
        result = engine.infer(bundle.golden.tiles[:2])
    assert result.score == pytest.approx(bundle.golden.score[:2], rel=1e-3)


def test_what_was_not_built_is_refused_with_the_command(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"inspectd-train build BUNDLE --runtime onnx --precision int8 .*--images"):
        make_engine(bundle, settings(tmp_path))


def test_it_must_reproduce_its_own_scores_not_the_bundles(bundle: Bundle, tmp_path: Path) -> None:
    """On a CPU whose sums saturate scores are percents off: that is no engine for this build."""
    for index, (factor, agrees) in enumerate(((1.0, True), (1.002, True), (1.02, False))):
        golden = scores_of(bundle)
        golden["score"] = [factor * score for score in golden["score"]]
        write(bundle, tmp_path / str(index), golden)
        engine = make_engine(bundle, settings(tmp_path / str(index)))
        if agrees:
            engine.activate()
            engine.close()
        else:
            with pytest.raises(GoldenError, match="golden tiles differ"):
                engine.activate()


@pytest.mark.parametrize(
    ("golden", "message"),
    [
        (None, "tells no golden scores"),
        ({"score": [1.0]}, "tells no golden scores"),
        ({"score": [1.0], "distance_max": [1.0]}, "1 golden scores for 4 tiles"),
    ],
)
def test_a_build_without_its_golden_scores_is_refused(
    bundle: Bundle, tmp_path: Path, golden: object, message: str
) -> None:
    with pytest.raises(BuildError, match=message):
        as_int8(bundle, write(bundle, tmp_path, golden))


def test_the_scores_that_are_noted_are_those_that_are_expected(bundle: Bundle, tmp_path: Path) -> None:
    with OnnxEngine(bundle, threads=1) as engine:
        result: BatchResult = engine.infer(bundle.golden.tiles)
    built = write(bundle, tmp_path, golden_report(result))
    assert as_int8(bundle, built).golden.score == pytest.approx(result.score, rel=1e-6)


def test_one_build_serves_every_cpu_and_batch(bundle: Bundle) -> None:
    fingerprint = int8_fingerprint(bundle)
    assert (fingerprint.precision, fingerprint.device, fingerprint.driver) == (Precision.INT8, "", "")
    assert fingerprint.max_batch == EngineSettings.model_fields["max_batch"].metadata[1].le
