"""What an engine does with its time: phases of a batch, operations a second, and the share of a card's peak."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import onnx

from engines.builds import Runtime
from engines.bundle import Bundle
from inspectd.runtimes import precision_of
from inspectd.settings import EngineSettings
from tools.bench.flops import count
from tools.bench.peak import card
from tools.bench.process import measured


@dataclass(frozen=True)
class Profile:
    """Of one engine."""

    phases: Mapping[str, float]
    """Milliseconds of a full batch, by phase."""
    flops: int
    """Of one tile."""
    rate: float
    """Tiles per second."""
    peak: float | None
    """Floating point operations a second that the card can do; None on a CPU and for cards that are not known."""

    def lines(self) -> Iterator[str]:
        """For people."""
        yield "ms a batch: " + ", ".join(f"{name} {value:.2f}" for name, value in self.phases.items())
        computed = self.flops * self.rate
        share = "" if self.peak is None else f", {computed / self.peak:.1%} of the card's {self.peak / 1e12:.1f} TFLOPS"
        yield f"{self.flops / 1e9:.3f} GFLOP a tile, {computed / 1e12:.3f} TFLOPS{share}"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"phases_ms": dict(self.phases), "flops": self.flops, "rate": self.rate, "peak": self.peak}


def profile(bundle: Bundle, settings: EngineSettings, rate: float, seconds: float) -> Profile:
    """Profile an engine that runs `rate` tiles a second.

    Raises:
        BenchError: it cannot be measured.
        EngineError: the GPU's peak cannot be told.
    """
    printed = measured("tools.bench.phases", bundle.path, settings.model_dump_json(), seconds)
    peak = None if settings.runtime is Runtime.ONNX else card(settings.device).peak(precision_of(settings))
    cost = count(onnx.load_from_string(bundle.model), len(bundle.centroids))
    return Profile(json.loads(printed), cost.flops, rate, peak)
