"""Packs a pass into its .pkpass file, byte for byte the same for the same content.

Images of a design version are hashed and laid out once (`pack_images`); a pass then costs one
JSON document, one manifest, one signature and a join of bytes. The zip is written here because the
standard library's hashes and copies every image again for each pass. Rules: members are stored,
not deflated (PNG does not shrink), sorted by name, dated 1980-01-01, and everything but
manifest.json and signature stands in the manifest with its SHA-1, which is Apple's format.
Not here: keys; `sign` comes from outside.

Sources: developer.apple.com/documentation/walletpasses/building-a-pass, PKWARE APPNOTE 4.3
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

PASS: Final = "pass.json"  # noqa: S105 - a file name
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signature"
MIME_TYPE: Final = "application/vnd.apple.pkpass"
# iOS fetches the whole file at every update; this is a stop, not an aim.
BUNDLE_BYTES_MAX: Final = 5 * 1024 * 1024
_GOOGLE_PREFIX: Final = "google-"
_NO_FILES: Final[Mapping[str, bytes]] = MappingProxyType({})

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 20
_STORED: Final = 0
_DATE_1980_01_01: Final = 0x21

_encode_json: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One zip member, laid out: `local` is its header, name and data in one piece."""

    name: str
    sha1: str
    crc: int
    size: int
    local: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedImages:
    """The unchanging members of a design version, by name."""

    members: Mapping[str, Member]

    @property
    def names(self) -> frozenset[str]:
        """The file names inside the bundle."""
        return frozenset(self.members)


def pack_images(images: Mapping[str, bytes]) -> PackedImages:
    """Hash and lay out a design version's images, once.

    Args:
        images: PNG bytes by file name (`icon.png`, `logo@2x.png` …). Google's images are left
            out: they travel by address.

    Raises:
        ValueError: a name is not plain ASCII without folders, or is one of the bundle's own.
    """
    members = {}
    for name in sorted(images):
        if name.startswith(_GOOGLE_PREFIX):
            continue
        _check_name(name)
        if "/" in name:
            raise ValueError(f"an image lies at the top of a bundle, not in {name!r}")
        members[str(name)] = _member(str(name), images[name])
    return PackedImages(members=MappingProxyType(members))


def build_bundle(
    document: Mapping[str, Any],
    packed: PackedImages,
    *,
    sign: Callable[[bytes], bytes],
    strings: Mapping[str, bytes] = _NO_FILES,
) -> bytes:
    """The .pkpass file of a pass.

    Args:
        document: pass.json as JSON values, without nulls.
        packed: what `pack_images` made of the design's images.
        sign: takes the manifest's bytes, gives the detached CMS signature in DER.
        strings: `fr.lproj/pass.strings` and the like, by path.

    Raises:
        ValueError: the document holds NaN, or a path is not allowed.
        SigningError: whatever `sign` raises passes through.
    """
    texts = _text_members(document, strings)
    manifest = _manifest(packed.members.values(), texts)
    signature = _member(SIGNATURE, sign(manifest))
    return _zip([*packed.members.values(), *texts, _member(MANIFEST, manifest), signature])


def manifest_bytes(
    document: Mapping[str, Any],
    packed: PackedImages,
    *,
    strings: Mapping[str, bytes] = _NO_FILES,
) -> bytes:
    """manifest.json: SHA-1 by path, sorted and compact.

    iOS takes a pass for unchanged when this is unchanged, so the same content gives the same bytes.
    """
    return _manifest(packed.members.values(), _text_members(document, strings))


def _text_members(document: Mapping[str, Any], strings: Mapping[str, bytes]) -> list[Member]:
    for path in strings:
        _check_name(path)
    # Half a surrogate pair, which JSON can smuggle into a name, becomes a question mark.
    text = _encode_json(document).encode("utf-8", "replace")
    return [
        _member(PASS, text),
        *(_member(path, data) for path, data in strings.items()),
    ]


def _manifest(images: Iterable[Member], texts: Iterable[Member]) -> bytes:
    digests = {member.name: member.sha1 for members in (images, texts) for member in members}
    return _encode_json(digests).encode()


def _check_name(name: str) -> None:
    own = name in {PASS, MANIFEST, SIGNATURE}
    steps = name.split("/")
    if own or not name.isascii() or "\\" in name or any(s in {"", ".", ".."} for s in steps):
        raise ValueError(f"not a name for a file of a bundle: {name[:80]!r}")


def _member(name: str, data: bytes) -> Member:
    path = name.encode("ascii")
    crc = zlib.crc32(data)
    header = _LOCAL.pack(
        b"PK\x03\x04",
        _VERSION,
        0,
        _STORED,
        0,
        _DATE_1980_01_01,
        crc,
        len(data),
        len(data),
        len(path),
        0,
    )
    return Member(
        name=name,
        sha1=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        crc=crc,
        size=len(data),
        local=b"".join((header, path, data)),
    )


def _zip(members: list[Member]) -> bytes:
    members.sort(key=lambda member: member.name)
    directory = []
    offset = 0
    for member in members:
        directory.append(_central_record(member, offset))
        offset += len(member.local)
    listing = b"".join(directory)
    end = _END.pack(b"PK\x05\x06", 0, 0, len(members), len(members), len(listing), offset, 0)
    return b"".join([*(member.local for member in members), listing, end])


def _central_record(member: Member, offset: int) -> bytes:
    path = member.name.encode("ascii")
    record = _CENTRAL.pack(
        b"PK\x01\x02",
        _VERSION,
        _VERSION,
        0,
        _STORED,
        0,
        _DATE_1980_01_01,
        member.crc,
        member.size,
        member.size,
        len(path),
        0,
        0,
        0,
        0,
        0,
        offset,
    )
    return record + path
