"""The camera behind a GStreamer pipeline."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from inspectd.cameras.base import BadPicture, Camera, Picture
from inspectd.cameras.gst.player import Player
from inspectd.cameras.gst.recipe import GstSettings, Recipe, quoted, recipe_of
from inspectd.cameras.gst.runtime import Runtime, load_runtime
from inspectd.cameras.gst.sample import MappedBuffer, captured_ns, damage_of, pixels_of
from inspectd.cameras.gst.shelf import Arrival
from inspectd.cameras.images import decode_picture
from inspectd.errors import CameraError
from inspectd.outcomes import Reason
from inspectd.settings import GstCamera

FIRST_PICTURE_S: Final = 10.0
"""How long `open` waits for a first picture, so that a camera which does not answer is lost rather than stalled. One
that gives none, because it waits for a trigger as an instance, then counts as open all the same."""
_BROKEN: Final = "data of the stream were lost on the way: the picture cannot be decoded whole"


class GstDriver(Camera):
    """Runs a pipeline and takes its pictures as they come."""

    def __init__(self, settings: GstSettings, *, block: bool, skip: int = 0) -> None:
        """`block`: the pipeline waits for its reader; otherwise the oldest picture gives way.

        `skip` pictures of a source that is not live were taken already, by a process that this one replaces.
        """
        self._settings = settings
        self._name = quoted(settings.source)
        self._block = block
        self._skip = skip
        self._playing: tuple[Runtime, Recipe, Player] | None = None
        self._next: Arrival | None = None
        self._first = True
        self._broken = 0
        self._mapped: MappedBuffer | None = None

    def open(self) -> None:
        """See `Camera.open`. A source that is not live is gone through up to where it was left."""
        with self._named():
            runtime = load_runtime()
            recipe = recipe_of(self._settings, runtime.has)
            runtime.prefer_hardware(recipe.hardware)
            player = Player(runtime, recipe, block=self._block)
            self._playing = runtime, recipe, player
            player.start()
            self._next = player.wait(FIRST_PICTURE_S)
            if not recipe.live:
                self._pass_over(runtime, recipe, player)
            elif self._next is not None:
                self._next.missed = self._next.broken = 0  # what came before the camera was open

    def read(self) -> Picture | BadPicture | None:
        """See `Camera.read`."""
        self._let_go()
        with self._named():
            if self._playing is None:
                raise CameraError("is not open")
            return self._take(*self._playing)

    def close(self) -> None:
        """See `Camera.close`."""
        self._let_go()
        if self._playing is not None:
            self._playing[2].close()
            self._playing = None

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except CameraError as error:
            raise CameraError(f"{self._name}: {error}") from error

    def _pass_over(self, runtime: Runtime, recipe: Recipe, player: Player) -> None:
        for _ in range(self._skip):
            self._next = self._next or player.wait(self._settings.stall_s)
            if self._next is None and not player.ended:
                raise CameraError(f"no picture for {self._settings.stall_s:g} s")
            self._let_go()
            if self._take(runtime, recipe, player) is None:
                return

    def _take(self, runtime: Runtime, recipe: Recipe, player: Player) -> Picture | BadPicture | None:
        arrival = self._next or player.wait()
        self._next = None
        if arrival is None:
            return self._at_the_end(recipe, player)
        return self._gone(arrival) or self._picture(runtime, recipe, player, arrival)

    def _gone(self, arrival: Arrival) -> BadPicture | None:
        """One of the pictures that were lost just before this one, which then stays for later."""
        if not arrival.missed and not arrival.broken:
            return None
        self._next = arrival
        if arrival.missed:
            arrival.missed -= 1
            return _bad("frames come faster than they are taken", Reason.OVERRUN)
        arrival.broken -= 1
        return _bad(_BROKEN)

    def _at_the_end(self, recipe: Recipe, player: Player) -> BadPicture | None:
        self._broken = self._broken or player.take_broken()
        if self._broken:
            self._broken -= 1
            return _bad(_BROKEN)
        if not recipe.live:
            return None
        if isinstance(self._settings, GstCamera):
            raise CameraError("the pipeline has ended; where that is right, set live = false")
        raise CameraError("no more frames come; check the camera, its cable and its network")

    def _picture(self, runtime: Runtime, recipe: Recipe, player: Player, arrival: Arrival) -> Picture | BadPicture:
        times = captured_ns(runtime, arrival, player.base_time_ns)
        damage = damage_of(runtime, arrival.sample, first=self._first)
        self._first = False
        if damage is not None:
            return BadPicture(damage, *times)
        try:
            self._mapped = MappedBuffer(runtime, arrival.sample.get_buffer())
            if recipe.jpeg:
                return Picture(*decode_picture(bytes(self._mapped.data)), *times)
            return Picture(*pixels_of(runtime, arrival.sample, self._mapped.data), *times)
        except CameraError as error:
            return BadPicture(str(error), *times)

    def _let_go(self) -> None:
        if self._mapped is not None:
            self._mapped.release()
            self._mapped = None


def _bad(detail: str, reason: Reason = Reason.BAD_FRAME) -> BadPicture:
    """A picture that is gone; its time is that of the telling."""
    return BadPicture(detail, time.monotonic_ns(), time.time_ns(), reason=reason)
