"""Serves the page until it is told to end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
import uvicorn

from inspectd.errors import SettingsError
from inspectd.settings.outlets import MAX_PORT
from inspectd.sockets import listening_socket
from inspectd.viewer.access import Access, read_token
from inspectd.viewer.app import Viewer
from inspectd.viewer.listener import Listener
from inspectd.viewer.orders import Orders
from inspectd.viewer.scene import Scene
from inspectd.viewer.sources import Sources

CONNECTIONS: Final = 200
"""Most at a time: each page has a few."""
CLOSE_S: Final = 1
NICENESS: Final = 10
"""Of this process: on the line's own PC inspection comes first."""

log = structlog.get_logger(__name__)


def serve(
    listen: str, sources: Sources, *, token_file: Path | None, insecure: bool = False, hosts: Sequence[str] = ()
) -> None:
    """Serve on `listen`, HOST:PORT, until SIGTERM or SIGINT.

    Args:
        listen: where.
        sources: the daemon.
        token_file: holds the token that lets in; see `Access`.
        insecure: see `Access`.
        hosts: see `Access`.

    Raises:
        SettingsError: an option cannot be used.
        PublishError: `listen` cannot be bound.
        ClientError: an address of the daemon is none.
        KeysError: the file of keys cannot be used.
    """
    host, port = _host_and_port(listen)
    access = Access(host, None if token_file is None else read_token(token_file), insecure=insecure, hosts=hosts)
    _give_way()
    scene = Scene(sources.verdicts)
    orders = Orders(sources) if access.has_token and sources.control else None
    viewer = Viewer(scene, access, orders, cookie=f"inspectd_view_{port}")
    config = uvicorn.Config(
        viewer.app(),
        log_config=None,
        access_log=False,
        server_header=False,
        http="h11",
        ws="none",
        lifespan="off",
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=CLOSE_S,
    )
    with (
        listening_socket("--listen", listen, CONNECTIONS) as socket,
        Listener(scene, sources),
    ):
        log.info("serving", page=f"http://{listen}/", verdicts=sources.verdicts)
        uvicorn.Server(config).run(sockets=[socket])


def _host_and_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and 0 < int(port) <= MAX_PORT):
        raise SettingsError(f"--listen {listen}: write it as in '127.0.0.1:8080'")
    return host.strip("[]"), int(port)


def _give_way() -> None:
    with suppress(OSError):
        os.nice(NICENESS)
