"""What all cameras have in common."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from inspectd.settings.section import Positive, Section
from inspectd.settings.web import Direction, LineScanSettings, WebSettings

Point = Annotated[tuple[Annotated[int, Field(ge=0, le=65_535)], ...], Field(min_length=2, max_length=2)]


Polygon = Annotated[tuple[Point, ...], Field(min_length=3, max_length=128)]


class DropPolicy(StrEnum):
    """What gives way when frames come faster than they can be inspected."""

    OLDEST = "oldest"
    """The frame that has waited longest is given up, as ERROR `overrun`; the newest is inspected."""
    NEWEST = "newest"
    """The frame that just came is given up, as ERROR `overrun`."""
    BLOCK = "block"
    """The camera waits. Right for files, which do not run away."""


class TriggerMode(StrEnum):
    """What makes a camera take a frame."""

    OFF = "off"
    """It runs freely; a trigger given to the daemon claims its next frame."""
    HARDWARE = "hardware"
    """A signal on the camera's own line, given after the trigger's answer has come."""
    SOFTWARE = "software"
    """A trigger given to the daemon."""


class CameraBase(Section):
    """What can be set for any camera."""

    deadline_ms: Positive = 1000.0
    """A frame's verdict is there this long after it was taken; if it cannot be, it is ERROR `deadline`."""
    queue_frames: int = Field(default=4, ge=1, le=256)
    """Frames that may wait for the engine before the drop policy acts."""
    max_frame_mb: int = Field(default=64, ge=1, le=1024)
    """Largest frame taken, MiB of raw pixels. Memory is used only as far as frames fill it."""
    stall_s: Positive = 5.0
    """A camera that should deliver but has not for this long is stalled: its process is replaced."""
    backoff_max_s: Positive = 3.0
    """Longest pause between two tries to bring a lost camera back; tries begin at 0.5 s and double, with jitter. So it
    is also about the longest time for which a camera that has returned is not noticed."""
    mm_per_px: Positive | None = None
    """Scale of this camera; regions are then given in mm as well. Default: the bundle's."""
    scale: Path | None = None
    """In place of `mm_per_px`: a file that `inspectd calibrate` has written, for a camera that looks at the surface
    aslant or through a lens that distorts."""
    roi: tuple[Polygon, ...] = Field(default=(), max_length=16)
    """What is inspected: polygons, each a list of corners `[x, y]`, px; what lies in none is not. Default: all."""
    mask: Path | None = None
    """What is inspected: a picture of the frame's size, white where it is and black where not. With `roi`, what both
    have."""
    flat_field: Path | None = None
    """A file that `inspectd flat-field` has written: uneven light and dead pixels are corrected as frames are taken."""
    blank: bool = True
    """Whether a picture that is wholly black or saturated is ERROR `blank` rather than inspected."""
    frozen: bool | None = None
    """Whether a picture that equals the one before to the last bit is ERROR `frozen`; a camera that shows nothing else
    for `stall_s` is taken for lost. Default: true for cameras whose pictures come raw from a sensor (`aravis`, `v4l2`
    and devices of `opencv`, unless they send JPEG), false for files, streams and pipelines."""

    web: WebSettings | None = None
    """Table `[cameras.NAME.web]`: the surface is a web that moves under the camera without end."""
    line_scan: LineScanSettings | None = None
    """Table `[cameras.NAME.line_scan]`: the camera delivers rows, which are put together into frames."""

    @field_validator("web")
    @classmethod
    def _one_scale_all_over(cls, web: WebSettings | None, info: ValidationInfo) -> WebSettings | None:
        if web is not None and info.data.get("scale") is not None:
            raise ValueError("a web needs one scale all over the picture; set mm_per_px in place of scale")
        return web

    @field_validator("line_scan")
    @classmethod
    def _rows_follow_the_web(cls, line_scan: LineScanSettings | None, info: ValidationInfo) -> LineScanSettings | None:
        web = info.data.get("web")
        if line_scan is not None and web is not None and web.direction is not Direction.UP:
            raise ValueError("its rows are put below one another as they come; set web.direction = 'up'")
        return line_scan

    @field_validator("trigger", check_fields=False)
    @classmethod
    def _rows_come_without_end(cls, trigger: TriggerMode, info: ValidationInfo) -> TriggerMode:
        if trigger is TriggerMode.SOFTWARE and info.data.get("line_scan") is not None:
            raise ValueError("the rows of a line-scan camera come without end; leave trigger or line_scan out")
        return trigger

    @field_validator("scale")
    @classmethod
    def _one_scale(cls, scale: Path | None, info: ValidationInfo) -> Path | None:
        if scale is not None and info.data.get("mm_per_px") is not None:
            raise ValueError("mm_per_px gives a scale as well; leave one of both out")
        return scale
