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
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

PASS: Final = "pass.json"  # noqa: S105 - a file name
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signature"
MIME_TYPE: Final = "application/vnd.apple.pkpass"
# iOS fetches the whole file at every update; this is a stop, not an aim.
BUNDLE_BYTES_MAX: Final = 5 * 1024 * 1024
_GOOGLE_PREFIX: Final = "google-"
_NO_FILES: Final[Mapping[str, bytes]] = MappingProxyType({})

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5HI")
_OFFSET: Final = struct.Struct("<I")
_END: Final = struct.Struct("<4s4H2IH")
_NAME: Final = itemgetter(0)
_LOCAL_PART: Final = itemgetter(2)
_VERSION: Final = 20
_STORED: Final = 0
_DATE_1980_01_01: Final = 0x21

_encode_json: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


class Member(NamedTuple):
    """One zip member, laid out.

    `local` is its header, name and data in one piece; `central` its directory record up to the
    offset, which is all that differs from pass to pass.
    """

    name: str
    sha1: str
    local: bytes
    central: bytes


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
    size = len(data)
    facts = (0, _STORED, 0, _DATE_1980_01_01, zlib.crc32(data), size, size, len(path), 0)
    local = _LOCAL.pack(b"PK\x03\x04", _VERSION, *facts)
    return Member(
        name=name,
        sha1=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        local=b"".join((local, path, data)),
        central=_CENTRAL.pack(b"PK\x01\x02", _VERSION, _VERSION, *facts, 0, 0, 0, 0),
    )


def _zip(members: list[Member]) -> bytes:
    members.sort(key=_NAME)
    directory: list[bytes] = []
    offset = 0
    for name, _sha1, local, central in members:
        directory += (central, _OFFSET.pack(offset), name.encode("ascii"))
        offset += len(local)
    listing = b"".join(directory)
    count = len(members)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(listing), offset, 0)
    return b"".join([*map(_LOCAL_PART, members), listing, end])
