"""Read BER, of which DER is the strict form, from strangers: every length, depth and count limited.

Signatures come from many makers, and some (Java's) write lengths that end with a mark instead of
being told; such elements are given back in their definite form. Not done here: what the elements
mean (`signing.signed_data`), writing (`signing.der`). Source: ITU-T X.690, clause 8.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from signing import der

DEPTH_MAX: Final = 24
ELEMENTS_MAX: Final = 4096

_CONSTRUCTED: Final = 0x20
_LONG_TAG: Final = 0x1F
_INDEFINITE: Final = 0x80
_LENGTH_BYTES_MAX: Final = 4
_END: Final = b"\x00\x00"


class Malformed(ValueError):
    """The bytes are no BER, or more of it than anyone needs."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag byte, its encoding, what is inside, and the elements inside that."""

    tag: int
    whole: bytes
    content: bytes
    parts: tuple[Element, ...]


def read(data: bytes) -> Element:
    """The one element that `data` is.

    Raises:
        Malformed: it is not, or it is nested too deep or made of too many pieces.
    """
    reader = _Reader(data)
    element, end, _told = reader.element(0, len(data), depth=0)
    if end != len(data):
        raise Malformed("bytes after the end")
    return element


class _Reader:
    """Walks the bytes once; counts what it makes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._count = 0

    def element(self, start: int, stop: int, *, depth: int) -> tuple[Element, int, bool]:
        """The element at `start`, where it ends, and whether every length inside was told."""
        self._count += 1
        if self._count > ELEMENTS_MAX or depth > DEPTH_MAX:
            raise Malformed("too many elements")
        tag, place, size = self._head(start, stop)
        if size is None:
            parts, end, _told = self._inside(place, stop, depth=depth, marked=True)
            content = b"".join(part.whole for part in parts)
            return Element(tag, der.tlv(tag, content), content, parts), end, False
        end = place + size
        if not tag & _CONSTRUCTED:
            return Element(tag, self._data[start:end], self._data[place:end], ()), end, True
        parts, _end, told = self._inside(place, end, depth=depth, marked=False)
        if told:
            return Element(tag, self._data[start:end], self._data[place:end], parts), end, True
        content = b"".join(part.whole for part in parts)
        return Element(tag, der.tlv(tag, content), content, parts), end, False

    def _inside(
        self, start: int, stop: int, *, depth: int, marked: bool
    ) -> tuple[tuple[Element, ...], int, bool]:
        parts: list[Element] = []
        told = True
        while start < stop:
            if marked and self._data[start : start + 2] == _END:
                return tuple(parts), start + 2, told
            part, start, definite = self.element(start, stop, depth=depth + 1)
            parts.append(part)
            told = told and definite
        if marked:
            raise Malformed("no end mark")
        return tuple(parts), start, told

    def _head(self, start: int, stop: int) -> tuple[int, int, int | None]:
        """Tag, where the content starts, and its size; None when a mark ends it."""
        if stop - start < 2:  # noqa: PLR2004 - a tag and a length
            raise Malformed("cut off")
        tag, first, place = self._data[start], self._data[start + 1], start + 2
        if tag & _LONG_TAG == _LONG_TAG:
            raise Malformed("a tag of several bytes")
        if first == _INDEFINITE:
            if not tag & _CONSTRUCTED:
                raise Malformed("no length")
            return tag, place, None
        size = first
        if first > _INDEFINITE:
            count = first & ~_INDEFINITE
            digits = self._data[place : place + count]
            if count > _LENGTH_BYTES_MAX or len(digits) < count:
                raise Malformed("a length that cannot be")
            place, size = place + count, int.from_bytes(digits, "big")
        if size > stop - place:
            raise Malformed("cut off")
        return tag, place, size
