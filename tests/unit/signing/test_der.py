from __future__ import annotations

from datetime import UTC, datetime

import pytest

from signing import der


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, "0400"),
        (127, "047f"),
        (128, "048180"),
        (255, "0481ff"),
        (256, "04820100"),
        (65536, "0483010000"),
    ],
)
def test_the_length_takes_the_shortest_form(size, head):
    assert der.tlv(der.OCTET_STRING, b"x" * size) == bytes.fromhex(head) + b"x" * size


@pytest.mark.parametrize(
    ("dotted", "expected"),
    [
        ("1.2.840.113549.1.7.2", "06092a864886f70d010702"),
        ("2.16.840.1.101.3.4.2.1", "0609608648016503040201"),
        ("1.2.840.113635.100.4.14", "06092a864886f76364040e"),
    ],
)
def test_an_object_identifier_is_encoded_as_the_standard_shows(dotted, expected):
    assert der.object_identifier(dotted).hex() == expected


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        (1950, b"\x17\x0d500102030405Z"),
        (2049, b"\x17\x0d490102030405Z"),
        (2050, b"\x18\x0f20500102030405Z"),
        (1949, b"\x18\x0f19490102030405Z"),
    ],
)
def test_the_year_decides_the_kind_of_time(year, expected):
    assert der.time(datetime(year, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)) == expected


def test_a_set_is_ordered_by_its_encoding():
    assert der.set_of(b"\x30\x2f", b"\x30\x18", b"\x04\x01") == [
        b"\x04\x01",
        b"\x30\x18",
        b"\x30\x2f",
    ]


def test_elements_are_walked_as_they_were_written():
    small, large = der.tlv(der.INTEGER, b"\x05"), der.tlv(der.OCTET_STRING, b"y" * 300)

    assert list(der.elements(small + large)) == [
        (der.INTEGER, small, b"\x05"),
        (der.OCTET_STRING, large, b"y" * 300),
    ]
    assert list(der.elements(b"")) == []


@pytest.mark.parametrize(
    "data", ["04", "0405ff", "0482", "048201", "0480", "1f0100", "0484ffffffff00"]
)
def test_truncated_or_strange_bytes_are_refused(data):
    with pytest.raises(ValueError, match="malformed"):
        list(der.elements(bytes.fromhex(data)))
