from __future__ import annotations

import time
from typing import cast

import numpy as np

from engines.pixels import PixelFormat
from inspectd.frames import Frame, Loan
from inspectd.pipeline.ledger import OpenFrame
from inspectd.pipeline.model import Model
from inspectd.pipeline.queues import FrameQueues, QueuePolicy
from inspectd.settings import DropPolicy

NO_MODEL = cast("Model", None)
"""Queues do not look at it."""
NOW_NS = time.monotonic_ns()


def waiting(camera: str, number: int, age_ms: float, deadline_ms: float = 1000.0) -> OpenFrame:
    frame = Frame(
        camera=camera,
        number=number,
        pixels=np.zeros((1, 1), np.uint8),
        pixel_format=PixelFormat.MONO8,
        captured_monotonic_ns=NOW_NS - int(age_ms * 1e6),
        captured_utc_ns=0,
        source=None,
        loan=Loan(lambda: None),
    )
    return OpenFrame(frame, NO_MODEL, deadline_ms)


def queues(limit: int = 3, drop: DropPolicy = DropPolicy.OLDEST) -> FrameQueues:
    return FrameQueues({camera: QueuePolicy(limit, drop) for camera in ("a", "b", "c")})


def taken(queues: FrameQueues) -> list[tuple[str, int]]:
    order = []
    while (opened := queues.take()) is not None:
        order.append((opened.frame.camera, opened.frame.number))
    return order


def test_the_nearest_deadline_comes_first_across_cameras() -> None:
    frames = queues()
    for opened in (waiting("a", 1, 10), waiting("b", 2, 30), waiting("c", 3, 20), waiting("a", 4, 5, deadline_ms=100)):
        assert frames.put(opened) is None
    # A camera's own frames keep their order.
    assert taken(frames) == [("b", 2), ("c", 3), ("a", 1), ("a", 4)]


def test_a_camera_that_floods_comes_after_those_within_their_share() -> None:
    frames = queues()
    for number in range(4):
        frames.put(waiting("a", number, 900 - number))  # far older than the others, and more than its queue holds
    frames.put(waiting("b", 10, 5))
    frames.put(waiting("c", 11, 4))
    assert taken(frames) == [("b", 10), ("c", 11), ("a", 1), ("a", 2), ("a", 3)]


def test_a_camera_that_waits_no_more_is_like_every_other_again() -> None:
    frames = queues(limit=1)
    for number in range(2):
        frames.put(waiting("a", number, 50))
    assert taken(frames) == [("a", 1)]
    frames.put(waiting("a", 2, 50))
    frames.put(waiting("b", 3, 5))
    assert taken(frames) == [("a", 2), ("b", 3)]


def test_cameras_that_flood_share_what_is_left() -> None:
    frames = queues(limit=2)
    for number in range(4):
        frames.put(waiting("a", number, 40 - 10 * number))
        frames.put(waiting("b", 10 + number, 35 - 10 * number))
    assert taken(frames) == [("a", 2), ("b", 12), ("a", 3), ("b", 13)]
