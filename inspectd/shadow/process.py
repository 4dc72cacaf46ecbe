"""A candidate's process, as the daemon holds it: the process, the shared memory, and the conversation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Final

import numpy as np

from inspectd.capture.ring import RingWriter, create_ring
from inspectd.closing import Closing
from inspectd.errors import ShadowError
from inspectd.frames import Frame
from inspectd.shadow.messages import MAP, MAX_MESSAGE, PIXELS, SLOTS, TOLD, Begin, Failed, Look, Told
from inspectd.wire.drafts import MapDraft
from inspectd.wire.models import Verdict

WORKER: Final = ("-P", "-m", "inspectd.shadow.start")
"""What Python runs."""
LOOK_S: Final = 0.2
"""How often it is looked, while an answer is awaited, whether the end has come."""
LEAVE_S: Final = 1.0
"""How long the process may take to write its figures and leave."""
_ENVIRONMENT: Final[Mapping[str, str]] = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class CandidateProcess(Closing):
    """Starts on construction. For the thread that made it, and ends with that thread."""

    def __init__(self, begin: Begin, program: Sequence[str] = WORKER) -> None:
        """
        Raises:
            OSError: the machine has no room for another process.
        """
        self._slot_bytes = begin.slot_bytes
        ring = create_ring(SLOTS, begin.slot_bytes)
        try:
            self._ring = RingWriter(ring, SLOTS, begin.slot_bytes)
            self._channel, self._process = _spawn(ring, program)
        finally:
            os.close(ring)
        self._send(begin)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def show(self, verdict: Verdict, frame: Frame, distance_map: MapDraft, skipped: int) -> Look:
        """Copy a frame and its map to where it can see them. Returns what to `ask`; that needs the frame no more.

        Raises:
            ShadowError: the frame is larger than any camera's may be.
        """
        distance = np.ascontiguousarray(distance_map.distance)
        if max(frame.pixels.nbytes, distance.nbytes) > self._slot_bytes:
            raise ShadowError(f"a frame of {frame.pixels.nbytes} bytes does not fit")
        self._ring.write(PIXELS, frame.pixels)
        self._ring.write(MAP, distance.view(np.uint8))
        height, width = frame.pixels.shape[:2]
        rows, columns = distance.shape
        return Look(
            verdict=verdict,
            pixel_format=frame.pixel_format,
            height=height,
            width=width,
            rows=rows,
            columns=columns,
            cell=distance_map.cell,
            skipped=skipped,
        )

    def ask(self, look: Look) -> None:
        """Have it look; `answer` follows.

        Raises:
            ShadowError: it has gone.
        """
        self._send(look)

    def answer(self, patience_s: float, over: threading.Event) -> Told | None:
        """What it says; None where `over` came first.

        Raises:
            ShadowError: it failed, died or does not answer; the message says why.
        """
        end = time.monotonic() + patience_s
        try:
            while not self._channel.poll(LOOK_S):
                if over.is_set():
                    return None
                if time.monotonic() > end:
                    raise ShadowError(
                        f"no answer within {patience_s:g} s: it hangs, or this PC has no time left for it"
                    )
            told = TOLD.validate_json(self._channel.recv_bytes(MAX_MESSAGE))
        except (EOFError, OSError) as error:
            raise ShadowError(self._epitaph()) from error
        if isinstance(told, Failed):
            raise ShadowError(told.reason)
        return told

    def close(self) -> None:
        """Let it write its figures and leave, or kill it. May be called more than once."""
        self._channel.close()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LEAVE_S)

    def _send(self, message: Begin | Look) -> None:
        try:
            self._channel.send_bytes(message.model_dump_json().encode())
        except OSError as error:
            raise ShadowError(self._epitaph()) from error

    def _epitaph(self) -> str:
        try:
            code = self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            return "its process does not speak any more"
        if code >= 0:
            return f"its process ended by itself with code {code}; the log may say why"
        with suppress(ValueError):
            return f"its process was killed by {signal.Signals(-code).name}"
        return f"its process was killed by signal {-code}"


def _spawn(ring: int, program: Sequence[str]) -> tuple[Connection, subprocess.Popen[bytes]]:
    ours, theirs = Pipe()
    descriptors = theirs.fileno(), ring
    arguments = ("--parent", str(os.getpid()), "--channel", str(descriptors[0]), "--ring", str(ring))
    try:
        process = subprocess.Popen(  # noqa: S603 - this interpreter runs this package's own module
            [sys.executable, *program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=descriptors,
            env={**_ENVIRONMENT, **os.environ},
            process_group=0,  # a Ctrl-C at the terminal is the daemon's to answer
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return ours, process
