"""A member's card as Google Wallet stores it: one LoyaltyObject.

All that belongs to one member is here; the class (google_class.py) holds what is the same for all.
`object_patch` says the whole present state, so that sending it twice or late does no harm. Not here:
the save link and its signature (signing), sending, `notifyPreference` and messages (delivery, which
knows the budget).

Source: developers.google.com/wallet/reference/rest/v1/loyaltyobject
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from common.i18n import gettext as _
from common.i18n import use_language
from common.money import decimals
from passes import wording
from passes.content import Content
from passes.design import Design, ImageName
from passes.google_class import class_patch, loyalty_class
from passes.google_options import GoogleOptions, RotatingCode
from passes.google_parts import (
    ACCOUNT_MAX,
    BALANCE_MAX,
    BODY_MAX,
    HEADER_MAX,
    LINKED_MAX,
    POINTS_LABEL_MAX,
    Document,
    GoogleIdentity,
    Languages,
    absolute,
    cut,
    image,
    interval,
    links,
    picture_text,
    without_empty,
)
from passes.rule_texts import heading, rule_texts

__all__ = [
    "GoogleIdentity",
    "class_patch",
    "cut",
    "loyalty_class",
    "loyalty_object",
    "object_face",
    "object_patch",
]

MICROS: Final = 1_000_000
# As signing.totp checks them.
ROTATING_DIGITS: Final = 8
ROTATING_PERIOD_MS: Final = 30_000
_POINTS_PARTS: Final = ("localizedLabel",)
SHARED_CLEARABLE: Final[dict[str, Sequence[str]]] = {
    "barcode": (),
    "rotatingBarcode": (),
    "heroImage": (),
    "linksModuleData": (),
    "validTimeInterval": ("start",),
    "groupingInfo": (),
    "smartTapRedemptionValue": (),
}
_CLEARABLE: Final[dict[str, Sequence[str]]] = {
    **SHARED_CLEARABLE,
    "accountId": (),
    "accountName": (),
    "loyaltyPoints": _POINTS_PARTS,
    "secondaryLoyaltyPoints": _POINTS_PARTS,
}
# The branches stand on the class: one request moves them for all. Here they are only cleared.
SHARED_ARRAYS: Final = ("textModulesData", "merchantLocations")
# What others than `loyalty_object` may have put on a card, and no card of nobody may keep.
FORGOTTEN: Final[Document] = {"messages": [], "linkedObjectIds": []}
# A merge would keep the kind of balance that was there before.
_BALANCES: Final = ("int", "string", "double", "money")


def loyalty_object(
    design: Design,
    content: Content,
    identity: GoogleIdentity,
    *,
    linked_offers: Sequence[str] = (),
) -> Document:
    """The LoyaltyObject of a member's card, for insert or PUT.

    `linked_offers` are whole ids of offers of the same issuer that are already at Google; the first
    50 are sent, because Google drops further ones without a word.
    """
    return {
        "id": identity.object_id,
        "classId": identity.class_id,
        **object_face(design, content),
        **own_banner(design, content, identity),
        **without_empty({"linkedOfferIds": list(linked_offers)[:LINKED_MAX]}),
    }


def object_face(design: Design, content: Content) -> Document:
    """What of a LoyaltyObject needs no address of ours; the web preview draws from this."""
    if content.erased:
        return {"state": "EXPIRED"}
    spoken = Languages(design=design, default=content.language)
    with use_language(content.language):
        return without_empty(
            {
                **shared_by_objects(spoken, content),
                "accountId": cut(content.member_number, ACCOUNT_MAX),
                "accountName": cut(content.member_name, ACCOUNT_MAX),
                "loyaltyPoints": _points(spoken, content),
                "secondaryLoyaltyPoints": _second_value(spoken, content),
            }
        )


def shared_by_objects(spoken: Languages, content: Content) -> Document:
    """What every kind of card says at Google, in the current language; may hold empty names."""
    options = spoken.design.google
    return {
        "state": "INACTIVE" if content.voided else "ACTIVE",
        "barcode": _barcode(options, content),
        "rotatingBarcode": _rotating(options, content),
        "textModulesData": _member_texts(spoken, content),
        "linksModuleData": links([("card", content.card_link, _("Your card"))]),
        "validTimeInterval": interval(None, content.expires_at),
        "passConstraints": _constraints(options),
        "groupingInfo": {"groupingId": options.group} if options.group else {},
        "smartTapRedemptionValue": _tap_value(options, content),
    }


def object_patch(
    design: Design,
    content: Content,
    identity: GoogleIdentity,
    *,
    linked_offers: Sequence[str] = (),
) -> Document:
    """The PATCH body that brings an existing object to this state, whatever it was before.

    Safe to send twice or late: it holds the whole present state. Ids are left out: they stand in
    the address, and `classId` moves a card to another class, which only who knows the old one asks.
    """
    whole = loyalty_object(design, content, identity, linked_offers=linked_offers)
    del whole["id"], whole["classId"]
    patch = absolute(whole, clearable=_CLEARABLE, arrays=(*SHARED_ARRAYS, "linkedOfferIds"))
    for name in ("loyaltyPoints", "secondaryLoyaltyPoints"):
        if patch[name]:
            balance = {**dict.fromkeys(_BALANCES), **patch[name]["balance"]}
            patch[name] = {**patch[name], "balance": balance}
    return patch | FORGOTTEN if content.erased else patch


def own_banner(design: Design, content: Content, identity: GoogleIdentity) -> Document:
    """The member's own picture: stamps or another language's; else the class's banner shows."""
    pictures = design.pictures(
        goal=content.goal, balance=content.balance, language=content.language
    )
    ref = pictures.get(ImageName.GOOGLE_HERO)
    if content.erased or ref is None or ref == design.images.get(ImageName.GOOGLE_HERO):
        return {}
    return {"heroImage": image(ref, identity, says=picture_text(design, content.language))}


def _points(spoken: Languages, content: Content) -> Document:
    def label(texts: Any) -> str:
        return cut(texts.balance_label, POINTS_LABEL_MAX)

    balance: Document = {"int": min(content.balance, BALANCE_MAX)}
    if wording.is_money(content.unit):
        balance = {"money": money(content.unit, content.balance)}
    return _labelled(spoken, label, balance)


def money(currency: str, minor: int) -> Document:
    """A Money of minor units; micros are a text, because they are 64 bits wide."""
    micros = minor * MICROS // 10 ** decimals(currency)
    return {"currencyCode": currency, "micros": str(micros)}


def _second_value(spoken: Languages, content: Content) -> Document:
    def label(texts: Any) -> str:
        return cut(texts.reward_label, POINTS_LABEL_MAX)

    text = wording.stamps_text(content) or wording.next_reward_text(content)
    return _labelled(spoken, label, {"string": text}) if text.strip() else {}


def _labelled(spoken: Languages, label: Callable[[Any], str], balance: Document) -> Document:
    return without_empty(
        {"label": spoken.text(label), "localizedLabel": spoken.localized(label), "balance": balance}
    )


def _barcode(options: GoogleOptions, content: Content) -> Document:
    alone = options.rotating_code == RotatingCode.ONLY and content.rotating_key
    if content.voided or not content.barcode or alone:
        return {}
    return {
        "type": "QR_CODE",
        "value": content.barcode,
        "alternateText": content.member_number,
    }


def _rotating(options: GoogleOptions, content: Content) -> Document:
    """The code that the phone draws anew: the serial number leads to the card, digits prove it."""
    asked = options.rotating_code != RotatingCode.OFF and content.rotating_key
    if content.voided or not asked:
        return {}
    key = {"key": content.rotating_key, "valueLength": ROTATING_DIGITS}
    return {
        "type": "QR_CODE",
        "valuePattern": f"{content.serial_number}.{{totp_value_0}}",
        "totpDetails": {
            "algorithm": "TOTP_SHA1",
            "periodMillis": str(ROTATING_PERIOD_MS),
            "parameters": [key],
        },
        "alternateText": content.member_number,
    }


def _tap_value(options: GoogleOptions, content: Content) -> str:
    return content.barcode if options.redemption_issuers and not content.voided else ""


def _constraints(options: GoogleOptions) -> Document:
    allowed = "ELIGIBLE" if options.screenshots else "INELIGIBLE"
    return {"screenshotEligibility": allowed}


def _member_texts(spoken: Languages, content: Content) -> list[Document]:
    rewards = (wording.reward_text(line, content.unit) for line in content.rewards)
    of_rules = rule_texts(content)
    texts: Sequence[tuple[str, Callable[[Any], str], str]] = (
        ("message", lambda _texts: _("News"), content.message),
        ("progress", lambda texts: texts.reward_label, content.progress),
        ("rewards", lambda _texts: _("Rewards"), _fitting(rewards)),
        ("rules", lambda _texts: _("How it works"), _fitting(content.rules)),
        ("history", lambda _texts: _("Last visits"), _fitting(content.history)),
        *((key, _heading(key), _fitting(lines)) for key, lines in of_rules.items()),
    )
    return [_text_module(spoken, key, header, body) for key, header, body in texts if body.strip()]


def _heading(key: str) -> Callable[[Any], str]:
    return lambda _texts: heading(key)


def _text_module(spoken: Languages, key: str, header: Callable[[Any], str], body: str) -> Document:
    def short(texts: Any) -> str:
        return cut(header(texts), HEADER_MAX)

    return without_empty(
        {
            "id": key,
            "header": spoken.text(short),
            "localizedHeader": spoken.localized(short),
            "body": cut(body, BODY_MAX),
        }
    )


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
