"""What every message has, and what fields are made of.

All lengths are px unless the name says mm; positions count from the upper left corner of the frame. `*_utc` is ISO 8601
in UTC with microseconds; `*_monotonic_ns` is the daemon host's CLOCK_MONOTONIC, comparable within one boot of the host
only.

A reader passes over fields that it does not know, so that fields can be added within one wire version. Requests to the
daemon are strict instead: an unknown field there is a misunderstanding.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

WIRE_VERSION: Final = 1
"""Version of these messages; it rises only when a reader of the old one would misunderstand the new one."""


Count = Annotated[int, Field(ge=0)]


Pixels = Annotated[float, Field(ge=0, allow_inf_nan=False)]


Finite = Annotated[float, Field(allow_inf_nan=False)]


TELLS = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)
"""Of everything that leaves the daemon."""


ASKS = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
"""Of everything that comes to it."""


class Message(BaseModel):
    """On every message: who says it, in which life, and how far it has come."""

    model_config = TELLS

    wire: Literal[1] = WIRE_VERSION
    """Version of the wire."""
    publisher: str
    """Name of the daemon, from its settings."""
    boot: str
    """Names one life of the daemon; another value means it was restarted."""
    journal: str
    """Names the journal that counts. Another value means that the journal was lost or replaced, and that numbers began
    anew."""
    sequence: Count
    """Number of the verdict; on a heartbeat, of the last verdict published. Counts up by one over all cameras and
    over restarts, from 1; within one journal a number is never used twice."""
