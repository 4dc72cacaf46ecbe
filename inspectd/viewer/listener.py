"""Listens to the daemon, and fills the scene."""

from __future__ import annotations

import threading
from typing import Final, Self

import structlog

from inspectd.client import Client, Replayer
from inspectd.client.messages import parsed_numbered
from inspectd.closing import Closing
from inspectd.errors import InspectdError
from inspectd.viewer.scene import ENTRIES, Scene
from inspectd.viewer.sources import Sources
from inspectd.wire.models import Heartbeat, Message

WAIT_S: Final = 0.2
"""How long the end may wait for the thread."""
GATHER_S: Final = 0.1
"""From the first message until all that are there are read: to wake for each costs more than to read it. Well below
what lies between two updates of the page, and the time in which the sockets' watermarks fill."""
REPLAY_S: Final = 1.0
"""Patience with the replay of what was said before."""

log = structlog.get_logger(__name__)


class Listener(Closing):
    """Listens as long as it is entered, on a thread of its own.

    Gaps are not filled by replay: a page that cannot keep up must not ask the daemon for even more.
    """

    def __init__(self, scene: Scene, sources: Sources) -> None:
        """Connect to the daemon.

        Raises:
            ClientError: an address is none.
            KeysError: the file of keys cannot be used.
        """
        self._scene = scene
        maps, pictures = sources.maps or None, sources.pictures or None
        self._client = Client(sources.verdicts, maps=maps, pictures=pictures, keys=sources.keys)
        self._replay = sources.replay
        self._keys = sources.keys
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._guarded, name="listener", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return super().__enter__()

    def close(self) -> None:
        """Listen no more. May be called more than once."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._client.close()

    def _guarded(self) -> None:
        try:
            self._run()
        except Exception:
            log.exception("the listener failed")
            self._scene.cannot_listen("The viewer itself has failed; start it again. Its log tells why.")

    def _run(self) -> None:
        remembered = not self._replay
        wait_s = WAIT_S
        while not self._closed.is_set():
            try:
                event = self._client.receive(wait_s)
            except InspectdError as error:
                self._scene.cannot_listen(str(error))
                self._closed.wait(WAIT_S)
                continue
            if not remembered and isinstance(event, Message):
                remembered = True
                # A heartbeat tells the number that was given last, all others have one of their own.
                self._remember(event.sequence if isinstance(event, Heartbeat) else event.sequence - 1)
            if event is None:
                wait_s = WAIT_S
                continue
            self._scene.take(event)
            if wait_s:
                self._closed.wait(GATHER_S)
            wait_s = 0.0

    def _remember(self, last: int) -> None:
        """What was said up to number `last`; a daemon that does not tell is no fault."""
        if last < 1:
            return
        try:
            with Replayer(self._replay, REPLAY_S, self._keys) as replayer:
                answer = replayer.ask(max(1, last - ENTRIES + 1), last)
            self._scene.remember([parsed_numbered(message) for message in answer.verdicts])
        except InspectdError as error:
            log.warning("what was said before is not shown", why=str(error))
