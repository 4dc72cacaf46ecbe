"""What comes before a map."""

from __future__ import annotations

from typing import Literal

from inspectd.wire.models.message import Count, Finite, Message


class MapHeader(Message):
    """Second part of a map message; the third is the payload. `sequence` is the verdict's."""

    kind: Literal["map"] = "map"
    """What this message is."""
    camera: str
    """Name of the camera."""
    frame: Count
    """Number of the frame."""
    encoding: Literal["float16", "png"]
    """`float16`: rows × columns little-endian numbers, row by row, the distance as it is. `png`: 8 bits, 255 standing
    for `full_scale` and above."""
    rows: Count
    """Of the map."""
    columns: Count
    """Of the map."""
    cell: Count
    """Side of the square of the frame, px, that one number stands for; the last row and column may reach past it."""
    threshold: Finite
    """A distance at or above it belongs to a defect."""
    full_scale: Finite
    """The distance that 255 stands for in a PNG: twice the threshold."""
