"""What a refund, an undo or the night changes of a member's sums, progress and tier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from ledger.expiry import day_start, local_day
from ledger.programme_terms import ProgrammeTerms, TierBasis
from ledger.tiers import TierStanding, tier_at
from loyalty.member_states import Loaded
from storage.rule_records import DaySum
from storage.unit_of_work import UnitOfWork

NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""When a tier is looked at again that nothing can end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SumChange:
    """What changes, on the shop's day of `at`; all numbers may be below zero."""

    at: datetime
    purchases: int = 0
    earns: int = 0
    net_minor: int = 0
    counted_minor: int = 0
    units: Mapping[str, int] = field(default_factory=dict)


def change_sums(work: UnitOfWork, loaded: Loaded, change: SumChange) -> None:
    """Add to the member's sums and to those of the day."""
    day = local_day(change.at, loaded.zone)
    sums = work.rules.sums(loaded.member_id)
    work.rules.put_sums(
        loaded.member_id,
        loaded.programme_id,
        replace(
            sums,
            purchases=sums.purchases + change.purchases,
            net_minor=sums.net_minor + change.net_minor,
        ),
    )
    money = DaySum(
        unit="",
        day=day,
        earns=change.earns,
        sales=change.purchases,
        net_minor=change.net_minor,
        counted_minor=change.counted_minor,
    )
    units = (
        DaySum(unit=unit, day=day, earns=change.earns, units=number)
        for unit, number in change.units.items()
        if number
    )
    work.rules.add_days(loaded.member_id, (money, *units))


def settle_tier(work: UnitOfWork, terms: ProgrammeTerms, member_id: int, programme_id: int) -> bool:
    """Give the member the tier that the whole history gives now; True when it is another.

    It looks at the history alone, so it may run late, or twice.
    """
    if terms.tiers is None:
        return False
    now = work.clock.now()
    zone = ZoneInfo(terms.time_zone)
    standing = tier_standing(work, terms, member_id)
    sums = work.rules.sums(member_id)
    again = NEVER if standing.falls_on is None else day_start(standing.falls_on, zone)
    is_other = standing.code != sums.tier
    if is_other or sums.grace_until != again:
        changed = replace(sums, tier=standing.code, grace_until=again)
        if is_other:
            changed = replace(changed, tier_since=now)
        work.rules.put_sums(member_id, programme_id, changed)
    return is_other


def tier_standing(work: UnitOfWork, terms: ProgrammeTerms, member_id: int) -> TierStanding:
    """The tier by the history; the terms have tiers."""
    tiers = terms.tiers
    if tiers is None:
        raise ValueError("these terms have no tiers")
    by_units = tiers.basis is TierBasis.UNITS
    history = work.rules.history(member_id, tiers.unit if by_units else "")
    sums = [(day, units if by_units else money) for day, money, units in history]
    return tier_at(tiers, sums, work.clock.now(), ZoneInfo(terms.time_zone))
