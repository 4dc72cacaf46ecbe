"""Frames in shared memory."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pytest

from engines.pixels import PixelFormat
from inspectd.capture.ring import RingReader, RingWriter, create_ring

SLOT = 1 << 20


def mapped_rings() -> int:
    return Path("/proc/self/maps").read_text().count("inspectd-ring")


@pytest.fixture
def ring() -> tuple[RingWriter, RingReader]:
    descriptor = create_ring(3, SLOT)
    pair = RingWriter(descriptor, 3, SLOT), RingReader(descriptor, 3, SLOT)
    os.close(descriptor)
    return pair


def test_what_is_written_is_read_bit_for_bit(ring: tuple[RingWriter, RingReader]) -> None:
    writer, reader = ring
    random = np.random.default_rng(0)
    colour = random.integers(0, 256, (123, 77, 3), np.uint8)
    grey = random.integers(0, 256, (1024, 1024), np.uint8)  # fills its slot to the last byte
    writer.write(2, colour)
    writer.write(1, grey)
    writer.write(0, colour[:, ::-2])  # rows that do not lie together
    np.testing.assert_array_equal(reader.view(2, 123, 77, PixelFormat.BGR8), colour)
    np.testing.assert_array_equal(reader.view(1, 1024, 1024, PixelFormat.MONO8), grey)
    np.testing.assert_array_equal(reader.view(0, 123, 39, PixelFormat.RGB8), colour[:, ::-2])


def test_the_daemon_cannot_write(ring: tuple[RingWriter, RingReader]) -> None:
    view = ring[1].view(0, 10, 10, PixelFormat.MONO8)
    assert not view.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        view[0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        view.flags.writeable = True


def test_a_view_keeps_the_memory_and_its_end_frees_it() -> None:
    gc.collect()  # rings of other tests, so that none of them goes meanwhile
    before = mapped_rings()
    descriptor = create_ring(3, SLOT)
    writer, reader = RingWriter(descriptor, 3, SLOT), RingReader(descriptor, 3, SLOT)
    os.close(descriptor)
    writer.write(0, np.full((4, 4), 7, np.uint8))
    view = reader.view(0, 4, 4, PixelFormat.MONO8)
    del writer, reader
    gc.collect()
    assert (view == 7).all()
    assert mapped_rings() > before
    del view
    gc.collect()
    assert mapped_rings() == before


def test_the_file_takes_memory_only_where_it_was_written_and_cannot_shrink() -> None:
    descriptor = create_ring(16, 1 << 30)
    writer = RingWriter(descriptor, 16, 1 << 30)
    writer.write(15, np.ones((1000, 1000), np.uint8))
    assert os.fstat(descriptor).st_blocks * 512 < 4 << 20
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)
