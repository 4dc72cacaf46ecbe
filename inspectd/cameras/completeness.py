"""Whether a picture file is whole.

Some decoders fill what is missing with grey and say nothing. A half-decoded picture must never be inspected as if it
were whole, so the container is checked before the decoder is asked: a PNG chunk by chunk with its checksums, a JPEG
marker by marker to its end-of-image, a WebP by its length. BMP, PNM and TIFF decoders refuse a truncated file by
themselves.
"""

from __future__ import annotations

import re
import struct
import zlib

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8"
_JPEG_END = 0xD9
_JPEG_SCAN = 0xDA
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
# In a scan FF 00 is a stuffed byte, FF D0…D7 a restart, FF FF padding: none of them ends it.
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def missing_part(data: bytes) -> str | None:
    """What a picture file lacks, in words; None where nothing is known to be missing."""
    if not data:
        return "the file is empty"
    if data.startswith(PNG_SIGNATURE):
        return _png(data)
    if data.startswith(JPEG_START):
        return _jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    return None


def _png(data: bytes) -> str | None:
    """Walks the chunks: length, type, data, CRC-32 of type and data (PNG specification, third edition, 5.3)."""
    position = len(PNG_SIGNATURE)
    view = memoryview(data)
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            break
        # Lower case first letter: a chunk that the picture can do without.
        if kind[:1].isupper() and zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            return f"the checksum of its {kind.decode('latin-1')} data is wrong: the file is damaged"
        if kind == b"IEND":
            return None
        position = end + 4
    return f"the PNG breaks off after {len(data)} bytes: it is truncated"


def _jpeg(data: bytes) -> str | None:
    """Walks the segments (ITU-T T.81, annex B), so that a preview's own end is not taken for the picture's."""
    truncated = f"the JPEG breaks off after {len(data)} bytes: it is truncated"
    position = len(JPEG_START)
    while position + 2 <= len(data):
        if data[position] != 0xFF:
            return f"no JPEG marker at byte {position}: the file is damaged"
        marker = data[position + 1]
        if marker == 0xFF:  # padding before a marker
            position += 1
            continue
        if marker == _JPEG_END:
            return None
        if marker in _JPEG_STANDALONE:
            position += 2
            continue
        if position + 4 > len(data):
            break
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
        if marker == _JPEG_SCAN:
            scan_end = _SCAN_END.search(data, position)
            if scan_end is None:
                break
            position = scan_end.start()
    return truncated


def _webp(data: bytes) -> str | None:
    promised = struct.unpack_from("<I", data, 4)[0] + 8
    if len(data) < promised:
        return f"the WebP breaks off after {len(data)} of {promised} bytes: it is truncated"
    return None
