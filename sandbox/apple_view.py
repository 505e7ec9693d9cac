"""An Apple pass as the page draws it: texts, colours and picture addresses, nothing of HTML."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from sandbox.iphone import Card
from sandbox.notices import shown_value
from sandbox.pkpass import OpenedPass

COLOUR = re.compile(r"^(?:rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)|#[0-9a-fA-F]{6})$")
DEFAULT_BACKGROUND, DEFAULT_FOREGROUND = "rgb(236, 236, 240)", "rgb(20, 20, 24)"
View = dict[str, Any]


def apple_view(phone_id: str, card: Card, opened: OpenedPass) -> View:
    """The front, the back and the state of one pass."""
    document = opened.pass_json
    foreground = _colour(document.get("foregroundColor"), DEFAULT_FOREGROUND)
    fields = {group: _fields(opened, group) for group in (
        "headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields")}  # fmt: skip
    return {
        "key": card.key,
        "topic": card.topic,
        "serial_number": card.serial_number,
        "organization": opened.text(str(document["organizationName"])),
        "description": opened.text(str(document["description"])),
        "logo_text": opened.text(str(document.get("logoText", ""))),
        "background": _colour(document.get("backgroundColor"), DEFAULT_BACKGROUND),
        "foreground": foreground,
        "label": _colour(document.get("labelColor"), foreground),
        "pictures": {name: _picture(phone_id, card, opened, name) for name in ("logo", "strip")},
        "barcode": _barcode(document),
        "header": fields["headerFields"][:3],
        "primary": fields["primaryFields"][:1],
        "row": (fields["secondaryFields"] + fields["auxiliaryFields"])[:4],
        "back": fields["backFields"],
        "voided": document.get("voided") is True,
        "registered": card.registered,
        "automatic_updates": card.automatic_updates,
        "updatable": bool(card.web_service_url),
    }


def picture_bytes(opened: OpenedPass, name: str) -> bytes | None:
    """The sharpest version of a picture that the pass holds, in the phone's language if any."""
    for scale in ("@3x", "@2x", ""):
        for folder in ("", "en.lproj/"):
            found = opened.images.get(f"{folder}{name}{scale}.png")
            if found is not None:
                return found
    return None


def _fields(opened: OpenedPass, group: str) -> list[View]:
    return [
        {
            "key": field["key"],
            "label": opened.text(str(field.get("label", ""))),
            "value": shown_value(field, opened),
            "align": str(field.get("textAlignment", ""))[len("PKTextAlignment") :].lower(),
        }
        for field in opened.fields(group)
    ]


def _picture(phone_id: str, card: Card, opened: OpenedPass, name: str) -> str:
    if picture_bytes(opened, name) is None:
        return ""
    return f"/phones/{phone_id}/pictures/{quote(card.key)}/{name}?v={opened.manifest_hash[:12]}"


def _barcode(document: View) -> View | None:
    barcodes = document.get("barcodes") or []
    if not barcodes:
        return None
    first = barcodes[0]
    return {
        "kind": first["format"].removeprefix("PKBarcodeFormat"),
        "message": first["message"],
        "text": str(first.get("altText", "")),
    }


def _colour(value: Any, default: str) -> str:
    return value if isinstance(value, str) and COLOUR.match(value) else default
