from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.cameras.base import BadPicture, Camera, Picture
from inspectd.cameras.line_scan import LineScanDriver
from inspectd.capture.channel import FrameReady, FramesLost, decode, encode
from inspectd.errors import CameraError
from inspectd.frames import Rows as RowNumbers
from inspectd.wire.models import Reason

Block = int | str | Exception
"""Rows of a block, what is wrong with one that is lost, or how the camera is lost."""


class Rows(Camera):
    """Delivers blocks of rows that are numbered in their pixels; a lost block's rows are passed over."""

    def __init__(self, blocks: Iterable[Block], width: int = 3) -> None:
        self.blocks: Iterator[Block] = iter(blocks)
        self.width = width
        self.row = 0
        self.moment = 1000
        self.buffer: NDArray[np.uint8] = np.zeros((0, width), np.uint8)

    def open(self) -> None:
        pass

    def read(self) -> Picture | BadPicture | None:
        self.buffer[:] = 255  # what was handed over before is no longer valid
        self.moment += 1
        block = next(self.blocks, None)
        if isinstance(block, Exception):
            raise block
        if isinstance(block, str):
            self.row += 10
            return BadPicture(block, self.moment, self.moment)
        if block is None:
            return None
        numbers = (np.arange(self.row, self.row + block) % 251).astype(np.uint8)
        self.row += block
        self.buffer = np.repeat(numbers[:, None], self.width, axis=1)
        return Picture(self.buffer, PixelFormat.MONO8, self.moment, self.moment)

    def close(self) -> None:
        pass


def read_all(driver: LineScanDriver) -> list[Picture | BadPicture]:
    """What it gives until it ends, with pixels of its own."""
    found: list[Picture | BadPicture] = []
    driver.open()
    while (picture := driver.read()) is not None:
        if isinstance(picture, Picture):
            picture = Picture(picture.pixels.copy(), *[getattr(picture, name) for name in list(vars(picture))[1:]])
        found.append(picture)
    return found


def numbers(picture: Picture) -> list[int]:
    assert (picture.pixels == picture.pixels[:, :1]).all()
    return [int(number) for number in picture.pixels[:, 0]]


@given(
    blocks=st.lists(st.integers(1, 50), max_size=12),
    frame=st.integers(2, 40),
    share=st.floats(0, 0.5),
)
def test_no_row_is_missing_and_none_is_twice(blocks: list[int], frame: int, share: float) -> None:
    overlap = int(share * frame)
    pictures = read_all(LineScanDriver(Rows(blocks), frame, overlap))
    new: list[int] = []
    for index, picture in enumerate(pictures):
        assert isinstance(picture, Picture)
        assert picture.rows is not None
        assert picture.rows.first == len(new) - picture.rows.repeated
        assert picture.rows.repeated == (overlap if index else 0)
        assert numbers(picture)[: picture.rows.repeated] == new[len(new) - picture.rows.repeated :]
        new += numbers(picture)[picture.rows.repeated :]
        assert len(picture.pixels) == frame or index == len(pictures) - 1
    assert new == [row % 251 for row in range(sum(blocks))]


def test_a_frame_was_taken_when_its_first_new_row_came() -> None:
    pictures = read_all(LineScanDriver(Rows([6, 6, 6]), rows=8, overlap=4))
    assert [picture.captured_monotonic_ns for picture in pictures] == [1001, 1002, 1003, 1003]
    assert {picture.rows.run_ns for picture in pictures if picture.rows} == {1001}


def test_a_lost_block_takes_the_rows_of_the_frame_it_interrupts_along() -> None:
    first, lost, second = read_all(LineScanDriver(Rows([8, 5, "torn", 8]), rows=8, overlap=2))
    assert isinstance(lost, BadPicture)
    assert lost.detail == "torn; the 5 rows collected before are lost with it"
    assert (lost.captured_monotonic_ns, lost.reason) == (1002, Reason.BAD_FRAME)
    assert lost.rows is not None
    assert (lost.rows.run_ns, lost.rows.first, lost.rows.repeated) == (1001, 6, 2)
    assert isinstance(first, Picture)
    assert isinstance(second, Picture)
    assert numbers(second) == list(range(23, 31))
    assert second.rows is not None
    assert (second.rows.run_ns, second.rows.first, second.rows.repeated) == (1004, 0, 0)


def test_a_lost_block_between_two_frames_loses_nothing_else() -> None:
    pictures = read_all(LineScanDriver(Rows([8, "torn", "torn", 8]), rows=8, overlap=2))
    assert [getattr(picture, "detail", None) for picture in pictures] == [None, "torn", "torn", None]


def test_a_camera_that_is_lost_tells_of_the_rows_it_had_given() -> None:
    driver = LineScanDriver(Rows([8, 5, CameraError("the cable was pulled")]), rows=8, overlap=2)
    driver.read()
    lost = driver.read()
    assert isinstance(lost, BadPicture)
    assert lost.detail == "the camera was lost: the cable was pulled; the 5 rows collected before are lost with it"
    with pytest.raises(CameraError, match="the cable was pulled"):
        driver.read()


def test_rows_of_another_width_are_not_put_into_one_frame() -> None:
    class Narrowed(Rows):
        def read(self) -> Picture | BadPicture | None:
            picture = super().read()
            self.width = 4
            return picture

    lost, frame = read_all(LineScanDriver(Narrowed([3, 8]), rows=8, overlap=0))
    assert isinstance(lost, BadPicture)
    assert lost.detail.startswith("rows of 4 px mono8 came after others; the 3 rows")
    assert isinstance(frame, Picture)
    assert frame.pixels.shape == (8, 4)


def test_files_go_on_after_the_frames_that_were_taken() -> None:
    (picture,) = read_all(LineScanDriver(Rows([6, 6, 6, 6]), rows=8, overlap=0, skip=2))
    assert isinstance(picture, Picture)
    assert numbers(picture) == list(range(16, 24))


def test_row_numbers_cross_from_the_capture_process_to_the_daemon() -> None:
    numbered = RowNumbers(1001, 6, 2)
    ready = FrameReady(1, 0, 8, 3, PixelFormat.MONO8, 1, 1, None, rows=numbered)
    lost = FramesLost(1, 1, Reason.BAD_FRAME, "torn", 1, 1, None, rows=numbered)
    assert [decode(encode(message)) for message in (ready, lost)] == [ready, lost]
