"""From a sample that a pipeline delivered to pixels and the time they were taken."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.cameras.gst.runtime import Runtime
from inspectd.cameras.gst.shelf import Arrival
from inspectd.errors import CameraError

FORMATS: Final = {"BGR": PixelFormat.BGR8, "RGB": PixelFormat.RGB8, "GRAY8": PixelFormat.MONO8}
"""GStreamer's names of the formats that frames can have, the one preferred first."""
CAPS: Final = f"video/x-raw,format=(string){{{','.join(FORMATS)}}}"
JPEG_CAPS: Final = "image/jpeg"


class MappedBuffer:
    """A buffer's memory, readable until `release`.

    With Debian's python3-gst-1.0 it is the buffer itself; PyGObject alone copies it once.
    """

    def __init__(self, runtime: Runtime, buffer: Any) -> None:
        self._buffer = buffer
        mapped = buffer.map(runtime.gst.MapFlags.READ)
        if isinstance(mapped, tuple):
            done, mapped = mapped
            mapped = mapped if done else None
        if mapped is None:
            raise CameraError("a picture's memory cannot be read")
        self._mapped = mapped
        self.data: Any = mapped.data
        """Supports the buffer protocol."""

    def release(self) -> None:
        """`data` is not to be used afterwards. May be called more than once."""
        if self._mapped is not None:
            self._buffer.unmap(self._mapped)
            self._mapped = self._buffer = self.data = None


def pixels_of(runtime: Runtime, sample: Any, data: Any) -> tuple[NDArray[np.uint8], PixelFormat]:
    """A view of a raw picture, H×W or H×W×3, whose rows may lie apart.

    Raises:
        CameraError: it has another format, or is smaller than it says.
    """
    caps = sample.get_caps()
    info = runtime.video.VideoInfo.new_from_caps(caps)
    pixel_format = FORMATS.get(caps.get_structure(0).get_string("format") or "")
    if info is None or pixel_format is None:
        raise CameraError(f"no format that is read here: {caps.to_string()}")
    # The buffer's own layout counts; without one it is the standard layout, whose rows are padded to 4 bytes.
    layout = runtime.video.buffer_get_video_meta(sample.get_buffer()) or info
    pixels = np.frombuffer(data, np.uint8)
    shape = pixel_format.shape(info.height, info.width)
    row, start = layout.stride[0], layout.offset[0]
    if start + row * (info.height - 1) + info.width * pixel_format.channels > pixels.size:
        raise CameraError(f"{pixels.size} bytes are too few for {info.width}×{info.height} px {pixel_format}")
    strides = (row, 1) if pixel_format is PixelFormat.MONO8 else (row, 3, 1)
    return np.lib.stride_tricks.as_strided(pixels[start:], shape, strides, writeable=False), pixel_format


def damage_of(runtime: Runtime, sample: Any, *, first: bool) -> str | None:
    """Why a picture cannot be trusted, as its flags say. The `first` one always begins something new."""
    flags, buffer = runtime.gst.BufferFlags, sample.get_buffer()
    if buffer.has_flags(flags.CORRUPTED):
        return "the picture is damaged: data of it were lost or could not be decoded"
    if buffer.has_flags(flags.DISCONT) and not first:
        return "the stream is interrupted before this picture: data were lost or could not be decoded"
    return None


def captured_ns(runtime: Runtime, arrival: Arrival, base_time_ns: int | None) -> tuple[int, int]:
    """When a picture was taken: CLOCK_MONOTONIC and UTC, ns.

    The buffer's time stamp counts, on a pipeline that runs by the monotonic clock and began at `base_time_ns`. Where
    there is none, or it lies ahead, or `base_time_ns` is None, it is the time of arrival.
    """
    monotonic_ns = arrival.arrived_monotonic_ns
    if base_time_ns is not None:
        stamp = arrival.sample.get_buffer().pts
        running = arrival.sample.get_segment().to_running_time(runtime.gst.Format.TIME, stamp)
        if running != runtime.gst.CLOCK_TIME_NONE:
            monotonic_ns = min(monotonic_ns, base_time_ns + running)
    return monotonic_ns, time.time_ns() - (time.monotonic_ns() - monotonic_ns)
