"""The candidate's process: looks at one frame after the other.

Started by the daemon as `python -m inspectd.shadow.start`; it dies with the daemon.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final

import cv2
import numpy as np

from engines.bundle import open_bundle
from engines.errors import EnginesError
from engines.pixels import PixelFormat
from inspectd.capture.ring import RingReader
from inspectd.errors import InspectdError
from inspectd.model import MakeEngine, camera_policies, load_model
from inspectd.offspring import die_with
from inspectd.runtimes import make_engine
from inspectd.shadow.candidate import Candidate
from inspectd.shadow.comparison import Comparison
from inspectd.shadow.messages import ASKED, MAP, MAX_MESSAGE, PIXELS, SLOTS, Begin, Compared, Failed, Look, Ready, Told
from inspectd.wire.drafts import MapDraft

ENGINE_TIMEOUT_S: Final = 3600.0
"""The daemon loses patience long before."""


class Worker:
    """Answers what the daemon asks until it asks no more."""

    def __init__(self, channel: Connection, ring: int, make: MakeEngine = make_engine) -> None:
        """`ring` is the shared memory's descriptor."""
        self._channel = channel
        self._ring = ring
        self._make = make

    def run(self) -> None:
        """Until the daemon closes its end, or it cannot go on."""
        try:
            self._answer()
        except (InspectdError, EnginesError, OSError) as error:
            self._fail(str(error))
        except Exception as error:
            self._fail(repr(error))
            raise

    def _answer(self) -> None:
        begin = self._asked()
        assert isinstance(begin, Begin)
        ring = RingReader(self._ring, SLOTS, begin.slot_bytes)
        comparison = self._load(begin)
        self._tell(Ready(figures=comparison.figures.told()))
        while (look := self._asked()) is not None:
            assert isinstance(look, Look)
            self._tell(_compared(comparison, look, ring))
        comparison.save()

    def _load(self, begin: Begin) -> Comparison:
        cameras = camera_policies(begin.cameras)
        settings = begin.engine.model_copy(update={"threads": 1, "slots": 1})
        model = load_model(open_bundle(begin.bundle), settings, cameras, self._make)
        return Comparison(model, Candidate(model, cameras, ENGINE_TIMEOUT_S), begin.results, anew=begin.anew)

    def _asked(self) -> Begin | Look | None:
        try:
            return ASKED.validate_json(self._channel.recv_bytes(MAX_MESSAGE))
        except (EOFError, ConnectionResetError):
            return None

    def _tell(self, message: Told) -> None:
        self._channel.send_bytes(message.model_dump_json().encode())

    def _fail(self, reason: str) -> None:
        with suppress(OSError):
            self._tell(Failed(reason=reason))


def _compared(comparison: Comparison, look: Look, ring: RingReader) -> Compared:
    pixels = ring.view(PIXELS, look.height, look.width, look.pixel_format)
    values = ring.view(MAP, look.rows, look.columns * np.dtype(np.float32).itemsize, PixelFormat.MONO8)
    comparison.skipped(look.skipped)
    running = MapDraft(values.view(np.float32), look.cell)
    agreement = comparison.compare(pixels, look.pixel_format, look.verdict, running)
    return Compared(agreement=agreement, figures=comparison.figures.told())


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="inspectd.shadow.start", description="Started by the daemon.")
    parser.add_argument("--parent", required=True, type=int, help="process id of the daemon")
    parser.add_argument("--channel", required=True, type=int, help="descriptor of the message socket")
    parser.add_argument("--ring", required=True, type=int, help="descriptor of the shared memory")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, make: MakeEngine = make_engine) -> None:
    """Run one life of a candidate's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    arguments = _arguments(argv)
    die_with(arguments.parent)
    cv2.setNumThreads(1)
    Worker(Connection(arguments.channel), arguments.ring, make).run()
