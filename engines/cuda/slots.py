"""A slot: all that one batch needs on its way through the device, so that several batches overlap.

In its stream, in this order: the frames that are new go up, the tiles are cut from the frames, the graph runs, the
results come down, the event `done` marks the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from engines.base import BatchResult
from engines.cuda import tile_kernel
from engines.cuda.batch_runs import BatchRuns
from engines.cuda.driver import CudaDriver, DeviceMemory, Event, HostMemory, Kernel, Stream, wait_until
from engines.cuda.frame_store import FrameBuffer, FrameStore
from engines.cuda.resident_centroids import ResidentCentroids
from engines.cuts import Cut
from engines.manifest import TileGeometry
from engines.plan import CENTROIDS, DISTANCE, SCORE, TILES, Plan

_ORIGIN_BYTES = 2 * np.dtype(np.int32).itemsize
_FLOAT_BYTES = np.dtype(np.float32).itemsize


class Slot:
    """One batch at a time: `launch` it, wait for `done`, take its `result`, then `release` its frames."""

    def __init__(
        self,
        driver: CudaDriver,
        *,
        plan: Plan,
        kernel: Kernel,
        frames: FrameStore,
        centroids: ResidentCentroids,
        geometry: TileGeometry,
        max_batch: int,
        tell: Callable[[str], None],
    ) -> None:
        """`kernel` is `tile_kernel.KERNEL_NAME`, compiled; `tell` as in `BatchRuns`."""
        self._kernel = kernel
        self._frames = frames
        self._centroids = centroids
        self._geometry = geometry
        self._map_shape = plan.map_shape
        self._tile_bytes = geometry.size * geometry.size * 3
        self._map_bytes = plan.map_shape[0] * plan.map_shape[1] * _FLOAT_BYTES
        self._cutting: list[tuple[FrameBuffer, bool]] = []
        """Buffers that the batch in flight cuts from, and whether it holds their frame's last tile."""
        self.stream: Stream = driver.stream()
        self.done: Event = driver.event()
        self._origins_host: HostMemory = driver.pinned(max_batch * _ORIGIN_BYTES)
        self._distance_host: HostMemory = driver.pinned(max_batch * self._map_bytes)
        self._score_host: HostMemory = driver.pinned(max_batch * _FLOAT_BYTES)
        self._origins: DeviceMemory = driver.memory(max_batch * _ORIGIN_BYTES)
        self._tiles: DeviceMemory = driver.memory(max_batch * self._tile_bytes)
        self._distance: DeviceMemory = driver.memory(max_batch * self._map_bytes)
        self._score: DeviceMemory = driver.memory(max_batch * _FLOAT_BYTES)
        self._scratch: DeviceMemory = driver.memory(max(1, plan.scratch_bytes))
        bound = {TILES: self._tiles, CENTROIDS: centroids.memory, DISTANCE: self._distance, SCORE: self._score}
        self._runs = BatchRuns(
            plan, self.stream, bound=bound, scratch=self._scratch, download=self._download, tell=tell
        )

    def launch(self, cuts: Sequence[Cut], count: int) -> None:
        """Put a batch of `count` tiles into the stream. Their frames' pixels are read until it is done.

        Raises:
            EngineError: the runtime or the device failed; the stream may hold part of the batch.
        """
        self._upload_origins(cuts, count)
        first = 0
        for cut in cuts:
            self._cut(cut, first)
            first += cut.count
        self._centroids.ready_for(self.stream)
        self._runs.run(count)
        self.stream.record(self.done)

    def empty(self, timeout_s: float) -> bool:
        """Wait until the stream is through with all it was given, a part of a batch as well; whether it is."""
        self.stream.record(self.done)
        return wait_until(self.done.done, timeout_s)

    def result(self, count: int) -> BatchResult:
        """What the batch, which must be done, was found to be; a copy."""
        distance = self._distance_host.array[: count * self._map_bytes].view(np.float32)
        score = self._score_host.array[: count * _FLOAT_BYTES].view(np.float32)
        return BatchResult(distance.reshape(count, *self._map_shape).copy(), score.copy())

    def release(self) -> None:
        """The batch is through, or given up with an empty stream: its frames are no longer needed by it."""
        for buffer, finished in self._cutting:
            self._frames.release(buffer, finished=finished)
        self._cutting = []

    def close(self) -> None:
        """Free everything; the stream must be empty."""
        self._runs.close()
        for memory in (self._origins, self._tiles, self._distance, self._score, self._scratch):
            memory.free()
        for host in (self._origins_host, self._distance_host, self._score_host):
            host.free()
        self.done.close()
        self.stream.close()

    def _upload_origins(self, cuts: Sequence[Cut], count: int) -> None:
        origins = np.concatenate([tile_kernel.origins(cut.frame.grid, cut.first, cut.count) for cut in cuts])
        staged = self._origins_host.array[: count * _ORIGIN_BYTES]
        staged[:] = origins.reshape(-1).view(np.uint8)
        self.stream.upload(self._origins, staged)

    def _cut(self, cut: Cut, row: int) -> None:
        """Cut tiles on the device into rows `row` and following of the batch."""
        frame, size = cut.frame, self._geometry.size
        buffer = self._frames.use(frame, self.stream)
        self._cutting.append((buffer, cut.last))
        arguments = (
            buffer.memory.address,
            np.int32(frame.grid.height),
            np.int32(frame.grid.width),
            np.int64(frame.grid.width * frame.pixel_format.channels),
            np.int32(tile_kernel.FORMAT_CODE[frame.pixel_format]),
            self._origins.address + row * _ORIGIN_BYTES,
            np.int32(size),
            self._tiles.address + row * self._tile_bytes,
        )
        self.stream.launch(self._kernel, tile_kernel.launch_grid(size, cut.count), tile_kernel.BLOCK, arguments)

    def _download(self, count: int) -> None:
        self.stream.download(self._distance_host.array[: count * self._map_bytes], self._distance)
        self.stream.download(self._score_host.array[: count * _FLOAT_BYTES], self._score)
