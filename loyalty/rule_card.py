"""A card of many rules as people read it: units, tier, ways, promises, and what can be had now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from common.i18n import gettext as _
from ledger.card_view import CardView, card_view_of
from ledger.offer_words import refusal_sentence
from ledger.offers import Due, Refused, RewardKind
from ledger.programme_terms import ProgrammeTerms
from ledger.redeeming import may_redeem, may_use, tier_discount
from ledger.unit_words import count_words, unit_of
from loyalty.context import Loyalty
from loyalty.member_states import Loaded, load_state
from loyalty.redeem_by_rules import sale_activity
from loyalty.sold import SaleAtHand
from storage.coupons import Coupon
from storage.offers import coupon_offer, reward_offer
from storage.programmes import Reward
from storage.unit_of_work import UnitOfWork, open_work


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferState:
    """A reward or a coupon; `due` when it can be had now, else `why_not` says why.

    `costs` are words (`10 points, 1 coffee stamp`), empty for a coupon. `needs_sale` tells that
    only a sale will say; `discount_minor` is what it takes off the sale that was given.
    `limit` tells in words how often this member can still have it, `own` that nobody else can.
    """

    id: int
    code: str
    name: str
    kind: RewardKind
    costs: str
    due: bool
    why_not: str
    needs_sale: bool
    discount_minor: int
    left: int | None
    valid_until: datetime | None
    note: str = ""
    donated_minor: int = 0
    limit: str = ""
    own: bool = False


class _Answered(TypedDict):
    due: bool
    why_not: str
    needs_sale: bool
    discount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentState:
    """Units that pay: `units` are `minor`; `most_units` are there, worth `most_minor`."""

    unit: str
    units: int
    minor: int
    most_units: int
    most_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCard:
    """All of it; `tier_discount_minor` is what the tier takes off the sale that was given."""

    member_id: int
    programme_id: int
    terms: ProgrammeTerms
    view: CardView
    rewards: tuple[OfferState, ...]
    coupons: tuple[OfferState, ...]
    payments: tuple[PaymentState, ...]
    tier_discount_minor: int


def rule_card(
    ctx: Loyalty, merchant_id: int, member_id: int, *, sale: SaleAtHand | None = None
) -> RuleCard | None:
    """The member's card, None for one of a single rate; with a sale, what it makes due.

    Raises:
        NotFound: the merchant has no such member.
        InvalidInput: the sale's lines cannot be.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        member = work.members.get(member_id)
        terms = work.programmes.terms(member.programme_id)
        if not isinstance(terms, ProgrammeTerms):
            return None
        loaded = load_state(
            work,
            terms,
            member_id=member_id,
            programme_id=member.programme_id,
            at=work.clock.now(),
            whole=True,
        )
        return _card(work, loaded, sale)


def _card(work: UnitOfWork, loaded: Loaded, sale: SaleAtHand | None) -> RuleCard:
    terms = loaded.terms
    view = card_view_of(terms, loaded.state, work.clock.now())
    activity = sale_activity(work, sale)
    rewards = work.programmes.rewards(loaded.programme_id, active_only=True)
    coupons = work.coupons.of_member(loaded.programme_id, loaded.member_id)
    return RuleCard(
        member_id=loaded.member_id,
        programme_id=loaded.programme_id,
        terms=terms,
        view=view,
        rewards=tuple(_reward(work, loaded, one, sale) for one in rewards),
        coupons=tuple(_coupon(work, loaded, one, sale) for one in coupons),
        payments=_payments(terms, view),
        tier_discount_minor=(
            0 if activity is None else tier_discount(terms, loaded.state.tier, activity)
        ),
    )


def _reward(
    work: UnitOfWork, loaded: Loaded, stored: Reward, sale: SaleAtHand | None
) -> OfferState:
    terms = loaded.terms
    offer = reward_offer(stored, first_unit=terms.units[0].code)
    used = 0
    if offer.per_member is not None:
        used = work.books.times_redeemed(loaded.member_id, stored.id)
    answer = may_redeem(
        offer,
        terms,
        loaded.state,
        used=used,
        activity=sale_activity(work, sale),
        now=work.clock.now(),
    )
    costs = (
        count_words(cost.amount, unit_of(cost.unit, "points", terms), terms.currency)
        for cost in offer.costs
    )
    donated = stored.used * (stored.value or 0) if offer.kind is RewardKind.DONATION else 0
    return OfferState(
        id=stored.id,
        code=stored.slug,
        name=stored.name,
        kind=offer.kind,
        costs=", ".join(costs),
        left=offer.stock,
        valid_until=stored.valid_until,
        note=stored.note,
        donated_minor=donated,
        limit=_limit(offer.per_member, used),
        **_answered(answer, terms),
    )


def _coupon(
    work: UnitOfWork, loaded: Loaded, stored: Coupon, sale: SaleAtHand | None
) -> OfferState:
    offer = coupon_offer(stored)
    used = work.coupons.uses(stored.id, loaded.member_id)
    answer = may_use(
        offer,
        loaded.terms,
        loaded.state,
        member_id=loaded.member_id,
        used=used,
        activity=sale_activity(work, sale),
        now=work.clock.now(),
    )
    return OfferState(
        id=stored.id,
        code=stored.code,
        name=stored.name,
        kind=offer.kind,
        costs="",
        left=offer.stock,
        valid_until=stored.valid_until,
        limit=_limit(offer.uses_max, used),
        own=stored.member_id is not None,
        **_answered(answer, loaded.terms),
    )


def _limit(most: int | None, used: int) -> str:
    """How often a member can still have it; empty without a limit."""
    if most is None:
        return ""
    return _("%(left)d of %(most)d left for this member", left=max(0, most - used), most=most)


def _answered(answer: Due | Refused, terms: ProgrammeTerms) -> _Answered:
    if isinstance(answer, Due):
        return {
            "due": True,
            "why_not": "",
            "needs_sale": False,
            "discount_minor": answer.discount_minor,
        }
    return {
        "due": False,
        "why_not": refusal_sentence(answer, terms),
        "needs_sale": answer.why == "no_sale",
        "discount_minor": 0,
    }


def _payments(terms: ProgrammeTerms, view: CardView) -> tuple[PaymentState, ...]:
    held = {unit.code: unit.spendable for unit in view.units}
    found = []
    for rule in terms.payments:
        steps = held.get(rule.unit, 0) // rule.units
        enough = steps * rule.units >= rule.min_units
        found.append(
            PaymentState(
                unit=rule.unit,
                units=rule.units,
                minor=rule.minor,
                most_units=steps * rule.units if enough else 0,
                most_minor=steps * rule.minor if enough else 0,
            )
        )
    return tuple(found)
