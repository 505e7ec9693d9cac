"""Gift cards and offers as Google Wallet stores them, in plain values; no table stands behind yet.

An offer is linked to a card by naming it in the card's `linkedOfferIds`: of the same issuer, and
inserted before. Not here: what a coupon is worth (ledger), sending (delivery).

Source: developers.google.com/wallet/reference/rest/v1/giftcardclass and .../offerclass
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from common.errors import InvalidInput
from common.i18n import gettext as _
from common.i18n import use_language
from passes.design import Design, ImageName
from passes.google import money
from passes.google_parts import (
    ACCOUNT_LABEL_MAX,
    ACCOUNT_MAX,
    BODY_MAX,
    Document,
    GoogleIdentity,
    contact_links,
    cut,
    image,
    links,
    picture_text,
    without_empty,
)

OFFER_TITLE_MAX: Final = 60
PROVIDER_MAX: Final = 12
SHORT_TITLE_MAX: Final = 20
FINE_PRINT_MAX: Final = 1000


class Channel(StrEnum):
    """Where an offer is spent; the value is Google's."""

    IN_STORE = "INSTORE"
    ONLINE = "ONLINE"
    BOTH = "BOTH"


class CouponState(StrEnum):
    """Whether a coupon can be used; the value is Google's."""

    ACTIVE = "ACTIVE"
    SPENT = "COMPLETED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "INACTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A coupon as everybody sees it. Texts are in the language they are written in."""

    title: str
    provider: str
    details: str = ""
    fine_print: str = ""
    channel: Channel = Channel.IN_STORE
    help_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """One member's copy of an offer. `starts_at` and `ends_at` are aware; None is open."""

    barcode: str
    shown_code: str = ""
    state: CouponState = CouponState.ACTIVE
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    warns_of_end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftCard:
    """A card that holds money: `balance_minor` of `currency` (ISO 4217) at `balance_at`, aware."""

    number: str
    currency: str
    balance_minor: int
    balance_at: datetime
    barcode: str = ""
    pin: str = ""
    ends_at: datetime | None = None
    state: CouponState = CouponState.ACTIVE


def offer_class(
    offer: Offer, design: Design, identity: GoogleIdentity, *, language: str = "en"
) -> Document:
    """The OfferClass of a coupon, in the shop's colours, for insert or PUT.

    Raises:
        InvalidInput: no title, or a title longer than Google shows.
    """
    if not 0 < len(offer.title.strip()) <= OFFER_TITLE_MAX:
        raise InvalidInput(_("Use 1 to %(max)d characters.", max=OFFER_TITLE_MAX), field="title")
    says = picture_text(design, language)
    with use_language(language):
        return without_empty(
            {
                **_shop(design, identity),
                "title": offer.title.strip(),
                "shortTitle": cut(offer.title, SHORT_TITLE_MAX),
                "provider": cut(offer.provider or design.organization_name, PROVIDER_MAX),
                "redemptionChannel": str(offer.channel),
                "details": cut(offer.details, BODY_MAX),
                "finePrint": cut(offer.fine_print, FINE_PRINT_MAX),
                "helpUri": {"uri": offer.help_url, "id": "help"} if offer.help_url else {},
                "titleImage": image(design.images.get(ImageName.GOOGLE_LOGO), identity, says=says),
            }
        )


def offer_object(coupon: Coupon, identity: GoogleIdentity) -> Document:
    """A member's OfferObject, for insert or PUT."""
    return without_empty(
        {
            "id": identity.object_id,
            "classId": identity.class_id,
            "state": str(coupon.state),
            "barcode": _barcode(coupon.barcode, coupon.shown_code, coupon.state),
            "validTimeInterval": _interval(coupon.starts_at, coupon.ends_at),
            "disableExpirationNotification": not coupon.warns_of_end,
        }
    )


def gift_card_class(design: Design, identity: GoogleIdentity, *, language: str = "en") -> Document:
    """The GiftCardClass of a shop, for insert or PUT."""
    says = picture_text(design, language)
    with use_language(language):
        return without_empty(
            {
                **_shop(design, identity),
                "merchantName": design.organization_name,
                "programLogo": image(design.images.get(ImageName.GOOGLE_LOGO), identity, says=says),
                "cardNumberLabel": cut(_("Card number"), ACCOUNT_LABEL_MAX),
                "pinLabel": cut(_("PIN"), ACCOUNT_LABEL_MAX),
                # Without this Google hides the code, and a till could scan nothing.
                "allowBarcodeRedemption": True,
            }
        )


def gift_card_object(card: GiftCard, identity: GoogleIdentity) -> Document:
    """A GiftCardObject, for insert or PUT."""
    return without_empty(
        {
            "id": identity.object_id,
            "classId": identity.class_id,
            "state": str(card.state),
            "cardNumber": cut(card.number, ACCOUNT_MAX),
            "pin": card.pin,
            "balance": money(card.currency, card.balance_minor),
            # Google asks for an offset here: a time without one is refused.
            "balanceUpdateTime": {"date": _moment(card.balance_at)},
            "barcode": _barcode(card.barcode, card.number, card.state),
            "validTimeInterval": _interval(None, card.ends_at),
        }
    )


def _shop(design: Design, identity: GoogleIdentity) -> Document:
    return {
        "id": identity.class_id,
        "issuerName": design.organization_name,
        "hexBackgroundColor": design.background_colour.lower(),
        "reviewStatus": "UNDER_REVIEW",
        "multipleDevicesAndHoldersAllowedStatus": "ONE_USER_ALL_DEVICES",
        "linksModuleData": links(contact_links(design)),
    }


def _barcode(code: str, shown: str, state: CouponState) -> Document:
    if not code or state is not CouponState.ACTIVE:
        return {}
    return without_empty({"type": "QR_CODE", "value": code, "alternateText": shown})


def _interval(start: datetime | None, end: datetime | None) -> Document:
    return without_empty(
        {
            "start": {"date": _moment(start)} if start else {},
            "end": {"date": _moment(end)} if end else {},
        }
    )


def _moment(moment: datetime) -> str:
    """ISO 8601 with its offset: one without would be read in the phone's own zone."""
    if moment.tzinfo is None:
        raise ValueError("a coupon's moment must be aware")
    return moment.isoformat(timespec="seconds")
