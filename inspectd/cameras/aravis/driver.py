"""A GigE Vision or USB3 Vision camera behind the seam."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from inspectd.cameras.aravis.binding import aravis, told_as_camera_error
from inspectd.cameras.aravis.clock import CameraClock
from inspectd.cameras.aravis.configure import configure
from inspectd.cameras.aravis.formats import FORMATS, decode
from inspectd.cameras.aravis.numbering import FrameNumbers
from inspectd.cameras.aravis.opening import take_control
from inspectd.cameras.aravis.stream import Stream
from inspectd.cameras.base import BadPicture, Camera, Picture
from inspectd.errors import CameraError
from inspectd.outcomes import Reason
from inspectd.settings import AravisCamera, TriggerMode

SPARE_BUFFERS: Final = 3
"""Beyond the queue: the one being filled, the one being copied, and one for a hiccup between them."""
_POLL_S: Final = 0.1
"""How often a wait is interrupted, to see whether the camera was lost."""
_PATIENCE: Final = 0.8
"""Part of the stall limit after which the driver itself gives up: it can say why, and lets the camera go in order."""


class AravisDriver(Camera):
    """Reads through Aravis. Every `open` puts all settings into the camera, so that it comes back as it was."""

    def __init__(self, settings: AravisCamera) -> None:
        self._settings = settings
        self._name = settings.source.removesuffix(":")
        self._free_running = settings.trigger is TriggerMode.OFF
        self._patience_s = _PATIENCE * (settings.stall_s + 1 / (settings.rate_hz or math.inf))
        self._camera: Any = None
        self._stream: Stream | None = None
        self._held: Any = None
        self._waiting: deque[Picture | BadPicture] = deque()
        self._lost = threading.Event()
        self._numbers = FrameNumbers()
        self._clock = CameraClock()
        self._arrival_ns = 0
        self._fired_at: float | None = None
        """When a frame was asked for that has not come yet, CLOCK_MONOTONIC, s."""
        self._underruns = 0

    def open(self) -> None:
        """See `Camera.open`. Frames in which a free-running camera settles are taken here."""
        with self._named():
            self._camera = take_control(self._settings.source.partition(":")[2])
            self._watch_for_loss(self._camera)
            configure(self._camera, self._settings)
            _check_format(self._camera)
            self._stream = Stream(self._camera, self._settings.queue_frames + SPARE_BUFFERS)
            self._stream.start()
            if self._free_running:
                self._settle(self._stream)

    def read(self) -> Picture | BadPicture | None:
        """See `Camera.read`. A frame that no software trigger has asked for is waited for without end."""
        with self._named():
            if self._stream is None:
                raise CameraError("is not open")
            if not self._waiting:
                self._give_back(self._stream)
                self._take(self._stream)
            return self._waiting.popleft()

    def trigger(self) -> None:
        """See `Camera.trigger`."""
        with self._named():
            if self._settings.trigger is not TriggerMode.SOFTWARE or self._camera is None:
                raise CameraError(
                    f"trigger = '{self._settings.trigger}': this camera takes no software trigger; "
                    "set trigger = 'software'"
                )
            self._fired_at = time.monotonic()
            with told_as_camera_error("the software trigger did not reach it"):
                self._camera.software_trigger()

    def look(self) -> None:
        """See `Camera.look`."""
        with self._named():
            self._check_presence()

    def close(self) -> None:
        """See `Camera.close`."""
        self._held = None
        self._waiting.clear()
        if self._stream is not None:
            self._stream.close(camera_is_there=not self._lost.is_set())
        self._stream = self._camera = None

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except CameraError as error:
            raise CameraError(f"{self._name}: {error}") from error

    def _watch_for_loss(self, camera: Any) -> None:
        lost = self._lost
        camera.get_device().connect("control-lost", lambda _device: lost.set())

    def _settle(self, stream: Stream) -> None:
        for _ in range(self._settings.settle_frames):
            buffer = self._next_buffer(stream)
            self._missing_before(buffer)
            stream.give_back(buffer)

    def _next_buffer(self, stream: Stream) -> Any:
        since = time.monotonic()
        before: Counter[str] | None = None
        while (buffer := stream.pop(_POLL_S)) is None:
            self._check_presence()
            if before is None:
                before = stream.counts()
            due_since = since if self._free_running else self._fired_at
            if due_since is not None and time.monotonic() - due_since >= self._patience_s:
                raise CameraError(f"no frame for {self._patience_s:.1f} s: {_silence(stream.counts() - before)}")
        self._fired_at = None
        return buffer

    def _check_presence(self) -> None:
        if self._lost.is_set():
            raise CameraError("lost: it answers no more; check its power, cable and network")

    def _take(self, stream: Stream) -> None:
        """Put what the next buffer brings into `_waiting`: frames missing before it, then itself."""
        buffer = self._held = self._next_buffer(stream)
        arrival_ns = self._arrival(buffer)
        missing = self._missing_before(buffer)
        if missing:
            self._waiting.extend([self._never_came(stream, arrival_ns)] * missing)
        try:
            self._waiting.append(self._picture(stream, buffer, arrival_ns))
        except CameraError as error:
            self._waiting.append(self._bad(str(error), arrival_ns))

    def _missing_before(self, buffer: Any) -> int:
        if _is_whole(buffer):
            return self._numbers.arrived(buffer.get_frame_id())
        self._numbers.incomplete()
        return 0

    def _picture(self, stream: Stream, buffer: Any, arrival_ns: int) -> Picture:
        _check(buffer)
        pixels, pixel_format = decode(
            stream.memory(buffer),
            buffer.get_image_pixel_format(),
            buffer.get_image_height(),
            buffer.get_image_width(),
            buffer.get_image_padding()[0],
        )
        captured_ns = self._captured(buffer, arrival_ns)
        return Picture(pixels, pixel_format, captured_ns, _utc_ns(captured_ns))

    def _never_came(self, stream: Stream, arrival_ns: int) -> BadPicture:
        """What to say of frames that the camera counted. Underruns are counted by packet, so they tell no number."""
        underruns = stream.counts()["n_underruns"]
        overrun, self._underruns = underruns > self._underruns, underruns
        if overrun:
            return self._bad("no buffer was free: frames come faster than they are taken", arrival_ns, Reason.OVERRUN)
        return self._bad("the frame never came: its packets were lost", arrival_ns)

    def _bad(self, detail: str, arrival_ns: int, reason: Reason = Reason.BAD_FRAME) -> BadPicture:
        return BadPicture(f"{self._name}: {detail}", arrival_ns, _utc_ns(arrival_ns), reason=reason)

    def _captured(self, buffer: Any, arrival_ns: int) -> int:
        """A frame must never seem to be older than the trigger that asked for it, so its arrival counts there: an
        estimate may err by the drift of the camera's clock."""
        if self._settings.trigger is TriggerMode.SOFTWARE:
            return arrival_ns
        return self._clock.captured_ns(buffer.get_timestamp(), arrival_ns)

    def _arrival(self, buffer: Any) -> int:
        """CLOCK_MONOTONIC when the frame began to arrive.

        Aravis notes it by the wall clock, which may be set meanwhile; it lies between the arrival before and now. A
        frame whose first packet is missing bears the time of the buffer's last use.
        """
        now_ns = arrival_ns = time.monotonic_ns()
        if _is_whole(buffer):
            arrival_ns -= time.time_ns() - buffer.get_system_timestamp()
        self._arrival_ns = min(max(arrival_ns, self._arrival_ns), now_ns)
        return self._arrival_ns

    def _give_back(self, stream: Stream) -> None:
        if self._held is not None:
            stream.give_back(self._held)
            self._held = None


def _check_format(camera: Any) -> None:
    """Refuse a camera whose pixel format is not understood here, before it sends anything."""
    with told_as_camera_error("its pixel formats cannot be asked for"):
        if camera.get_pixel_format() in FORMATS:
            return
        names = camera.dup_available_pixel_formats_as_strings()
        codes = camera.dup_available_pixel_formats()
        known = [name for name, code in zip(names, codes, strict=True) if code in FORMATS]
        raise CameraError(
            f"its pixel format {camera.get_pixel_format_as_string()} is not read here; "
            f"set pixel_format to one of {', '.join(known)}"
        )


def _is_whole(buffer: Any) -> bool:
    return bool(buffer.get_status() == aravis().BufferStatus.SUCCESS)


def _check(buffer: Any) -> None:
    """Refuse what is no whole picture."""
    library = aravis()
    if not _is_whole(buffer):
        raise CameraError(f"the frame came incomplete ({buffer.get_status().value_nick})")
    payload = buffer.get_payload_type()
    if payload not in {library.BufferPayloadType.IMAGE, library.BufferPayloadType.EXTENDED_CHUNK_DATA}:
        raise CameraError(
            f"the camera sends {payload.value_nick} where a single picture is read; switch that off in it"
        )


def _silence(counts: Counter[str]) -> str:
    """Why no frame comes, as far as what did come meanwhile tells."""
    if counts["n_received_packets"]:
        return "packets come but make no frame; set packet_size lower or packet_delay_us higher"
    return (
        "nothing comes from it; check its power and cable, and where they are well, the firewall and rp_filter of this "
        "machine, and packet_size against the network's MTU (docs/cameras.md)"
    )


def _utc_ns(monotonic_ns: int) -> int:
    """The wall clock at a moment of CLOCK_MONOTONIC, ns since 1970."""
    return time.time_ns() - (time.monotonic_ns() - monotonic_ns)
