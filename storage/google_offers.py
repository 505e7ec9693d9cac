"""Which coupons stand beside which cards at Google, and what becomes of those that go.

Read in the caller's transaction, two statements for any number of cards; a shop without coupons
costs one. Not here: how Google spells a coupon (passes), sending it (delivery).
Rules:
- a card has its member's own coupons and those for everybody that the member can still use, the
  newest OFFERS_MAX; one that begins later is there already, its time says when;
- a copy is never deleted: used up it is COMPLETED, after its time EXPIRED, else INACTIVE.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common.i18n import gettext as _
from common.i18n import use_language
from common.money import format_money
from ledger.offers import RewardKind
from passes.design import Design
from passes.google_offers import Coupon as GoogleCoupon
from passes.google_offers import Offer, OfferState, offer_class
from storage.coupons import Coupon
from storage.faces import CARD, Face
from storage.google_identities import GoogleHome
from storage.offers import left_of
from storage.unit_of_work import UnitOfWork

OFFERS_MAX: Final = 10
"""Coupons beside one card; Google would take 50, and nobody reads so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferBook:
    """The coupons that a batch of cards needs, by id, and how often their members used them."""

    coupons: Mapping[int, Coupon]
    uses: Mapping[tuple[int, int], int]
    now: datetime

    def usable(self, face: Face) -> list[Coupon]:
        """The coupons that belong beside a card, the newest first."""
        if not _takes_coupons(face):
            return []
        found = [
            one
            for one in self.coupons.values()
            if one.programme_id == face.wallet_pass.programme_id
            and self.state(face, one.id) is OfferState.ACTIVE
        ]
        return found[:OFFERS_MAX]

    def state(self, face: Face, coupon_id: int) -> OfferState:
        """What a card's copy is now."""
        one, member_id = self.coupons.get(coupon_id), face.wallet_pass.member_id
        if one is None or not one.active or not _takes_coupons(face):
            return OfferState.WITHDRAWN
        used = self.uses.get((coupon_id, member_id), 0)
        if one.per_member is not None and used >= one.per_member:
            return OfferState.SPENT
        if one.valid_until is not None and one.valid_until <= self.now:
            return OfferState.EXPIRED
        if left_of(one.stock, one.used) == 0 or not _is_for(one, face):
            return OfferState.WITHDRAWN
        return OfferState.ACTIVE

    def copy(self, face: Face, coupon_id: int) -> GoogleCoupon:
        """A card's copy as Google is to hold it; one that goes says nothing more."""
        state, one = self.state(face, coupon_id), self.coupons.get(coupon_id)
        if state is not OfferState.ACTIVE or one is None:
            return GoogleCoupon(barcode="", state=state)
        return GoogleCoupon(
            barcode=one.code,
            shown_code=one.code,
            starts_at=one.valid_from,
            ends_at=one.valid_until,
            warns_of_end=True,
        )


def offer_book(
    work: UnitOfWork, faces: Collection[Face], *, known: Collection[int] = ()
) -> OfferBook:
    """What is needed for these cards; `known` are coupons that have copies already."""
    takers = [face for face in faces if _takes_coupons(face)]
    now = work.clock.now()
    if not takers and not known:
        return OfferBook(coupons={}, uses={}, now=now)
    programmes = sorted({face.wallet_pass.programme_id for face in takers})
    coupons = {one.id: one for one in work.coupons.offered(programmes, also=sorted(known))}
    members = sorted({face.wallet_pass.member_id for face in faces})
    uses = work.coupons.uses_of(sorted(coupons), members) if coupons else {}
    return OfferBook(coupons=coupons, uses=uses, now=now)


def shared_coupons(work: UnitOfWork, programme_id: int) -> list[Coupon]:
    """The coupons for everybody whose classes are kept up with their programme's, newest first."""
    offered = work.coupons.offered([programme_id])
    shared = [one for one in offered if one.member_id is None and not _is_over(one, work)]
    return shared[:OFFERS_MAX]


def coupon_class(home: GoogleHome, design: Design, one: Coupon) -> dict[str, Any]:
    """The class of a coupon, to insert."""
    shop = home.merchant
    with use_language(shop.language):
        offer = Offer(
            title=one.name,
            details=_gives(one, shop.currency, shop.language),
            fine_print="\n".join(_conditions(one, shop.currency, shop.language)),
        )
    return offer_class(
        offer,
        design.for_tier(""),
        home.offer_identity(one.id),
        language=shop.language,
        country_code=shop.country,
    )


def _takes_coupons(face: Face) -> bool:
    """A card of one rate takes no coupons, nor does one that is void."""
    content = face.content
    alive = not content.erased and not content.voided
    return alive and content.rule_lines is not None and face.kind == CARD


def _is_for(one: Coupon, face: Face) -> bool:
    tiers = one.conditions.get("tiers", ())
    mine = one.member_id is None or one.member_id == face.wallet_pass.member_id
    return mine and (not tiers or face.content.tier_code in tiers)


def _is_over(one: Coupon, work: UnitOfWork) -> bool:
    return one.valid_until is not None and one.valid_until <= work.clock.now()


def _gives(one: Coupon, currency: str, language: str) -> str:
    match one.kind:
        case RewardKind.PERCENT:
            return _("%(percent)d %% off", percent=one.value or 0)
        case RewardKind.FIXED:
            amount = format_money(one.value or 0, currency, language=language)
            return _("%(amount)s off", amount=amount)
        case _:
            return ""


def _conditions(one: Coupon, currency: str, language: str) -> Sequence[str]:
    found = []
    least = one.conditions.get("floor", {}).get("minor", 0)
    if least:
        amount = format_money(least, currency, language=language)
        found.append(_("The purchase must be at least %(amount)s.", amount=amount))
    if one.per_member == 1:
        found.append(_("Once for each card."))
    return found
