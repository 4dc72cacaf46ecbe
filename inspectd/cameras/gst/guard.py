"""Keeps from decoders what they would mend.

Where packets of a stream are lost, a decoder invents what is missing, in this picture and in all that build upon it,
and hands them on as if they were whole. So after a loss nothing reaches a decoder until a picture comes that needs no
other; each picture that is kept back is told. Data that were changed without a loss cannot be found out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inspectd.cameras.gst.runtime import Runtime


class DecoderGuard:
    """Looks at every encoded picture on its way into one decoder, on the streaming thread."""

    def __init__(self, runtime: Runtime, told: Callable[[], None]) -> None:
        """`told` is called for each picture that is kept back after a loss."""
        self._told = told
        self._pass = runtime.gst.PadProbeReturn.OK
        self._drop = runtime.gst.PadProbeReturn.DROP
        self._interrupted = runtime.gst.BufferFlags.DISCONT
        self._dependent = runtime.gst.BufferFlags.DELTA_UNIT
        self._begun = False
        self._waiting = True

    def look(self, _pad: Any, info: Any) -> Any:
        """A probe for the decoder's sink pad."""
        buffer = info.get_buffer()
        if self._begun and buffer.has_flags(self._interrupted):
            # The first picture after a loss may itself be in pieces, even one that needs no other.
            self._waiting = True
            self._told()
            return self._drop
        if self._waiting and buffer.has_flags(self._dependent):
            if self._begun:  # before, a stream is joined in its midst, and nothing is lost
                self._told()
            return self._drop
        self._waiting, self._begun = False, True
        return self._pass


def guard_decoders(runtime: Runtime, pipeline: Any, told: Callable[[], None]) -> None:
    """Put a guard before every video decoder of a pipeline, those included that join it later."""

    def guard(element: Any) -> None:
        pad = element.get_static_pad("sink")
        if pad is not None and is_video_decoder(element):
            pad.add_probe(runtime.gst.PadProbeType.BUFFER, DecoderGuard(runtime, told).look)

    elements = pipeline.iterate_recurse()
    while True:
        result, element = elements.next()
        if result != runtime.gst.IteratorResult.OK:
            break
        guard(element)
    pipeline.connect("deep-element-added", lambda _pipeline, _bin, element: guard(element))


def is_video_decoder(element: Any) -> bool:
    """Whether an element decodes by itself, rather than by others within it."""
    factory = element.get_factory()
    kinds = (factory.get_metadata("klass") if factory else "").split("/")
    return "Decoder" in kinds and bool({"Video", "Image"} & set(kinds)) and "Bin" not in kinds
