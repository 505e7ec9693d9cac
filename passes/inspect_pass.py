"""Inspects a .pkpass file as a phone would, and says every broken rule instead of "invalid".

Made for files from anywhere: sizes are judged from the directory before anything is unpacked, and
no path is ever written to disk. Not here: the signature; who can check one passes `verify`.

Source: developer.apple.com/documentation/walletpasses/building-a-pass; apple-wallet 1.1, 1.4, 1.6
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from common.i18n import gettext as _
from passes.bundle import MANIFEST, PASS, SIGNATURE
from passes.document_rules import check_document
from passes.file_rules import check_files
from passes.findings import Finding, fault

__all__ = ["check_document", "inspect_bundle"]

FILE_BYTES_MAX: Final = 20 * 1024 * 1024
MEMBER_BYTES_MAX: Final = 10 * 1024 * 1024
UNPACKED_BYTES_MAX: Final = 40 * 1024 * 1024
MEMBERS_MAX: Final = 200
DIRECTORY_BYTES_MAX: Final = MEMBERS_MAX * 512
END_RECORD_BYTES_MAX: Final = 22 + 65_535
_LOCATOR_BYTES: Final = 20
_ENCRYPTED: Final = 1
_JUNK: Final = re.compile(r"(^|/)(__MACOSX|\.DS_Store|Thumbs\.db)")
_SHA1: Final = re.compile(r"[0-9a-f]{40}")
_BUNDLED: Final = ".pkpass"
BUNDLED_MAX: Final = 10
_READ_FAULTS: Final = (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, zlib.error)
_OWN: Final = frozenset({PASS, MANIFEST, SIGNATURE})
Verify = Callable[[Mapping[str, Any], bytes, bytes], list[Finding]]


class _NotReadable(Exception):
    """Carries the one finding that ends an inspection."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


def inspect_bundle(
    data: bytes, *, verify: Verify | None = None, nested: bool = False
) -> list[Finding]:
    """Every broken rule of a .pkpass file, or of the passes in a .pkpasses file.

    Args:
        data: the file, untrusted.
        verify: judges (pass.json, manifest bytes, signature bytes); without it the signature only
            has to be there.
        nested: inside a .pkpasses file, which holds no other.
    """
    try:
        files, found = _unpacked(data)
    except _NotReadable as stop:
        return [stop.finding]
    if not nested and files and all(name.endswith(_BUNDLED) for name in files):
        return [*found, *_several(files, verify)]
    for name in (PASS, MANIFEST, SIGNATURE):
        if name not in files:
            found.append(
                fault(
                    "file_missing",
                    name,
                    rule=_("Every pass holds this file."),
                    mend=_("Add %(name)s.", name=name),
                )
            )
    if MANIFEST in files:
        found.extend(_manifest(files))
    document: dict[str, Any] = {}
    if PASS in files:
        document, complaint = _json_object(files[PASS], PASS)
        found.extend([complaint] if complaint else check_document(document, files.keys()))
    beside = {n: d for n, d in files.items() if n not in _OWN and not _JUNK.search(n)}
    found.extend(check_files(beside, document))
    if verify is not None and MANIFEST in files and SIGNATURE in files:
        found.extend(verify(document, files[MANIFEST], files[SIGNATURE]))
    return found


def _several(files: Mapping[str, bytes], verify: Verify | None) -> Iterator[Finding]:
    """A .pkpasses file: each of its passes, with the pass's name before the place."""
    if len(files) > BUNDLED_MAX:
        yield fault(
            "bundle_too_many",
            "",
            rule=_("Wallet takes at most %(max)d.", max=BUNDLED_MAX),
            mend=_("Remove some."),
        )
        return
    for name, data in files.items():
        for one in inspect_bundle(data, verify=verify, nested=True):
            yield replace(one, place=f"{name}/{one.place}")


def _unpacked(data: bytes) -> tuple[dict[str, bytes], list[Finding]]:
    if len(data) > FILE_BYTES_MAX:
        raise _NotReadable(_too_large("", FILE_BYTES_MAX))
    if _directory_bytes(data) > DIRECTORY_BYTES_MAX:
        # A million entries fit into little space and would be read into much before any is judged.
        raise _NotReadable(_too_many())
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (*_READ_FAULTS, ValueError, UnicodeError) as error:
        raise _NotReadable(_damaged("")) from error
    with archive:
        members = [m for m in archive.infolist() if not m.filename.endswith("/")]
        found = list(_directory(members))
        if any(finding.code in _STOPS for finding in found):
            raise _NotReadable(next(f for f in found if f.code in _STOPS))
        return _read(archive, members), found


_STOPS: Final = frozenset({"zip_too_large", "zip_too_many", "zip_encrypted"})


def _directory(members: list[zipfile.ZipInfo]) -> Iterator[Finding]:
    if len(members) > MEMBERS_MAX:
        yield _too_many()
    if sum(member.file_size for member in members) > UNPACKED_BYTES_MAX:
        yield _too_large("", UNPACKED_BYTES_MAX)
    for name, times in Counter(member.filename for member in members).items():
        if times > 1:
            yield fault(
                "name_twice",
                name[:200],
                rule=_("A file stands in the zip once."),
                mend=_("Remove the second one."),
            )
    for member in members:
        yield from _member(member)


def _member(member: zipfile.ZipInfo) -> Iterator[Finding]:
    name = member.filename
    place = name[:200]
    if member.file_size > MEMBER_BYTES_MAX:
        yield _too_large(place, MEMBER_BYTES_MAX)
    if member.flag_bits & _ENCRYPTED:
        yield fault(
            "zip_encrypted",
            place,
            rule=_("A pass is not encrypted."),
            mend=_("Pack it without a password."),
        )
    if name.startswith("/") or "\\" in member.orig_filename or ".." in name.split("/"):
        yield fault(
            "path",
            place,
            rule=_("Paths stay inside the pass and use forward slashes."),
            mend=_("Give the file a plain name."),
        )
    if _JUNK.search(name):
        yield fault(
            "junk",
            place,
            rule=_("Wallet refuses a pass with files of the desktop."),
            mend=_("Pack the pass without them."),
        )


def _read(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for member in members:
        try:
            with archive.open(member) as stream:
                # The directory may lie about the size; the stream is cut in any case.
                content = stream.read(MEMBER_BYTES_MAX + 1)
        except (*_READ_FAULTS, ValueError, RuntimeError) as error:
            raise _NotReadable(_damaged(member.filename[:200])) from error
        if len(content) > MEMBER_BYTES_MAX:
            raise _NotReadable(_too_large(member.filename[:200], MEMBER_BYTES_MAX))
        files[member.filename] = content
    return files


def _manifest(files: Mapping[str, bytes]) -> Iterator[Finding]:
    listed, complaint = _json_object(files[MANIFEST], MANIFEST)
    if complaint:
        yield complaint
        return
    present = files.keys() - {MANIFEST, SIGNATURE}
    for name in sorted(present - listed.keys()):
        yield fault(
            "not_in_manifest",
            name[:200],
            rule=_("Wallet refuses a pass with a file that its manifest does not name."),
            mend=_("Add the file to the manifest and sign again, or remove it."),
        )
    for name, digest in listed.items():
        yield from _digest(name, digest, files=files)


def _digest(name: str, digest: Any, *, files: Mapping[str, bytes]) -> Iterator[Finding]:
    place = f"{MANIFEST}:{name[:200]}"
    if name not in files or name in {MANIFEST, SIGNATURE}:
        yield fault(
            "manifest_names_nothing",
            place,
            rule=_("The manifest names the files of the pass and no others."),
            mend=_("Remove the entry and sign again."),
        )
    elif not isinstance(digest, str) or not _SHA1.fullmatch(digest):
        yield fault(
            "manifest_digest_form",
            place,
            rule=_("The manifest holds SHA-1 digests in lower-case hexadecimal."),
            mend=_("Write 40 characters and sign again."),
        )
    elif hashlib.sha1(files[name], usedforsecurity=False).hexdigest() != digest:
        yield fault(
            "manifest_digest",
            place,
            rule=_("The file is not the one the manifest was made for."),
            mend=_("Make the manifest again and sign it."),
        )


def _json_object(data: bytes, place: str) -> tuple[dict[str, Any], Finding | None]:
    """The JSON object in `data`, or what keeps it from being one."""
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = Counter(name for name, _value in pairs)
        twice.extend(name for name, times in names.items() if times > 1)
        return dict(pairs)

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        rule, mend = _("This file is one JSON object in UTF-8."), _("Write it again.")
        return {}, fault("json", place, rule=rule, mend=mend)
    if twice:
        rule, mend = _("A key stands in an object once."), _("Remove the second one.")
        return value, fault("json_key_twice", f"{place}:{twice[0][:60]}", rule=rule, mend=mend)
    return value, None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _directory_bytes(data: bytes) -> int:
    """How long the zip says its directory is; 0 where there is no end record to say so."""
    at = data.rfind(b"PK\x05\x06", -END_RECORD_BYTES_MAX)
    if at >= _LOCATOR_BYTES and data[at - _LOCATOR_BYTES :].startswith(b"PK\x06\x07"):
        # The large form of zip keeps another length elsewhere; no pass needs it.
        return DIRECTORY_BYTES_MAX + 1
    return int.from_bytes(data[at + 12 : at + 16], "little") if at >= 0 else 0


def _too_many() -> Finding:
    return fault(
        "zip_too_many",
        "",
        rule=_("A pass holds a few files."),
        mend=_("Keep it to %(max)d files.", max=MEMBERS_MAX),
    )


def _too_large(place: str, most: int) -> Finding:
    return fault(
        "zip_too_large",
        place,
        rule=_("A pass is small: phones fetch it whole at every change."),
        mend=_("Keep it below %(max)d MB.", max=most // (1024 * 1024)),
    )


def _damaged(place: str) -> Finding:
    return fault(
        "zip_damaged",
        place,
        rule=_("A pass is a zip file, stored or deflated."),
        mend=_("Pack it again."),
    )
