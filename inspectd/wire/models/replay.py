"""Asking for verdicts by number."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from inspectd.wire.models.message import ASKS, TELLS, Count


class ReplayRequest(BaseModel):
    """Asks for the verdicts from `first` to `last`, or as many of them as an answer holds."""

    model_config = ASKS

    request: Literal["replay"] = "replay"
    """What is asked for."""
    first: Annotated[int, Field(ge=1)]
    """The first number wanted."""
    last: Annotated[int, Field(ge=1)] | None = None
    """The last number wanted, included; null for the newest."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Most verdicts that the answer may hold; null for as many as it can. It never holds more than that."""


class ReplayEnd(BaseModel):
    """Closes an answer. An answer holds the beginning of the range, up to a limit; ask on from the number after the
    last verdict received, until the range is done or an answer is empty."""

    model_config = TELLS

    kind: Literal["replay_end"] = "replay_end"
    """What this message is."""
    journal: str
    """Names the journal that was read."""
    first: Count
    """The first number the journal still holds; older ones were removed for age or size. 0 where it is empty."""
    last: Count
    """The newest number that was durable when the answer was made."""
    sent: Count
    """Verdicts in this answer."""


class ReplayPage(BaseModel):
    """Opens an answer of `control.address`; the verdicts are the further parts of the same message. A page holds the
    beginning of the range; where there is `more`, ask on from the number after the last verdict received."""

    model_config = TELLS

    kind: Literal["replay_page"] = "replay_page"
    """What this message is."""
    journal: str
    """Names the journal that was read."""
    first: Count
    """The first number the journal still holds; older ones were removed for age or size. 0 where it is empty."""
    last: Count
    """The newest number that was durable when the answer was made."""
    sent: Count
    """Verdicts in this message: as many parts follow."""
    more: bool
    """Whether the journal held more of the range."""


class ReplayError(BaseModel):
    """The answer to a request that could not be read."""

    model_config = TELLS

    kind: Literal["replay_error"] = "replay_error"
    """What this message is."""
    error: str
    """What is wrong with the request, in words."""
