"""Captures from every camera at once: one intake thread hears all capture processes and keeps them alive."""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Mapping
from typing import Final

import structlog

from inspectd.capture.camera import KILL_WAIT_S, FrameSink, SupervisedCamera
from inspectd.settings import CameraSettings
from inspectd.vitals import Pulse
from inspectd.wire.models import CameraStatus

_TICK_S: Final = 0.05

_log = structlog.get_logger(__name__)


class CaptureSupervisor:
    """Captures from every camera into one sink, on one intake thread."""

    def __init__(self, cameras: Mapping[str, CameraSettings], sink: FrameSink) -> None:
        self._selector = selectors.DefaultSelector()
        self._cameras = {
            name: SupervisedCamera(name, settings, sink, self._selector) for name, settings in cameras.items()
        }
        self.pulse = Pulse("intake")
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._stop = threading.Event()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._wake, selectors.EVENT_READ, lambda: os.eventfd_read(self._wake))
        self._failure: BaseException | None = None
        self._closed = False

    @property
    def failure(self) -> BaseException | None:
        """What ended the intake thread before its time: a fault in this program. The daemon must not go on."""
        return self._failure

    def start(self) -> None:
        """Begin to capture. Cameras that cannot be opened are told as lost and tried again."""
        self._thread.start()

    def status(self) -> tuple[CameraStatus, ...]:
        """Where each camera is in its life; any thread."""
        return tuple(camera.status() for camera in self._cameras.values())

    def fire(self, camera: str, part: str) -> str | None:
        """Have a camera take a frame for a part, if the daemon triggers it; any thread.

        Returns why none is to be expected, in words, or None.
        """
        return self._cameras[camera].fire(part)

    def stop_capture(self) -> None:
        """Take no more frames. What was announced before has reached the sink when this returns; may be called again.

        Takes at most `GRACE_S` + `KILL_WAIT_S` besides the sink's own time. Not to be called from the sink.
        """
        self._request_stop()
        if self._thread.ident is not None:
            self._thread.join()
        else:
            self._stop_cameras()

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop, kill what is left after `timeout_s`, and let everything go but the frames that the sink still holds."""
        if self._closed:
            return
        self._request_stop()
        self._closed = True
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            for camera in self._cameras.values():
                camera.kill()
            self._thread.join(KILL_WAIT_S)
        if not self._thread.is_alive():
            self._selector.close()
            os.close(self._wake)

    def _request_stop(self) -> None:
        self._stop.set()
        if not self._closed:
            os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        try:
            for camera in self._cameras.values():
                camera.start()
            while not (self._stop.is_set() and all(camera.settled for camera in self._cameras.values())):
                self.pulse.beat()
                self._turn()
            self.pulse.end()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the daemon must learn of it: see `failure`
            self._failure = error
            _log.exception("intake failed")
            for camera in self._cameras.values():
                camera.abandon(f"the intake thread failed: {error!r}")

    def _turn(self) -> None:
        for key, _ in self._selector.select(_TICK_S):
            key.data()
        # Time is looked at after the news, so that frames which came while we were held up do not count as missing.
        if self._stop.is_set():
            self._stop_cameras()
        for camera in self._cameras.values():
            camera.tick()

    def _stop_cameras(self) -> None:
        for camera in self._cameras.values():
            camera.stop()
