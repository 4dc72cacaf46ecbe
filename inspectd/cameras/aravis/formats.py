"""From a camera's pixel formats to 8-bit grey or RGB.

Codes are those of the GenICam Pixel Format Naming Convention (PFNC 2.4). Of more than 8 bits the upper 8 are kept: one
fixed scale for every frame. What needs no change is handed on without a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.errors import CameraError

Bytes = NDArray[np.uint8]


class Packing(Enum):
    """How the samples of a row lie in memory."""

    BYTES = auto()
    """8 bits each."""
    WORDS_10 = auto()
    """10 bits in the low end of 16, little-endian."""
    WORDS_12 = auto()
    WORDS_14 = auto()
    WORDS_16 = auto()
    GIGE_PACKED = auto()
    """GigE Vision's `…10Packed` and `…12Packed`: three bytes hold two samples, upper 8 bits first and last."""
    LSB_10 = auto()
    """PFNC's `…10p`: a stream of bits from the least significant, five bytes for four samples."""
    LSB_12 = auto()
    """PFNC's `…12p`: likewise, three bytes for two samples."""


@dataclass(frozen=True)
class CameraFormat:
    """A pixel format that is understood here."""

    name: str
    packing: Packing
    colour: str = "mono"
    """`mono`, `rgb`, `bgr`, or the upper left 2×2 of the Bayer mosaic by rows, as `RGGB`."""

    @property
    def samples(self) -> int:
        """Samples a pixel."""
        return 3 if self.colour in {"rgb", "bgr"} else 1


# Second row and column name OpenCV's older constants, so that its BayerBG is everybody else's RGGB; the newer names do
# not mislead.
_DEBAYER: Final[Mapping[str, int]] = {
    "RGGB": cv2.COLOR_BayerRGGB2RGB,
    "GRBG": cv2.COLOR_BayerGRBG2RGB,
    "GBRG": cv2.COLOR_BayerGBRG2RGB,
    "BGGR": cv2.COLOR_BayerBGGR2RGB,
}
# GenICam names a mosaic by its first row.
_MOSAICS: Final = {"RG": "RGGB", "GR": "GRBG", "GB": "GBRG", "BG": "BGGR"}

_BAYER_CODES: Final[Mapping[tuple[str, Packing], Mapping[str, int]]] = {
    ("8", Packing.BYTES): {"GR": 0x01080008, "RG": 0x01080009, "GB": 0x0108000A, "BG": 0x0108000B},
    ("10", Packing.WORDS_10): {"GR": 0x0110000C, "RG": 0x0110000D, "GB": 0x0110000E, "BG": 0x0110000F},
    ("12", Packing.WORDS_12): {"GR": 0x01100010, "RG": 0x01100011, "GB": 0x01100012, "BG": 0x01100013},
    ("16", Packing.WORDS_16): {"GR": 0x0110002E, "RG": 0x0110002F, "GB": 0x01100030, "BG": 0x01100031},
    ("10Packed", Packing.GIGE_PACKED): {"GR": 0x010C0026, "RG": 0x010C0027, "GB": 0x010C0028, "BG": 0x010C0029},
    ("12Packed", Packing.GIGE_PACKED): {"GR": 0x010C002A, "RG": 0x010C002B, "GB": 0x010C002C, "BG": 0x010C002D},
    ("10p", Packing.LSB_10): {"BG": 0x010A0052, "GB": 0x010A0054, "GR": 0x010A0056, "RG": 0x010A0058},
    ("12p", Packing.LSB_12): {"BG": 0x010C0053, "GB": 0x010C0055, "GR": 0x010C0057, "RG": 0x010C0059},
}

FORMATS: Final[Mapping[int, CameraFormat]] = {
    0x01080001: CameraFormat("Mono8", Packing.BYTES),
    0x01100003: CameraFormat("Mono10", Packing.WORDS_10),
    0x01100005: CameraFormat("Mono12", Packing.WORDS_12),
    0x01100025: CameraFormat("Mono14", Packing.WORDS_14),
    0x01100007: CameraFormat("Mono16", Packing.WORDS_16),
    0x010C0004: CameraFormat("Mono10Packed", Packing.GIGE_PACKED),
    0x010C0006: CameraFormat("Mono12Packed", Packing.GIGE_PACKED),
    0x010A0046: CameraFormat("Mono10p", Packing.LSB_10),
    0x010C0047: CameraFormat("Mono12p", Packing.LSB_12),
    0x02180014: CameraFormat("RGB8", Packing.BYTES, "rgb"),
    0x02180015: CameraFormat("BGR8", Packing.BYTES, "bgr"),
} | {
    code: CameraFormat(f"Bayer{row}{depth}", packing, _MOSAICS[row])
    for (depth, packing), codes in _BAYER_CODES.items()
    for row, code in codes.items()
}
"""By PFNC code."""


def decode(
    data: Bytes, code: int, height: int, width: int, row_padding: int = 0
) -> tuple[NDArray[np.uint8], PixelFormat]:
    """A picture from a camera's buffer, H×W (MONO8) or H×W×3 (RGB8, BGR8); a view of `data` where nothing is to do.

    `row_padding` is the number of bytes that follow each row without being part of it.

    Raises:
        CameraError: the format is not understood here, or the buffer is too short.
    """
    known = FORMATS.get(code)
    if known is None:
        raise CameraError(f"its pixel format {code:#010x} is not read here; set pixel_format")
    samples = _upper_bits(data, known.packing, height, width * known.samples, row_padding)
    if known.samples == 3:
        return samples.reshape(height, width, 3), PixelFormat.RGB8 if known.colour == "rgb" else PixelFormat.BGR8
    if known.colour == "mono":
        return samples, PixelFormat.MONO8
    rgb: NDArray[np.uint8] = cv2.cvtColor(samples, _DEBAYER[known.colour])  # type: ignore[assignment]  # uint8 in and out
    return rgb, PixelFormat.RGB8


def _upper_bits(data: Bytes, packing: Packing, height: int, width: int, row_padding: int) -> Bytes:
    """The upper 8 bits of each sample, height×width."""
    unpack, group_bytes, group_samples = _UNPACKERS[packing]
    if row_padding == 0:  # packed rows follow each other without regard to whole bytes
        return unpack(_groups(data, height * width, group_bytes, group_samples))[: height * width].reshape(
            height, width
        )
    row_bytes = -(-width * group_bytes // group_samples)
    stride = row_bytes + row_padding
    _check_length(data, height * stride - row_padding)
    rows = np.lib.stride_tricks.as_strided(data, (height, row_bytes), (stride, 1), writeable=False)
    if packing is Packing.BYTES:
        return np.ascontiguousarray(rows)
    return np.stack([unpack(_groups(row, width, group_bytes, group_samples))[:width] for row in rows])


def _groups(data: Bytes, count: int, group_bytes: int, group_samples: int) -> Bytes:
    """The bytes of `count` samples, filled up to a whole group."""
    needed = -(-count * group_bytes // group_samples)
    _check_length(data, needed)
    whole = -(-count // group_samples) * group_bytes
    return data[:needed] if whole == needed else np.concatenate([data[:needed], np.zeros(whole - needed, np.uint8)])


def _check_length(data: Bytes, needed: int) -> None:
    if data.size < needed:
        raise CameraError(f"its picture has {data.size} bytes where {needed} were to come")


def _bytes(data: Bytes) -> Bytes:
    return data


def _words(bits: int) -> Callable[[Bytes], Bytes]:
    def unpack(data: Bytes) -> Bytes:
        words = np.frombuffer(data, "<u2")
        out = np.empty(words.size, np.uint8)
        np.right_shift(words, bits - 8, out=out, casting="unsafe")
        return out

    return unpack


def _gige_packed(data: Bytes) -> Bytes:
    groups = data.reshape(-1, 3)
    out = np.empty((len(groups), 2), np.uint8)
    out[:, 0] = groups[:, 0]
    out[:, 1] = groups[:, 2]
    return out.reshape(-1)


def _lsb_10(data: Bytes) -> Bytes:
    groups = data.reshape(-1, 5)
    out = np.empty((len(groups), 4), np.uint8)
    # Sample k begins 10·k bits into the group; its upper 8 bits begin 2 bits later.
    for sample in range(4):
        shift = 2 * (sample + 1)
        out[:, sample] = (groups[:, sample] >> shift if shift < 8 else 0) | (groups[:, sample + 1] << (8 - shift))
    return out.reshape(-1)


def _lsb_12(data: Bytes) -> Bytes:
    groups = data.reshape(-1, 3)
    out = np.empty((len(groups), 2), np.uint8)
    out[:, 0] = groups[:, 0] >> 4 | groups[:, 1] << 4
    out[:, 1] = groups[:, 2]
    return out.reshape(-1)


_UNPACKERS: Final[Mapping[Packing, tuple[Callable[[Bytes], Bytes], int, int]]] = {
    Packing.BYTES: (_bytes, 1, 1),
    Packing.WORDS_10: (_words(10), 2, 1),
    Packing.WORDS_12: (_words(12), 2, 1),
    Packing.WORDS_14: (_words(14), 2, 1),
    Packing.WORDS_16: (_words(16), 2, 1),
    Packing.GIGE_PACKED: (_gige_packed, 3, 2),
    Packing.LSB_10: (_lsb_10, 5, 4),
    Packing.LSB_12: (_lsb_12, 3, 2),
}
"""How a group of bytes becomes samples: the function, the bytes and the samples of a group."""
