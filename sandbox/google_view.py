"""A Google loyalty card as the page draws it, and the pictures it names."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import quote

from sandbox.google_rules import COLOUR
from sandbox.google_wallet import REFERENCE
from sandbox.loopback import NotLoopback
from sandbox.web_service import ServiceFault, download

DEFAULT_BACKGROUND = "#4a5568"
PICTURES = {
    "logo": ("class", "programLogo"),
    "wide": ("class", "wideProgramLogo"),
    "hero": ("both", "heroImage"),
}
PICTURE_TYPES = {"image/png", "image/jpeg", "image/webp", "image/gif"}
PICTURE_BYTES_MAX = 5_000_000
PICTURES_MAX = 200
View = dict[str, Any]


def google_view(card: str, shown: View) -> View:
    """The face of one object together with its class."""
    of_class = shown.get(REFERENCE, {})
    background = of_class.get("hexBackgroundColor") or shown.get("hexBackgroundColor") or ""
    background = background if COLOUR.match(background) else DEFAULT_BACKGROUND
    return {
        "key": card,
        "id": shown.get("id", ""),
        "state": shown.get("state", "ACTIVE"),
        "issuer": of_class.get("issuerName", ""),
        "program": next((str(of_class[name]) for name in ("programName", "title", "merchantName")
                         if of_class.get(name)), ""),
        "background": background,
        "ink": "dark" if _is_light(background) else "light",
        "points": [p for name in ("loyaltyPoints", "secondaryLoyaltyPoints")
                   if (p := _points(shown.get(name)))] + _gift(shown),
        "account": [{"label": label, "value": shown[name]} for name, label in (
            ("accountName", of_class.get("accountNameLabel", "Name")),
            ("accountId", of_class.get("accountIdLabel", "Number")),
            ("cardNumber", of_class.get("cardNumberLabel", "Card number"))) if shown.get(name)],
        "barcode": _barcode(shown.get("barcode") or shown.get("rotatingBarcode")),
        "pictures": {
            slot: f"/google/pictures/{quote(card)}/{slot}?v={quote(uri[-24:], safe='')}"
            for slot in PICTURES if (uri := picture_uri(shown, slot))
        },
        "texts": [
            {"header": each.get("header", ""), "body": each.get("body", "")}
            for source in (shown, of_class) for name in ("textModulesData", "messages")
            for each in source.get(name) or []
        ],
    }  # fmt: skip


def picture_uri(shown: View, slot: str) -> str:
    """The address of a picture as class or object names it; empty when there is none."""
    where, name = PICTURES[slot]
    sources = [shown, shown.get(REFERENCE, {})] if where == "both" else [shown.get(REFERENCE, {})]
    for source in sources:
        uri = ((source.get(name) or {}).get("sourceUri") or {}).get("uri")
        if uri:
            return str(uri)
    return ""


class PictureCache:
    """Fetches pictures from this machine, as Google fetches them from the web, and keeps them."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, bytes]] = {}
        self._lock = threading.Lock()

    def get(self, uri: str) -> tuple[str, bytes] | None:
        """(type, bytes), or None for an address elsewhere or no picture."""
        with self._lock:
            if uri in self._kept:
                return self._kept[uri]
        try:
            answer = download(uri)
        except (ServiceFault, NotLoopback):
            return None
        kind = answer.headers.get("Content-Type", "").split(";")[0].strip()
        if answer.status != 200 or kind not in PICTURE_TYPES:
            return None
        if len(answer.body) > PICTURE_BYTES_MAX:
            return None
        with self._lock:
            if len(self._kept) >= PICTURES_MAX:
                self._kept.clear()
            self._kept[uri] = (kind, answer.body)
        return kind, answer.body


def _points(points: View | None) -> View | None:
    balance = (points or {}).get("balance") or {}
    value = next((each for each in balance.values() if each is not None), None)
    if value is None:
        return None
    if isinstance(value, dict):
        micros = int(value.get("micros") or 0)
        value = f"{micros / 1_000_000:,.2f} {value.get('currencyCode', '')}".strip()
    return {"label": (points or {}).get("label", "Points"), "value": str(value)}


def _gift(shown: View) -> list[View]:
    """The money on a gift card."""
    value = _points({"label": "Balance", "balance": {"money": shown.get("balance")}})
    return [value] if value else []


def _barcode(barcode: View | None) -> View | None:
    if not barcode:
        return None
    kind = "QR" if barcode.get("type") in {"QR_CODE", "qrCode", "qrcode"} else barcode.get("type")
    message = str(barcode.get("value") or barcode.get("valuePattern") or "")
    return {"kind": kind, "message": message, "text": barcode.get("alternateText", "")}


def _is_light(colour: str) -> bool:
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
    return 0.299 * red + 0.587 * green + 0.114 * blue > 150
