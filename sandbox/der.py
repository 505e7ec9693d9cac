"""The little of DER that a signature check needs: walking tags, lengths and values.

Only definite lengths and one-byte tags; nothing else occurs in the signatures Wallet accepts.
Source: ITU-T X.690.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SEQUENCE, SET, INTEGER, OCTET_STRING, OBJECT_ID = 0x30, 0x31, 0x02, 0x04, 0x06
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
CONTEXT_0, CONTEXT_1, CONTEXT_0_PRIMITIVE = 0xA0, 0xA1, 0x80


class BadDer(ValueError):
    """Bytes that are not the DER this sandbox reads."""


@dataclass(frozen=True, slots=True)
class Node:
    tag: int
    content: bytes
    whole: bytes

    def children(self) -> list[Node]:
        return list(_walk(self.content))

    def expect(self, tag: int) -> Node:
        if self.tag != tag:
            raise BadDer(f"expected tag {tag:#04x}, found {self.tag:#04x}")
        return self

    def integer(self) -> int:
        return int.from_bytes(self.expect(INTEGER).content, "big", signed=True)

    def object_id(self) -> str:
        return _dotted(self.expect(OBJECT_ID).content)


def parse(data: bytes) -> Node:
    """Read one value that fills `data` wholly."""
    nodes = list(_walk(data))
    if len(nodes) != 1:
        raise BadDer(f"expected one value, found {len(nodes)}")
    return nodes[0]


def _walk(data: bytes) -> Iterator[Node]:
    at = 0
    while at < len(data):
        if at + 2 > len(data) or data[at] & 0x1F == 0x1F:
            raise BadDer("cut short, or a long tag")
        length, start = _length(data, at + 1)
        end = start + length
        if end > len(data):
            raise BadDer("a length runs past the end")
        yield Node(data[at], data[start:end], data[at:end])
        at = end


def _length(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= 4 or at + 1 + count > len(data):
        raise BadDer("an indefinite or impossible length")
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def _dotted(content: bytes) -> str:
    numbers: list[int] = []
    value = 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    if not numbers:
        raise BadDer("an empty object identifier")
    first = min(numbers[0] // 40, 2)
    return ".".join(str(each) for each in (first, numbers[0] - 40 * first, *numbers[1:]))
