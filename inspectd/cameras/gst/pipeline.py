"""From a recipe to a pipeline."""

from __future__ import annotations

from typing import Any, Final

from inspectd.cameras.gst.packages import missing_elements
from inspectd.cameras.gst.recipe import Recipe, without_credentials
from inspectd.cameras.gst.runtime import Runtime
from inspectd.cameras.gst.sample import CAPS, JPEG_CAPS
from inspectd.errors import CameraError

SINK: Final = "inspectd"
"""Name of the sink at the end of each pipeline."""
# A pipeline waits for no rendering time (sync), and keeps no picture back (enable-last-sample).
_SINK_TEXT: Final = f"appsink name={SINK} emit-signals=true sync=false enable-last-sample=false"


def build(runtime: Runtime, recipe: Recipe) -> Any:
    """A Gst.Pipeline that ends in an appsink named `SINK`; nothing of it is opened or started.

    Raises:
        CameraError: the text is no pipeline, or elements are missing; the message says what to do.
    """
    missing = [name for name in recipe.brought if not runtime.has(name)]
    if missing:
        raise CameraError(missing_elements(missing))
    context = runtime.gst.ParseContext()
    try:
        pipeline = runtime.gst.parse_launch_full(_text(recipe), context, runtime.gst.ParseFlags.FATAL_ERRORS)
    except runtime.glib_error as error:
        kinds = runtime.gst.ParseError
        if error.matches(kinds.quark(), kinds.NO_SUCH_ELEMENT):
            raise CameraError(missing_elements(context.get_missing_elements())) from error
        unfinished = error.matches(kinds.quark(), kinds.SYNTAX) or error.matches(kinds.quark(), kinds.LINK)
        raise CameraError(_no_pipeline(without_credentials(error.message), unfinished)) from error
    for key, value in recipe.source.items():
        pipeline.get_by_name("source").set_property(key, value)
    pipeline.connect("deep-element-added", _set_up)
    return pipeline


def _text(recipe: Recipe) -> str:
    if recipe.jpeg:
        return f"{recipe.text} ! {_SINK_TEXT} caps={JPEG_CAPS}"
    # videoconvert passes on what has one of the formats already, untouched.
    return f'{recipe.text} ! videoconvert ! {_SINK_TEXT} caps="{CAPS}"'


def _no_pipeline(problem: str, unfinished: bool) -> str:
    if "video/x-bayer" in problem:
        return f"no pipeline: {problem}; put 'bayer2rgb' at its end"
    if unfinished:
        return f"no pipeline: {problem}; it must end with what gives pictures, without '!' or a sink"
    return f"no pipeline: {problem}; gst-inspect-1.0 shows the properties of an element"


def _set_up(_pipeline: Any, _bin: Any, element: Any) -> None:
    """Settings of the elements that `decodebin` brings in."""
    factory = element.get_factory()
    if factory is not None and factory.get_name().startswith("avdec_"):
        element.set_property("max-threads", 1)  # capture must not take the engine's cores
