"""A pipeline that runs."""

from __future__ import annotations

import math
import time
from typing import Any, Final

from inspectd.cameras.gst.guard import guard_decoders
from inspectd.cameras.gst.messages import End, Messages
from inspectd.cameras.gst.pipeline import SINK, build
from inspectd.cameras.gst.recipe import Recipe
from inspectd.cameras.gst.runtime import Runtime
from inspectd.cameras.gst.shelf import Arrival, Shelf
from inspectd.errors import CameraError

_LOOK_S: Final = 0.05
"""Pause between two looks for errors while no picture comes."""


class Player:
    """Runs a pipeline by the monotonic clock and collects its samples."""

    def __init__(self, runtime: Runtime, recipe: Recipe, *, block: bool) -> None:
        """`block`: the pipeline waits for its reader; otherwise the oldest sample gives way.

        Raises:
            CameraError: see `build`.
        """
        self._runtime = runtime
        self._live = recipe.live
        self._shelf = Shelf(block=block)
        self._pipeline = build(runtime, recipe)
        self._pipeline.use_clock(runtime.gst.SystemClock.obtain())  # CLOCK_MONOTONIC
        # Not a method of this object: a sink that held it could never be freed.
        self._pipeline.get_by_name(SINK).connect("new-sample", _arrived, self._shelf, runtime.gst.FlowReturn.OK)
        guard_decoders(runtime, self._pipeline, self._shelf.note_broken)
        self._messages = Messages(runtime, self._pipeline, self._shelf.note_broken)
        self._stamps = False
        self._end: End | None = None

    def start(self) -> None:
        """Start to play.

        Raises:
            CameraError: the pipeline refuses.
        """
        states, changes = self._runtime.gst.State, self._runtime.gst.StateChangeReturn
        paused = self._pipeline.set_state(states.PAUSED)
        # Only a live source stamps its samples with the time they were taken; others stamp them with their own time.
        self._stamps = self._live and paused == changes.NO_PREROLL
        if changes.FAILURE in {paused, self._pipeline.set_state(states.PLAYING)}:
            end = self._messages.end()
            raise CameraError((end and end.fault) or "the pipeline cannot be started")

    @property
    def ended(self) -> bool:
        """Whether no more samples come."""
        return self._end is not None

    @property
    def base_time_ns(self) -> int | None:
        """CLOCK_MONOTONIC at which the pipeline's time began, ns; None where its samples' stamps say nothing."""
        return int(self._pipeline.get_base_time()) if self._stamps else None

    def wait(self, timeout_s: float = math.inf) -> Arrival | None:
        """The next sample; None at the end, or where none came in time.

        Raises:
            CameraError: the pipeline has failed, and all its samples were taken.
        """
        until = time.monotonic() + timeout_s
        while True:
            self._end = self._end or self._messages.end()
            arrival = self._shelf.take(0 if self._end else _LOOK_S)
            if arrival is not None:
                return arrival
            if self._end and self._end.fault is not None:
                raise CameraError(self._end.fault)
            if self._end or time.monotonic() >= until:
                return None

    def take_broken(self) -> int:
        """How many pictures could not be decoded since the last sample."""
        return self._shelf.take_broken()

    def close(self) -> None:
        """Stop, and let everything go."""
        self._shelf.close()
        self._pipeline.set_state(self._runtime.gst.State.NULL)


def _arrived(sink: Any, shelf: Shelf, done: Any) -> Any:
    """On the streaming thread."""
    shelf.put(sink.emit("pull-sample"))
    return done
