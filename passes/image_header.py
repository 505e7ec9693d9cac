"""Reads format and size of a picture from its first bytes, before any decoder touches it.

A decoder may set memory aside for the size a file claims, so the claim is judged first. Only PNG,
JPEG and WebP are known. Not here: whether the picture is whole; decoding shows that.

Sources: W3C PNG 11.2.2 and 11.3.6 (acTL), ITU-T T.81 B.2.2, RFC 9649
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class PictureFormat(StrEnum):
    """What we take. The value is Pillow's name."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WEBP"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadFacts:
    """What a file claims about itself: pixels as stored, before any turn by EXIF."""

    format: PictureFormat
    width: int
    height: int
    animated: bool = False

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNKS_MAX: Final = 1000
# Start-of-frame markers; C4, C8 and CC in the same range mean something else.
_SOF: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN: Final = 0xDA
_WEBP_ANIMATION: Final = 0x02
_WEBP_HEADER_MIN: Final = 30
_VP8L_SIGNATURE: Final = 0x2F
_VP8_START: Final = b"\x9d\x01\x2a"


def read_header(data: bytes) -> UploadFacts | None:
    """The claim of a picture's header; None when this is no picture of a known format."""
    if data.startswith(_PNG_START):
        return _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    return None


def _png(data: bytes) -> UploadFacts | None:
    if data[12:16] != b"IHDR" or len(data) < 33:  # noqa: PLR2004 - signature and IHDR
        return None
    return UploadFacts(
        format=PictureFormat.PNG,
        width=int.from_bytes(data[16:20], "big"),
        height=int.from_bytes(data[20:24], "big"),
        animated=_png_is_animated(data),
    )


def _png_is_animated(data: bytes) -> bool:
    # The animation chunk must stand before the first image data.
    at = len(_PNG_START)
    for _ in range(_PNG_CHUNKS_MAX):
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if kind == b"acTL":
            return True
        if kind in {b"IDAT", b""}:
            return False
        at += 12 + length
    return False


def _jpeg(data: bytes) -> UploadFacts | None:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:  # noqa: PLR2004 - every marker starts so
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 - fill byte
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker in _SOF:
            return UploadFacts(
                format=PictureFormat.JPEG,
                width=int.from_bytes(data[at + 7 : at + 9], "big"),
                height=int.from_bytes(data[at + 5 : at + 7], "big"),
            )
        elif marker == _START_OF_SCAN:
            return None
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None


def _webp(data: bytes) -> UploadFacts | None:
    kind = data[12:16]
    if len(data) < _WEBP_HEADER_MIN:
        return None
    if kind == b"VP8X":
        return UploadFacts(
            format=PictureFormat.WEBP,
            width=1 + int.from_bytes(data[24:27], "little"),
            height=1 + int.from_bytes(data[27:30], "little"),
            animated=bool(data[20] & _WEBP_ANIMATION),
        )
    if kind == b"VP8L" and data[20] == _VP8L_SIGNATURE:
        bits = int.from_bytes(data[21:25], "little")
        return UploadFacts(
            format=PictureFormat.WEBP,
            width=1 + (bits & 0x3FFF),
            height=1 + (bits >> 14 & 0x3FFF),
        )
    if kind == b"VP8 " and data[23:26] == _VP8_START:
        return UploadFacts(
            format=PictureFormat.WEBP,
            width=int.from_bytes(data[26:28], "little") & 0x3FFF,
            height=int.from_bytes(data[28:30], "little") & 0x3FFF,
        )
    return None
