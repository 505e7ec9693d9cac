"""Rewards and coupons as the rules see them, from the rows they are kept in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ledger import offers as ledger_offers
from ledger.offers import Cost, RewardKind, RewardOffer
from ledger.programme_terms import AverageOf, Floor, Match
from storage.coupons import Coupon
from storage.programmes import Reward

WITH_VALUE: Final = frozenset({RewardKind.FIXED, RewardKind.DONATION, RewardKind.VOUCHER})
WHOLE: Final = 100


def reward_offer(stored: Reward, *, first_unit: str) -> RewardOffer:
    """A stored reward as the rules see it."""
    conditions = stored.conditions or {}
    kind = RewardKind(stored.kind)
    more = (Cost(unit=unit, amount=amount) for unit, amount in conditions.get("costs", ()))
    costs = (Cost(unit=stored.unit or first_unit, amount=stored.cost), *more)
    return RewardOffer(
        id=stored.id,
        kind=kind,
        costs=costs,
        percent=stored.value or 0 if kind is RewardKind.PERCENT else 0,
        value_minor=stored.value or 0 if kind in WITH_VALUE else 0,
        match=_match(conditions),
        floor=_floor(conditions),
        stock=left_of(stored.stock, stored.used),
        per_member=stored.per_member,
        valid_from=stored.valid_from,
        valid_until=stored.valid_until,
        tiers=tuple(conditions.get("tiers", ())),
        active=stored.active,
    )


def coupon_offer(stored: Coupon) -> ledger_offers.Coupon:
    """A stored coupon as the rules see it."""
    kind = RewardKind(stored.kind)
    return ledger_offers.Coupon(
        id=stored.id,
        kind=kind,
        percent=stored.value or 0 if kind is RewardKind.PERCENT else 0,
        value_minor=stored.value or 0 if kind in WITH_VALUE else 0,
        match=_match(stored.conditions),
        floor=_floor(stored.conditions),
        stock=left_of(stored.stock, stored.used),
        uses_max=stored.per_member,
        member_id=stored.member_id,
        valid_from=stored.valid_from,
        valid_until=stored.valid_until,
        tiers=tuple(stored.conditions.get("tiers", ())),
        active=stored.active,
    )


def left_of(stock: int | None, used: int) -> int | None:
    """How many are left; None without end."""
    return None if stock is None else max(0, stock - used)


def _match(conditions: Mapping[str, Any]) -> Match:
    found = conditions.get("match", {})
    return Match(items=tuple(found.get("items", ())), categories=tuple(found.get("categories", ())))


def _floor(conditions: Mapping[str, Any]) -> Floor:
    found = conditions.get("floor", {})
    average = found.get("average")
    return Floor(
        minor=found.get("minor", 0),
        average=None if average is None else AverageOf(average),
        percent=found.get("percent", WHOLE),
    )
