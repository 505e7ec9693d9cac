"""Packs a pass into its .pkpass file, byte for byte the same for the same content.

What is the same for every card of a design version (pictures, translations) is hashed and laid out
once (`pack_files`), with its part of the zip's directory and of the manifest; a pass then costs
one JSON document, one manifest, one signature and a join of bytes. The zip is written here because
the standard library's hashes and copies every image again for each pass. Rules: members are stored,
not deflated (PNG does not shrink), the design's first and sorted by name, then the card's own, all
dated 1980-01-01, and everything but manifest.json and signature stands in the manifest with its
SHA-1, which is Apple's format. Not here: keys; `sign` comes from outside.

Sources: developer.apple.com/documentation/walletpasses/building-a-pass, PKWARE APPNOTE 4.3
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

PASS: Final = "pass.json"  # noqa: S105 - a file name
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signature"
MIME_TYPE: Final = "application/vnd.apple.pkpass"
BUNDLES_MIME_TYPE: Final = "application/vnd.apple.pkpasses"
PASSES_MAX: Final = 10
PASSES_BYTES_MAX: Final = 150 * 1024 * 1024
# iOS fetches the whole file at every update; this is a stop, not an aim.
BUNDLE_BYTES_MAX: Final = 5 * 1024 * 1024
_GOOGLE_PREFIX: Final = "google-"
_NO_FILES: Final[Mapping[str, bytes]] = MappingProxyType({})

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5HI")  # up to the offset
_OFFSET: Final = struct.Struct("<I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 20
_STORED: Final = 0
_DATE_1980_01_01: Final = 0x21

_encode_plainly: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


class Member(NamedTuple):
    """One zip member, laid out.

    `local` is its header, name and data in one piece; `central` its directory record up to the
    offset, which depends on what stands before it.
    """

    path: bytes
    local: bytes
    central: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedFiles:
    """The unchanging members of a design version: names, zip part, directory, manifest entries.

    `entries` are the manifest's, before and after the one of pass.json.
    """

    names: frozenset[str]
    body: bytes
    directory: bytes
    entries: tuple[bytes, bytes]


def pack_files(
    images: Mapping[str, bytes], *, strings: Mapping[str, bytes] = _NO_FILES
) -> PackedFiles:
    """Hash and lay out a design version's files, once.

    Args:
        images: PNG bytes by file name (`icon.png`, `logo@2x.png` …). Google's images are left
            out: they travel by address.
        strings: `fr.lproj/pass.strings` and the like, by path.

    Raises:
        ValueError: a name is not plain ASCII, climbs out, or is one of the bundle's own; or an
            image lies in a folder.
    """
    files = {str(n): data for n, data in images.items() if not n.startswith(_GOOGLE_PREFIX)}
    for name in files:
        if "/" in name:
            raise ValueError(f"an image lies at the top of a bundle, not in {name!r}")
    files.update(strings)
    for name in files:
        _check_name(name)
    members = [_member(name.encode("ascii"), files[name]) for name in sorted(files)]
    body, directory = _laid_out(members, offset=0)
    entries = {name: _entry(name.encode("ascii"), files[name]) for name in sorted(files)}
    return PackedFiles(
        names=frozenset(files),
        body=body,
        directory=directory,
        entries=(
            b"".join([entry + b"," for name, entry in entries.items() if name < PASS]),
            b"".join([b"," + entry for name, entry in entries.items() if name > PASS]),
        ),
    )


def build_bundle(
    document: Mapping[str, Any], packed: PackedFiles, *, sign: Callable[[bytes], bytes]
) -> bytes:
    """The .pkpass file of a pass.

    Args:
        document: pass.json as JSON values, without nulls.
        packed: what `pack_files` made of the design's pictures and translations.
        sign: takes the manifest's bytes, gives the detached CMS signature in DER.

    Raises:
        ValueError: the document holds NaN.
        SigningError: whatever `sign` raises passes through.
    """
    text = _json(document)
    manifest = _manifest(text, packed)
    own = (_member(_PASS, text), _member(_MANIFEST, manifest), _member(_SIGNATURE, sign(manifest)))
    body, directory = _laid_out(own, offset=len(packed.body))
    count = len(packed.names) + len(own)
    listed = len(packed.directory) + len(directory)
    at = len(packed.body) + len(body)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, listed, at, 0)
    return b"".join((packed.body, body, packed.directory, directory, end))


def build_bundles(passes: Mapping[str, bytes]) -> bytes:
    """Several passes in one .pkpasses file, which Wallet offers to add at once.

    Args:
        passes: .pkpass files by serial number, at most `PASSES_MAX`.

    Raises:
        ValueError: there is none, there are too many, or they are too large together.
    """
    if not 0 < len(passes) <= PASSES_MAX or sum(map(len, passes.values())) > PASSES_BYTES_MAX:
        raise ValueError(f"a .pkpasses file holds 1 to {PASSES_MAX} passes")
    members = [_member(f"{name}.pkpass".encode(), data) for name, data in sorted(passes.items())]
    body, directory = _laid_out(members, offset=0)
    end = _END.pack(b"PK\x05\x06", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return b"".join((body, directory, end))


def manifest_bytes(document: Mapping[str, Any], packed: PackedFiles) -> bytes:
    """manifest.json: SHA-1 by path, sorted and compact.

    iOS takes a pass for unchanged when this is unchanged, so the same content gives the same bytes.
    """
    return _manifest(_json(document), packed)


_PASS: Final = PASS.encode()
_MANIFEST: Final = MANIFEST.encode()
_SIGNATURE: Final = SIGNATURE.encode()


def _json(document: Mapping[str, Any]) -> bytes:
    try:
        text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # Half a surrogate pair, or a number beyond 64 bits.
        text = b"null"
    # The fast encoder writes NaN as null, which breaks a pass; the slow one complains.
    return _plain_json(document) if b"null" in text else text


def _plain_json(document: Mapping[str, Any]) -> bytes:
    # Half a surrogate pair, which JSON can smuggle into a name, becomes a question mark.
    return _encode_plainly(document).encode("utf-8", "replace")


def _manifest(text: bytes, packed: PackedFiles) -> bytes:
    before, after = packed.entries
    return b"".join((b"{", before, _entry(_PASS, text), after, b"}"))


def _entry(path: bytes, data: bytes) -> bytes:
    """A path holds nothing that JSON would escape: `_check_name` sees to that."""
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    return b'"%s":"%s"' % (path, digest.encode("ascii"))


def _check_name(name: str) -> None:
    own = name in {PASS, MANIFEST, SIGNATURE}
    steps = name.split("/")
    plain = name.isascii() and name.isprintable() and not {"\\", '"'} & set(name)
    if own or not plain or any(step in {"", ".", ".."} for step in steps):
        raise ValueError(f"not a name for a file of a bundle: {name[:80]!r}")


def _member(path: bytes, data: bytes) -> Member:
    size = len(data)
    facts = (0, _STORED, 0, _DATE_1980_01_01, zlib.crc32(data), size, size, len(path), 0)
    return Member(
        path,
        b"".join((_LOCAL.pack(b"PK\x03\x04", _VERSION, *facts), path, data)),
        _CENTRAL.pack(b"PK\x01\x02", _VERSION, _VERSION, *facts, 0, 0, 0, 0),
    )


def _laid_out(members: Sequence[Member], *, offset: int) -> tuple[bytes, bytes]:
    """The members one after the other from `offset` on, and their part of the directory."""
    directory: list[bytes] = []
    for path, local, central in members:
        directory += (central, _OFFSET.pack(offset), path)
        offset += len(local)
    return b"".join([one.local for one in members]), b"".join(directory)
