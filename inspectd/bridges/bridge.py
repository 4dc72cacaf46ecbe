"""A bridge at work: a thread that hears the daemon, and a loop in which line and peer live."""

from __future__ import annotations

import asyncio
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import get_args

import structlog

from inspectd.bridges.handover import Position
from inspectd.bridges.line import Image, Limits, Line, Status
from inspectd.bridges.memory import Memory
from inspectd.client import Client, Event, Gap, JournalReplaced, Repairing
from inspectd.errors import ClientError, NotAdmittedError
from inspectd.sparing import Sparing
from inspectd.wire.models import Numbered

NUMBERED = (*get_args(Numbered), Gap, JournalReplaced)
"""What may have to be handed over."""
TICK_S = 0.1
"""How often the other side is told what changes by itself: life, silence, patience."""
LEAVE_S = 3.5
"""For a peer to leave, s. Taking leave of an MQTT broker that does not answer takes three."""
TOLD = Status.READY | Status.SILENT | Status.REPAIRING | Status.OVERDUE | Status.BEHIND
"""Changes that an operator reads of in the log."""

log = structlog.get_logger(__name__)

Acknowledge = Callable[[int], None]


class Peer(ABC):
    """The other side, in its own protocol. Lives in the bridge's loop."""

    @abstractmethod
    async def start(self, acknowledge: Acknowledge) -> None:
        """Be there; from now on `acknowledge` is called with each ticket that the other side has taken.

        Raises:
            PublishError: its port cannot be bound.
        """

    @abstractmethod
    async def work(self) -> None:
        """Keep the other side up to date until it is cancelled; the bridge ends if this does."""

    @abstractmethod
    def show(self, image: Image) -> None:
        """Let the other side see this from now on."""

    @abstractmethod
    async def close(self) -> None:
        """Leave; nothing may look well after it."""


class Bridge:
    """One line, one peer."""

    def __init__(
        self, open_client: Callable[[Position | None], Client], line: Line, memory: Memory, peer: Peer, limits: Limits
    ) -> None:
        """`open_client` opens a patient client after a position; the thread that calls it uses and closes it."""
        self._open_client = open_client
        self._line = line
        self._memory = memory
        self._peer = peer
        # The reader takes one for each verdict; one that is taken gives it back. What comes while there is none waits
        # in the socket, and what overflows there is replayed.
        self._room = threading.Semaphore(limits.waiting)
        self._remembered = line.position
        self._status = Status(0)
        self._stopping = threading.Event()
        self._refused = Sparing(log.error, "the daemon does not let this bridge in")

    async def run(self) -> None:
        """Bridge until SIGTERM or SIGINT.

        Raises:
            BridgeStateError: what was taken cannot be kept.
            ClientError: an address is none.
            PublishError: the peer's port cannot be bound.
        """
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._end)
        await self._peer.start(self._acknowledge)
        work = asyncio.create_task(self._peer.work())
        reader = threading.Thread(target=self._read, name="client", daemon=True)
        reader.start()
        try:
            while not self._ended.done() and not work.done():
                self._show()
                await asyncio.wait([self._ended, work], timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
            (work if work.done() else self._ended).result()
        finally:
            self._stopping.set()
            while not work.done():  # clean-up that fails can lose a cancellation, as asyncio.wait_for does up to 3.11
                work.cancel()
                await asyncio.wait([work], timeout=LEAVE_S)
            await asyncio.gather(work, return_exceptions=True)
            await self._peer.close()
            await asyncio.to_thread(reader.join, 5.0)

    def _end(self, error: Exception | None = None) -> None:
        if self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)

    # In the reader's thread

    def _read(self) -> None:
        try:
            with self._open_client(self._line.position) as client:
                while not self._stopping.is_set():
                    self._read_one(client)
        except Exception as error:  # noqa: BLE001 - whatever it is, the bridge must not go on without its reader
            self._tell(self._end, error)

    def _read_one(self, client: Client) -> None:
        if not self._room.acquire(timeout=0.25):
            return
        event = self._received(client)
        if not isinstance(event, NUMBERED):
            self._room.release()
        if event is not None:
            self._tell(self._heard, event)

    def _received(self, client: Client) -> Event | None:
        try:
            return client.receive(0.25)
        except NotAdmittedError as error:
            self._refused.tell(error=str(error))
        except ClientError as error:
            log.warning("a message was passed over", error=str(error))
        return None

    def _tell(self, function: Callable[..., None], what: object) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(function, what)

    # In the loop

    def _heard(self, event: Event) -> None:
        match event:
            case Repairing(first=first, last=last, detail=why):
                log.warning("verdicts are missing", first=first, last=last, why=why)
            case Gap(first=first, last=last, detail=why):
                log.error("verdicts are lost", first=first, last=last, why=why)
        if not self._line.hear(event) and isinstance(event, NUMBERED):
            self._room.release()
        self._show()

    def _acknowledge(self, ticket: int) -> None:
        taken = self._line.acknowledge(ticket)
        if taken:
            self._room.release(taken)
            self._show()

    def _show(self) -> None:
        """Keep what was taken, then offer what comes next: never the other way round."""
        try:
            self._remember()
        except Exception as error:  # noqa: BLE001 - raised by `run`, whoever has called this
            self._end(error)
            return
        image = self._line.image()
        self._log_changes(image.status)
        self._peer.show(image)

    def _remember(self) -> None:
        position = self._line.position
        if position is not None and position != self._remembered:
            self._memory.remember(position)
            self._remembered = position

    def _log_changes(self, status: Status) -> None:
        if (status ^ self._status) & TOLD:
            names = [flag.name.lower() for flag in Status if flag in status & TOLD and flag.name]
            (log.info if Status.READY in status else log.warning)("the line changed", status=names)
        self._status = status
