"""Pixel formats of GenICam cameras, from buffers that are made here by the definitions of the formats."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.cameras.aravis.formats import FORMATS, decode
from inspectd.errors import CameraError

CODES = {known.name: code for code, known in FORMATS.items()}
Samples = NDArray[np.uint16]


def samples(height: int, width: int, bits: int) -> Samples:
    return np.random.default_rng(bits).integers(0, 1 << bits, (height, width), np.uint16)


def least_significant_first(values: Samples, bits: int) -> NDArray[np.uint8]:
    """PFNC's `p` formats: one stream of bits, the least significant of each sample first."""
    stream = (values.reshape(-1, 1) >> np.arange(bits)) & 1
    return np.packbits(stream.astype(np.uint8).reshape(-1), bitorder="little")


def gige_packed(values: Samples, bits: int) -> NDArray[np.uint8]:
    """GigE Vision 2.0, 26.x: upper 8 bits of the first, the low bits of both, upper 8 bits of the second."""
    flat = values.reshape(-1)
    first, second = flat[::2], np.resize(flat[1::2], len(flat[::2]))
    low = bits - 8
    mask = (1 << low) - 1
    packed = np.stack([first >> low, (first & mask) | (second & mask) << 4, second >> low], axis=1)
    return packed.astype(np.uint8).reshape(-1)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_unpacked_samples_keep_their_upper_8_bits(bits: int) -> None:
    values = samples(7, 13, bits)
    pixels, pixel_format = decode(values.astype("<u2").view(np.uint8).reshape(-1), CODES[f"Mono{bits}"], 7, 13)
    np.testing.assert_array_equal(pixels, values >> (bits - 8))
    assert pixel_format is PixelFormat.MONO8


# 7×13 samples end within a group, which the last bytes of a frame may do.
@pytest.mark.parametrize(("height", "width"), [(8, 16), (7, 13), (5, 6), (3, 5)])
@pytest.mark.parametrize("bits", [10, 12])
def test_packed_samples_keep_their_upper_8_bits(height: int, width: int, bits: int) -> None:
    values = samples(height, width, bits)
    for name, data in (
        (f"Mono{bits}p", least_significant_first(values, bits)),
        (f"Mono{bits}Packed", gige_packed(values, bits)),
    ):
        pixels, _ = decode(data, CODES[name], height, width)
        np.testing.assert_array_equal(pixels, values >> (bits - 8), err_msg=name)


def test_rows_with_padding() -> None:
    values = samples(4, 6, 12)
    for name, rows in (
        ("Mono8", [(row >> 4).astype(np.uint8) for row in values]),
        ("Mono12", [row.astype("<u2").view(np.uint8) for row in values]),
        ("Mono12p", [least_significant_first(row, 12) for row in values]),
    ):
        data = np.concatenate([np.concatenate([row, np.full(3, 99, np.uint8)]) for row in rows])
        pixels, _ = decode(data, CODES[name], 4, 6, row_padding=3)
        np.testing.assert_array_equal(pixels, values >> 4, err_msg=name)
        assert pixels.flags.c_contiguous


@pytest.mark.parametrize(("name", "expected"), [("RGB8", PixelFormat.RGB8), ("BGR8", PixelFormat.BGR8)])
def test_colour_is_handed_on_as_it_is(name: str, expected: PixelFormat) -> None:
    data = np.arange(2 * 5 * 3, dtype=np.uint8)
    pixels, pixel_format = decode(data, CODES[name], 2, 5)
    assert pixel_format is expected
    np.testing.assert_array_equal(pixels, data.reshape(2, 5, 3))
    assert np.shares_memory(pixels, data)


def test_grey_of_8_bits_is_not_copied() -> None:
    data = np.arange(100, dtype=np.uint8)
    pixels, _ = decode(data, CODES["Mono8"], 8, 10)
    assert np.shares_memory(pixels, data)


def mosaic(rgb: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """What a sensor sees through the mosaic whose first row begins with `name`: of each pixel the one colour there."""
    rows = {"RG": "RGGB", "GR": "GRBG", "GB": "GBRG", "BG": "BGGR"}[name]
    seen = np.empty(rgb.shape[:2], np.uint8)
    for index, colour in enumerate(rows):
        y, x = divmod(index, 2)
        seen[y::2, x::2] = rgb[y::2, x::2, "RGB".index(colour)]
    return seen


@pytest.mark.parametrize("name", ["RG", "GR", "GB", "BG"])
@pytest.mark.parametrize("depth", ["8", "10", "12", "16", "10p", "12p", "10Packed", "12Packed"])
def test_a_mosaic_becomes_the_colours_that_were_seen(name: str, depth: str) -> None:
    y, x = np.mgrid[:32, :48]
    scene = np.stack([40 + 2 * x, 200 - 3 * y, 90 + x + y], axis=-1).astype(np.uint8)  # smooth, unequal channels
    raw = mosaic(scene, name)
    bits = int(depth.removesuffix("p").removesuffix("Packed"))
    wide = raw.astype(int) << (bits - 8)
    if depth == "8":
        data = raw.reshape(-1)
    elif depth.endswith("Packed"):
        data = gige_packed(wide.astype(np.uint16), bits)
    elif depth.endswith("p"):
        data = least_significant_first(wide.astype(np.uint16), bits)
    else:
        data = wide.astype("<u2").view(np.uint8).reshape(-1)
    pixels, pixel_format = decode(data, CODES[f"Bayer{name}{depth}"], 32, 48)
    assert pixel_format is PixelFormat.RGB8
    inner = np.abs(pixels.astype(int) - scene)[2:-2, 2:-2]
    assert inner.max() <= 2


def test_opencvs_older_names_of_mosaics_are_swapped() -> None:
    """Why the newer ones are used: a camera's RGGB is OpenCV's BayerBG."""
    assert cv2.COLOR_BayerRGGB2RGB == cv2.COLOR_BayerBG2RGB


def test_what_is_not_understood_is_told() -> None:
    with pytest.raises(CameraError, match="0x02100032 is not read here; set pixel_format"):
        decode(np.zeros(100, np.uint8), 0x02100032, 5, 5)


@pytest.mark.parametrize("padding", [0, 4])
def test_a_buffer_that_is_too_short_is_refused(padding: int) -> None:
    with pytest.raises(CameraError, match="99 bytes"):
        decode(np.zeros(99, np.uint8), CODES["Mono8"], 10, 10, padding)
