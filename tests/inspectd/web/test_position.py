from __future__ import annotations

import re
import time

import pytest

from inspectd.errors import CountRefusedError
from inspectd.web.counts import take_count
from inspectd.web.position import KEPT_COUNTS, ConstantSpeed, EncoderCounts
from inspectd.wire.models import EncoderRequest

S = 1_000_000_000


def counts(*pairs: tuple[int, float], stale_s: float = 1.0) -> EncoderCounts:
    """Counts (count, moment in s) of 0.5 mm each."""
    encoder = EncoderCounts(0.5, stale_s)
    for count, moment_s in pairs:
        encoder.add(count, int(moment_s * S))
    return encoder


def test_a_constant_speed_counts_from_the_hosts_start() -> None:
    assert ConstantSpeed(200.0).at(int(1.5 * S)).mm == pytest.approx(300)


def test_between_two_counts_the_position_is_interpolated() -> None:
    encoder = counts((100, 10), (140, 10.5), (160, 11))
    assert encoder.at(int(10.25 * S)).mm == pytest.approx(60)
    assert encoder.at(int(10.75 * S)).mm == pytest.approx(75)
    assert encoder.at(11 * S).mm == pytest.approx(80)


def test_after_the_newest_count_the_web_goes_on_as_it_did() -> None:
    assert counts((100, 10), (140, 10.5)).at(int(10.75 * S)).mm == pytest.approx(80)
    assert counts((100, 10), (100, 10.5)).at(int(11.4 * S)).mm == pytest.approx(50)


@pytest.mark.parametrize(
    ("given", "at_s", "told"),
    [
        ((), 10, "no encoder count had come by then"),
        (((100, 10), (140, 10.5)), 9.9, "no encoder count had come by then"),
        (((100, 10),), 10.5, "only one encoder count"),
        (((100, 10), (140, 10.5)), 12, r"was 1.5 s old \(web.stale_s = 1\)"),
        (((100, 10), (140, 10.5), (900, 20)), 12, "was 1.5 s old"),
        (((100, 10), (140, 15)), 15.5, "the last two encoder counts lay 5.0 s apart"),
    ],
)
def test_a_position_that_is_not_known_is_not_invented(
    given: tuple[tuple[int, float], ...], at_s: float, told: str
) -> None:
    position = counts(*given).at(int(at_s * S))
    assert position.mm is None
    assert re.search(told, position.detail or "")


def test_a_lone_count_tells_its_own_moment() -> None:
    assert counts((100, 10)).at(10 * S).mm == 50


def test_only_so_many_counts_are_kept() -> None:
    encoder = counts(*((number, number / 100) for number in range(3 * KEPT_COUNTS)))
    newest_s = (3 * KEPT_COUNTS - 1) / 100
    assert encoder.at(int((newest_s - 60) * S)).mm is not None
    assert encoder.at(0).mm is None


def test_a_count_is_for_all_encoders_or_for_the_one_that_is_named() -> None:
    encoders = {"left": counts(), "right": counts()}
    both = take_count(encoders, EncoderRequest(count=7))
    assert (both.count, both.cameras) == (7, ("left", "right"))
    assert time.monotonic_ns() - both.monotonic_ns < 10 * S
    one = take_count(encoders, EncoderRequest(count=9, camera="right"))
    assert one.cameras == ("right",)
    assert (encoders["left"].newest_ns, encoders["right"].newest_ns) == (both.monotonic_ns, one.monotonic_ns)


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (EncoderRequest(count=1, camera="top"), "camera: 'top' has no encoder; those that have are left"),
        (EncoderRequest(count=1, monotonic_ns=5 * S), "a count of a later moment, 10000000000, came before it"),
        (EncoderRequest(count=1, monotonic_ns=2**62), "s ahead of now"),
    ],
)
def test_a_count_that_makes_no_sense_is_refused(request_: EncoderRequest, told: str) -> None:
    encoders = {"left": counts((3, 10))}
    with pytest.raises(CountRefusedError, match=told):
        take_count(encoders, request_)
    assert encoders["left"].newest_ns == 10 * S


def test_without_an_encoder_there_is_nothing_to_count() -> None:
    with pytest.raises(CountRefusedError, match=r"set web.mm_per_count"):
        take_count({}, EncoderRequest(count=1))
