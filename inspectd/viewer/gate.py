"""Stands before the pages: refuses what does not come from the page itself, and tells the browser what it may do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inspectd.viewer.access import Access

MAX_BODY: Final = 4096
"""Bytes of a request's body."""
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_RAW: Final = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in HEADERS.items()]
"""None of them is ever set by who answers."""


class Gate:
    """Wraps an application."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers.raw.extend(_RAW)
            await send(message)

        refused = self._refused(scope["method"], Headers(scope=scope))
        app = self._app if refused is None else PlainTextResponse(refused + "\n", HTTPStatus.FORBIDDEN)
        await app(scope, receive, guarded)

    def _refused(self, method: str, headers: Headers) -> str | None:
        """Why a request is not answered."""
        host = headers.get("host", "")
        if not self._access.knows(host):
            return f"'{host}' is no name of this machine that is known here; --host NAME makes it known"
        if method in {"GET", "HEAD"}:
            return None
        if headers.get("origin", "").partition("://")[2] != host:
            return "asked by another page than this one"
        if not headers.get("content-type", "").startswith("application/json"):
            return "not JSON"
        length = headers.get("content-length", "")
        return None if length.isdecimal() and int(length) <= MAX_BODY else f"longer than {MAX_BODY} bytes"
