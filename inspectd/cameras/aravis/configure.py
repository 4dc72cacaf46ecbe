"""A camera's settings put into it.

Order matters to cameras: the pixel format and free features, which may change ranges (binning), come first; the part
of the sensor is moved to the corner before it grows; the frame rate switches triggers off, so triggers come after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inspectd.cameras.aravis.binding import aravis, told_as_camera_error
from inspectd.cameras.aravis.features import FeatureWriter
from inspectd.errors import CameraError
from inspectd.settings import AravisCamera, TriggerMode

_EDGES = {"rising": "RisingEdge", "falling": "FallingEdge"}


def configure(camera: Any, settings: AravisCamera) -> None:
    """Put `settings` into an `Aravis.Camera`. It must not be streaming.

    Raises:
        CameraError: the camera refuses a value or has no such feature; the message names the setting and what would do.
    """
    writer = FeatureWriter(camera)
    if settings.pixel_format is not None:
        writer.write("PixelFormat", settings.pixel_format, "pixel_format")
    for name, value in settings.features.items():
        writer.write(name, value, f"features.{name}")
    _set_part_of_sensor(writer, settings)
    _set_exposure(camera, settings)
    _set_gain(camera, settings)
    if writer.has("AcquisitionMode"):
        writer.write("AcquisitionMode", "Continuous", "AcquisitionMode")
    _set_pace(camera, writer, settings)
    if camera.is_gv_device():
        _set_packets(camera, settings)


def _set_part_of_sensor(writer: FeatureWriter, settings: AravisCamera) -> None:
    for size, offset in (("width", "offset_x"), ("height", "offset_y")):
        wanted = getattr(settings, size)
        if wanted is None:
            continue
        size_feature, offset_feature = size.title(), offset.title().replace("_", "")
        if writer.has(offset_feature):
            writer.write(offset_feature, 0, offset)
        writer.write(size_feature, wanted, size)
        if getattr(settings, offset):
            writer.write(offset_feature, getattr(settings, offset), offset)


def _set_exposure(camera: Any, settings: AravisCamera) -> None:
    if settings.exposure_us is None:
        return
    with told_as_camera_error(f"exposure_us = {settings.exposure_us:g}"):
        if camera.is_exposure_auto_available():
            camera.set_exposure_time_auto(aravis().Auto.OFF)
        _within("exposure_us", settings.exposure_us, camera.get_exposure_time_bounds)
        camera.set_exposure_time(settings.exposure_us)


def _set_gain(camera: Any, settings: AravisCamera) -> None:
    if settings.gain is None:
        return
    with told_as_camera_error(f"gain = {settings.gain:g}"):
        if camera.is_gain_auto_available():
            camera.set_gain_auto(aravis().Auto.OFF)
        _within("gain", settings.gain, camera.get_gain_bounds)
        camera.set_gain(settings.gain)


def _set_pace(camera: Any, writer: FeatureWriter, settings: AravisCamera) -> None:
    if settings.trigger is TriggerMode.OFF:
        with told_as_camera_error("trigger = 'off'"):
            camera.clear_triggers()
    if settings.rate_hz is not None:
        with told_as_camera_error(f"rate_hz = {settings.rate_hz:g}"):
            _within("rate_hz", settings.rate_hz, camera.get_frame_rate_bounds)
            camera.set_frame_rate(settings.rate_hz)
    if settings.trigger is TriggerMode.SOFTWARE:
        _set_trigger(camera, "Software", "trigger = 'software'")
    if settings.trigger is TriggerMode.HARDWARE:
        _set_trigger(camera, settings.trigger_line, f"trigger_line = '{settings.trigger_line}'")
        writer.write("TriggerActivation", _EDGES[settings.trigger_edge], "trigger_edge")


def _set_trigger(camera: Any, source: str, said: str) -> None:
    with told_as_camera_error(said):
        sources = camera.dup_available_trigger_sources()
        if source not in sources:
            raise CameraError(f"{said}: this camera can be triggered by {', '.join(sources)}")
        camera.set_trigger(source)


def _set_packets(camera: Any, settings: AravisCamera) -> None:
    """Without a packet size, Aravis tries for the largest that gets through when the stream begins."""
    adjustment = aravis().GvPacketSizeAdjustment
    if settings.packet_size is None:
        camera.gv_set_packet_size_adjustment(adjustment.ALWAYS)
    else:
        with told_as_camera_error(f"packet_size = {settings.packet_size}"):
            camera.gv_set_packet_size_adjustment(adjustment.NEVER)
            camera.gv_set_packet_size(settings.packet_size)
    if settings.packet_delay_us is not None:
        with told_as_camera_error(f"packet_delay_us = {settings.packet_delay_us:g}"):
            camera.gv_set_packet_delay(round(settings.packet_delay_us * 1000))


def _within(key: str, value: float, bounds: Callable[[], tuple[float, float]]) -> None:
    low, high = bounds()
    if not low <= value <= high:
        raise CameraError(f"{key} = {value:g}: this camera takes {low:g} to {high:g}")
