"""Coupons as Google Wallet stores them: an OfferClass for each, an OfferObject for each holder.

An offer is linked to a card by naming it in the card's `linkedOfferIds`: of the same issuer, and
inserted before. Not here: what a coupon is worth and whose it is (ledger, storage), sending
(delivery). Rules:
- the class says what everybody reads, the object nothing of its holder but the code;
- a coupon that cannot be used shows no code.

Source: developers.google.com/wallet/reference/rest/v1/offerclass and .../offerobject
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from common.errors import InvalidInput
from common.i18n import gettext as _
from common.i18n import use_language
from passes.design import Design, ImageName
from passes.google_parts import (
    BODY_MAX,
    Document,
    GoogleIdentity,
    absolute,
    contact_links,
    cut,
    image,
    interval,
    links,
    picture_text,
    without_empty,
)

TITLE_MAX: Final = 60
PROVIDER_MAX: Final = 12
SHORT_TITLE_MAX: Final = 20
FINE_PRINT_MAX: Final = 1000
_CLASS_CLEARABLE: Final[dict[str, Sequence[str]]] = {
    "details": (),
    "finePrint": (),
    "helpUri": (),
    "titleImage": (),
    "heroImage": (),
    "linksModuleData": (),
    "countryCode": (),
}
_OBJECT_CLEARABLE: Final[dict[str, Sequence[str]]] = {
    "barcode": (),
    "validTimeInterval": ("start", "end"),
}


class RedemptionChannel(StrEnum):
    """Where an offer is spent; the value is Google's."""

    IN_STORE = "INSTORE"
    ONLINE = "ONLINE"
    BOTH = "BOTH"


class OfferState(StrEnum):
    """Whether a coupon can be used; the value is Google's."""

    ACTIVE = "ACTIVE"
    SPENT = "COMPLETED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "INACTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A coupon as everybody sees it. Texts are in the language they are written in."""

    title: str
    provider: str = ""
    details: str = ""
    fine_print: str = ""
    channel: RedemptionChannel = RedemptionChannel.IN_STORE
    help_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """One member's copy of an offer. `starts_at` and `ends_at` are aware; None is open."""

    barcode: str
    shown_code: str = ""
    state: OfferState = OfferState.ACTIVE
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    warns_of_end: bool = False


def offer_class(
    offer: Offer,
    design: Design,
    identity: GoogleIdentity,
    *,
    language: str = "en",
    country_code: str = "",
) -> Document:
    """The OfferClass of a coupon, in the shop's colours, for insert or PUT.

    Raises:
        InvalidInput: no title, or a title longer than Google shows.
    """
    title = offer.title.strip()
    if not 0 < len(title) <= TITLE_MAX:
        raise InvalidInput(_("Use 1 to %(max)d characters.", max=TITLE_MAX), field="title")
    says = picture_text(design, language)
    with use_language(language):
        return without_empty(
            {
                "id": identity.class_id,
                "issuerName": design.organization_name,
                "hexBackgroundColor": design.background_colour.lower(),
                "reviewStatus": "UNDER_REVIEW",
                "countryCode": country_code,
                "multipleDevicesAndHoldersAllowedStatus": "ONE_USER_ALL_DEVICES",
                "linksModuleData": links(contact_links(design)),
                "title": title,
                "shortTitle": cut(title, SHORT_TITLE_MAX),
                "provider": cut(offer.provider.strip() or design.organization_name, PROVIDER_MAX),
                "redemptionChannel": str(offer.channel),
                "details": cut(offer.details, BODY_MAX),
                "finePrint": cut(offer.fine_print, FINE_PRINT_MAX),
                "helpUri": {"uri": offer.help_url, "id": "help"} if offer.help_url else {},
                "titleImage": image(design.images.get(ImageName.GOOGLE_LOGO), identity, says=says),
                "heroImage": image(design.images.get(ImageName.GOOGLE_HERO), identity, says=says),
            }
        )


def offer_object(coupon: Coupon, identity: GoogleIdentity) -> Document:
    """A member's OfferObject, for insert or PUT."""
    return without_empty(
        {
            "id": identity.object_id,
            "classId": identity.class_id,
            "state": str(coupon.state),
            "barcode": _barcode(coupon),
            "validTimeInterval": interval(coupon.starts_at, coupon.ends_at),
            "disableExpirationNotification": not coupon.warns_of_end,
        }
    )


def offer_class_patch(document: Document) -> Document:
    """The PATCH body that brings an existing class to what `offer_class` says."""
    whole = {name: value for name, value in document.items() if name != "id"}
    return absolute(whole, clearable=_CLASS_CLEARABLE, arrays=())


def offer_object_patch(document: Document) -> Document:
    """The PATCH body that brings an existing object to what `offer_object` says."""
    whole = {name: value for name, value in document.items() if name not in {"id", "classId"}}
    return absolute(whole, clearable=_OBJECT_CLEARABLE, arrays=())


def _barcode(coupon: Coupon) -> Document:
    if not coupon.barcode or coupon.state is not OfferState.ACTIVE:
        return {}
    return without_empty(
        {"type": "QR_CODE", "value": coupon.barcode, "alternateText": coupon.shown_code}
    )
