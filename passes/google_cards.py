"""Any card as Google Wallet stores it: which builder makes its class and its object.

Who sends a card need not know what kind it is: the identity does. Not here: what each kind says
(google.py, google_class.py, google_gifts.py), coupons (google_offers.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from passes.content import Content
from passes.design import Design
from passes.google import loyalty_object, object_patch
from passes.google_class import class_patch, loyalty_class
from passes.google_gifts import (
    gift_card_class,
    gift_card_class_patch,
    gift_card_object,
    gift_card_patch,
)
from passes.google_parts import Document, GoogleIdentity, GoogleKind
from passes.tier_look import Tier


def class_document(
    design: Design, identity: GoogleIdentity, *, tier: Tier | None = None, **facts: Any
) -> Document:
    """The class of a programme, or of one of its tiers, to insert; `facts` as `loyalty_class`.

    Raises:
        InvalidInput: the design has no Google logo yet.
    """
    if identity.kind is GoogleKind.GIFT_CARD:
        return gift_card_class(design, identity, **facts)
    return loyalty_class(design, identity, tier=tier, **facts)


def class_change(
    design: Design, identity: GoogleIdentity, *, tier: Tier | None = None, **facts: Any
) -> Document:
    """The same to PATCH a class that exists."""
    if identity.kind is GoogleKind.GIFT_CARD:
        return gift_card_class_patch(design, identity, **facts)
    return class_patch(design, identity, tier=tier, **facts)


def card_document(
    design: Design,
    content: Content,
    identity: GoogleIdentity,
    *,
    linked_offers: Sequence[str] = (),
) -> Document:
    """The object of a card to insert; a gift card has no offers."""
    if identity.kind is GoogleKind.GIFT_CARD:
        return gift_card_object(design, content, identity)
    return loyalty_object(design, content, identity, linked_offers=linked_offers)


def card_change(
    design: Design,
    content: Content,
    identity: GoogleIdentity,
    *,
    linked_offers: Sequence[str] = (),
) -> Document:
    """The whole state of a card to PATCH an object that exists."""
    if identity.kind is GoogleKind.GIFT_CARD:
        return gift_card_patch(design, content, identity)
    return object_patch(design, content, identity, linked_offers=linked_offers)
