"""What may be asked of the models while the daemon runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from inspectd.models.change import Order, new_id

SHADOW: Final = "shadow"
"""What a request about a candidate is called; so on the wire."""


@dataclass(frozen=True)
class Deletion:
    """Asks that a bundle be removed."""

    bundle: str
    who: str
    why: str
    id: str = field(default_factory=new_id)


@dataclass(frozen=True)
class Looking:
    """Asks that a bundle look on in the shadow, once it is loaded."""

    bundle: str
    who: str
    why: str
    id: str = field(default_factory=new_id)


@dataclass(frozen=True)
class NoLooking:
    """Asks that none look on any more, and none load to do so."""

    who: str
    why: str
    bundle: ClassVar[None] = None
    id: str = field(default_factory=new_id)


Asked = Order | Deletion | Looking | NoLooking


def word_for(order: Asked) -> str:
    """What a request is called on the wire."""
    match order:
        case Deletion():
            return "delete"
        case Looking() | NoLooking():
            return SHADOW
        case Order(action=action):
            return str(action)
