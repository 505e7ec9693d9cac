"""A .pkpass as an iPhone opens it: unzip, check every hash and the signature, read the pass.

Whatever is wrong makes the whole pass unusable, as on a phone; the reason is kept for the page.
Not done here: drawing, and the change texts of updates (`notices.py`).
Source: Apple, Wallet Developer Guide and the WalletPasses reference (Pass, PassFields).
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from sandbox.apple_trust import NotTrusted, PassSigner, check_signature
from sandbox.loopback import NotLoopback, checked_url
from sandbox.pass_strings import phone_strings

PASS_BYTES_MAX = 10_000_000
UNPACKED_BYTES_MAX = 40_000_000
FILES_MAX = 500
STYLES = ("storeCard", "coupon", "generic", "eventTicket", "boardingPass")
FIELD_GROUPS = (
    "headerFields",
    "primaryFields",
    "secondaryFields",
    "auxiliaryFields",
    "backFields",
)
BARCODE_FORMATS = {f"PKBarcodeFormat{each}" for each in ("QR", "PDF417", "Aztec", "Code128")}
REQUIRED = (
    "passTypeIdentifier",
    "serialNumber",
    "teamIdentifier",
    "organizationName",
    "description",
)
TOKEN_LENGTH_MIN = 16
PNG = b"\x89PNG\r\n\x1a\n"

CANNOT_INSTALL = "Sorry, your Pass cannot be installed to Wallet at this time."


class PassRefused(Exception):
    """A pass that an iPhone does not take; the text is the reason its console would show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPass:
    pass_json: dict[str, Any]
    images: dict[str, bytes]
    manifest_hash: str
    signer: PassSigner | None
    strings: dict[str, str]

    def text(self, key: str) -> str:
        """A text as the phone's language has it."""
        return self.strings.get(key, key)

    @property
    def pass_type_identifier(self) -> str:
        return str(self.pass_json["passTypeIdentifier"])

    @property
    def serial_number(self) -> str:
        return str(self.pass_json["serialNumber"])

    @property
    def style(self) -> str:
        return next(style for style in STYLES if style in self.pass_json)

    def fields(self, group: str) -> list[dict[str, Any]]:
        return list(self.pass_json[self.style].get(group, []))

    def values(self) -> dict[str, Any]:
        """Every field's value by its key: what tests and the event log compare."""
        return {f["key"]: f["value"] for group in FIELD_GROUPS for f in self.fields(group)}


def open_pass(body: bytes, *, roots: list[x509.Certificate]) -> OpenedPass:
    """Open and check a whole pass, or raise PassRefused with the first reason found."""
    files = _unzip(body)
    manifest = files.get("manifest.json", b"")
    _check_manifest(manifest, files)
    try:
        signer = check_signature(manifest, files["signature"], roots=roots)
    except NotTrusted as error:
        raise PassRefused(str(error)) from error
    pass_json = _json(files.get("pass.json"), "pass.json")
    _check_pass(pass_json)
    _check_owner(pass_json, signer)
    _check_images(_images(files))
    return _opened(files, signer)


def reopen_pass(body: bytes) -> OpenedPass:
    """Open a pass that was checked when it came; what the phone trusts may have changed since."""
    return _opened(_unzip(body), None)


def _opened(files: dict[str, bytes], signer: PassSigner | None) -> OpenedPass:
    return OpenedPass(
        pass_json=_json(files.get("pass.json"), "pass.json"),
        images=_images(files),
        manifest_hash=hashlib.sha256(files["manifest.json"]).hexdigest(),
        signer=signer,
        strings=phone_strings(files),
    )


def _images(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.endswith(".png")}


def _unzip(body: bytes) -> dict[str, bytes]:
    if len(body) > PASS_BYTES_MAX:
        raise PassRefused(f"The pass is larger than {PASS_BYTES_MAX} bytes.")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir()]
            names = [each.filename for each in entries]
            if len(names) > FILES_MAX or sum(e.file_size for e in entries) > UNPACKED_BYTES_MAX:
                raise PassRefused("The pass unpacks to too much.")
            if len(set(names)) != len(names):
                raise PassRefused("The pass holds two files of the same name.")
            return {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise PassRefused(f"The pass is not a readable zip file: {error}.") from error


def _check_manifest(manifest: bytes, files: dict[str, bytes]) -> None:
    if "manifest.json" not in files or "signature" not in files:
        raise PassRefused("The pass needs manifest.json and signature.")
    listed = _json(manifest, "manifest.json")
    contents = {n: data for n, data in files.items() if n not in {"manifest.json", "signature"}}
    for name in sorted(contents.keys() - listed.keys()):
        raise PassRefused(f"No entry in manifest for file {name}.")
    for name in sorted(listed.keys() - contents.keys()):
        raise PassRefused(f"The manifest lists {name}, which is not in the pass.")
    for name, data in contents.items():
        # Apple's manifest is SHA-1 by definition; it is not a choice.
        if hashlib.sha1(data).hexdigest() != listed[name]:  # noqa: S324
            raise PassRefused(f"Manifest hash mismatch for file {name}.")


def _json(data: bytes | None, name: str) -> dict[str, Any]:
    if data is None:
        raise PassRefused(f"The pass has no {name}.")
    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise PassRefused(f"{name} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise PassRefused(f"{name} is not a JSON object.")
    return found


def _check_pass(document: dict[str, Any]) -> None:
    if document.get("formatVersion") != 1 or isinstance(document.get("formatVersion"), bool):
        raise PassRefused("formatVersion must be the number 1.")
    for key in REQUIRED:
        if not isinstance(document.get(key), str) or not document[key]:
            raise PassRefused(f"{key} must be a text that is not empty.")
    styles = [style for style in STYLES if style in document]
    if len(styles) != 1:
        raise PassRefused(f"A pass has exactly one style; this one has {styles or 'none'}.")
    _check_nulls(document)
    _check_fields(document[styles[0]])
    _check_barcodes(document)
    _check_web_service(document)


def _check_nulls(document: dict[str, Any]) -> None:
    waiting: list[tuple[str, Any]] = [("pass.json", document)]
    while waiting:
        place, value = waiting.pop()
        if value is None:
            raise PassRefused(f"{place} is null, which Wallet does not read.")
        if isinstance(value, dict):
            waiting += [(f"{place}.{key}", each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{place}[{index}]", each) for index, each in enumerate(value)]


def _check_fields(style: Any) -> None:
    if not isinstance(style, dict):
        raise PassRefused("The style must be an object.")
    seen: set[str] = set()
    for group in FIELD_GROUPS:
        fields = style.get(group, [])
        if not isinstance(fields, list):
            raise PassRefused(f"{group} must be a list.")
        for field in fields:
            _check_field(group, field, seen)


def _check_field(group: str, field: Any, seen: set[str]) -> None:
    if not isinstance(field, dict) or not isinstance(field.get("key"), str):
        raise PassRefused(f"A field of {group} has no key.")
    key = field["key"]
    value = field.get("value")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise PassRefused(f"Field {key!r} needs a value that is text or a number.")
    if key in seen:
        raise PassRefused(f"Two fields have the key {key!r}.")
    seen.add(key)
    if "currencyCode" in field and isinstance(value, str):
        raise PassRefused(f"Field {key!r} has a currencyCode, so its value must be a number.")
    for name in ("label", "changeMessage"):
        if name in field and not isinstance(field[name], str):
            raise PassRefused(f"{name} of field {key!r} must be text.")


def _check_barcodes(document: dict[str, Any]) -> None:
    barcodes = document.get("barcodes", [])
    if not isinstance(barcodes, list):
        raise PassRefused("barcodes must be a list.")
    for barcode in barcodes:
        if not isinstance(barcode, dict) or not all(
            isinstance(barcode.get(key), str) for key in ("format", "message", "messageEncoding")
        ):
            raise PassRefused("A barcode needs the texts format, message and messageEncoding.")
        if barcode["format"] not in BARCODE_FORMATS:
            raise PassRefused(f"Wallet does not know the barcode format {barcode['format']!r}.")


def _check_web_service(document: dict[str, Any]) -> None:
    address = document.get("webServiceURL")
    if address is None:
        return
    if not isinstance(address, str):
        raise PassRefused("webServiceURL must be text.")
    try:
        checked_url(address)
    except NotLoopback as error:
        raise PassRefused(f"webServiceURL: {error}") from error
    if address.rstrip("/").endswith("/v1"):
        raise PassRefused("webServiceURL must not end in /v1: the phone adds it.")
    token = document.get("authenticationToken")
    if not isinstance(token, str) or len(token) < TOKEN_LENGTH_MIN:
        raise PassRefused(f"authenticationToken needs {TOKEN_LENGTH_MIN} characters or more.")


def _check_owner(document: dict[str, Any], signer: PassSigner) -> None:
    same_type = signer.pass_type_identifier == document["passTypeIdentifier"]
    if not same_type or signer.team_identifier != document["teamIdentifier"]:
        raise PassRefused(
            f"The passTypeIdentifier or teamIdentifier provided may not match your certificate: "
            f"the pass says {document['passTypeIdentifier']} and {document['teamIdentifier']}, "
            f"the certificate {signer.pass_type_identifier} and {signer.team_identifier}."
        )


def _check_images(images: dict[str, bytes]) -> None:
    if not any(name in images for name in ("icon.png", "icon@2x.png", "icon@3x.png")):
        raise PassRefused("The pass has no icon.png, so it does not open.")
    for name, data in images.items():
        if not data.startswith(PNG):
            raise PassRefused(f"{name} is not a PNG image.")
