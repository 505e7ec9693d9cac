"""Write and walk DER, as far as a CMS signature needs it.

Not done here: a general ASN.1 codec. Source: ITU-T X.690, clauses 8.1 and 10.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
NULL: Final = b"\x05\x00"
OBJECT_IDENTIFIER: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONTEXT_0: Final = 0xA0

_SHORT_MAX: Final = 0x7F
# RFC 5652, 11.3: dates from 1950 to 2049 are UTCTime, all others GeneralizedTime.
_UTC_TIME_YEARS: Final = range(1950, 2050)


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element: tag, shortest length, the parts in order."""
    content = b"".join(parts)
    size = len(content)
    if size <= _SHORT_MAX:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def object_identifier(dotted: str) -> bytes:
    """The element of a dotted identifier such as `1.2.840.113549`."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    arcs = [first * 40 + second, *rest]
    return tlv(OBJECT_IDENTIFIER, *(_base_128(arc) for arc in arcs))


def set_of(*elements: bytes) -> list[bytes]:
    """Elements in the order DER wants in a SET OF: by their encoding."""
    return sorted(elements)


def time(moment: datetime) -> bytes:
    """An aware UTC moment to the second, as CMS wants it."""
    if moment.year in _UTC_TIME_YEARS:
        return tlv(UTC_TIME, f"{moment:%y%m%d%H%M%S}Z".encode("ascii"))
    return tlv(GENERALIZED_TIME, f"{moment:%Y%m%d%H%M%S}Z".encode("ascii"))


def elements(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The elements lying side by side in `content`: tag, whole element, its content.

    Raises:
        ValueError: an element is longer than what is there, or its tag has several bytes.
    """
    start = 0
    while start < len(content):
        head, size = _length(content, start + 1)
        end = head + size
        if end > len(content) or content[start] & 0x1F == 0x1F:  # noqa: PLR2004 - X.690 8.1.2.4
            raise ValueError("malformed DER")
        yield content[start], content[start:end], content[head:end]
        start = end


def _length(content: bytes, place: int) -> tuple[int, int]:
    first = content[place : place + 1]
    if not first:
        raise ValueError("malformed DER")
    if first[0] <= _SHORT_MAX:
        return place + 1, first[0]
    count = first[0] & _SHORT_MAX
    digits = content[place + 1 : place + 1 + count]
    if not digits or len(digits) < count:
        raise ValueError("malformed DER")
    return place + 1 + count, int.from_bytes(digits, "big")


def _base_128(arc: int) -> bytes:
    digits = [arc & 0x7F]
    while arc := arc >> 7:
        digits.append(0x80 | arc & 0x7F)
    return bytes(reversed(digits))
