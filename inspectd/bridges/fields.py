"""The image field by field: one table for the registers of Modbus, the nodes of OPC UA and the keys of MQTT.

docs/plc.md is generated from it. A register once given keeps its meaning; new fields go where nothing is.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final

from inspectd.bridges.codes import Kind, OutcomeCode
from inspectd.bridges.handover import WORD, Handover, Position
from inspectd.bridges.line import PART_BYTES, Image
from inspectd.wire.models import Region

MAP_VERSION: Final = 1
"""Rises only when a program for the old map would misunderstand the new one."""
STATUS_REGISTER: Final = 2
"""Its bits are the discrete inputs as well."""
IMAGE_WORDS: Final = 164
"""Registers 0 to 163."""
TICKET_WORDS: Final = 4
ACKNOWLEDGE_REGISTER: Final = 200
CAMERA_WORDS: Final = 16
F32_MOST: Final = 3.4028234e38
"""More does not fit; the wire has 64 bits."""

Value = int | float | str


class Type(Enum):
    """How a value is written in registers: big-endian, the upper word first."""

    U16 = ">H"
    U32 = ">I"
    F32 = ">f"
    TEXT = "text"
    """UTF-8, two bytes a register, the first in the upper half; the rest is 0."""


@dataclass(frozen=True)
class Field:
    """One value of the image."""

    name: str
    type: Type
    register: int
    words: int
    meaning: str
    read: Callable[[Image], Value]


_NOTHING: Final = Handover(Position(0, "", 0), Kind.NONE, OutcomeCode.NONE)
"""What an image says where nothing is offered: no old PASS stays to be read."""


def _u16(name: str, register: int, meaning: str, read: Callable[[Image], int]) -> Field:
    return Field(name, Type.U16, register, 1, meaning, lambda image: min(read(image), 0xFFFF))


def _u32(name: str, register: int, meaning: str, read: Callable[[Image], int]) -> Field:
    return Field(name, Type.U32, register, 2, meaning, lambda image: read(image) % WORD)


def _f32(name: str, register: int, meaning: str, read: Callable[[Image], float]) -> Field:
    return Field(name, Type.F32, register, 2, meaning, lambda image: max(-F32_MOST, min(read(image), F32_MOST)))


def _text(name: str, register: int, words: int, meaning: str, read: Callable[[Image], str]) -> Field:
    return Field(name, Type.TEXT, register, words, meaning, read)


def _offered(image: Image) -> Handover:
    return image.offered if image.offered is not None else _NOTHING


def _region(name: str, image: Image) -> float:
    region: Region | None = _offered(image).region
    return 0.0 if region is None else float(getattr(region, name))


def _part_number(image: Image) -> int:
    part = _offered(image).part
    number = int(part) if part.isascii() and part.isdecimal() else 0
    return number if number < WORD else 0


STATUS_FIELDS: Final = (
    _u16("map_version", 0, "Version of this map.", lambda _: MAP_VERSION),
    _u16("life", 1, "Counts up every half second and begins again at 0.", lambda image: image.life % 0x10000),
    _u16("status", STATUS_REGISTER, "Bits, see below.", lambda image: int(image.status)),
    _u16("state", 3, "State of the daemon, see below; 0 where it is not heard.", lambda image: image.state),
    _u16("waiting", 4, "Verdicts that wait to be taken, with the one offered.", lambda image: image.waiting),
    _u32("passed", 6, "PASS taken since the bridge started.", lambda image: image.passed),
    _u32("failed", 8, "FAIL taken since the bridge started.", lambda image: image.failed),
    _u32("errors", 10, "ERROR taken since the bridge started.", lambda image: image.errors),
    _u32("lost", 12, "Verdicts lost since the bridge started.", lambda image: image.lost),
)
VERDICT_FIELDS: Final = (
    _u32("series", 20, "Upper half of the ticket.", lambda image: _offered(image).position.series),
    _u32("sequence", 22, "Lower half of the ticket: the verdict's number.", lambda i: _offered(i).position.sequence),
    _u16("kind", 24, "What is offered, see below.", lambda image: _offered(image).kind),
    _u16("outcome", 25, "1 is PASS, nothing else is; see below.", lambda image: _offered(image).outcome),
    _u16("reason", 26, "Why it is ERROR or lost, see below; else 0.", lambda image: _offered(image).reason),
    _u16("camera_number", 27, "Place of the camera among the `--camera` options, from 1.", lambda i: i.camera_number),
    _u32("frame", 28, "Number of the frame.", lambda image: _offered(image).frame),
    _f32("score", 30, "Score; 0 on an ERROR and on a part.", lambda image: _offered(image).score),
    _f32("threshold", 32, "Threshold; 0 on a part.", lambda image: _offered(image).threshold),
    _u16("regions", 34, "Defects in the frame.", lambda image: _offered(image).regions),
    _u32("missing", 36, "Verdicts lost, up to this number; 0 if not known.", lambda i: _offered(i).missing),
    _u32("part_number", 38, "Id of the part where it is a whole number; else 0.", _part_number),
    _f32("region_x", 40, "Left border of the region with the largest peak, px.", partial(_region, "x")),
    _f32("region_y", 42, "Its upper border, px.", partial(_region, "y")),
    _f32("region_width", 44, "Its width, px.", partial(_region, "width")),
    _f32("region_height", 46, "Its height, px.", partial(_region, "height")),
    _f32("region_area", 48, "Its area, px.", partial(_region, "area")),
    _f32("region_peak", 50, "Its largest distance.", partial(_region, "peak")),
    _f32("along_mm", 52, "Where the frame begins along the web, mm.", lambda image: _offered(image).along_mm),
    _f32("latency_ms", 54, "From capture or trigger to the decision, ms.", lambda image: _offered(image).latency_ms),
    _text("camera", 60, CAMERA_WORDS, "Name of the camera; empty for a part.", lambda image: _offered(image).camera),
    _text("part", 100, PART_BYTES // 2, "Id of the part; empty without one.", lambda image: _offered(image).part),
)
FIELDS: Final = STATUS_FIELDS + VERDICT_FIELDS


def words_of(image: Image) -> list[int]:
    """Registers 0 to IMAGE_WORDS - 1; what no field takes is 0."""
    words = [0] * IMAGE_WORDS
    for field in FIELDS:
        words[field.register : field.register + field.words] = _encoded(field, field.read(image))
    return words


def _encoded(field: Field, value: Value) -> list[int]:
    if field.type is Type.TEXT:
        # Cut between characters, never within one.
        text = str(value).encode()[: 2 * field.words].decode(errors="ignore").encode()
        data = text.ljust(2 * field.words, b"\0")
    else:
        data = struct.pack(field.type.value, value)
    return list(struct.unpack(f">{field.words}H", data))


def ticket_of(words: list[int]) -> int:
    """The ticket in four registers, as the other side has read and written them."""
    return int.from_bytes(struct.pack(f">{TICKET_WORDS}H", *words))
