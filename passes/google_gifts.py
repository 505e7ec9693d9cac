"""A gift card as Google Wallet stores it: a GiftCardClass of the shop, a GiftCardObject each.

A gift card is a card like others that counts money, so both are made from the same design and
content. Not here: whose money it is (ledger), sending (delivery). Rules:
- the number is what is typed at a till, the code what is scanned; no PIN is ever sent, we keep none
  that could be read;
- `balanceUpdateTime` is left to Google, which takes the moment of the change.

Source: developers.google.com/wallet/reference/rest/v1/giftcardclass and .../giftcardobject
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from common.i18n import gettext as _
from common.i18n import use_language
from passes import google, google_class
from passes.content import Content, Place
from passes.design import Design, Texts
from passes.google_parts import (
    ACCOUNT_LABEL_MAX,
    ACCOUNT_MAX,
    Document,
    GoogleIdentity,
    Languages,
    absolute,
    cut,
    without_empty,
)

_CLASS_CLEARABLE: Final[dict[str, Sequence[str]]] = {
    **google_class.SHARED_CLEARABLE,
    "wideProgramLogo": (),
    "localizedMerchantName": (),
    "localizedCardNumberLabel": (),
}
_OBJECT_CLEARABLE: Final[dict[str, Sequence[str]]] = {
    **google.SHARED_CLEARABLE,
    "pin": (),
    "eventNumber": (),
    "balance": (),
}
# cardNumber is required, so a card of nobody has one that names nobody.
NO_NUMBER: Final = "-"


def gift_card_class(
    design: Design,
    identity: GoogleIdentity,
    *,
    language: str = "en",
    country_code: str = "",
    callback_url: str = "",
    places: Sequence[Place] = (),
) -> Document:
    """The GiftCardClass of a shop, for insert or PUT; arguments as `loyalty_class`.

    Raises:
        InvalidInput: the design has no Google logo yet.
    """
    spoken = Languages(design=design, default=language)
    with use_language(language):
        return without_empty(
            {
                "id": identity.class_id,
                **_names(spoken),
                **google_class.pictures(design, identity, language=language),
                # Without this Google hides the code, and a till could scan nothing.
                "allowBarcodeRedemption": True,
                **google_class.shared_by_classes(
                    spoken, country_code=country_code, callback_url=callback_url, places=places
                ),
            }
        )


def gift_card_class_patch(design: Design, identity: GoogleIdentity, **facts: Any) -> Document:
    """The PATCH body that brings an existing class to this design; `facts` as `gift_card_class`."""
    document = gift_card_class(design, identity, **facts)
    del document["id"]
    return absolute(document, clearable=_CLASS_CLEARABLE, arrays=google_class.SHARED_ARRAYS)


def gift_card_object(design: Design, content: Content, identity: GoogleIdentity) -> Document:
    """The GiftCardObject of a card, for insert or PUT."""
    return {
        "id": identity.object_id,
        "classId": identity.class_id,
        **_face(design, content),
        **google.own_banner(design, content, identity),
    }


def gift_card_patch(design: Design, content: Content, identity: GoogleIdentity) -> Document:
    """The PATCH body that brings an existing object to this state, whatever it was before."""
    whole = gift_card_object(design, content, identity)
    del whole["id"], whole["classId"]
    patch = absolute(whole, clearable=_OBJECT_CLEARABLE, arrays=google.SHARED_ARRAYS)
    return patch | google.FORGOTTEN if content.erased else patch


def _face(design: Design, content: Content) -> Document:
    if content.erased:
        return {"state": "EXPIRED", "cardNumber": NO_NUMBER}
    spoken = Languages(design=design, default=content.language)
    with use_language(content.language):
        return without_empty(
            {
                **google.shared_by_objects(spoken, content),
                "cardNumber": content.member_number[:ACCOUNT_MAX] or NO_NUMBER,
                "balance": google.money(content.unit, content.balance),
            }
        )


def _names(spoken: Languages) -> Document:
    def number(_texts: Texts) -> str:
        return cut(_("Card number"), ACCOUNT_LABEL_MAX)

    def issuer(texts: Texts) -> str:
        return texts.organization_name

    def name(texts: Texts) -> str:
        return texts.programme_name

    return {
        "issuerName": spoken.text(issuer),
        "localizedIssuerName": spoken.localized(issuer),
        "merchantName": spoken.text(name),
        "localizedMerchantName": spoken.localized(name),
        "cardNumberLabel": spoken.text(number),
        "localizedCardNumberLabel": spoken.localized(number),
    }
