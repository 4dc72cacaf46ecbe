"""Engines beside each other on the same tiles, each in a process of its own."""

from __future__ import annotations

from functools import partial

from engines.bundle import Bundle
from inspectd.settings import EngineSettings
from tools.bench.process import measured_rate
from tools.bench.rounds import Comparison, compare


def compare_with_torch(
    bundle: Bundle, settings: EngineSettings, *, seconds: float, rounds: int, layout: str
) -> Comparison:
    """Tiles per second of the bundle's whole graph in an engine, and of its backbone alone in torch on the CPU."""
    manifest = bundle.manifest
    torch_arguments = (
        manifest.backbone.name,
        manifest.tile.size,
        settings.threads,
        settings.max_batch,
        seconds,
        layout,
    )
    return compare(
        (name_of(settings), partial(engine_rate, bundle, settings, seconds)),
        (f"torch eager, {layout}", partial(measured_rate, "tools.bench.torch_alone", *torch_arguments)),
        rounds,
    )


def compare_engines(
    bundle: Bundle, first: EngineSettings, second: EngineSettings, *, seconds: float, rounds: int
) -> Comparison:
    """Tiles per second of the bundle's whole graph in two engines."""
    candidates = [(name_of(each), partial(engine_rate, bundle, each, seconds)) for each in (first, second)]
    return compare(candidates[0], candidates[1], rounds)


def engine_rate(bundle: Bundle, settings: EngineSettings, seconds: float) -> float:
    """Tiles per second of the engine alone, in full batches."""
    return measured_rate("tools.bench.engine_alone", bundle.path, settings.model_dump_json(), seconds)


def name_of(settings: EngineSettings) -> str:
    """As tables call it."""
    return f"{settings.runtime} {settings.precision}"
