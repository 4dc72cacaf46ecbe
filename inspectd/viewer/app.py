"""What is answered over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from inspectd.errors import InspectdError, RequestRefusedError
from inspectd.viewer.access import SESSION_S, Access
from inspectd.viewer.album import Name, Shown
from inspectd.viewer.gate import Gate
from inspectd.viewer.orders import ORDERS, Orders
from inspectd.viewer.scene import Scene
from inspectd.wire.problems import problems

_Read = TypeVar("_Read", bound=BaseModel)

TICK_S: Final = 0.25
"""From one update of the page to the next."""
LOOKERS: Final = 32
"""Pages that are kept up to date at a time."""
WRONG_TOKEN_S: Final = 1.0
"""Pause after a wrong token, for all who try."""
KEEP: Final = "private, max-age=300, immutable"
"""Of a picture and a map: their address names one verdict for ever."""

PAGE: Final = files("inspectd.viewer") / "page"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class _Token(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str


class Viewer:
    """Answers."""

    def __init__(self, scene: Scene, access: Access, orders: Orders | None, cookie: str) -> None:
        """`orders` is None where nothing can be asked of the daemon; `cookie` names the session's."""
        self._scene = scene
        self._access = access
        self._orders = orders
        self._cookie = cookie
        self._lookers = 0
        self._trying = asyncio.Lock()
        self._page = {
            entry.name: (entry.read_bytes(), TYPES["." + entry.name.rpartition(".")[2]]) for entry in PAGE.iterdir()
        }

    def app(self) -> Starlette:
        """The application."""
        routes = [
            Route("/", self._index),
            Route("/page/{name}", self._asset),
            Route("/session", self._session, methods=["GET", "POST", "DELETE"]),
            Route("/state", self._state),
            Route("/events", self._events),
            Route("/verdicts/{number:int}", self._verdict),
            Route("/pictures/{boot}/{camera}/{number:int}.jpg", self._picture),
            Route("/maps/{boot}/{camera}/{number:int}.png", self._map),
            Route("/orders", self._orders_standing),
            Route("/orders/{name}", self._order, methods=["POST"]),
        ]
        return Starlette(routes=routes, middleware=[Middleware(Gate, access=self._access)])

    # The page itself, which tells nothing

    async def _index(self, _: Request) -> Response:
        return self._file("index.html")

    async def _asset(self, request: Request) -> Response:
        return self._file(request.path_params["name"])

    def _file(self, name: str) -> Response:
        if name not in self._page:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        content, media_type = self._page[name]
        return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})

    # Who looks

    async def _session(self, request: Request) -> Response:
        session = request.cookies.get(self._cookie)
        if request.method == "GET":
            return self._standing(session)
        if request.method == "DELETE":
            self._access.leave(session)
            answer = self._standing(None)
            answer.delete_cookie(self._cookie)
            return answer
        return await self._enter(request)

    def _standing(self, session: str | None) -> Response:
        may = {"look": self._access.may_look(session), "act": self._access.may_act(session)}
        return JSONResponse(may | {"token": self._access.has_token, "orders": may["act"] and self._orders is not None})

    async def _enter(self, request: Request) -> Response:
        given = await _read(request, _Token)
        async with self._trying:
            session = self._access.enter(given.token.strip())
            if session is None:
                await asyncio.sleep(WRONG_TOKEN_S)
                raise HTTPException(HTTPStatus.UNAUTHORIZED, "That is not the token.")
        answer = self._standing(session)
        answer.set_cookie(
            self._cookie,
            session,
            max_age=int(SESSION_S),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    def _demand_look(self, request: Request) -> None:
        if not self._access.may_look(request.cookies.get(self._cookie)):
            raise HTTPException(HTTPStatus.UNAUTHORIZED, "Enter the token first.")

    # What there is to see

    async def _state(self, request: Request) -> Response:
        self._demand_look(request)
        return JSONResponse(self._scene.since(0))

    async def _events(self, request: Request) -> Response:
        self._demand_look(request)
        if self._lookers >= LOOKERS:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, f"{LOOKERS} pages are open already; close one.")
        return StreamingResponse(self._ticks(request), media_type="text/event-stream")

    async def _ticks(self, request: Request) -> AsyncIterator[str]:
        """What is new, at every tick. A page that reads slowly gets fewer; what it missed, as far as it is kept, comes
        with the next one."""
        self._lookers += 1
        try:
            yield "retry: 1000\n\n"
            at, session = 0, request.cookies.get(self._cookie)
            while self._access.may_look(session):
                began = time.monotonic()
                document = self._scene.since(at)
                at = document["at"]
                yield f"data: {json.dumps(document, separators=(',', ':'))}\n\n"
                await asyncio.sleep(max(0.05, TICK_S - (time.monotonic() - began)))
        finally:
            self._lookers -= 1

    async def _verdict(self, request: Request) -> Response:
        self._demand_look(request)
        verdict = self._scene.verdict(request.path_params["number"])
        if verdict is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "No longer kept here.")
        return JSONResponse(verdict)

    def _shown(self, request: Request) -> Shown | None:
        self._demand_look(request)
        of = request.path_params
        return self._scene.shown(of["camera"], Name(of["boot"], of["number"]))

    async def _picture(self, request: Request) -> Response:
        shown = self._shown(request)
        if shown is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "No longer kept here.")
        return Response(shown.picture.jpeg, media_type="image/jpeg", headers={"Cache-Control": KEEP})

    async def _map(self, request: Request) -> Response:
        shown = self._shown(request)
        if shown is None or shown.heat is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "No longer kept here.")
        return Response(shown.heat.png, media_type="image/png", headers={"Cache-Control": KEEP})

    # What is asked for

    def _demand_act(self, request: Request) -> Orders:
        if self._orders is None or not self._access.may_act(request.cookies.get(self._cookie)):
            raise HTTPException(HTTPStatus.UNAUTHORIZED, "Enter the token first.")
        return self._orders

    async def _orders_standing(self, request: Request) -> Response:
        return await _answered(self._demand_act(request).standing)

    async def _order(self, request: Request) -> Response:
        orders = self._demand_act(request)
        kind = ORDERS.get(request.path_params["name"])
        if kind is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return await _answered(orders.carry_out, await _read(request, kind))


async def _answered(ask: Callable[..., dict[str, Any]], *arguments: Any) -> Response:
    """What the daemon answers.

    Raises:
        HTTPException: it refuses, or does not answer.
    """
    try:
        return JSONResponse(await run_in_threadpool(ask, *arguments))
    except RequestRefusedError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from error
    except InspectdError as error:
        raise HTTPException(HTTPStatus.BAD_GATEWAY, str(error)) from error


async def _read(request: Request, kind: type[_Read]) -> _Read:
    """The body of a request.

    Raises:
        HTTPException: it is not what it must be.
    """
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, problems(error)) from error
