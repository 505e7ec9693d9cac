"""A programme and a member's card as Google Wallet stores them: LoyaltyClass and LoyaltyObject.

Colour, labels, logo and owner's contact live on the class; all that belongs to one member on the
object. `class_patch` and `object_patch` say the whole present state: arrays whole, and an explicit
null where something is gone, because a PATCH leaves alone what it does not name. Not here: the save
link and its signature (signing), sending (delivery), `notifyPreference` and messages (delivery
knows the budget). Lengths follow google-wallet 1.1 and 1.2; longer texts are cut here, at a word
where one fits, so that Google never cuts in the middle.

Source: developers.google.com/wallet/reference/rest/v1/loyaltyobject and .../loyaltyclass
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from common.errors import InvalidInput
from common.i18n import gettext as _
from common.i18n import use_language
from passes import wording
from passes.content import Content
from passes.design import Design, ImageName

POINTS_LABEL_MAX: Final = 9
ACCOUNT_MAX: Final = 20
ACCOUNT_LABEL_MAX: Final = 15
HEADER_MAX: Final = 35
BODY_MAX: Final = 500
LINK_TEXT_MAX: Final = 20
LOCATIONS_MAX: Final = 10
CLASS_TEXTS_MAX: Final = 10
# LoyaltyPointsBalance.int is an int32.
BALANCE_MAX: Final = 2**31 - 1
_ID: Final = re.compile(r"[0-9]{1,20}\.[A-Za-z0-9._-]{1,100}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_CLASS_CLEARABLE: Final = ("heroImage", "linksModuleData", "countryCode", "callbackOptions")
_OBJECT_CLEARABLE: Final = (
    "accountName",
    "barcode",
    "linksModuleData",
    "secondaryLoyaltyPoints",
    "validTimeInterval",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleIdentity:
    """Where a card lives at Google.

    `class_id` and `object_id` are whole ids, `<issuer id>.<suffix>`; the object's may stay empty
    where only the class is meant. Images are `<image_base_url>/<sha256>.png`: https, or http on
    the loopback for the sandbox. `origin` is the site that may show the save button.
    """

    issuer_id: str
    class_id: str
    object_id: str = ""
    image_base_url: str
    origin: str

    def __post_init__(self) -> None:
        for whole in filter(None, (self.class_id, self.object_id)):
            if not _ID.fullmatch(whole) or not whole.startswith(f"{self.issuer_id}."):
                raise ValueError(f"not an id of issuer {self.issuer_id!r}: {whole[:120]!r}")
        base = urlsplit(self.image_base_url)
        if base.scheme != "https" and not (base.scheme == "http" and base.hostname in _LOOPBACK):
            raise ValueError(f"Google fetches images by https only: {self.image_base_url[:120]!r}")

    def image_url(self, sha256: str) -> str:
        """The public address of a rendered image; content-named, because Google caches."""
        return f"{self.image_base_url.rstrip('/')}/{sha256}.png"


def loyalty_class(
    design: Design,
    identity: GoogleIdentity,
    *,
    language: str = "en",
    country_code: str = "",
    callback_url: str = "",
) -> dict[str, Any]:
    """The LoyaltyClass of a programme, for insert or PUT.

    Args:
        design: with `ImageName.GOOGLE_LOGO` among its images.
        identity: `object_id` is not looked at.
        language: BCP 47, of the owner's texts.
        country_code: ISO 3166 alpha-2, or empty.
        callback_url: where Google reports saves and deletes, or empty.

    Raises:
        InvalidInput: the design has no Google logo yet.
    """
    with use_language(language):
        return _without_empty(
            {
                "id": identity.class_id,
                "issuerName": design.organization_name,
                "programName": design.programme_name,
                "programLogo": _logo(design, identity, language=language),
                "heroImage": _image(
                    design, identity, name=ImageName.GOOGLE_HERO, language=language
                ),
                "hexBackgroundColor": design.background_colour.lower(),
                # An approved class must be sent for review again with every change.
                "reviewStatus": "UNDER_REVIEW",
                "multipleDevicesAndHoldersAllowedStatus": "ONE_USER_ALL_DEVICES",
                "countryCode": country_code,
                "accountNameLabel": cut(design.member_label, ACCOUNT_LABEL_MAX),
                "accountIdLabel": cut(_("Member number"), ACCOUNT_LABEL_MAX),
                "textModulesData": _about(design),
                "linksModuleData": _links(_contact(design)),
                "callbackOptions": {"url": callback_url} if callback_url else {},
            }
        )


def class_patch(
    design: Design,
    identity: GoogleIdentity,
    *,
    language: str = "en",
    country_code: str = "",
    callback_url: str = "",
) -> dict[str, Any]:
    """The PATCH body that brings an existing class to this design, whatever it was before."""
    document = loyalty_class(
        design,
        identity,
        language=language,
        country_code=country_code,
        callback_url=callback_url,
    )
    del document["id"]
    return _absolute(document, clearable=_CLASS_CLEARABLE, arrays=("textModulesData",))


def loyalty_object(design: Design, content: Content, identity: GoogleIdentity) -> dict[str, Any]:
    """The LoyaltyObject of a member's card, for insert or PUT."""
    ids = {"id": identity.object_id, "classId": identity.class_id}
    return {**ids, **object_face(design, content)}


def object_face(design: Design, content: Content) -> dict[str, Any]:
    """All of a LoyaltyObject but its ids; the web preview draws from this."""
    with use_language(content.language):
        return _without_empty(
            {
                "state": "INACTIVE" if content.voided else "ACTIVE",
                "accountId": cut(content.member_number, ACCOUNT_MAX),
                "accountName": cut(content.member_name, ACCOUNT_MAX),
                "loyaltyPoints": {
                    "label": cut(design.balance_label, POINTS_LABEL_MAX),
                    "balance": {"int": min(content.balance, BALANCE_MAX)},
                },
                "secondaryLoyaltyPoints": _second_value(design, content),
                "barcode": _barcode(content),
                "textModulesData": _member_texts(design, content),
                "linksModuleData": _links([("card", content.card_link, _("Your card"))]),
                "merchantLocations": [
                    {"latitude": place.latitude, "longitude": place.longitude}
                    for place in content.places[:LOCATIONS_MAX]
                ],
                "validTimeInterval": _validity(content),
            }
        )


def object_patch(design: Design, content: Content) -> dict[str, Any]:
    """The PATCH body that brings an existing object to this state, whatever it was before.

    Safe to send twice or late: it holds the whole present state. Ids are left out; they stand in
    the address.
    """
    return _absolute(
        object_face(design, content),
        clearable=_OBJECT_CLEARABLE,
        arrays=("textModulesData", "merchantLocations"),
    )


def cut(text: str, length: int) -> str:
    """`text` in at most `length` characters: whole words if the first fits, else an ellipsis."""
    text = text.strip()
    if len(text) <= length:
        return text
    words = text[: length + 1].rpartition(" ")[0].rstrip()
    return words or text[: length - 1].rstrip() + "…"


def _logo(design: Design, identity: GoogleIdentity, *, language: str) -> dict[str, Any]:
    image = _image(design, identity, name=ImageName.GOOGLE_LOGO, language=language)
    if not image:
        raise InvalidInput(
            _("This card has no logo for Google Wallet yet. Publish it again."), field="logo"
        )
    return image


def _image(
    design: Design, identity: GoogleIdentity, *, name: ImageName, language: str
) -> dict[str, Any]:
    ref = design.images.get(name)
    if ref is None:
        return {}
    text = {"language": language, "value": design.programme_name}
    return {
        "sourceUri": {"uri": identity.image_url(ref.sha256)},
        "contentDescription": {"defaultValue": text},
    }


def _about(design: Design) -> list[dict[str, str]]:
    header = cut(_("About %(name)s", name=design.organization_name), HEADER_MAX)
    parts = _pieces(design.back_text)[:CLASS_TEXTS_MAX]
    return [
        {"id": f"about-{number}", "header": header, "body": body}
        for number, body in enumerate(parts, start=1)
    ]


def _pieces(text: str) -> list[str]:
    """Paragraphs packed into bodies of at most BODY_MAX characters, nothing lost."""
    bodies: list[str] = []
    for paragraph in text.split("\n\n"):
        for piece in textwrap.wrap(paragraph, BODY_MAX, replace_whitespace=False):
            joined = f"{bodies[-1]}\n\n{piece}" if bodies else piece
            if bodies and len(joined) <= BODY_MAX:
                bodies[-1] = joined
            else:
                bodies.append(piece)
    return bodies


def _contact(design: Design) -> list[tuple[str, str, str]]:
    dialled = re.sub(r"[^0-9+]", "", design.phone)
    address = quote(design.email, safe="@+")
    return [
        ("website", design.website, _("Website")),
        ("phone", f"tel:{dialled}" if dialled else "", _("Phone")),
        ("email", f"mailto:{address}" if address else "", _("E-mail")),
    ]


def _links(entries: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    uris = [
        {"id": key, "uri": uri, "description": cut(text, LINK_TEXT_MAX)}
        for key, uri, text in entries
        if uri
    ]
    return {"uris": uris} if uris else {}


def _second_value(design: Design, content: Content) -> dict[str, Any]:
    text = wording.stamps_text(content) or wording.next_reward_text(content)
    if not text.strip():
        return {}
    return {"label": cut(design.reward_label, POINTS_LABEL_MAX), "balance": {"string": text}}


def _barcode(content: Content) -> dict[str, str]:
    if content.voided or not content.barcode:
        return {}
    return {
        "type": "QR_CODE",
        "value": content.barcode,
        "alternateText": content.member_number,
    }


def _member_texts(design: Design, content: Content) -> list[dict[str, str]]:
    rewards = (wording.reward_text(line, content.unit) for line in content.rewards)
    texts: Sequence[tuple[str, str, str]] = (
        ("message", _("News"), content.message),
        ("progress", design.reward_label, content.progress),
        ("rewards", _("Rewards"), _fitting(rewards)),
        ("rules", _("How it works"), _fitting(content.rules)),
        ("history", _("Last visits"), _fitting(content.history)),
    )
    return [
        {"id": key, "header": cut(header, HEADER_MAX), "body": cut(body, BODY_MAX)}
        for key, header, body in texts
        if body.strip()
    ]


def _fitting(entries: Iterable[str]) -> str:
    """As many whole lines as one body takes, the first ones."""
    taken: list[str] = []
    length = 0
    for entry in entries:
        length += len(entry) + 1
        if taken and length > BODY_MAX:
            break
        taken.append(entry)
    return wording.lines(taken)


def _validity(content: Content) -> dict[str, Any]:
    if content.expires_at is None:
        return {}
    return {"end": {"date": content.expires_at.isoformat(timespec="seconds")}}


def _without_empty(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value not in ("", {}, [])}


def _absolute(
    document: Mapping[str, Any], *, clearable: Sequence[str], arrays: Sequence[str]
) -> dict[str, Any]:
    gone: dict[str, Any] = {name: None for name in clearable if name not in document}
    emptied: dict[str, Any] = {name: [] for name in arrays if name not in document}
    return {**document, **gone, **emptied}
