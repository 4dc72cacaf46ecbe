"""When a frame was taken, and which frames never came."""

from __future__ import annotations

import numpy as np

from inspectd.cameras.aravis.clock import CameraClock
from inspectd.cameras.aravis.numbering import FrameNumbers

MS = 1_000_000


def test_times_between_frames_are_the_cameras_whatever_the_network_does() -> None:
    clock = CameraClock()
    lags = np.random.default_rng(0).integers(1 * MS, 9 * MS, 200)
    lags[10] = 0
    stamps = [5_000_000 * MS + frame * 10 * MS for frame in range(200)]
    arrivals = [70_000 * MS + frame * 10 * MS + int(lags[frame]) for frame in range(200)]
    captured = [clock.captured_ns(stamp, arrival) for stamp, arrival in zip(stamps, arrivals, strict=True)]
    assert all(taken <= arrival for taken, arrival in zip(captured, arrivals, strict=True))
    assert set(np.diff(captured[10:])) == {10 * MS}


def test_a_drifting_camera_is_followed() -> None:
    clock = CameraClock()
    for frame in range(2000):  # 200 s, the camera's quartz 100 ppm slow
        arrival = frame * 100 * MS
        captured = clock.captured_ns(1 + round(arrival * 0.9999), arrival)
    assert 0 <= arrival - captured <= 2 * MS


def test_without_a_usable_stamp_the_arrival_counts() -> None:
    clock = CameraClock()
    assert [clock.captured_ns(0, arrival) for arrival in (5, 17, 31)] == [5, 17, 31]


def test_a_camera_that_starts_to_count_anew_is_believed_anew() -> None:
    clock = CameraClock()
    clock.captured_ns(900_000 * MS, 1000 * MS)
    assert clock.captured_ns(3 * MS, 1050 * MS) == 1050 * MS
    assert clock.captured_ns(13 * MS, 1061 * MS) == 1060 * MS


def test_a_stamp_that_jumps_ahead_is_not_believed() -> None:
    clock = CameraClock()
    clock.captured_ns(10 * MS, 1000 * MS)
    assert clock.captured_ns(9_999_999 * MS, 1010 * MS) == 1010 * MS


def test_gaps_are_counted() -> None:
    numbers = FrameNumbers()
    assert [numbers.arrived(number) for number in (7, 8, 9, 12, 13)] == [0, 0, 0, 2, 0]


def test_incomplete_frames_are_not_counted_twice() -> None:
    numbers = FrameNumbers()
    numbers.arrived(7)
    numbers.incomplete()
    assert numbers.arrived(9) == 0
    numbers.incomplete()
    assert numbers.arrived(13) == 2


def test_16_bit_numbers_go_from_65535_to_1() -> None:
    numbers = FrameNumbers()
    assert [numbers.arrived(number) for number in (65534, 65535, 1, 2, 4)] == [0, 0, 0, 0, 1]
    assert [numbers.arrived(number) for number in (65535, 3)] == [0, 2]


def test_numbers_of_64_bits_do_not_wrap() -> None:
    numbers = FrameNumbers()
    assert [numbers.arrived(number) for number in (65535, 65536, 65538)] == [0, 0, 1]


def test_numbers_that_tell_nothing_miss_nothing() -> None:
    numbers = FrameNumbers()
    assert [numbers.arrived(number) for number in (0, 0, 0, 50_000, 3, 1 << 40)] == [0] * 6
