"""Messages between the daemon and a candidate's process: JSON over a socket pair, never pickled.

Pixels and maps lie in shared memory, in the two slots of a ring (`inspectd.capture.ring`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, TypeAdapter

from engines.pixels import PixelFormat
from inspectd.settings import CameraSettings, EngineSettings
from inspectd.shadow.figures import Agreement
from inspectd.wire.models import ShadowFigures, Verdict

PIXELS: Final = 0
"""The slot of a frame's pixels."""
MAP: Final = 1
"""The slot of the map that the line has judged, its values' bytes."""
SLOTS: Final = 2
MAX_MESSAGE: Final = 16 << 20
"""Bytes; a verdict may list many regions."""

_MESSAGE: Final = ConfigDict(extra="forbid", frozen=True)


class Begin(BaseModel):
    """To the candidate, first of all. (Not an argument: a camera's URL may hold a password.)"""

    model_config = _MESSAGE

    kind: Literal["begin"] = "begin"
    bundle: Path
    results: Path
    """Directory of what is kept."""
    anew: bool
    """Forget what was counted before."""
    engine: EngineSettings
    cameras: dict[str, CameraSettings]
    slot_bytes: int


class Look(BaseModel):
    """To the candidate: a frame lies in the ring."""

    model_config = _MESSAGE

    kind: Literal["look"] = "look"
    verdict: Verdict
    """The line's, PASS or FAIL."""
    pixel_format: PixelFormat
    height: int
    """px"""
    width: int
    rows: int
    """Of the line's map."""
    columns: int
    cell: int
    skipped: int
    """Frames since the last one that it was not shown."""


class Ready(BaseModel):
    """From the candidate: it can be shown frames."""

    model_config = _MESSAGE

    kind: Literal["ready"] = "ready"
    figures: ShadowFigures


class Compared(BaseModel):
    """From the candidate: it has looked."""

    model_config = _MESSAGE

    kind: Literal["compared"] = "compared"
    agreement: Agreement
    figures: ShadowFigures


class Failed(BaseModel):
    """From the candidate: it cannot go on, and ends."""

    model_config = _MESSAGE

    kind: Literal["failed"] = "failed"
    reason: str


Told = Ready | Compared | Failed
ASKED: Final[TypeAdapter[Begin | Look]] = TypeAdapter(Annotated[Begin | Look, Discriminator("kind")])
TOLD: Final[TypeAdapter[Told]] = TypeAdapter(Annotated[Told, Discriminator("kind")])
