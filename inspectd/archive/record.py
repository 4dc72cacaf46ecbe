"""What is written of an entry besides its picture and its map."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from engines.pixels import PixelFormat
from inspectd.wire.models import Verdict


class Record(BaseModel):
    """An entry's `.json`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    archive: Literal[1] = 1
    """Version of the layout."""
    pixel_format: PixelFormat | None
    """As the camera gave the picture; the PNG holds grey or RGB. None where there is no picture: the verdict's `detail`
    says why."""
    has_map: bool
    verdict: Verdict
    """As it was published."""

    @property
    def has_picture(self) -> bool:
        """Whether there is a PNG."""
        return self.pixel_format is not None
