"""What somebody changed of the way frames are judged."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from inspectd.wire.models.message import Count, Finite, Message


class ChangeAction(StrEnum):
    """What was done."""

    ACTIVATE = "activate"
    """Another bundle was made active."""
    PROMOTE = "promote"
    """The candidate that ran in the shadow was made active."""
    ROLLBACK = "rollback"
    """The bundle that judged before was made active again."""
    THRESHOLD = "threshold"
    """The threshold was moved."""
    UNDO = "undo"
    """The threshold was put back to where it stood before."""


class Change(Message):
    """Frames are judged otherwise from here on: by another bundle, or against another threshold.

    It has a number like a verdict. What was captured before may still be judged as before, and told after it; each
    verdict says by which bundle and against which threshold it was judged.
    """

    kind: Literal["change"] = "change"
    """What this message is."""
    id: str
    """Names the change, also where it is told again."""
    action: ChangeAction
    """What was done."""
    surface: str
    """What is inspected."""
    bundle: str
    """Name of the bundle that judges from here on."""
    bundle_before: str
    """Name of the bundle that judged before; the same where only the threshold was moved."""
    threshold: Finite
    """A frame fails where its score reaches this, from here on."""
    threshold_before: Finite
    """Likewise, before."""
    who: str
    """Who did it, as they named themselves."""
    why: str | None = None
    """Why, in their words."""
    changed_utc: str
    """When it was done."""
    changed_monotonic_ns: Count
    """The same moment on the monotonic clock."""
