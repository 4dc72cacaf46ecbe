"""What a configuration needs of the PC."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from engines.builds import Runtime
from inspectd.settings import Settings, camera_kind


@dataclass(frozen=True)
class Needs:
    """Without a configuration nothing is needed, and everything is told all the same."""

    runtime: Runtime = Runtime.ONNX
    cuda: str = ""
    """The package that calls CUDA, as `engine.cuda` names it; empty where the CPU runs the model."""
    device: int = 0
    """Number of the GPU."""
    sources: tuple[str, ...] = ()
    """Of the cameras, as `gst:…`."""

    @property
    def gpu(self) -> bool:
        """Whether a GPU is needed."""
        return self.runtime is not Runtime.ONNX

    def sources_of(self, kinds: Set[str]) -> tuple[str, ...]:
        """The sources of some kinds of camera."""
        return tuple(source for source in self.sources if camera_kind({"source": source}) in kinds)


def needs_of(settings: Settings) -> Needs:
    """What this configuration needs."""
    engine = settings.engine
    return Needs(
        runtime=engine.runtime,
        cuda="" if engine.runtime is Runtime.ONNX else engine.cuda,
        device=engine.device,
        sources=tuple(camera.source for camera in settings.cameras.values()),
    )
