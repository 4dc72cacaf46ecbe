"""Publishes previews, on a socket and a thread of their own.

As long as nobody subscribes, nothing is looked at, kept or encoded. While somebody does, a frame's buffer is held for
the few milliseconds until it is encoded, one of each camera at a time: what comes before that is through is not shown.
What pictures take of the processor is bounded: the more a picture takes, the fewer there are.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from contextlib import suppress
from typing import Final, NamedTuple, Self

import structlog
import zmq

from inspectd.closing import Closing
from inspectd.doorkeeper import Guard
from inspectd.frames import Frame
from inspectd.pipeline.onlookers import Seen
from inspectd.previews.budget import Budget
from inspectd.previews.pace import Pace
from inspectd.previews.shrinking import shrink
from inspectd.settings import PublishSettings
from inspectd.sockets import bound_socket, end_context
from inspectd.wire.models import Outcome, PictureHeader, Verdict
from inspectd.wire.topics import picture_topic

WATERMARK: Final = 8
"""Pictures kept for a subscriber that reads too slowly."""
LOOK_S: Final = 0.2
"""How often the subscriptions are looked at while pictures are wanted; and how long the end may wait for the thread."""
NICENESS: Final = 10
"""Of the thread: on a busy machine inspection comes first."""
MAX_TOPICS: Final = 256
SUBSCRIBED: Final = b"\x01"
"""What an XPUB socket hears begins with it, or with 0 where nobody subscribes to that topic any more."""

log = structlog.get_logger(__name__)


class _Chosen(NamedTuple):
    verdict: Verdict
    frame: Frame


class Previews(Closing):
    """An onlooker that publishes. `start` it before frames are shown to it; to be closed."""

    def __init__(self, settings: PublishSettings, guard: Guard | None = None) -> None:
        """Without a `guard`, whoever reaches the socket is let in."""
        self._settings = settings
        self._guard = guard or Guard()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._topics: frozenset[bytes] = frozenset()
        self._pace = Pace(settings.pictures_hz)
        self._budgets: dict[str, Budget] = {}
        self._under_way: set[str] = set()
        self._chosen: queue.SimpleQueue[_Chosen | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="previews", daemon=True)

    def start(self) -> None:
        """Bind the socket and look out for subscribers.

        Raises:
            PublishError: the address cannot be bound.
        """
        options: dict[int, int] = {zmq.SNDHWM: WATERMARK, zmq.LINGER: 0}
        address = self._settings.pictures
        self._socket = bound_socket(self._context, zmq.XPUB, "publish.pictures", address, options, guard=self._guard)
        self._thread.start()

    def __enter__(self) -> Self:
        self.start()
        return super().__enter__()

    def close(self) -> None:
        """Publish no more, and let go what is held. May be called more than once."""
        self._closed.set()
        self._chosen.put(None)
        if self._thread.is_alive():
            self._thread.join()
        end_context(self._context)

    # Of an onlooker; the publisher's thread

    @property
    def wants_pictures(self) -> bool:
        """Whether somebody subscribes."""
        return bool(self._topics)

    def saw(self, seen: Seen) -> None:
        """Choose the frame, or not."""
        verdict, frame = seen.verdict, seen.frame
        if frame is None or not self._wanted(verdict.camera) or verdict.camera in self._under_way:
            return
        budget = self._budgets.setdefault(verdict.camera, Budget())
        rate_hz = self._pace.rate_hz(len(self._budgets))
        if budget.take(time.monotonic(), rate_hz, passed=verdict.outcome is Outcome.PASS):
            frame.retain()
            self._under_way.add(verdict.camera)
            self._chosen.put(_Chosen(verdict, frame))
            if self._closed.is_set():  # meanwhile; the thread may look there no more
                self._let_go()

    def _wanted(self, camera: str) -> bool:
        topics = self._topics
        return bool(topics) and not self._closed.is_set() and picture_topic(camera).startswith(tuple(topics))

    # The thread

    def _run(self) -> None:
        _give_way()
        try:
            while not self._closed.is_set():
                self._look()
                self._publish_one()
        except Exception:
            log.exception("previews failed; there are none until a restart")
        finally:
            self._end()

    def _look(self) -> None:
        """Take note of who subscribes to what; while nobody does, wait for it."""
        while self._socket.poll(0 if self._topics else int(LOOK_S * 1000)):
            said = self._socket.recv()
            known = self._topics - {said[1:]}
            subscribed = said[:1] == SUBSCRIBED and len(known) < MAX_TOPICS
            self._topics = known | {said[1:]} if subscribed else known

    def _publish_one(self) -> None:
        if not self._topics:
            self._let_go()
            return
        with suppress(queue.Empty):
            chosen = self._chosen.get(timeout=LOOK_S)
            if chosen is not None:
                began_s = time.thread_time()
                self._publish(chosen)
                self._pace.took(time.thread_time() - began_s)

    def _publish(self, chosen: _Chosen) -> None:
        verdict, frame = chosen
        try:
            small = shrink(frame.pixels, frame.pixel_format, self._settings.picture_side)
        finally:
            frame.release()
            self._under_way.discard(verdict.camera)
        height, width = frame.pixels.shape[:2]
        header = PictureHeader(
            publisher=verdict.publisher,
            boot=verdict.boot,
            journal=verdict.journal,
            sequence=verdict.sequence,
            camera=verdict.camera,
            frame=frame.number,
            outcome=verdict.outcome,
            width=small.width,
            height=small.height,
            frame_width=width,
            frame_height=height,
        )
        topic = picture_topic(verdict.camera)
        self._socket.send_multipart([topic, header.model_dump_json().encode(), small.jpeg])

    def _end(self) -> None:
        self._topics = frozenset()
        self._closed.set()
        self._let_go()
        self._socket.close(linger=0)

    def _let_go(self) -> None:
        with suppress(queue.Empty):
            while True:
                chosen = self._chosen.get_nowait()
                if chosen is not None:
                    self._under_way.discard(chosen.verdict.camera)
                    chosen.frame.release()


def _give_way() -> None:
    with suppress(OSError):  # a stricter unit than ours may forbid it
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
