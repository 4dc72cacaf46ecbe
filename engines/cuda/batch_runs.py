"""Running a slot's batches: by replaying a CUDA graph captured for the batch's size, or by launching it anew.

A size is launched anew when it first comes, which settles what the runtime puts off at a change of shape, and captured
when it comes again, in an execution context of its own, as TensorRT wants it (see `engines.plan.PlanContext`). Sizes
that come after the first `CAPTURED_SIZES` share one context and are launched anew each time, and so are all where the
runtime makes graphs by itself or capture was refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engines.cuda.driver import DeviceMemory, Graph, Stream
from engines.errors import CaptureRefusedError
from engines.plan import Plan, PlanContext

CAPTURED_SIZES: Final = 16
"""Batch sizes captured in a slot. A context and its graph take a few MiB of the device's memory."""


class BatchRuns:
    """One slot's contexts and graphs, all in the slot's stream."""

    def __init__(
        self,
        plan: Plan,
        stream: Stream,
        *,
        bound: Mapping[str, DeviceMemory],
        scratch: DeviceMemory,
        download: Callable[[int], None],
        tell: Callable[[str], None],
    ) -> None:
        """`bound` says where the tensors lie; `download` puts into the stream what a run is followed by, given the
        number of tiles; `tell` gets a sentence when capture was refused."""
        self._plan = plan
        self._stream = stream
        self._bound = bound
        self._scratch = scratch
        self._download = download
        self._tell = tell
        self._captures = not plan.captures_itself
        self._shared: PlanContext | None = None
        self._own: dict[int, PlanContext] = {}
        """By batch size."""
        self._settled: set[int] = set()
        """Batch sizes whose own context has run, so that it may be captured."""
        self._graphs: dict[int, Graph] = {}
        """By batch size."""

    def run(self, count: int) -> None:
        """Put a run of `count` tiles into the stream, and the download of its results.

        Raises:
            EngineError: the runtime or the device failed.
        """
        if self._captures and count in self._settled and count not in self._graphs:
            self._capture(count)
        if count in self._graphs:
            self._stream.replay(self._graphs[count])
            return
        self._launch(self._context(count), count)
        if count in self._own:
            self._settled.add(count)

    def close(self) -> None:
        """Forget everything; the stream must be empty."""
        for graph in self._graphs.values():
            graph.close()
        for context in [*self._own.values(), *([self._shared] if self._shared else [])]:
            context.close()
        self._graphs, self._own, self._shared = {}, {}, None

    def _launch(self, context: PlanContext, count: int) -> None:
        context.enqueue(self._stream)
        self._download(count)

    def _capture(self, count: int) -> None:
        try:
            self._graphs[count] = self._stream.capture(lambda: self._launch(self._own[count], count))
        except CaptureRefusedError as error:
            self._captures = False
            self._tell(f"batches are launched step by step, which costs some speed: {error}")

    def _context(self, count: int) -> PlanContext:
        if count in self._own:
            return self._own[count]
        if self._captures and len(self._own) < CAPTURED_SIZES:
            self._own[count] = self._make(count)
            return self._own[count]
        if self._shared is None:
            self._shared = self._make(count)
        self._shared.set_batch(count)
        return self._shared

    def _make(self, count: int) -> PlanContext:
        context = self._plan.context(self._scratch)
        for name, memory in self._bound.items():
            context.bind(name, memory)
        context.set_batch(count)
        return context
