"""The capture process: opens one camera, copies its pictures into the ring and announces them.

Started by the daemon as `python -m inspectd.capture.worker`; it dies with the daemon (PR_SET_PDEATHSIG) and leaves
interrupts and terminations to it, so that a Ctrl-C or a service manager's signal to all does not end capture before
the daemon has decided so. It has one thread: a driver that hangs is the daemon's to notice and to kill.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import cv2
from pydantic import TypeAdapter

from inspectd.cameras.base import BadPicture, Camera, Picture
from inspectd.cameras.build import build_camera, effective_drop, is_live, may_freeze, trigger_mode
from inspectd.capture.channel import (
    Announcer,
    Begin,
    Channel,
    Ended,
    Failed,
    Fire,
    FrameReady,
    FramesLost,
    Message,
    Opened,
    Release,
)
from inspectd.capture.content import ContentCheck, Fault
from inspectd.capture.process import SHOWN_SLOTS
from inspectd.capture.ring import RingWriter
from inspectd.errors import CameraError, ViewError
from inspectd.offspring import die_with
from inspectd.outcomes import Reason
from inspectd.settings import CameraSettings, DropPolicy, TriggerMode
from inspectd.view.flat_field import FlatField, load_flat_field

_MIB: Final = 1 << 20
_LOOK_S: Final = 0.5
"""How often a camera that waits for a trigger is looked at."""


class _StopRequested(Exception):  # noqa: N818 - not an error: how the loop learns that it is to end
    """The daemon wants no more frames, or is gone."""


class Worker:
    """Takes frames from one camera until it ends, fails, or the daemon says stop."""

    def __init__(
        self,
        channel: Channel,
        ring: RingWriter,
        camera: Camera,
        begin: Begin,
        *,
        block: bool,
        live: bool,
        fired: bool = False,
        content: ContentCheck | None = None,
        stall_s: float = math.inf,
        flat_field: Path | None = None,
    ) -> None:
        """`block`: wait for a free slot rather than lose the frame. `live`: pictures age while they wait. `fired`:
        pictures are taken when the daemon says so. `content` looks at each picture; one that stays frozen for `stall_s`
        ends the process. `flat_field`: the file that pictures are corrected by."""
        self._channel = channel
        self._announcer = Announcer(channel)
        self._ring = ring
        self._camera = camera
        self._next = begin.first
        # The slot freed last is filled first: its memory is warm, and no more is touched than the load needs.
        self._free = list(reversed(range(begin.slots)))
        self._reserved = max(begin.slots // 2, begin.slots - SHOWN_SLOTS)
        self._block = block
        self._restamp = block and not live
        self._fired = fired
        self._content = content or ContentCheck(blank=False, frozen=False)
        self._stall_s = stall_s
        self._flat_file = flat_field
        self._flat: FlatField | None = None
        self._fires: deque[Fire] = deque()

    def run(self) -> None:
        """Capture; what went wrong is told to the daemon.

        Raises:
            Exception: whatever a driver that fails otherwise than with `CameraError` raises. It then counts as crashed.
        """
        try:
            self._capture()
        except _StopRequested:
            return
        finally:
            with suppress(OSError):  # the daemon's end is closed: nobody is left to tell
                self._announcer.flush()
            self._camera.close()

    def _capture(self) -> None:
        try:
            self._read_flat_field()
            self._camera.open()
            self._say(Opened())
            if self._fired:
                self._take_fired()
            else:
                self._take_all()
        except CameraError as error:
            self._say(Failed(str(error)))
        else:
            self._say(Ended())

    def _read_flat_field(self) -> None:
        if self._flat_file is not None:
            try:
                self._flat = load_flat_field(self._flat_file)
            except ViewError as error:
                raise CameraError(str(error)) from error

    def _take_all(self) -> None:
        while (picture := self._camera.read()) is not None:
            self._take(picture, None)

    def _take_fired(self) -> None:
        """Take a picture for each trigger. What was taken before one is not for its part: it came by itself, or late
        for another."""
        while True:
            part = self._next_fire().part
            fired_ns = time.monotonic_ns()
            self._camera.trigger()
            early = True
            while early:
                picture = self._camera.read()
                if picture is None:
                    return
                early = picture.captured_monotonic_ns < fired_ns
                self._take(picture, None if early else part)

    def _next_fire(self) -> Fire:
        while not self._fires:
            if self._channel.ready(_LOOK_S):
                self._listen(wait=True)
            else:
                self._camera.look()
        return self._fires.popleft()

    def _take(self, picture: Picture | BadPicture, part: str | None) -> None:
        self._listen(wait=False)
        if isinstance(picture, BadPicture):
            self._lose(picture, picture.reason, picture.detail, part)
        elif picture.pixels.nbytes > self._ring.slot_bytes:
            self._lose(picture, Reason.BAD_FRAME, self._too_large(picture), part)
        elif (fault := self._fault(picture)) is not None:
            self._show(picture, fault, part)
            self._check_frozen(picture)
        elif (slot := self._slot()) is None:
            full = "no buffer was free: frames come faster than they are inspected"
            self._lose(picture, Reason.OVERRUN, full, part)
        else:
            self._deliver(picture, slot, part)

    def _fault(self, picture: Picture) -> Fault | None:
        """Why a whole picture must not be inspected."""
        if (fault := self._content.fault(picture)) is not None:
            return fault
        problem = None if self._flat is None else self._flat.problem(picture.pixels.shape)
        return None if problem is None else Fault(Reason.BAD_FRAME, problem)

    def _show(self, picture: Picture, fault: Fault, part: str | None) -> None:
        """Deliver a picture for people alone; without a buffer for it, at least say that it was taken."""
        slot = self._spare_slot()
        if slot is None:
            self._lose(picture, fault.reason, fault.detail, part)
        else:
            self._deliver(picture, slot, part, fault)

    def _check_frozen(self, picture: Picture) -> None:
        frozen_s = self._content.frozen_s(picture)
        if frozen_s >= self._stall_s:
            raise CameraError(f"the same picture for {frozen_s:.1f} s: the camera or its driver is frozen")

    def _slot(self) -> int | None:
        while self._block and not self._free:
            self._listen(wait=True)
        return self._free.pop() if self._free else None

    def _spare_slot(self) -> int | None:
        """One that is not needed for pictures to be inspected: these must never be lost for others."""
        if self._block:
            return self._slot()
        return self._free.pop() if len(self._free) > self._reserved else None

    def _listen(self, *, wait: bool) -> None:
        """Take what the daemon has to say; with `wait`, at least one message."""
        try:
            while True:
                message = self._channel.receive(wait=wait)
                wait = False
                if isinstance(message, Release):
                    self._free.append(message.slot)
                elif isinstance(message, Fire):
                    self._fires.append(message)
                else:
                    raise _StopRequested
        except BlockingIOError:
            return

    def _say(self, message: Message) -> None:
        try:
            self._announcer.say(message)
        except OSError:  # the daemon's end is closed: nobody is left to tell
            raise _StopRequested from None

    def _deliver(self, picture: Picture, slot: int, part: str | None, fault: Fault | None = None) -> None:
        if self._flat is None or self._flat.problem(picture.pixels.shape) is not None:
            self._ring.write(slot, picture.pixels)
        else:
            self._flat.correct(picture.pixels, picture.pixel_format, self._ring.slot(slot, picture.pixels.shape))
        monotonic_ns, utc_ns = picture.captured_monotonic_ns, picture.captured_utc_ns
        if self._restamp:
            # A file waits for its place without ageing: it counts as taken now that it has one.
            monotonic_ns, utc_ns = time.monotonic_ns(), time.time_ns()
        self._say(
            FrameReady(
                number=self._number(),
                slot=slot,
                height=picture.pixels.shape[0],
                width=picture.pixels.shape[1],
                pixel_format=picture.pixel_format,
                captured_monotonic_ns=monotonic_ns,
                captured_utc_ns=utc_ns,
                source=picture.source,
                part=part,
                rows=picture.rows,
                fault=fault,
            )
        )

    def _lose(self, picture: Picture | BadPicture, reason: Reason, detail: str, part: str | None) -> None:
        lost = FramesLost(
            first=self._number(),
            count=1,
            reason=reason,
            detail=detail,
            captured_monotonic_ns=picture.captured_monotonic_ns,
            captured_utc_ns=picture.captured_utc_ns,
            source=picture.source,
            part=part,
            rows=picture.rows,
        )
        try:
            self._announcer.lose(lost)
        except OSError:
            raise _StopRequested from None

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _too_large(self, picture: Picture) -> str:
        height, width = picture.pixels.shape[:2]
        needed = -(-picture.pixels.nbytes // _MIB)
        return (
            f"{width}×{height} px {picture.pixel_format} take {needed} MiB, over max_frame_mb = "
            f"{self._ring.slot_bytes // _MIB}; set max_frame_mb of this camera to {needed} or more"
        )


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="inspectd.capture.worker", description="Started by the daemon.")
    parser.add_argument("--camera", required=True, help="its name, for whoever lists processes")
    parser.add_argument("--parent", required=True, type=int, help="process id of the daemon")
    parser.add_argument("--channel", required=True, type=int, help="descriptor of the message socket")
    parser.add_argument("--ring", required=True, type=int, help="descriptor of the shared memory")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one life of a capture process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    arguments = _arguments(argv)
    die_with(arguments.parent)
    cv2.setNumThreads(1)  # capture must not take the engine's cores
    channel = Channel(socket.socket(fileno=arguments.channel))
    begin = channel.receive(wait=True)
    if not isinstance(begin, Begin):
        return
    settings: CameraSettings = TypeAdapter[CameraSettings](CameraSettings).validate_python(begin.settings)
    ring = RingWriter(arguments.ring, begin.slots, begin.slot_bytes)
    os.close(arguments.ring)
    camera = build_camera(settings, skip=begin.first - 1)
    Worker(
        channel,
        ring,
        camera,
        begin,
        block=effective_drop(settings) is DropPolicy.BLOCK,
        live=is_live(settings),
        fired=trigger_mode(settings) is TriggerMode.SOFTWARE,
        content=ContentCheck(blank=settings.blank, frozen=may_freeze(settings)),
        stall_s=settings.stall_s,
        flat_field=settings.flat_field,
    ).run()


if __name__ == "__main__":
    main()
