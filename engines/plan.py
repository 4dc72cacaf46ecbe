"""The seam to a deserialised engine, the plan: what runs a bundle's graph on the device, and the memory it needs.

`tensorrt_plan` stands behind it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from engines.bundle import Bundle
from engines.cuda.driver import CudaDriver, DeviceMemory, Stream

TILES: Final = "tiles"
CENTROIDS: Final = "centroids"
DISTANCE: Final = "distance"
SCORE: Final = "score"


def interface(bundle: Bundle) -> dict[str, tuple[str, tuple[int, ...]]]:
    """What a bundle's graph takes and gives: by name, the type as TensorRT calls it and the shape, -1 for the batch."""
    tile = bundle.manifest.tile
    side = tile.size // tile.cell
    return {
        TILES: ("UINT8", (-1, tile.size, tile.size, 3)),
        CENTROIDS: ("FLOAT", bundle.centroids.shape),
        DISTANCE: ("FLOAT", (-1, side, side)),
        SCORE: ("FLOAT", (-1,)),
    }


class PlanContext(ABC):
    """One run of the graph at a time, in one stream at a time. Its memory stays where it was bound.

    After a change of the batch's size it runs once before it is captured, and once captured it is not changed any more
    (TensorRT, Optimizing performance, CUDA graphs: a graph is of the state of its context, so one context a graph).
    """

    @abstractmethod
    def bind(self, name: str, memory: DeviceMemory) -> None:
        """Where a tensor lies, with room for the largest batch."""

    @abstractmethod
    def set_batch(self, count: int) -> None:
        """How many tiles the next runs take."""

    @abstractmethod
    def enqueue(self, stream: Stream) -> None:
        """Run the graph in a stream.

        Raises:
            EngineError: the runtime refuses it.
        """

    @abstractmethod
    def close(self) -> None:
        """Forget it; no stream may be running it."""


class Plan(ABC):
    """The deserialised engine. Several contexts may run it at the same time."""

    max_batch: int
    """Most tiles in a batch that it was built for."""
    map_shape: tuple[int, int]
    """Rows and columns of a tile's distance map."""
    scratch_bytes: int
    """Device memory that a context needs while it runs."""
    captures_itself: bool
    """Whether the runtime makes CUDA graphs by itself; then it is not captured from outside."""

    @abstractmethod
    def context(self, scratch: DeviceMemory) -> PlanContext:
        """A new context, which uses `scratch` while it runs. Contexts that share it run one after the other.

        Raises:
            EngineError: the runtime cannot make one.
        """

    @abstractmethod
    def close(self) -> None:
        """Forget it; its contexts were closed before."""


class PlanLoader(ABC):
    """Finds and deserialises the plan that fits a GPU."""

    @abstractmethod
    def load(self, driver: CudaDriver) -> Plan:
        """The plan for the GPU behind `driver`, within `driver.attached`.

        Raises:
            BuildError: none was built for it.
            EngineError: the runtime cannot load it.
        """
