"""What stands where on a member's card in Apple Wallet.

`apple_face` is the only place that decides it; the web previews draw the same face, so that preview
and pass cannot differ. A field is a frame, which is the same for every member of a design version
and is made once, and a value. Not here: pass.json's spelling (apple.py), images. Zones hold at most
3 header, 1 primary, and 4 secondary and auxiliary fields together; on a generic card the last two
have rows of their own.

Source: developer.apple.com/documentation/walletpasses/passfields
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, get_currency_precision

from common.i18n import gettext as _
from common.i18n import use_language
from passes import rule_texts, wording
from passes.apple_options import PassStyle
from passes.content import Content
from passes.design import Design, Texts, Upload

# Wallet would underline amounts and dates in these as phone numbers.
NOTHING_TO_TAP: Final[tuple[str, ...]] = ()
LINK: Final = ("PKDataDetectorTypeLink",)
PHONE: Final = ("PKDataDetectorTypePhoneNumber",)


class Zone(StrEnum):
    """A place on the card; the value is Apple's array."""

    HEADER = "headerFields"
    PRIMARY = "primaryFields"
    SECONDARY = "secondaryFields"
    AUXILIARY = "auxiliaryFields"
    BACK = "backFields"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in minor units of a currency (ISO 4217)."""

    minor: int
    currency: str

    @property
    def whole(self) -> Decimal:
        """The amount in whole units, exact: 1250 EUR is 12.50."""
        return Decimal(self.minor).scaleb(-get_currency_precision(self.currency))


Value = str | int | Money | datetime


class Frame(NamedTuple):
    """A field without its value.

    `detectors` None lets the phone look for everything that can be tapped.
    """

    key: str
    label: str
    change_message: str = ""
    detectors: tuple[str, ...] | None = None


class FaceField(NamedTuple):
    """One field: a whole number, an amount and a moment stay what they are, for the phone to write.

    A named tuple, because a card has fifteen and a frozen dataclass takes four times as long.
    """

    frame: Frame
    value: Value

    @property
    def key(self) -> str:
        """Names the field in the whole pass."""
        return self.frame.key

    @property
    def label(self) -> str:
        """What stands above the value."""
        return self.frame.label

    @property
    def change_message(self) -> str:
        """What the lock screen says about a change; empty for nothing."""
        return self.frame.change_message

    def text(self, language: str) -> str:
        """The value as a reader of `language` sees it; a phone groups digits by itself."""
        locale = language.replace("-", "_")
        if isinstance(self.value, int):
            return str(format_decimal(self.value, locale=locale))
        if isinstance(self.value, Money):
            return str(format_currency(self.value.whole, self.value.currency, locale=locale))
        if isinstance(self.value, datetime):
            return str(format_date(self.value.date(), format="medium", locale=locale))
        return self.value


Fields = tuple[FaceField, ...]


class AppleFace(NamedTuple):
    """The card zone by zone, in the order in which the phone draws it.

    `logo_text` is empty when the owner's own logo speaks. `barcode` is empty on a voided card.
    """

    logo_text: str
    header: Fields
    primary: Fields
    secondary: Fields
    auxiliary: Fields
    back: Fields
    barcode: str
    barcode_text: str

    def zones(self) -> dict[Zone, Fields]:
        """The fields by Apple's arrays."""
        return {
            Zone.HEADER: self.header,
            Zone.PRIMARY: self.primary,
            Zone.SECONDARY: self.secondary,
            Zone.AUXILIARY: self.auxiliary,
            Zone.BACK: self.back,
        }


def apple_face(design: Design, content: Content, *, language: str = "") -> AppleFace:
    """What the card shows, in the member's language or another one.

    Sentences that come ready in `content` stay in the member's language.
    """
    language = language or content.language
    texts = design.texts(language)
    with use_language(language):
        found = _values(content, _frames(texts, language))
    zones = _ORDERS[design.apple.style, design.draws_stamps(content.goal)]
    placed = [
        tuple([found[key] for key in zones.get(zone, ()) if key in found]) for zone in _IN_FRONT
    ]
    contact = _contact(texts, language, design.website, design.phone, design.email)
    return AppleFace(
        logo_text="" if Upload.LOGO in design.source_images else texts.programme_name,
        header=placed[0],
        primary=placed[1],
        secondary=placed[2],
        auxiliary=placed[3],
        back=tuple([found[key] for key in _BACK if key in found]) + contact,
        barcode="" if content.voided else content.barcode,
        barcode_text=content.member_number,
    )


def _values(content: Content, frames: Mapping[str, Frame]) -> dict[str, FaceField]:
    """Every field that has something to say, by key."""
    lines = wording.lines
    texts: dict[str, str] = {
        "stamps": wording.stamps_text(content),
        "reward": wording.next_reward_text(content),
        "member": content.member_name.strip() or content.member_number,
        "progress": content.progress,
        "rewards": lines([wording.reward_text(line, content.unit) for line in content.rewards]),
        "rules": lines(content.rules),
        "history": lines(content.history),
        "member_number": content.member_number,
        "card_link": content.card_link,
    }
    if content.rule_lines is not None:
        texts |= _of_rules(content)
    found = {
        key: FaceField(frames[key], text)
        for key, text in texts.items()
        if text and not text.isspace()
    }
    found["balance"] = _balance(content, frames["balance"])
    found["message"] = _message(content, frames["message"])
    if content.member_since is not None:
        found["member_since"] = FaceField(frames["member_since"], content.member_since)
    return found


def _of_rules(content: Content) -> dict[str, str]:
    """What a card of many rules has beside the rest: two values in front, the others behind."""
    beside = rule_texts.second_unit(content)
    behind = {
        f"{key}_text": wording.lines(lines) for key, lines in rule_texts.rule_texts(content).items()
    }
    front = {"tier": rule_texts.tier_value(content), "second": beside.words if beside else ""}
    return front | behind


def _balance(content: Content, frame: Frame) -> FaceField:
    """The one number that announces its change."""
    announced = Frame(frame.key, frame.label, wording.balance_change(content))
    if wording.is_money(content.unit):
        return FaceField(announced, Money(minor=content.balance, currency=content.unit))
    return FaceField(announced, content.balance)


def _message(content: Content, frame: Frame) -> FaceField:
    # The field stays when there is no message: Wallet announces a change of a field, not a new
    # one. Without a change message, taking the owner's words away stays silent.
    if content.message.strip():
        return FaceField(Frame(frame.key, frame.label, "%@"), content.message)
    return FaceField(frame, _("Nothing new at the moment"))


@lru_cache(maxsize=512)
def _frames(texts: Texts, language: str) -> Mapping[str, Frame]:
    """The frames of a design version in one language."""
    with use_language(language):
        plain = (
            Frame("balance", texts.balance_label),
            Frame("stamps", texts.balance_label),
            Frame("reward", texts.reward_label),
            Frame("member", texts.member_label),
            Frame("message", _("News")),
            Frame("progress", texts.reward_label, detectors=NOTHING_TO_TAP),
            Frame("rewards", _("Rewards"), detectors=NOTHING_TO_TAP),
            Frame("rules", _("How it works"), detectors=NOTHING_TO_TAP),
            Frame("history", _("Last visits"), detectors=NOTHING_TO_TAP),
            Frame("member_number", _("Member number"), detectors=NOTHING_TO_TAP),
            Frame("member_since", _("Member since")),
            Frame("card_link", _("Your card"), detectors=LINK),
            Frame("tier", _("Tier")),
            Frame("second", _("Also")),
            *(
                Frame(f"{key}_text", rule_texts.heading(key), detectors=NOTHING_TO_TAP)
                for key in rule_texts.KEYS
            ),
        )
    return MappingProxyType({frame.key: frame for frame in plain})


@lru_cache(maxsize=512)
def _contact(texts: Texts, language: str, website: str, phone: str, email: str) -> Fields:
    """How to reach the shop: the end of the back, the same for every member."""
    with use_language(language):
        fields = (
            FaceField(Frame("website", _("Website"), detectors=LINK), website),
            FaceField(Frame("phone", _("Phone"), detectors=PHONE), wording.isolated(phone)),
            FaceField(Frame("email", _("E-mail"), detectors=LINK), email),
            FaceField(
                Frame("about", _("About %(name)s", name=texts.organization_name)), texts.back_text
            ),
        )
    shown = {"website": website, "phone": phone, "email": email, "about": texts.back_text}
    return tuple(field for field in fields if shown[field.key].strip())


_IN_FRONT: Final = (Zone.HEADER, Zone.PRIMARY, Zone.SECONDARY, Zone.AUXILIARY)
# Cards lie stacked in Wallet and only the header shows: the balance is there.
_CARD: Final[Mapping[Zone, Sequence[str]]] = {
    Zone.HEADER: ("balance",),
    Zone.PRIMARY: ("stamps",),
    Zone.SECONDARY: ("reward",),
    Zone.AUXILIARY: ("member", "tier", "second"),
}
# Drawn stamps fill the strip, where a primary value would stand over them.
_DRAWN: Final[Mapping[Zone, Sequence[str]]] = {
    Zone.HEADER: ("balance",),
    Zone.SECONDARY: ("stamps", "reward"),
    Zone.AUXILIARY: ("member", "tier"),
}
# A generic card has no strip: the name stands large beside the thumbnail.
_PLAIN: Final[Mapping[Zone, Sequence[str]]] = {
    Zone.HEADER: ("balance",),
    Zone.PRIMARY: ("member",),
    Zone.SECONDARY: ("stamps", "reward"),
    Zone.AUXILIARY: ("tier", "second"),
}
_ORDERS: Final[Mapping[tuple[PassStyle, bool], Mapping[Zone, Sequence[str]]]] = {
    (PassStyle.STORE_CARD, False): _CARD,
    (PassStyle.STORE_CARD, True): _DRAWN,
    (PassStyle.COUPON, False): _CARD,
    (PassStyle.COUPON, True): _DRAWN,
    (PassStyle.GENERIC, False): _PLAIN,
    (PassStyle.GENERIC, True): _PLAIN,
}
_BACK: Final = (
    "message",
    "shared_text",
    "progress",
    "units_text",
    "tier_text",
    "ways_text",
    "rewards",
    "expiring_text",
    "rules",
    "history",
    "member_number",
    "member_since",
    "card_link",
)
