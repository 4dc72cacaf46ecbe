"""Everything that an active engine holds on its device, made and freed together."""

from __future__ import annotations

from collections.abc import Callable

from engines.bundle import Bundle
from engines.cuda import tile_kernel
from engines.cuda.driver import CudaDriver, wait_until
from engines.cuda.frame_store import FrameStore
from engines.cuda.resident_centroids import ResidentCentroids
from engines.cuda.slots import Slot
from engines.plan import Plan


class Station:
    """The slots, and what they share. It owns the driver and the plan that it is given."""

    def __init__(
        self, driver: CudaDriver, plan: Plan, bundle: Bundle, *, slots: int, max_batch: int, tell: Callable[[str], None]
    ) -> None:
        """Called and used within `driver.attached`.

        Raises:
            EngineError: the device has no memory for it, or failed; the process then gives all of it back at its end.
        """
        self.driver = driver
        self._plan = plan
        geometry = bundle.manifest.tile
        kernel = driver.kernel(tile_kernel.SOURCE, tile_kernel.KERNEL_NAME)
        self.centroids = ResidentCentroids(driver, bundle.centroids)
        self._frames = FrameStore(driver, tell, limit=slots * max_batch)
        self.slots = [
            Slot(
                driver,
                plan=plan,
                kernel=kernel,
                frames=self._frames,
                centroids=self.centroids,
                geometry=geometry,
                max_batch=max_batch,
                tell=tell,
            )
            for _ in range(slots)
        ]

    def empty(self, timeout_s: float) -> bool:
        """Wait until the device has done all it was given; whether it has."""
        swapped = wait_until(self.centroids.swapped.done, timeout_s)
        return swapped and all(slot.empty(timeout_s) for slot in self.slots)

    def close(self) -> None:
        """Free everything; all streams must be empty."""
        for slot in self.slots:
            slot.close()
        self._frames.close()
        self.centroids.close()
        self._plan.close()
