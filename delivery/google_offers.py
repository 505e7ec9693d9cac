"""What Google is told of a card's coupons before the card itself, which names them.

Not here: whose coupons they are (storage), sending (google_sending.py). A card's delivery remembers
in `facts["offers"]` what Google holds of each coupon: a digest, with `!` before it where Google would
not take it; that one is left out of the card until it changes, and the card does not wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from passes.google_offers import offer_class_patch, offer_object, offer_object_patch
from passes.google_parts import digest_of
from storage.coupons import Coupon
from storage.faces import Face
from storage.google_identities import GoogleHome
from storage.google_offers import OfferBook, coupon_class

REFUSED: Final = "!"

Document = Mapping[str, Any]
Known = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferLetter:
    """A card's copy of a coupon as Google is to hold it.

    `class_patch` is {} where the coupon is everybody's: its class has a delivery of its own.
    `ends`: nothing is remembered of it once Google knows.
    """

    coupon: str
    key: str
    insert: Document
    patch: Document
    class_insert: Document
    class_patch: Document
    digest: str
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What of a card's coupons must be sent, and the ids that the card is to name."""

    letters: list[OfferLetter]
    linked: list[str]


def known_offers(facts: Mapping[str, Any]) -> dict[str, str]:
    """What a card's delivery remembers of its coupons, by the coupon's id."""
    found = facts.get("offers")
    return dict(found) if isinstance(found, Mapping) else {}


def offers_of(home: GoogleHome, face: Face, book: OfferBook, known: Known) -> Offers:
    """Compare what a card's coupons are with what Google was told of them."""
    wanted = [_letter(home, face, book, one) for one in book.usable(face)]
    mine = {one.coupon for one in wanted}
    ended = [
        _ended(home, face, book, coupon)
        for coupon, digest in known.items()
        if coupon not in mine and not digest.startswith(REFUSED)
    ]
    fresh = [one for one in wanted if known.get(one.coupon) not in _seen(one)]
    linked = [one.key for one in wanted if known.get(one.coupon) != REFUSED + one.digest]
    return Offers(letters=[*fresh, *ended], linked=linked)


def _seen(one: OfferLetter) -> tuple[str, str]:
    return one.digest, REFUSED + one.digest


def _letter(home: GoogleHome, face: Face, book: OfferBook, coupon: Coupon) -> OfferLetter:
    identity = home.offer_identity(coupon.id, face.wallet_pass)
    insert = offer_object(book.copy(face, coupon.id), identity)
    patch = offer_object_patch(insert)
    class_insert = coupon_class(home, face.design, coupon)
    class_patch = {} if coupon.member_id is None else offer_class_patch(class_insert)
    return OfferLetter(
        coupon=str(coupon.id),
        key=identity.object_id,
        insert=insert,
        patch=patch,
        class_insert=class_insert,
        class_patch=class_patch,
        digest=digest_of({"object": patch, "class": class_patch}),
    )


def _ended(home: GoogleHome, face: Face, book: OfferBook, coupon: str) -> OfferLetter:
    identity = home.offer_identity(int(coupon), face.wallet_pass)
    insert = offer_object(book.copy(face, int(coupon)), identity)
    return OfferLetter(
        coupon=coupon,
        key=identity.object_id,
        insert=insert,
        patch=offer_object_patch(insert),
        class_insert={},
        class_patch={},
        digest="",
        ends=True,
    )
