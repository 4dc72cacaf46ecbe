"""Aravis, which speaks to GigE Vision and USB3 Vision cameras."""

from __future__ import annotations

from collections.abc import Iterator

from inspectd.cameras.aravis.binding import aravis
from inspectd.doctor.findings import Finding, good, lacking
from inspectd.doctor.needs import Needs
from inspectd.errors import CameraError

INSTALL = "sudo apt install python3-gi gir1.2-aravis-0.8"


def read_aravis() -> str:
    """Why Aravis is not reached; empty where it is."""
    try:
        aravis()
    except CameraError as error:
        return str(error)
    return ""


def judge_aravis(complaint: str, needs: Needs) -> Iterator[Finding]:
    """What to say of it."""
    if complaint:
        yield lacking(bool(needs.sources_of({"aravis"})), complaint, INSTALL)
    else:
        yield good("Aravis 0.8, for GigE Vision and USB3 Vision cameras; 'inspectd cameras' lists those that answer")
