"""Ask for every picture of a class as Google does: from outside, without a login.

Google has no upload; it fetches pictures from our public address, once, and a picture that does not
answer then makes the class fail or the card bare (google-wallet 4.3, 4.8). Not here: drawing them
(passes/images.py), serving them (web/google.py). Rules: no credentials, no proxy, no redirect,
answers capped; the bytes must be those that the address names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError as Urllib3Error

from common.i18n import gettext as _
from passes.google_class import class_pictures
from passes.image_header import PictureFormat, UploadFacts, read_header

PICTURE_BYTES_MAX: Final = 5_000_000
LOGO_SIDE_MIN: Final = 660
# Google shows a banner three times as wide as it is high, or wider.
HERO_RATIO_MIN: Final = 3.0
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFault:
    """A picture that Google could not use: the class's name for it, its address, and why."""

    name: str
    address: str
    why: str


def check_pictures(document: Mapping[str, Any], *, timeout_s: float) -> list[PictureFault]:
    """Fetch every picture that a class or object names; what is wrong with them, in sentences."""
    with requests.Session() as session:
        session.trust_env = False
        asked = [
            (name, address, _fault(session, name, address, timeout_s=timeout_s))
            for name, address in class_pictures(document)
        ]
    return [
        PictureFault(name=name, address=address, why=why) for name, address, why in asked if why
    ]


def _fault(session: requests.Session, name: str, address: str, *, timeout_s: float) -> str:
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        return _("Google fetches pictures by https only. Set a public https address.")
    try:
        with session.get(
            address, timeout=timeout_s, allow_redirects=False, stream=True
        ) as response:
            data = response.raw.read(PICTURE_BYTES_MAX + 1, decode_content=True)
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
            status = response.status_code
    except (requests.RequestException, Urllib3Error, OSError) as error:
        return _("The address does not answer (%(why)s).", why=type(error).__name__)
    if status != _OK:
        return _(
            "The address answers %(status)d instead of 200. It must be open without a login.",
            status=status,
        )
    return _fault_of_bytes(name, address, data, kind=kind)


def _fault_of_bytes(name: str, address: str, data: bytes, *, kind: str) -> str:
    facts = read_header(data)
    if kind != "image/png" or facts is None or facts.format is not PictureFormat.PNG:
        return _("This is no PNG picture (%(kind)s).", kind=kind or _("no type"))
    if hashlib.sha256(data).hexdigest() not in address:
        return _("Something on the way changes the picture: its bytes are not ours.")
    return _fault_of_size(name, facts)


def _fault_of_size(name: str, facts: UploadFacts) -> str:
    size = f"{facts.width} x {facts.height}"
    if name == "programLogo" and (facts.width != facts.height or facts.width < LOGO_SIDE_MIN):
        return _("The logo must be square, 660 pixels or more; it is %(size)s.", size=size)
    if name == "heroImage" and facts.width < facts.height * HERO_RATIO_MIN:
        return _("The banner must be three times as wide as high; it is %(size)s.", size=size)
    return ""
