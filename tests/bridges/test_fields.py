"""Registers and numbers: what is promised to programs that were written years ago."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inspectd.bridges.codes import OUTCOMES, REASONS, STATES, LostReason
from inspectd.bridges.fields import (
    ACKNOWLEDGE_REGISTER,
    FIELDS,
    IMAGE_WORDS,
    STATUS_REGISTER,
    ticket_of,
    words_of,
)
from inspectd.bridges.handover import Handover, frame_handover, part_handover, ticket
from inspectd.bridges.line import Image, Status
from inspectd.wire.models import DaemonState, Outcome, Reason
from tests.bridges.plcs import decoded
from tools.docs.examples import ERROR, FAIL, PART

NOTHING = Image(
    life=65_536 + 7,
    status=Status.READY | Status.LIFE_BIT,
    state=2,
    waiting=70_000,
    passed=5_000_000,
    failed=2,
    errors=1,
    lost=0,
    surface="brick",
    bundle="brick-0123456789abcdef",
    offered=None,
    camera_number=0,
)


def offering(handover: Handover, camera_number: int = 0) -> dict[str, float | str]:
    return decoded(words_of(replace(NOTHING, offered=handover, camera_number=camera_number)))


def test_every_word_of_the_wire_has_a_number_of_its_own() -> None:
    for numbers, words in ((OUTCOMES, Outcome), (REASONS, Reason), (STATES, DaemonState)):
        assert set(numbers) == set(words), "give the new one the next number, in codes.py"
        assert len({*numbers.values()}) == len(numbers)
        assert 0 not in numbers.values()
    assert not {*REASONS.values()} & {*LostReason}


def test_registers_do_not_overlap() -> None:
    taken = [register for field in FIELDS for register in range(field.register, field.register + field.words)]
    assert len(taken) == len(set(taken))
    assert max(taken) == IMAGE_WORDS - 1
    assert ACKNOWLEDGE_REGISTER >= IMAGE_WORDS


def test_the_map_is_what_it_was() -> None:
    """A program written for map version 1 relies on these."""
    at = {field.name: field.register for field in FIELDS}
    assert {name: at[name] for name in ("map_version", "life", "status", "state")} == {
        "map_version": 0,
        "life": 1,
        "status": STATUS_REGISTER,
        "state": 3,
    }
    assert [
        at[name] for name in ("series", "sequence", "kind", "outcome", "reason", "part_number", "camera", "part")
    ] == [
        20,
        22,
        24,
        25,
        26,
        38,
        60,
        100,
    ]
    assert [flag.value.bit_length() - 1 for flag in Status] == [*range(9), 15]


def test_what_is_not_offered_is_not_there() -> None:
    words = words_of(NOTHING)
    assert words[20:] == [0] * (IMAGE_WORDS - 20)
    image = decoded(words)
    assert (image["life"], image["status"], image["state"]) == (7, 0x8001, 2)
    assert (image["waiting"], image["passed"]) == (65_535, 5_000_000), "16 bits stop at their end, 32 are enough"


def test_a_frame_is_told_whole() -> None:
    image = offering(frame_handover(FAIL, 77), camera_number=1)
    region = FAIL.regions[0]
    assert (image["series"], image["sequence"]) == (77, FAIL.sequence)
    assert (image["kind"], image["outcome"], image["reason"], image["camera_number"]) == (1, 2, 0, 1)
    assert (image["frame"], image["score"], image["threshold"], image["regions"]) == (517, 3.25, 2.5, 1)
    assert (image["region_x"], image["region_y"]) == (region.x, region.y)
    assert (image["region_width"], image["region_height"]) == (region.width, region.height)
    assert (image["region_area"], image["region_peak"]) == (region.area, region.peak)
    assert (image["along_mm"], image["latency_ms"], image["camera"]) == (82_720.0, 41.5, "web")


def test_an_error_has_its_reason_and_no_score() -> None:
    image = offering(frame_handover(ERROR, 77))
    assert (image["outcome"], image["reason"], image["score"], image["frame"]) == (3, 3, 0, 0)


@pytest.mark.parametrize(
    ("part", "number"), [("4711", 4711), ("A-4711", 0), (str(1 << 32), 0), ("٤", 0), ("0", 0), ("-5", 0)]
)
def test_a_part_is_told_by_text_and_number(part: str, number: int) -> None:
    image = offering(part_handover(PART.model_copy(update={"part": part}), 77))
    assert (image["kind"], image["outcome"], image["reason"]) == (2, 3, 8)
    assert (image["part"], image["part_number"], image["camera"]) == (part, number, "")


def test_a_number_that_is_too_large_stops_at_the_end() -> None:
    image = offering(frame_handover(FAIL.model_copy(update={"score": 1e300, "along_mm": -1e300}), 77))
    assert image["score"] == pytest.approx(3.4028234e38)
    assert image["along_mm"] == pytest.approx(-3.4028234e38)


def test_text_that_is_too_long_is_cut_between_characters() -> None:
    image = offering(part_handover(PART.model_copy(update={"part": "x" + 100 * "ß"}), 77))
    assert image["part"] == "x" + 63 * "ß"


def test_a_ticket_is_read_and_written_alike() -> None:
    words = words_of(replace(NOTHING, offered=frame_handover(FAIL, 0xFEDC_BA98)))
    assert ticket_of(words[20:24]) == ticket(0xFEDC_BA98, FAIL.sequence)
