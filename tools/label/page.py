"""The labelling page, and what its script asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inspectd.archive import ArchiveReader, Entry, Opinion
from inspectd.errors import ArchiveError, EntryGoneError
from tools.errors import ToolsError
from tools.label.drawing import map_layer
from tools.label.recording import Recorder
from tools.label.worklist import Choice, counts, make_worklist

MOST_BYTES = 4096
"""Of what a browser sends."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class _Said(BaseModel):
    """What a browser sends when a person has decided."""

    model_config = ConfigDict(extra="forbid")

    id: str
    opinion: Opinion | None


def make_page(reader: ArchiveReader, recorder: Recorder, hosts: Sequence[str]) -> Starlette:
    """The application. It answers only where it is asked for by one of `hosts`: no page of somewhere else can make a
    browser label, or read, anything here."""
    page = LabelPage(reader, recorder)
    routes = [
        Route("/", _threaded(page.index)),
        Route("/list", _threaded(page.listed)),
        Route("/entry/{id:path}", _threaded(page.entry)),
        Route("/picture/{id:path}", _threaded(page.picture)),
        Route("/map/{id:path}", _threaded(page.map)),
        Route("/label", page.label, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))])


class LabelPage:
    """Answers; reads the archive anew for each."""

    def __init__(self, reader: ArchiveReader, recorder: Recorder) -> None:
        self._reader = reader
        self._recorder = recorder
        self._html = files(__package__).joinpath("page.html").read_bytes()

    def index(self, _: Request) -> Response:
        """The page."""
        return Response(self._html, media_type="text/html; charset=utf-8", headers=_HEADERS)

    def listed(self, request: Request) -> Response:
        """What is to be looked at."""
        choice = Choice(request.query_params.get("choice", Choice.FAIL))
        worklist = make_worklist(self._reader, choice)
        return _json(
            {
                "ids": [entry.id for entry in worklist.entries],
                "opinions": worklist.opinions,
                "total": worklist.total,
                "counts": counts(self._reader),
            }
        )

    def entry(self, request: Request) -> Response:
        """What is known of one."""
        entry = self._asked(request)
        verdict, label = entry.verdict(), entry.label()
        return _json(
            {
                "camera": entry.camera,
                "captured": verdict.captured_utc,
                "outcome": verdict.outcome,
                "kept": entry.name.kept,
                "reason": verdict.reason,
                "detail": verdict.detail,
                "score": verdict.score,
                "threshold": verdict.threshold,
                "bundle": verdict.bundle,
                "width": verdict.width,
                "height": verdict.height,
                "has_picture": entry.record.has_picture,
                "has_map": entry.record.has_map,
                "regions": [[each.x, each.y, each.width, each.height] for each in verdict.regions],
                "label": label and label.model_dump(mode="json"),
            }
        )

    def picture(self, request: Request) -> Response:
        """As it was archived."""
        entry = self._asked(request)
        if not entry.record.has_picture:
            return _json({"problem": f"{entry.id}: has no picture"}, 404)
        return Response(entry.png(), media_type="image/png", headers=_HEADERS)

    def map(self, request: Request) -> Response:
        """To lay over it."""
        entry = self._asked(request)
        verdict, distance_map = entry.verdict(), entry.distance_map()
        if distance_map is None or not verdict.height or not verdict.width:
            raise EntryGoneError(f"{entry.id}: has no map")
        layer = map_layer(distance_map, verdict.threshold, verdict.height, verdict.width)
        return Response(layer, media_type="image/png", headers=_HEADERS)

    async def label(self, request: Request) -> Response:
        """What a person has decided."""
        # A page of somewhere else cannot send this type without asking first, which is not answered.
        if request.headers.get("content-type") != "application/json":
            return _json({"problem": "send application/json"}, 415)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return _json({"problem": "too long"}, 413)
        return await run_in_threadpool(_told, self._label, body)

    def _label(self, body: bytes) -> Response:
        said = _Said.model_validate_json(body)
        self._recorder.record(self._reader.entry(said.id), said.opinion)
        return _json({"id": said.id, "opinion": said.opinion})

    def _asked(self, request: Request) -> Entry:
        return self._reader.entry(request.path_params["id"])


def _threaded(answer: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Files are read in a thread of their own; what goes wrong is told in words."""

    @wraps(answer)
    async def answered(request: Request) -> Response:
        return await run_in_threadpool(_told, answer, request)

    return answered


def _told(answer: Callable[[Any], Response], asked: Any) -> Response:
    try:
        return answer(asked)
    except EntryGoneError as error:
        return _json({"problem": str(error)}, 404)
    except ValueError as error:
        return _json({"problem": f"not understood: {_first(error)}"}, 400)
    except (ArchiveError, ToolsError) as error:
        return _json({"problem": str(error)}, 500)
    except OSError as error:
        return _json({"problem": f"{error.filename or 'the archive'}: {error.strerror or error}"}, 500)


def _first(error: ValueError) -> str:
    return error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status, headers=_HEADERS)
