"""pass.json of a member's card, made of the face (apple_face.py) and the design's options.

All that is the same for every member of a design version is spelt once and kept; a card then costs
its own fields. Not here: what stands where, images, zip, signature (bundle.py, signing). Rules:
- numbers, amounts and moments stay what they are, so that each phone writes them its own way;
- NFC only where the certificate allows it: Wallet refuses the whole pass otherwise;
- what is kept is shared between cards, so it is copied and never changed;
- `posterGeneric` stands beside the older style, never instead of it.

Source: developer.apple.com/documentation/walletpasses/pass
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from common.i18n import gettext as _
from common.i18n import use_language
from passes import wallet_model as model
from passes.apple_face import AppleFace, FaceField, Fields, Frame, Money, Zone, apple_face
from passes.apple_options import AppleOptions, CodeKind, PassStyle
from passes.content import Content, Place
from passes.design import Design, ImageName, Texts

# Apple's limit for what the reader gets over NFC.
NFC_MESSAGE_BYTES_MAX: Final = 64
_BARCODE: Final[dict[str, Any]] = model.Barcode("").json_dict()
# The first that a phone can draw is shown, so the newest comes first and an old one last.
_FORMATS: Final[dict[CodeKind, tuple[str, ...]]] = {
    CodeKind.QR: ("PKBarcodeFormatQR",),
    CodeKind.AZTEC: ("PKBarcodeFormatAztec", "PKBarcodeFormatQR"),
    CodeKind.PDF417: ("PKBarcodeFormatPDF417", "PKBarcodeFormatQR"),
    CodeKind.CODE_128: ("PKBarcodeFormatCode128", "PKBarcodeFormatQR"),
    CodeKind.CODE_39: (
        "PKBarcodeFormatCode39",
        "PKBarcodeFormatCode128",
        "PKBarcodeFormatQR",
    ),
}
_POSTER: Final = "posterGeneric"
# A poster has one header and up to four primary fields, and no others in front.
_POSTER_HEADER: Final = 1
_POSTER_PRIMARY: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleIdentity:
    """Who issues the pass and where it asks for news.

    `pass_type_identifier` and `team_identifier` are the certificate's UID and OU.
    `web_service_url` has no trailing slash and no `/v1`: the phone appends that itself.
    `authentication_token` has 16 characters or more and never changes for a serial number.
    `nfc` says whether the certificate allows NFC.
    """

    pass_type_identifier: str
    team_identifier: str
    web_service_url: str
    authentication_token: str
    nfc: bool = False


class Mould(NamedTuple):
    """All that can make a pass faulty except the card's own values; see gate.py."""

    texts: Texts
    colours: tuple[str, ...]
    options: AppleOptions
    language: str
    issuer: tuple[str, str, str]
    frames: tuple[tuple[Frame, ...], ...]
    kinds: tuple[type, ...]
    places: tuple[Place, ...]


class AppleCard(NamedTuple):
    """One card's pass.json with the mould it was cast in."""

    document: dict[str, Any]
    mould: Mould


def apple_card(design: Design, content: Content, identity: AppleIdentity) -> AppleCard:
    """pass.json as JSON values, without empty members, and its mould for the gate.

    Returns:
        A fresh dict whose inner values are shared between cards and must not be changed.
    """
    face = apple_face(design, content)
    texts = design.texts(content.language)
    document = _document(design, content, identity, face=face, texts=texts)
    zones = (face.header, face.primary, face.secondary, face.auxiliary, face.back)
    colours = (design.background_colour, design.foreground_colour, design.label_colour)
    own = (identity.pass_type_identifier, identity.team_identifier, identity.web_service_url)
    mould = Mould(
        texts,
        colours,
        design.apple,
        content.language,
        own,
        tuple([tuple([field.frame for field in zone]) for zone in zones]),
        tuple([type(field.value) for zone in zones for field in zone]),
        content.places,
    )
    return AppleCard(document, mould)


def pass_document(design: Design, content: Content, identity: AppleIdentity) -> dict[str, Any]:
    """pass.json alone; check it with `document_rules.check_document` before it leaves."""
    return apple_card(design, content, identity).document


def _document(
    design: Design, content: Content, identity: AppleIdentity, *, face: AppleFace, texts: Texts
) -> dict[str, Any]:
    document = {
        **_issuer(texts, identity.pass_type_identifier, identity.team_identifier),
        **_look(design.background_colour, design.foreground_colour, design.label_colour),
        **_options(design.apple),
        "description": pass_description(texts, content.language),
        "serialNumber": content.serial_number,
        "webServiceURL": identity.web_service_url,
        "authenticationToken": identity.authentication_token,
        "semantics": _membership(texts, content),
        str(design.apple.style): {str(zone): _spelt(f) for zone, f in face.zones().items() if f},
    }
    if ImageName.ARTWORK_2X in design.images:
        document[_POSTER] = _poster(face)
    if face.logo_text:
        document["logoText"] = face.logo_text
    if content.places:
        document["locations"] = _locations(content.places, texts.nearby_text)
    document.update(_validity(content))
    if face.barcode:
        code = {"message": face.barcode, "altText": face.barcode_text}
        document["barcodes"] = [
            _BARCODE | code | {"format": name} for name in _FORMATS[design.apple.code]
        ]
        if identity.nfc and design.apple.nfc_public_key:
            document["nfc"] = _nfc(design.apple, face.barcode)
    return document


@lru_cache(maxsize=512)
def pass_description(texts: Texts, language: str) -> str:
    """What VoiceOver says of the card."""
    with use_language(language):
        return _("%(programme)s card", programme=texts.programme_name)


def location_texts(places: tuple[Place, ...], nearby_text: str) -> list[str]:
    """What the lock screen says near each branch; `%` in the owner's text is the branch's name."""
    named = [place.name for place in places[: model.LOCATIONS_MAX]]
    return [nearby_text.replace("%", name) if nearby_text else name for name in named]


def rgb(colour: str) -> str:
    """`#1f3d36` as `rgb(31, 61, 54)`: hexadecimal is not in Apple's documentation."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgb({red}, {green}, {blue})"


@lru_cache(maxsize=512)
def _issuer(texts: Texts, pass_type: str, team: str) -> dict[str, Any]:
    """What the library's own model says of a pass."""
    wallet_pass = model.Pass(
        model.StoreCard(), pass_type_identifier=pass_type, team_identifier=team
    )
    wallet_pass.organizationName = texts.organization_name
    document: dict[str, Any] = wallet_pass.json_dict()
    # The style comes with the fields; an empty serial number is the model's default.
    for later in (PassStyle.STORE_CARD, "serialNumber", "description"):
        document.pop(later, None)
    return document


@lru_cache(maxsize=512)
def _look(background: str, foreground: str, label: str) -> dict[str, Any]:
    return {
        "backgroundColor": rgb(background),
        "foregroundColor": rgb(foreground),
        "labelColor": rgb(label),
    }


@lru_cache(maxsize=512)
def _options(options: AppleOptions) -> dict[str, Any]:
    """What the owner chose in the advanced part; nothing for nothing."""
    chosen: dict[str, Any] = {
        "sharingProhibited": options.sharing_prohibited,
        "maxDistance": options.max_distance_m,
        "relevantDates": [model.relevant_moment(one.start, one.end) for one in options.moments],
        "associatedStoreIdentifiers": list(options.store_ids),
        "appLaunchURL": options.app_launch_url,
        "featuredActions": [
            {"identifier": f"action-{number}", "type": str(action.kind), "url": action.url}
            for number, action in enumerate(options.actions, start=1)
        ],
        "userInfo": json.loads(options.user_info or "{}"),
    }
    return {name: value for name, value in chosen.items() if value}


def _membership(texts: Texts, content: Content) -> dict[str, str]:
    tags = {"membershipProgramName": texts.programme_name}
    if content.member_number:
        tags["membershipProgramNumber"] = content.member_number
    if content.rule_lines is not None and content.rule_lines.tier:
        tags["membershipProgramStatus"] = content.rule_lines.tier
    return tags


def _validity(content: Content) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if content.voided:
        said["voided"] = True
    if content.expires_at is not None:
        said["expirationDate"] = model.w3c(content.expires_at)
    return said


@lru_cache(maxsize=512)
def _locations(places: tuple[Place, ...], nearby_text: str) -> list[dict[str, Any]]:
    said = location_texts(places, nearby_text)
    return [
        model.Location(place.latitude, place.longitude, relevant_text=text).json_dict()
        for place, text in zip(places, said, strict=False)
    ]


def _nfc(options: AppleOptions, barcode: str) -> dict[str, Any]:
    """The reader gets what the camera would see."""
    message = barcode[:NFC_MESSAGE_BYTES_MAX]
    return {"message": message, "encryptionPublicKey": options.nfc_public_key}


def _poster(face: AppleFace) -> dict[str, Any]:
    in_front = (face.primary + face.secondary + face.auxiliary)[:_POSTER_PRIMARY]
    zones = {
        Zone.HEADER: face.header[:_POSTER_HEADER],
        Zone.PRIMARY: in_front,
        Zone.BACK: face.back,
    }
    return {str(zone): _spelt(fields) for zone, fields in zones.items() if fields}


def _spelt(fields: Fields) -> list[dict[str, Any]]:
    return [_field(one) for one in fields]


def _field(field: FaceField) -> dict[str, Any]:
    frame, value = field
    if type(value) is str:
        spelt = _text_frame(frame).copy()
        spelt["value"] = value
        return spelt
    if type(value) is int:
        return {**_number_frame(frame), "value": value}
    if isinstance(value, Money):
        whole = value.whole
        shown = int(whole) if whole == whole.to_integral_value() else float(whole)
        currency = {"amount": str(whole), "currencyCode": value.currency}
        members = {"value": shown, "semantics": {"balance": currency}}
        return {**_money_frame(frame, value.currency), **members}
    if isinstance(value, datetime):
        return {**_date_frame(frame), "value": model.w3c(value)}
    raise TypeError(f"a field shows no {type(value).__name__}")


@lru_cache(maxsize=4096)
def _text_frame(frame: Frame) -> dict[str, Any]:
    return _members(model.TextField(frame.key, "", frame.label, **_manner(frame)))


@lru_cache(maxsize=1024)
def _number_frame(frame: Frame) -> dict[str, Any]:
    return _members(model.NumberField(frame.key, 0, frame.label, **_manner(frame)))


@lru_cache(maxsize=1024)
def _money_frame(frame: Frame, currency: str) -> dict[str, Any]:
    return _members(
        model.CurrencyField(frame.key, 0, frame.label, currency=currency, **_manner(frame))
    )


@lru_cache(maxsize=1024)
def _date_frame(frame: Frame) -> dict[str, Any]:
    return _members(model.DateField(frame.key, model.SOME_DAY, frame.label, **_manner(frame)))


def _manner(frame: Frame) -> dict[str, Any]:
    return {"change_message": frame.change_message, "detectors": frame.detectors}


def _members(field: model.TextField) -> dict[str, Any]:
    return field.json_dict()
