"""Answers over HTTP with the page and with how the daemon is.

Whatever clients do, inspection goes on: one thread admits so many a second and no more, each has little time and little
room, and where too many are connected the oldest goes. Only `GET` of two paths is answered; nothing is read beyond the
head of a request.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Final, Self

import structlog

from inspectd.closing import Closing
from inspectd.metrics.page import CONTENT_TYPE
from inspectd.sockets import listening_socket

CLIENT_S: Final = 2.0
"""For a client to ask and to take its answer."""
CLIENTS: Final = 16
"""Most that are connected at a time."""
PAUSE_S: Final = 0.02
"""From one client to the next."""
MAX_REQUEST_BYTES: Final = 8192
CLOSE_S: Final = 2.0

_PLAIN: Final = "text/plain; charset=utf-8"
_GONE: Final = (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
"""A client that left, was too slow, or asked for too much."""

log = structlog.get_logger(__name__)


class MetricsServer(Closing):
    """Answers as long as it is entered."""

    def __init__(self, address: str, page: Callable[[], bytes], ailments: Callable[[], Sequence[str]]) -> None:
        """`page` and `ailments`, what keeps the daemon from inspecting, are called by this server's thread."""
        self._page = page
        self._ailments = ailments
        self._address = address
        self._running = threading.Event()
        self._stop: Callable[[], object] = lambda: None
        self._clients: dict[asyncio.Task[None], None] = {}
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Listen and begin to answer.

        Raises:
            PublishError: the address cannot be bound.
        """
        self._socket = listening_socket("metrics.address", self._address, CLIENTS)
        self._socket.setblocking(False)
        self._thread.start()
        self._running.wait()

    def close(self) -> None:
        """Stop answering."""
        with suppress(RuntimeError):  # it has ended by itself
            self._stop()
        self._thread.join(CLOSE_S)

    def __enter__(self) -> Self:
        self.start()
        return super().__enter__()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            pass
        except Exception:
            log.exception("metrics failed; there are none until a restart")
        finally:
            self._running.set()
            self._socket.close()

    async def _serve(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._stop = lambda: loop.call_soon_threadsafe(task.cancel)
        self._running.set()
        while True:
            with suppress(OSError):  # the client left in between, or there are no more descriptors just now
                await self._admit(loop)
            await asyncio.sleep(PAUSE_S)

    async def _admit(self, loop: asyncio.AbstractEventLoop) -> None:
        connection, _ = await loop.sock_accept(self._socket)
        reader, writer = await asyncio.open_connection(sock=connection, limit=MAX_REQUEST_BYTES)
        if len(self._clients) >= CLIENTS:
            next(iter(self._clients)).cancel()
        client = asyncio.create_task(self._attend(reader, writer))
        self._clients[client] = None
        client.add_done_callback(self._clients.pop)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(*_GONE):
                async with asyncio.timeout(CLIENT_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(head))
                    await writer.drain()
                    writer.close()
                    await writer.wait_closed()
        finally:
            writer.transport.abort()

    def _answer(self, head: bytes) -> bytes:
        request = head.partition(b"\r\n")[0].split(b" ")
        if len(request) != 3 or not request[2].startswith(b"HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST)
        if request[0] != b"GET":
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, extra="Allow: GET\r\n")
        path = request[1].partition(b"?")[0]
        try:
            return self._respond(path)
        except Exception:
            log.exception("metrics cannot be told", path=path.decode(errors="replace"))
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _respond(self, path: bytes) -> bytes:
        match path:
            case b"/metrics":
                return _response(HTTPStatus.OK, self._page(), CONTENT_TYPE)
            case b"/-/healthy":
                ailments = self._ailments()
                status = HTTPStatus.SERVICE_UNAVAILABLE if ailments else HTTPStatus.OK
                return _response(status, ("\n".join(ailments or ["inspecting"]) + "\n").encode())
            case _:
                return _response(HTTPStatus.NOT_FOUND, b"there are /metrics and /-/healthy\n")


def _response(status: HTTPStatus, body: bytes = b"", content_type: str = _PLAIN, extra: str = "") -> bytes:
    body = body or f"{status.phrase}\n".encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"{extra}Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
