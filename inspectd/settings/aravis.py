"""Cameras through Aravis."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from inspectd.settings.camera import CameraBase, DropPolicy, TriggerMode
from inspectd.settings.section import Positive

Feature = bool | int | Annotated[float, Field(allow_inf_nan=False)] | str
"""A GenICam feature's value: its type must be the camera's own for it."""


class AravisCamera(CameraBase):
    """A GigE Vision or USB3 Vision camera (GenICam) through Aravis."""

    source: str = Field(pattern=r"^aravis:")
    """`aravis:` and a serial number or an IP address, as `inspectd cameras` lists them; with nothing after the colon,
    the only such camera there is."""
    drop: DropPolicy = DropPolicy.OLDEST
    """`oldest`, `newest` or `block`: what gives way when frames come too fast."""
    trigger: TriggerMode = TriggerMode.OFF
    """What takes a frame: `off`, the camera itself; `hardware`, a signal on `trigger_line`; `software`, a command."""
    trigger_line: str = Field(default="Line1", pattern=r"^[A-Za-z0-9_]+$")
    """Input of the hardware trigger, by the camera's own name for it."""
    trigger_edge: Literal["rising", "falling"] = "rising"
    """Edge of the hardware trigger's signal that takes a frame."""
    rate_hz: Positive | None = None
    """Frame rate while the camera runs freely. Default: as the camera is set."""
    exposure_us: Positive | None = None
    """Exposure time, µs; automatic exposure is then switched off. Default: as the camera is set."""
    gain: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Gain in the camera's unit, dB for most; automatic gain is then switched off. Default: as the camera is set."""
    pixel_format: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_]+$")
    """Mono8, Mono10, Mono12 (packed or not), BayerRG8 and its like, RGB8 or BGR8, by the camera's own name for it.
    Default: as the camera is set. More than 8 bits are cut to the upper 8."""
    width: int | None = Field(default=None, ge=16)
    """Width of the part of the sensor that is read, px. Default: as the camera is set."""
    height: int | None = Field(default=None, ge=16)
    """Height of the part of the sensor that is read, px. Default: as the camera is set."""
    offset_x: int = Field(default=0, ge=0)
    """First column of the sensor that is read, px; goes with `width`."""
    offset_y: int = Field(default=0, ge=0)
    """First row of the sensor that is read, px; goes with `height`."""
    packet_size: int | None = Field(default=None, ge=576, le=16000)
    """GigE Vision: bytes a packet. Default: the largest that gets through, found out by trying."""
    packet_delay_us: float | None = Field(default=None, ge=0, le=1_000_000)
    """GigE Vision: pause between two packets, µs, so that several cameras can share a link. Default: as the camera is
    set."""
    settle_frames: int = Field(default=3, ge=0, le=1000)
    """Frames that a free-running camera is left to settle after each start; they come before it counts as running and
    are not inspected."""
    features: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], Feature] = Field(default={})
    """Any other GenICam features by name, set in this order before the settings above but `pixel_format`; a command is
    run by `true`. (In the environment as JSON: names are in capitals and small letters.)"""

    @field_validator("offset_x", "offset_y")
    @classmethod
    def _offset_goes_with_a_size(cls, offset: int, info: ValidationInfo) -> int:
        size = "width" if info.field_name == "offset_x" else "height"
        if offset and info.data.get(size) is None:
            raise ValueError(f"only a part of the sensor has an offset; set {size} as well")
        return offset

    @field_validator("rate_hz")
    @classmethod
    def _rate_is_for_a_free_running_camera(cls, rate_hz: float | None, info: ValidationInfo) -> float | None:
        if rate_hz is not None and info.data.get("trigger") is not TriggerMode.OFF:
            raise ValueError("the trigger sets the pace of this camera; leave rate_hz out, or set trigger = 'off'")
        return rate_hz
