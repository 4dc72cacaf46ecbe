"""GStreamer: whether Python reaches it, and which of its elements are there for the cameras."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inspectd.cameras.gst.packages import BAD, CAMERA_PACKAGES, JETSON, install_command, package_of
from inspectd.cameras.introspection import load
from inspectd.doctor.findings import Finding, good, lacking, note
from inspectd.doctor.gpu import Graphics
from inspectd.doctor.machine import Machine
from inspectd.doctor.needs import Needs
from inspectd.errors import CameraError

KINDS = frozenset({"gst", "rtsp", "v4l2", "pattern"})
"""Of cameras that are read through GStreamer."""


@dataclass(frozen=True)
class Ability:
    """Something that cameras can be asked for."""

    name: str
    elements: tuple[str, ...]
    """All of these are needed."""
    asked_by: str
    """A source through GStreamer that holds this word asks for it."""


ABILITIES = (
    Ability("pipelines and test pictures", ("appsink", "decodebin", "videoconvert", "videotestsrc"), ""),
    Ability("V4L2 cameras", ("v4l2src",), "v4l2"),
    Ability("RTSP", ("rtspsrc", "rtph264depay", "rtph265depay", "h264parse", "h265parse"), "rtsp"),
)
SOFTWARE_DECODERS = Ability("H.264 and H.265 decoding by the processor", ("avdec_h264", "avdec_h265"), "rtsp")
CARD_DECODERS = Ability("H.264 and H.265 decoding by the GPU", ("nvh264dec", "nvh265dec"), "rtsp")
JETSON_DECODERS = Ability("H.264 and H.265 decoding by the Jetson", ("nvv4l2decoder", "nvvidconv"), "rtsp")


@dataclass(frozen=True)
class Gstreamer:
    """GStreamer, as it was found."""

    version: str = ""
    complaint: str = ""
    """Why it is not reached, and the way out; empty where it is."""
    elements: frozenset[str] = frozenset()
    """Those of the abilities above that are there."""


def read_gstreamer() -> Gstreamer:
    """Load GStreamer into this process and look for the elements."""
    try:
        gst, _ = load("Gst", "1.0"), load("GstVideo", "1.0")
    except CameraError as error:
        return Gstreamer(complaint=str(error))
    gst.init(None)
    version = gst.version()
    wanted = {
        element
        for ability in (*ABILITIES, SOFTWARE_DECODERS, CARD_DECODERS, JETSON_DECODERS)
        for element in ability.elements
    }
    return Gstreamer(
        version=f"{version.major}.{version.minor}.{version.micro}",
        elements=frozenset(element for element in wanted if gst.ElementFactory.find(element) is not None),
    )


def judge_gstreamer(gstreamer: Gstreamer, graphics: Graphics, machine: Machine, needs: Needs) -> Iterator[Finding]:
    """What to say of it."""
    sources = needs.sources_of(KINDS)
    if gstreamer.complaint:
        yield lacking(bool(sources), gstreamer.complaint, install_command(CAMERA_PACKAGES))
        return
    yield good(f"GStreamer {gstreamer.version}")
    hardware = JETSON_DECODERS if machine.jetson_linux else CARD_DECODERS
    decoded_by_hardware = gstreamer.elements.issuperset(hardware.elements)
    for ability in (*ABILITIES, SOFTWARE_DECODERS):
        asked = any(ability.asked_by in source for source in sources)
        needed = asked and not (ability is SOFTWARE_DECODERS and decoded_by_hardware)
        yield _judge_ability(ability, gstreamer, needed)
    if decoded_by_hardware:
        yield good(hardware.name)
    elif graphics.gpus or machine.jetson_linux:
        package = JETSON if machine.jetson_linux else BAD
        yield note(f"no {hardware.name}: the processor decodes", install_command([package]))


def _judge_ability(ability: Ability, gstreamer: Gstreamer, needed: bool) -> Finding:
    missing = [element for element in ability.elements if element not in gstreamer.elements]
    if not missing:
        return good(ability.name)
    packages = [package for element in missing if (package := package_of(element)) is not None]
    return lacking(needed, f"{ability.name}: {', '.join(missing)} not installed", install_command(packages))
