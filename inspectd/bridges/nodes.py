"""The nodes of OPC UA below `Line`; docs/plc.md is generated from this table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from inspectd.bridges.fields import STATUS_FIELDS, VERDICT_FIELDS, Field, Type
from inspectd.bridges.line import Image, Status

NAMESPACE: Final = "urn:inspectd:bridge"
PATH: Final = "inspectd"
"""Of the endpoint's address."""

_TYPES: Final = {Type.U16: "UInt16", Type.U32: "UInt32", Type.F32: "Float", Type.TEXT: "String"}
_NOTHING: Final = {"Boolean": False, "String": "", "Float": 0.0}


@dataclass(frozen=True)
class Node:
    """One variable that the bridge writes."""

    folder: str
    name: str
    type: str
    """Name of its data type."""
    meaning: str
    read: Callable[[Image], object]

    @property
    def path(self) -> str:
        """The text of its node id."""
        return f"Line.{self.folder}.{self.name}"

    @property
    def nothing(self) -> object:
        """Its value before the first image."""
        return _NOTHING.get(self.type, 0)


def _of_field(folder: str, field: Field) -> Node:
    return Node(folder, _camel(field.name), _TYPES[field.type], field.meaning, field.read)


def _of_flag(flag: Status, meaning: str) -> Node:
    assert flag.name is not None
    return Node("Status", _camel(flag.name), "Boolean", meaning, partial(_has, flag))


def _has(flag: Status, image: Image) -> bool:
    return flag in image.status


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _json(image: Image) -> str:
    return "" if image.offered is None else image.offered.to_json()


def _ticket(image: Image) -> int:
    return 0 if image.offered is None else image.offered.ticket


NODES: Final = (
    *(_of_field("Verdict", field) for field in VERDICT_FIELDS),
    Node("Verdict", "Json", "String", "The verdict as it came on the wire, with `series` before it.", _json),
    Node("Verdict", "Ticket", "UInt64", "Names what is offered; 0 where nothing is. Written last.", _ticket),
    *(_of_field("Status", field) for field in STATUS_FIELDS if field.name != "status"),
    Node("Status", "Surface", "String", "What is inspected.", lambda image: image.surface),
    Node("Status", "Bundle", "String", "Name of the bundle that judges.", lambda image: image.bundle),
    *(_of_flag(flag, f"Bit {flag.bit_length() - 1}, see below.") for flag in Status),
)
"""In the order in which they are written: a ticket comes after the verdict that it names."""
ACKNOWLEDGE: Final = "Line.Acknowledge"
"""The client writes the ticket of what it has taken; UInt64."""
TRIGGER: Final = "Line.Trigger"
"""Method: Part (String), DeadlineMs (Double) → Accepted (Boolean), Detail (String)."""
