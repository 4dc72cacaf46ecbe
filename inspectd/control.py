"""Control: requests to the running daemon, one JSON message each, answered on a ROUTER socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, get_args

from pydantic import BaseModel, Discriminator, Tag, TypeAdapter, ValidationError

from inspectd.doorkeeper import Guard
from inspectd.errors import InspectdError
from inspectd.router import Router
from inspectd.wire.models import ControlError, ControlRequest
from inspectd.wire.problems import problems

WATERMARK = 100
"""Answers kept for a client that does not read them."""


def _asked_for(request: object) -> object:
    """What a request asks for; one that does not say so is a trigger."""
    return request.get("request", "trigger") if isinstance(request, dict) else "trigger"


_MODELS: Final = {model.model_fields["request"].default: model for model in get_args(ControlRequest)}
_TAGGED: Final[Any] = Annotated[
    reduce(or_, (Annotated[model, Tag(word)] for word, model in _MODELS.items())),
    Discriminator(
        _asked_for, custom_error_type="request", custom_error_message=f"request must be one of {', '.join(_MODELS)}"
    ),
]
_REQUEST: Final[TypeAdapter[ControlRequest]] = TypeAdapter(_TAGGED)

Handle = Callable[[ControlRequest], BaseModel | tuple[BaseModel, list[bytes]]]
"""Does what is asked and returns the answer, or that and the parts that follow it in the same message.

Raises:
    InspectdError: it is not done.
"""


class ControlServer(Router):
    """Takes requests as long as it is entered."""

    def __init__(self, address: str, handle: Handle, guard: Guard | None = None) -> None:
        """`handle` is called by this server's thread; `guard` as a `Router`'s."""
        super().__init__(
            "control.address",
            address,
            lambda: nullcontext(lambda request: _answer(handle, request)),
            watermark=WATERMARK,
            failure="control failed; no trigger and no encoder count is taken until a restart",
            guard=guard,
        )


def _answer(handle: Handle, request: list[bytes]) -> Iterator[list[bytes]]:
    reply = _reply(handle, request)
    told, parts = reply if isinstance(reply, tuple) else (reply, [])
    yield [told.model_dump_json().encode(), *parts]


def _reply(handle: Handle, request: list[bytes]) -> BaseModel | tuple[BaseModel, list[bytes]]:
    if len(request) != 1:
        return ControlError(error=f"a request is one part, JSON; this one has {len(request)} parts")
    try:
        return handle(_REQUEST.validate_json(request[0]))
    except ValidationError as error:
        return ControlError(error=problems(error))
    except InspectdError as error:
        return ControlError(error=str(error))
