"""Every class that a programme has at Google: its own, its tiers', and its coupons'.

One delivery stands for all of them, because they change together: with the design, the rules, the
branches or the coupons. Not here: what a class says (passes), sending it (delivery).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import NotFound
from common.i18n import gettext as _
from ledger.any_terms import AnyTerms
from ledger.programme_terms import ProgrammeTerms
from passes.design import Design
from passes.google_offers import offer_class_patch
from passes.google_parts import GoogleIdentity, GoogleKind, digest_of
from passes.tier_look import Tier
from storage.faces import CARD
from storage.google_identities import GoogleHome, kind_of
from storage.google_offers import coupon_class, shared_coupons
from storage.programmes import Programme
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleClass:
    """A class to insert, or to patch where it exists; `tier` is empty for none."""

    identity: GoogleIdentity
    insert: dict[str, Any]
    patch: dict[str, Any]
    tier: str = ""

    @property
    def key(self) -> str:
        """The whole id."""
        return self.identity.class_id

    @property
    def digest(self) -> str:
        """What it says, for telling whether it must be sent again."""
        return digest_of({"id": self.key, **self.patch})


def tiers_of(terms: AnyTerms) -> tuple[Tier, ...]:
    """The tiers of a programme, from low to high."""
    if not isinstance(terms, ProgrammeTerms) or terms.tiers is None:
        return ()
    return tuple(Tier(code=one.code, name=one.name) for one in terms.tiers.levels)


def classes_of(work: UnitOfWork, home: GoogleHome, programme_id: int) -> list[GoogleClass]:
    """A programme's classes as its published design has them, its own first.

    Raises:
        NotFound: no such programme, or it was never published.
        InvalidInput: Google would take no such class.
        DeliveryError: the public address is not one that Google fetches from.
    """
    programme = work.programmes.get(programme_id)
    published = work.programmes.published_design(programme_id)
    if published is None:
        raise NotFound(_("This card was never published."))
    design = published.design
    cards = card_classes(home, programme, design, tiers_of(work.programmes.terms(programme_id)))
    if programme.kind != CARD:
        return cards
    return [*cards, *_offer_classes(work, home, programme_id, design)]


def card_classes(
    home: GoogleHome, programme: Programme, design: Design, tiers: Sequence[Tier]
) -> list[GoogleClass]:
    """The classes of a programme's cards in a design: those without a tier, then each tier's."""
    return list(_card_classes(home, programme, design, tiers))


def card_class_ids(work: UnitOfWork, home: GoogleHome, programme: Programme) -> list[str]:
    """The ids of the classes that a programme's cards may have now."""
    kind = kind_of(programme.kind)
    codes = ["", *(tier.code for tier in tiers_of(work.programmes.terms(programme.id)))]
    return [home.identity(programme.id, tier=code, kind=kind).class_id for code in codes]


def _card_classes(
    home: GoogleHome, programme: Programme, design: Design, tiers: Sequence[Tier]
) -> Iterator[GoogleClass]:
    kind = kind_of(programme.kind)
    mine: list[Tier | None] = [None]
    if kind is GoogleKind.LOYALTY:
        mine += tiers
    for tier in mine:
        code = tier.code if tier else ""
        identity = home.identity(programme.id, tier=code, kind=kind)
        yield GoogleClass(
            identity=identity,
            insert=home.class_document(design, identity, tier=tier),
            patch=home.class_patch(design, identity, tier=tier),
            tier=code,
        )


def _offer_classes(
    work: UnitOfWork, home: GoogleHome, programme_id: int, design: Design
) -> Iterator[GoogleClass]:
    for coupon in shared_coupons(work, programme_id):
        insert = coupon_class(home, design, coupon)
        yield GoogleClass(
            identity=home.offer_identity(coupon.id), insert=insert, patch=offer_class_patch(insert)
        )
