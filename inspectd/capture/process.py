"""One life of a capture process, as the daemon holds it: the process, its ring, its channel, and the slots lent out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from inspectd.cameras.build import effective_drop
from inspectd.capture.channel import Begin, Channel, Fire, FrameReady, Message, Release, Stop, channel_pair
from inspectd.capture.ring import RingReader, create_ring
from inspectd.frames import Frame, Loan
from inspectd.settings import CameraSettings, DropPolicy

SLACK_SLOTS: Final = 4
"""Beyond the queue: frames being cut, and the one being written."""
SHOWN_SLOTS: Final = 20
"""Beyond these: frames whose verdict is on its way, and whose pixels are still wanted for it (`Onlooker`). A slot takes
memory only once it is used, and those used last are used first."""
_STDERR_KEPT: Final = 2000
"""Bytes; the last words of a process that dies."""
_ENVIRONMENT: Final[Mapping[str, str]] = {
    # Libraries complain to standard error of what the driver reports better.
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    # Capture needs no linear algebra; the pool of threads costs time and memory.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


class CaptureProcess:
    """Starts on construction. All but `release` is for the intake thread.

    Frames stay valid after the process has gone; its ring is unmapped when the last of them has been released and
    dropped.
    """

    def __init__(self, camera: str, settings: CameraSettings, first: int) -> None:
        """`first` is the number of the first frame it takes.

        Raises:
            OSError: the machine has no room for another process.
        """
        self.camera = camera
        self.blocks = effective_drop(settings) is DropPolicy.BLOCK
        slots, slot_bytes = settings.queue_frames + SLACK_SLOTS, settings.max_frame_mb << 20
        if not self.blocks:  # one that blocks is held back by its ring, which must not let more frames grow old
            slots += SHOWN_SLOTS
        self._lock = threading.Lock()
        self._lent: dict[int, int] = {}
        self._unsent: list[Release | Fire | Stop] = []
        self._last_words = b""
        self.freed_at = 0.0
        """CLOCK_MONOTONIC, s, when a slot became free while none was."""
        self._slots, self._slot_bytes = slots, slot_bytes
        descriptor = create_ring(slots, slot_bytes)
        try:
            self._ring: RingReader | None = RingReader(descriptor, slots, slot_bytes)
            self._channel, self._process = _start(camera, descriptor)
        finally:
            os.close(descriptor)
        os.set_blocking(self.stderr, False)
        self.exit = _exit_descriptor(self._process)
        """Descriptor that becomes readable when it has ended."""
        self._open = True
        self._tell(Begin(settings.model_dump(mode="json"), first, slots, slot_bytes))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def channel(self) -> int:
        """Descriptor that becomes readable when it has something to say or has closed its end."""
        return self._channel.fileno()

    @property
    def stderr(self) -> int:
        """Descriptor that becomes readable when it complains."""
        assert self._process.stderr is not None
        return self._process.stderr.fileno()

    def receive(self) -> Message | None:
        """See `Channel.receive`, without waiting."""
        return self._channel.receive(wait=False)

    def may_lend(self, ready: FrameReady) -> bool:
        """Whether an announcement makes sense: a slot of the ring that is not lent out, and pixels that it can hold."""
        size = ready.height * ready.width * ready.pixel_format.channels
        with self._lock:
            free = 0 <= ready.slot < self._slots and ready.slot not in self._lent
        return free and ready.height > 0 and ready.width > 0 and size <= self._slot_bytes

    def lend(self, ready: FrameReady) -> Frame:
        """Lend a slot out as a frame; `may_lend` is true of it."""
        assert self._ring is not None
        with self._lock:
            self._lent[ready.slot] = ready.number
        return Frame(
            camera=self.camera,
            number=ready.number,
            pixels=self._ring.view(ready.slot, ready.height, ready.width, ready.pixel_format),
            pixel_format=ready.pixel_format,
            captured_monotonic_ns=ready.captured_monotonic_ns,
            captured_utc_ns=ready.captured_utc_ns,
            source=ready.source,
            loan=Loan(partial(self.release, ready.slot, ready.number)),
            part=ready.part,
            rows=ready.rows,
        )

    def release(self, slot: int, number: int) -> None:
        """Give frame `number`'s slot back; any thread, any number of times."""
        with self._lock:
            if self._lent.get(slot) != number:
                return
            if len(self._lent) == self._slots:
                self.freed_at = time.monotonic()
            del self._lent[slot]
            self._unsent.append(Release(slot))
            self._send()

    def flush(self) -> None:
        """Send what the socket had no room for."""
        with self._lock:
            self._send()

    def waits_for_slot(self) -> bool:
        """Whether every slot is lent out and the process waits for one: its silence is then ours."""
        with self._lock:
            return self.blocks and len(self._lent) == self._slots

    def fire(self, part: str) -> None:
        """Have it take a frame for a part; any thread. Where it has gone meanwhile, no frame comes."""
        with self._lock:
            self._unsent.append(Fire(part))
            self._send()

    def request_stop(self) -> None:
        """Ask it to take no more frames and to end."""
        with self._lock:
            self._unsent.append(Stop())
            self._send()

    def kill(self) -> None:
        """End it now, whatever it does."""
        self._process.kill()

    def wait(self, timeout_s: float) -> None:
        """Wait for a killed process to go, so that no zombie stays."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)

    def exited(self) -> bool:
        """Whether it has ended; it is then reaped."""
        return self._process.poll() is not None

    def listen_to_stderr(self) -> bool:
        """Keep its last words. False: it will say no more."""
        try:
            words = os.read(self.stderr, 65536)
        except BlockingIOError:
            return True
        self._last_words = (self._last_words + words)[-_STDERR_KEPT:]
        return bool(words)

    def epitaph(self) -> str:
        """How it ended, in words."""
        code = self._process.poll()
        if code is None:
            return "the capture process cannot be killed: its driver hangs in the kernel"
        how = f"was killed by {_signal_name(-code)}" if code < 0 else f"ended by itself with code {code}"
        if code == -signal.SIGBUS:
            how += " (no memory was left for its frames: lower queue_frames, or give the service more memory)"
        last = self._last_words.decode(errors="replace").strip().rpartition("\n")[2]
        return f"the capture process {how}" + (f": {last}" if last else "")

    def close(self) -> None:
        """Let go of everything but the frames lent out."""
        with self._lock:
            self._open = False
            self._channel.close()
            self._drop_ring_if_idle()
        os.close(self.exit)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _tell(self, message: Message) -> None:
        try:
            self._channel.try_send(message)
        except OSError:
            return  # it has gone; `exit` says so

    def _send(self) -> None:
        if not self._open:
            self._unsent.clear()
            self._drop_ring_if_idle()
            return
        try:
            while self._unsent and self._channel.try_send(self._unsent[0]):
                del self._unsent[0]
        except OSError:
            self._unsent.clear()  # it has gone: nobody will hear

    def _drop_ring_if_idle(self) -> None:
        if not self._lent:
            self._ring = None


def _start(camera: str, ring: int) -> tuple[Channel, subprocess.Popen[bytes]]:
    ours, theirs = channel_pair()
    try:
        return ours, _spawn(camera, theirs.fileno(), ring)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()


def _spawn(camera: str, channel: int, ring: int) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-P", "-m", "inspectd.capture.worker"),
        *("--camera", camera, "--parent", str(os.getpid())),
        *("--channel", str(channel), "--ring", str(ring)),
    ]
    return subprocess.Popen(  # noqa: S603 - this interpreter runs this package's own module
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(channel, ring),
        env={**_ENVIRONMENT, **os.environ},
        process_group=0,  # a Ctrl-C at the terminal is the daemon's to answer
    )


def _exit_descriptor(process: subprocess.Popen[bytes]) -> int:
    try:
        return os.pidfd_open(process.pid)
    except OSError:
        process.kill()
        process.wait()
        raise


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
