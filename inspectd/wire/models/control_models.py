"""Asking the daemon which models there are, and to judge with another one or against another threshold."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from inspectd.wire.models.message import ASKS, TELLS, Finite
from inspectd.wire.models.shadow import ShadowStanding

Word = Annotated[str, Field(min_length=1, max_length=128)]
Why = Annotated[str, Field(min_length=1, max_length=500)]


class ByWhom(BaseModel):
    """What every request has that changes something."""

    model_config = ASKS

    who: Word
    """Who asks, for the record."""
    why: Why
    """Why, for the record."""


class ModelsRequest(BaseModel):
    """Asks which models there are, and which of them judges."""

    model_config = ASKS

    request: Literal["models"] = "models"
    """What is asked for."""


class ActivateRequest(ByWhom):
    """Has frames judged by another bundle of the registry, against its own threshold."""

    request: Literal["activate"] = "activate"
    """What is asked for."""
    model: Word
    """Its name, its id, or the name of its bundle."""


class RollbackRequest(ByWhom):
    """Has frames judged again by the bundle that did before, against the threshold of that time."""

    request: Literal["rollback"] = "rollback"
    """What is asked for."""


class ShadowRequest(ByWhom):
    """Has a candidate look on: it scores frames beside the model that judges, and changes nothing."""

    request: Literal["shadow"] = "shadow"
    """What is asked for."""
    model: Word | None
    """Its name, its id, or the name of its bundle; null to stop the one that looks on."""


class PromoteRequest(ByWhom):
    """Has frames judged by the candidate, against its own threshold."""

    request: Literal["promote"] = "promote"
    """What is asked for."""


class ThresholdRequest(ByWhom):
    """Has frames judged against another threshold."""

    request: Literal["threshold"] = "threshold"
    """What is asked for."""
    value: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """The threshold, in the unit of the scores; within the bounds that `status` tells."""


class UndoRequest(ByWhom):
    """Puts the threshold back to where it stood before it was moved last."""

    request: Literal["undo"] = "undo"
    """What is asked for."""


class DeleteRequest(ByWhom):
    """Removes a bundle from the registry that neither judges nor did before."""

    request: Literal["delete"] = "delete"
    """What is asked for."""
    model: Word
    """Its name, its id, or the name of its bundle."""


class ModelRole(StrEnum):
    """What a model of the registry does."""

    ACTIVE = "active"
    """It judges."""
    PREVIOUS = "previous"
    """It judged before; a rollback makes it do so again."""
    SHADOW = "shadow"
    """It looks on, and is compared with the one that judges."""


class ModelEntry(BaseModel):
    """A model of the registry."""

    model_config = TELLS

    bundle: str
    """Name of its bundle."""
    id: str
    """Its id, the end of that name."""
    surface: str
    """What it inspects."""
    name: str | None = None
    """What people call it."""
    note: str | None = None
    """What people say of it."""
    threshold: Finite
    """Its own threshold, before anybody moved it."""
    added_utc: str
    """When it was added."""
    role: ModelRole | None = None
    """What it does; null for nothing."""
    damage: str | None = None
    """Why it cannot be used, in words. A bundle that was added this very moment may not have been looked at yet; it is
    in any case verified before it judges."""


class ChangeState(StrEnum):
    """How far a request has come that changes something."""

    LOADING = "loading"
    """The bundle is read and verified."""
    CHECKING = "checking"
    """Its engine is loaded beside the running one, and has to reproduce the bundle's golden tiles."""
    DONE = "done"
    """It is in effect, for every frame that comes from now on, and stays so over a restart; where there is a `reason`,
    perhaps not over a power cut."""
    REFUSED = "refused"
    """It is not done: what judged judges on, unless the reason says what else came of it."""


class ChangeStanding(BaseModel):
    """How a request stands that changes something."""

    model_config = TELLS

    ticket: str
    """Names it; also the `id` of the `change` that tells of it, where there is one."""
    request: str
    """What was asked for: `activate`, `rollback`, `shadow`, `promote`, `threshold`, `undo` or `delete`."""
    bundle: str | None = None
    """Name of the bundle that it is about, once that is known."""
    state: ChangeState
    """How far it has come."""
    reason: str | None = None
    """Why it was refused, in words. Of what is done: why it may be undone by a power cut; null where it stays."""
    who: str
    """Who asked."""
    asked_utc: str
    """When."""


class ChangeAccepted(BaseModel):
    """The answer to a request that is under way. `status` and `models` tell how it stands, by its ticket."""

    model_config = TELLS

    kind: Literal["change_accepted"] = "change_accepted"
    """What this message is."""
    ticket: str
    """Names the request."""


class Models(BaseModel):
    """The models there are."""

    model_config = TELLS

    kind: Literal["models"] = "models"
    """What this message is."""
    registry: str
    """The registry's directory on the daemon's host."""
    models: tuple[ModelEntry, ...]
    """Those in it, the newest last."""
    changes: tuple[ChangeStanding, ...] = ()
    """The requests of this boot that change something, the newest last; a few of them."""
    shadow: ShadowStanding | None = None
    """The candidate that looks on, and how it compares; null where there is none."""
