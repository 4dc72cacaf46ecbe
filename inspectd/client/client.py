"""The client: listens, counts, and asks for what it missed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import zmq

from inspectd.client.connection import AGAIN_S, Connection
from inspectd.client.events import Event, Gap, JournalReplaced, Map, Picture, Repaired, Repairing, Restart, Silence
from inspectd.client.messages import parsed, parsed_numbered
from inspectd.client.replayer import TIMEOUT_S, Replayer
from inspectd.closing import Closing
from inspectd.errors import ClientError
from inspectd.keys.files import read_client
from inspectd.wire.addresses import VERDICTS
from inspectd.wire.maps import decode_map
from inspectd.wire.models import Heartbeat, MapHeader, Numbered, PictureHeader
from inspectd.wire.topics import HEARTBEAT

VERDICTS_WATERMARK = 1000
"""Messages that wait for a reader that is slow; what comes beyond is lost, noticed as a gap, and replayed."""
MAPS_WATERMARK = 32
"""Maps are large, and a late one is of little use."""
PICTURES_WATERMARK = 8
"""Likewise."""
ASK_AGAIN_S = 0.25
"""How long a patient client waits before it asks again."""


class Client(Closing):
    """Iterate over it for events, for ever. Belongs to one thread; to be closed, best as a context manager.

    With a replay address, verdicts come in order and each exactly once: what the socket dropped, and what was said
    while nobody listened, is asked for before anything newer is told. Where no answer comes, a `Gap` tells what is
    missing; a patient client asks on instead, tells so by `Repairing` and `Repaired`, and passes over the heartbeats
    that came meanwhile. Without a replay address, every gap is told. Either way a verdict lost at the end is noticed
    through the heartbeat, which tells the newest number every second.
    """

    def __init__(
        self,
        verdicts: str = VERDICTS,
        *,
        replay: str | None = None,
        maps: str | None = None,
        pictures: str | None = None,
        since: int | None = None,
        journal: str | None = None,
        silence_s: float = 5.0,
        replay_timeout_s: float = TIMEOUT_S,
        patient: bool = False,
        keys: Path | None = None,
    ) -> None:
        """Connect; the daemon need not be there yet.

        Args:
            verdicts: address of `publish.verdicts`.
            replay: address of `publish.replay`, to have gaps filled.
            maps: address of `publish.maps`, to get maps as well.
            pictures: address of `publish.pictures`, to get small pictures of some frames as well.
            since: the first number wanted; None for what is published from now on.
            journal: the journal that `since` counts in, where it is known from an earlier run: `Verdict.journal`.
            silence_s: a `Silence` is told when nothing was heard for so long, and each time that has doubled.
            replay_timeout_s: how long the daemon may be silent within an answer of a replay.
            patient: whether a replay that does not come is asked for until it does, rather than told as a `Gap`.
            keys: this client's file, where the daemon asks for one.

        Raises:
            ClientError: an address is none.
            KeysError: the file of keys cannot be used.
        """
        self._keys = None if keys is None else read_client(keys)
        self._next = None if since is None else max(1, since)
        self._journal = journal
        self._boot: str | None = None
        self._silence_s = silence_s
        self._heard_now()
        self._patient = patient
        self._replayer: Replayer | None = None
        self._events: Iterator[Event | None] = iter(())
        self._ask_again_s: float | None = None
        """When what is missing is asked for again; None while nothing waits for that."""
        self._late = False
        """Whether what is in the socket may have come while a repair waited."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._poller = zmq.Poller()
        self._connections: list[Connection] = []
        try:
            self._verdicts = self._subscribe(verdicts, VERDICTS_WATERMARK)
            self._maps = None if maps is None else self._subscribe(maps, MAPS_WATERMARK)
            self._pictures = None if pictures is None else self._subscribe(pictures, PICTURES_WATERMARK)
            if replay is not None:
                self._replayer = Replayer(replay, replay_timeout_s, keys)
        except BaseException:
            self._context.destroy(linger=0)
            raise

    def _subscribe(self, address: str, watermark: int) -> zmq.Socket[bytes]:
        connection = Connection(self._context, zmq.SUB, address, watermark, self._keys)
        self._connections.append(connection)
        self._poller.register(connection.monitor, zmq.POLLIN)
        connection.socket.setsockopt(zmq.SUBSCRIBE, b"")
        self._poller.register(connection.socket, zmq.POLLIN)
        return connection.socket

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self.receive()
        assert event is not None
        return event

    def receive(self, timeout_s: float | None = None) -> Event | None:
        """The next event; None where none came in time. A replay under way may take longer than `timeout_s`.

        Raises:
            NotAdmittedError: the daemon does not let this client in; it is tried again as the client is used on.
            ClientError: a message came that is not of this wire. The client may be used on.
        """
        end_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            if not self._may_go_on(end_s):
                return None
            event = next(self._events, None)
            if event is not None:
                return event
            if self._ask_again_s is not None:
                continue
            if self._late and not self._verdicts.poll(0):
                self._late = False
            if self._hears_verdicts():
                continue
            if self._silent():
                return self._silence()
            if self._hears_maps_or_pictures():
                continue
            ready = self._poller.poll(self._patience_ms(end_s))
            for connection in self._connections:
                connection.check()
            if not ready and end_s is not None and time.monotonic() >= end_s:
                return None

    def close(self) -> None:
        """Close the sockets. May be called more than once."""
        if self._replayer is not None:
            self._replayer.close()
        self._context.destroy(linger=0)

    # Listening

    # What has come is taken without asking first which socket it is on: at many verdicts a second that is what costs.

    def _hears_verdicts(self) -> bool:
        parts = _waiting(self._verdicts)
        if parts is None:
            return False
        self._heard_now()
        self._events = self._understand(parts)
        return True

    def _hears_maps_or_pictures(self) -> bool:
        for socket, read in ((self._maps, _map), (self._pictures, _picture)):
            parts = None if socket is None else _waiting(socket)
            if parts is not None:
                self._events = iter([read(parts)])
                return True
        return False

    def _patience_ms(self, end_s: float | None) -> int:
        """Until the silence is to be told or the caller's time is over; at least once, what is there is taken."""
        until_s = min(self._silent_at_s, time.monotonic() + AGAIN_S)
        if end_s is not None:
            until_s = min(until_s, end_s)
        return max(0, math.ceil((until_s - time.monotonic()) * 1000))

    def _heard_now(self) -> None:
        self._heard_s = time.monotonic()
        self._silent_at_s = self._heard_s + self._silence_s

    def _silent(self) -> bool:
        return time.monotonic() >= self._silent_at_s

    def _silence(self) -> Silence:
        silence = Silence(time.monotonic() - self._heard_s)
        self._silent_at_s = self._heard_s + 2 * silence.seconds
        return silence

    def _understand(self, parts: list[bytes]) -> Iterator[Event | None]:
        if len(parts) != 2:
            raise ClientError(f"a message of {len(parts)} parts came; is the address that of publish.verdicts?")
        topic, body = parts
        if topic == HEARTBEAT:
            beat = parsed(Heartbeat, body)
            return self._after(beat, newest=beat.sequence)
        verdict = parsed_numbered(body)
        return self._after(verdict, newest=verdict.sequence - 1)

    # Counting

    def _after(self, message: Numbered | Heartbeat, newest: int) -> Iterator[Event | None]:
        """The message, after everything that must be told before it; `newest` is the number that came before it."""
        yield from self._changes(message, newest)
        if self._next is None:
            self._next = newest + 1
        if self._next <= newest:
            yield from self._repair(newest)
        if isinstance(message, Heartbeat):
            if not self._late:  # else it says how the daemon was; the next one says how it is
                yield message
        elif message.sequence == self._next:
            self._next += 1
            yield message

    def _changes(self, message: Numbered | Heartbeat, newest: int) -> Iterator[Event]:
        new_boot = message.boot != self._boot
        if new_boot and self._boot is not None:
            yield Restart(message.boot)
        self._boot = message.boot
        other_journal = self._journal not in {None, message.journal}
        went_back = new_boot and self._next is not None and newest + 1 < self._next
        if other_journal or went_back:
            yield JournalReplaced(message.journal, expected=self._next or 0, found=message.sequence)
            self._next = 1
        self._journal = message.journal

    def _repair(self, last: int) -> Iterator[Event | None]:
        """Tell everything from the next number to `last`: as a verdict where it can be had, else as a gap.

        None is no event: go on when it is time to ask again.
        """
        assert self._next is not None
        repairing = False
        while self._next <= last:
            try:
                verdicts, why_no_more = self._ask(last)
            except ClientError as error:
                if not self._patient:
                    yield from self._skip_to(last + 1, str(error))
                    return
                if not repairing:
                    repairing = self._late = True
                    yield Repairing(self._next, last, str(error))
                self._ask_again_s = time.monotonic() + ASK_AGAIN_S
                yield None
                continue
            for verdict in verdicts:
                yield from self._skip_to(verdict.sequence, why_no_more)
                self._next = verdict.sequence + 1
                yield verdict
            if not verdicts:
                yield from self._skip_to(last + 1, why_no_more)
        if repairing:
            yield Repaired()

    def _may_go_on(self, end_s: float | None) -> bool:
        """Wait until what is missing is to be asked for again; False where the caller's time is over before."""
        if self._ask_again_s is not None:
            until_s = self._ask_again_s if end_s is None else min(self._ask_again_s, end_s)
            time.sleep(max(0.0, until_s - time.monotonic()))
            if until_s < self._ask_again_s:
                return False
            self._ask_again_s = None
        return True

    def _ask(self, last: int) -> tuple[list[Numbered], str]:
        """The next ones, as many as an answer holds, and why what it leaves out is gone for good.

        Raises:
            ClientError: there is no answer that can be read; there may be one later.
        """
        assert self._next is not None
        if self._replayer is None:
            return [], "no replay address was given"
        answer = self._replayer.ask(self._next, last)
        if answer.end.journal != self._journal:
            return [], "the journal was replaced"
        return [parsed_numbered(message) for message in answer.verdicts], "it is no longer in the journal"

    def _skip_to(self, sequence: int, detail: str) -> Iterator[Event]:
        assert self._next is not None
        if self._next < sequence:
            gap = Gap(self._next, sequence - 1, detail)
            self._next = sequence
            yield gap


def _waiting(socket: zmq.Socket[bytes]) -> list[bytes] | None:
    """The next message on a socket, where one has come."""
    try:
        return socket.recv_multipart(zmq.NOBLOCK)
    except zmq.Again:
        return None


def _map(parts: list[bytes]) -> Map:
    """Read a map message.

    Raises:
        ClientError: it is none.
    """
    if len(parts) != 3:
        raise ClientError(f"a message of {len(parts)} parts came; is the address that of publish.maps?")
    header = parsed(MapHeader, parts[1])
    try:
        return Map(header, decode_map(header, parts[2]))
    except ValueError as error:
        raise ClientError(f"the map of verdict {header.sequence} cannot be read: {error}") from error


def _picture(parts: list[bytes]) -> Picture:
    """Read a picture message.

    Raises:
        ClientError: it is none.
    """
    if len(parts) != 3:
        raise ClientError(f"a message of {len(parts)} parts came; is the address that of publish.pictures?")
    return Picture(parsed(PictureHeader, parts[1]), parts[2])
