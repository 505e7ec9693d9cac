"""A member's card as Apple Wallet shows it: the face, and pass.json made from it.

`apple_face` is the only place that decides what stands where; the web previews draw the same
face, so that preview and pass cannot differ. Not here: images, zip, signature (bundle.py,
signing). Zones hold at most 3 header, 1 primary, and 4 secondary and auxiliary fields together.

Source: developer.apple.com/documentation/walletpasses/pass
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from babel.numbers import format_decimal

from common.i18n import gettext as _
from common.i18n import use_language
from passes import wallet_model as model
from passes import wording
from passes.content import Content
from passes.design import Design, Upload

# Wallet would underline amounts and dates in these as phone numbers.
NOTHING_TO_TAP: Final[Sequence[str]] = ()
LINK: Final[Sequence[str]] = ("PKDataDetectorTypeLink",)
PHONE: Final[Sequence[str]] = ("PKDataDetectorTypePhoneNumber",)


class Zone(StrEnum):
    """A place on the card; the value is Apple's array."""

    HEADER = "headerFields"
    PRIMARY = "primaryFields"
    SECONDARY = "secondaryFields"
    AUXILIARY = "auxiliaryFields"
    BACK = "backFields"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleIdentity:
    """Who issues the pass and where it asks for news.

    `pass_type_identifier` and `team_identifier` are the certificate's UID and OU.
    `web_service_url` has no trailing slash and no `/v1`: the phone appends that itself.
    `authentication_token` has 16 characters or more and never changes for a serial number.
    """

    pass_type_identifier: str
    team_identifier: str
    web_service_url: str
    authentication_token: str


class FaceField(NamedTuple):
    """One field: `value` is a whole number or a text.

    `detectors` None lets the phone look for everything that can be tapped. A named tuple, because
    a card has fifteen and a frozen dataclass takes four times as long to make.
    """

    key: str
    label: str
    value: str | int
    change_message: str = ""
    detectors: Sequence[str] | None = None

    def text(self, language: str) -> str:
        """The value as a reader of `language` sees it; a phone groups digits by itself."""
        if isinstance(self.value, int):
            return str(format_decimal(self.value, locale=language.replace("-", "_")))
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleFace:
    """The card zone by zone, in the order in which the phone draws it.

    `logo_text` is empty when the owner's own logo speaks. `barcode` is empty on a voided card.
    """

    logo_text: str
    header: tuple[FaceField, ...]
    primary: tuple[FaceField, ...]
    secondary: tuple[FaceField, ...]
    auxiliary: tuple[FaceField, ...]
    back: tuple[FaceField, ...]
    barcode: str
    barcode_text: str

    def zones(self) -> dict[Zone, tuple[FaceField, ...]]:
        """The fields by Apple's arrays."""
        return {
            Zone.HEADER: self.header,
            Zone.PRIMARY: self.primary,
            Zone.SECONDARY: self.secondary,
            Zone.AUXILIARY: self.auxiliary,
            Zone.BACK: self.back,
        }


def apple_face(design: Design, content: Content) -> AppleFace:
    """What the card shows, in the member's language."""
    with use_language(content.language):
        fields: dict[Zone, list[FaceField]] = {zone: [] for zone in Zone}
        for zone, build in _FACE_ORDER:
            field = build(design, content)
            if field is not None:
                fields[zone].append(field)
    return AppleFace(
        logo_text="" if Upload.LOGO in design.source_images else design.programme_name,
        header=tuple(fields[Zone.HEADER]),
        primary=tuple(fields[Zone.PRIMARY]),
        secondary=tuple(fields[Zone.SECONDARY]),
        auxiliary=tuple(fields[Zone.AUXILIARY]),
        back=tuple(fields[Zone.BACK]),
        barcode="" if content.voided else content.barcode,
        barcode_text=content.member_number,
    )


def pass_document(design: Design, content: Content, identity: AppleIdentity) -> dict[str, Any]:
    """pass.json of a store card as JSON values, without empty members.

    Returns:
        A fresh dict; check it with `inspect_pass.check_document` before it leaves.
    """
    face = apple_face(design, content)
    wallet_pass = model.Pass(
        _store_card(face),
        pass_type_identifier=identity.pass_type_identifier,
        team_identifier=identity.team_identifier,
    )
    _identify(wallet_pass, design, content=content, identity=identity)
    wallet_pass.backgroundColor = rgb(design.background_colour)
    wallet_pass.foregroundColor = rgb(design.foreground_colour)
    wallet_pass.labelColor = rgb(design.label_colour)
    wallet_pass.logoText = face.logo_text or None
    if face.barcode:
        wallet_pass.barcodes = [model.Barcode(face.barcode, alt_text=face.barcode_text)]
    wallet_pass.locations = [
        model.Location(place.latitude, place.longitude, relevant_text=place.name)
        for place in content.places[: model.LOCATIONS_MAX]
    ]
    document: dict[str, Any] = wallet_pass.json_dict()
    return document


def _identify(
    wallet_pass: model.Pass, design: Design, *, content: Content, identity: AppleIdentity
) -> None:
    wallet_pass.organizationName = design.organization_name
    wallet_pass.serialNumber = content.serial_number
    with use_language(content.language):
        wallet_pass.description = _("%(programme)s card", programme=design.programme_name)
    wallet_pass.webServiceURL = identity.web_service_url
    wallet_pass.authenticationToken = identity.authentication_token
    wallet_pass.sharingProhibited = True
    wallet_pass.expires_at = content.expires_at
    wallet_pass.voided = content.voided


def rgb(colour: str) -> str:
    """`#1f3d36` as `rgb(31, 61, 54)`: hexadecimal is not in Apple's documentation."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgb({red}, {green}, {blue})"


def _store_card(face: AppleFace) -> model.StoreCard:
    card = model.StoreCard()
    for zone, fields in face.zones().items():
        getattr(card, zone).extend(map(_model_field, fields))
    return card


# Most fields of a card are the same for every member of a design version.
@lru_cache(maxsize=4096)
def _model_field(field: FaceField) -> model.TextField:
    options: dict[str, Any] = {"change_message": field.change_message, "detectors": field.detectors}
    if isinstance(field.value, int):
        return model.NumberField(field.key, field.value, field.label, **options)
    return model.TextField(field.key, field.value, field.label, **options)


def _text_field(
    key: str,
    label: str,
    *,
    value: str,
    change_message: str = "",
    detectors: Sequence[str] | None = None,
) -> FaceField | None:
    if not value.strip():
        return None
    return FaceField(
        key=key,
        label=label,
        value=value,
        change_message=change_message,
        detectors=detectors,
    )


def _balance(design: Design, content: Content) -> FaceField:
    return FaceField(
        key="balance",
        label=design.balance_label,
        value=content.balance,
        change_message=wording.balance_change(content),
    )


def _stamps(design: Design, content: Content) -> FaceField | None:
    return _text_field("stamps", design.balance_label, value=wording.stamps_text(content))


def _next_reward(design: Design, content: Content) -> FaceField | None:
    return _text_field("reward", design.reward_label, value=wording.next_reward_text(content))


def _member(design: Design, content: Content) -> FaceField | None:
    name = content.member_name.strip() or content.member_number
    return _text_field("member", design.member_label, value=name)


def _message(_design: Design, content: Content) -> FaceField:
    # The field stays when there is no message: Wallet announces a change of a field, not a new
    # one. Without a change message, taking the owner's words away stays silent.
    told = bool(content.message.strip())
    text = content.message if told else _("Nothing new at the moment")
    change = "%@" if told else ""
    return FaceField(key="message", label=_("News"), value=text, change_message=change)


def _progress(design: Design, content: Content) -> FaceField | None:
    return _text_field(
        "progress", design.reward_label, value=content.progress, detectors=NOTHING_TO_TAP
    )


def _rewards(_design: Design, content: Content) -> FaceField | None:
    text = wording.lines(wording.reward_text(line, content.unit) for line in content.rewards)
    return _text_field("rewards", _("Rewards"), value=text, detectors=NOTHING_TO_TAP)


def _rules(_design: Design, content: Content) -> FaceField | None:
    text = wording.lines(content.rules)
    return _text_field("rules", _("How it works"), value=text, detectors=NOTHING_TO_TAP)


def _history(_design: Design, content: Content) -> FaceField | None:
    text = wording.lines(content.history)
    return _text_field("history", _("Last visits"), value=text, detectors=NOTHING_TO_TAP)


def _member_number(_design: Design, content: Content) -> FaceField | None:
    return _text_field(
        "member_number",
        _("Member number"),
        value=content.member_number,
        detectors=NOTHING_TO_TAP,
    )


def _card_link(_design: Design, content: Content) -> FaceField | None:
    return _text_field("card_link", _("Your card"), value=content.card_link, detectors=LINK)


def _website(design: Design, _content: Content) -> FaceField | None:
    return _text_field("website", _("Website"), value=design.website, detectors=LINK)


def _phone(design: Design, _content: Content) -> FaceField | None:
    return _text_field("phone", _("Phone"), value=design.phone, detectors=PHONE)


def _email(design: Design, _content: Content) -> FaceField | None:
    return _text_field("email", _("E-mail"), value=design.email, detectors=LINK)


def _back_text(design: Design, _content: Content) -> FaceField | None:
    label = _("About %(name)s", name=design.organization_name)
    return _text_field("about", label, value=design.back_text)


_Builder = Callable[[Design, Content], FaceField | None]

# The face, in order. Cards lie stacked in Wallet and only the header shows: the balance is there.
_FACE_ORDER: Final[Sequence[tuple[Zone, _Builder]]] = (
    (Zone.HEADER, _balance),
    (Zone.PRIMARY, _stamps),
    (Zone.SECONDARY, _next_reward),
    (Zone.AUXILIARY, _member),
    (Zone.BACK, _message),
    (Zone.BACK, _progress),
    (Zone.BACK, _rewards),
    (Zone.BACK, _rules),
    (Zone.BACK, _history),
    (Zone.BACK, _member_number),
    (Zone.BACK, _card_link),
    (Zone.BACK, _website),
    (Zone.BACK, _phone),
    (Zone.BACK, _email),
    (Zone.BACK, _back_text),
)
