"""Requests onto the wire; messages off it, refusing what is not of it with words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, Discriminator, TypeAdapter, ValidationError

from inspectd.errors import ClientError
from inspectd.wire.models import WIRE_VERSION, Numbered

Read = TypeVar("Read", bound=BaseModel)
_Parsed = TypeVar("_Parsed")

_NUMBERED: Final[TypeAdapter[Numbered]] = TypeAdapter(Annotated[Numbered, Discriminator("kind")])
_KINDS: Final = ("verdict", "part", "change")


def requested(request: BaseModel) -> bytes:
    """A request as it is sent. What is null and need not be said is left out: a daemon refuses what it does not know,
    and an older one knows less."""
    fields = type(request).model_fields.items()
    unsaid = {name for name, field in fields if field.default is None and getattr(request, name) is None}
    return request.model_dump_json(exclude=unsaid).encode()


def parsed(model: type[Read], data: bytes) -> Read:
    """A message as its model.

    Raises:
        ClientError: it is another, or of another version of the wire.
    """
    return _parsed(model.model_validate_json, model.__name__, data)


def parsed_numbered(data: bytes) -> Numbered:
    """A verdict, on a frame or on a part, or a change: whatever has a number.

    Raises:
        ClientError: it is none, or of another version of the wire.
    """
    return _parsed(_NUMBERED.validate_json, "Verdict", data)


def _parsed(read: Callable[[bytes], _Parsed], name: str, data: bytes) -> _Parsed:
    try:
        return read(data)
    except ValidationError as error:
        wire = _wire_of(data)
        if wire != WIRE_VERSION:
            raise ClientError(
                f"the daemon speaks version {wire!r} of the wire, this client another; update the older one"
            ) from error
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"] if part not in _KINDS)
        raise ClientError(f"not a {name} of this wire: {key or 'message'}: {problem['msg']}") from error


def _wire_of(data: bytes) -> object:
    """The version that a message says it is of; where it says none, this one."""
    try:
        document = json.loads(data)
    except ValueError:
        return WIRE_VERSION
    return document.get("wire", WIRE_VERSION) if isinstance(document, dict) else WIRE_VERSION
