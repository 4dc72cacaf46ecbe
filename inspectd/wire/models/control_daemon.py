"""Asking the daemon how it stands, and to end."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from inspectd.wire.models.control_models import ChangeStanding, Why, Word
from inspectd.wire.models.heartbeat import Heartbeat
from inspectd.wire.models.message import ASKS, TELLS, Finite
from inspectd.wire.models.shadow import ShadowStanding


class StatusRequest(BaseModel):
    """Asks how the daemon stands."""

    model_config = ASKS

    request: Literal["status"] = "status"
    """What is asked for."""


class ModelStanding(BaseModel):
    """What judges the frames that come now."""

    model_config = TELLS

    bundle: str
    """Name of the bundle."""
    surface: str
    """What it inspects."""
    threshold: Finite
    """A frame fails where its score reaches this."""
    own_threshold: Finite
    """The bundle's own."""
    least_threshold: Finite
    """The least that it can be moved to."""
    most_threshold: Finite
    """The most that it can be moved to."""
    live: bool
    """Whether it can be changed while the line runs; else the configuration names the bundle."""


class Status(BaseModel):
    """How the daemon stands."""

    model_config = TELLS

    kind: Literal["status"] = "status"
    """What this message is."""
    heartbeat: Heartbeat | None = None
    """The last one sent."""
    model: ModelStanding | None
    """What judges; null where nothing does yet."""
    changes: tuple[ChangeStanding, ...]
    """The requests of this boot that change something, the newest last; a few of them."""
    shadow: ShadowStanding | None = None
    """The candidate that looks on, and how it compares; null where there is none."""


class DrainRequest(BaseModel):
    """Ends the daemon as SIGTERM does: no frame is taken any more, and those taken get their verdicts. A service
    manager does not start it again."""

    model_config = ASKS

    request: Literal["drain"] = "drain"
    """What is asked for."""
    who: Word
    """Who asks, for the log."""
    why: Why
    """Why, for the log."""


class DrainAccepted(BaseModel):
    """The answer to a request to end: it is ending."""

    model_config = TELLS

    kind: Literal["drain_accepted"] = "drain_accepted"
    """What this message is."""
    open_frames: int
    """Frames that have no verdict yet."""
