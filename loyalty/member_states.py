"""A member's state as rules see it: read under the member's lock, for one moment of the shop.

Only what the terms need is read. Not done here: what becomes of it (event_posting.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from common.errors import NotFound
from common.i18n import gettext as _
from ledger.accounts import AccountKind
from ledger.evaluate import needs
from ledger.expiry import day_start, local_day
from ledger.lots import Lot
from ledger.member_state import Holding, MemberState
from ledger.programme_terms import ProgrammeTerms, TierBasis, UnitKind, WelcomeRule
from ledger.tiers import window_start
from storage.rule_records import Sums, UnitAccount
from storage.unit_of_work import UnitOfWork

MEMBER_AVERAGE_DAYS: Final = 365
MEMBER_AVERAGE_SALES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A member's state, and the rows it came from.

    `contras` are the programme's accounts by kind and unit.
    """

    member_id: int
    programme_id: int
    terms: ProgrammeTerms
    zone: ZoneInfo
    day: date
    state: MemberState
    accounts: Mapping[str, UnitAccount]
    contras: Mapping[tuple[AccountKind, str], int]
    sums: Sums

    def contra(self, kind: AccountKind, unit: str) -> int:
        """The programme's account of a kind.

        Raises:
            NotFound: the programme does not count this unit.
        """
        found = self.contras.get((kind, unit))
        if found is None:
            raise NotFound(_("This programme does not count %(unit)s.", unit=unit))
        return found


def load_state(
    work: UnitOfWork,
    terms: ProgrammeTerms,
    *,
    member_id: int,
    programme_id: int,
    at: datetime,
    whole: bool = False,
) -> Loaded:
    """Read what the terms need of a member for something that happens at `at`.

    `whole` reads all lots, promises and progress whatever the terms need, as a redemption and a
    card's page want them.
    """
    wanted = needs(terms)
    zone = ZoneInfo(terms.time_zone)
    day = local_day(at, zone)
    accounts = work.rules.accounts(member_id, programme_id)
    sums = work.rules.sums(member_id)
    has_lots = whole or wanted.lots
    lots = work.rules.open_lots(member_id) if has_lots else {}
    by_day = wanted.earns_today or wanted.units_today
    today = work.rules.day(member_id, day) if by_day else {}
    state = MemberState(
        holdings=_holdings(work, terms, accounts, lots, member_id=member_id),
        purchases=sums.purchases,
        promises=(
            work.promises.open(member_id, now=work.clock.now()) if whole or wanted.promises else ()
        ),
        progress=work.rules.progress(member_id) if whole or wanted.progress else {},
        tier=sums.tier,
        tier_total=_tier_total(work, terms, member_id, at=at, zone=zone),
        last_active_at=sums.active_at,
        last_earn_at=sums.earned_at,
        earns_today=today.get("", (0, 0))[0],
        units_today={unit: units for unit, (_earns, units) in today.items() if unit},
        shop_units_today=(
            work.rules.shop_units(programme_id, since=day_start(day, zone))
            if wanted.shop_units_today
            else {}
        ),
        member_average_minor=_average(work, member_id, day=day) if wanted.averages else None,
        shop_average_minor=work.rules.shop_average(programme_id) if wanted.averages else None,
        welcomed=_has_welcome(terms) and work.rules.welcomed(member_id, programme_id),
    )
    return Loaded(
        member_id=member_id,
        programme_id=programme_id,
        terms=terms,
        zone=zone,
        day=day,
        state=state,
        accounts=accounts,
        contras=work.rules.programme_accounts(programme_id),
        sums=sums,
    )


def _holdings(
    work: UnitOfWork,
    terms: ProgrammeTerms,
    accounts: Mapping[str, UnitAccount],
    lots: Mapping[int, list[Lot]],
    *,
    member_id: int,
) -> dict[str, Holding]:
    can_rest = any(unit.kind is UnitKind.CLASSES and unit.pause_days for unit in terms.units)
    pauses = work.rules.pauses(member_id) if can_rest else {}
    return {
        unit: Holding(
            unit=unit,
            balance=found.account.balance,
            carry=found.account.carry,
            debt=found.debt,
            locked=found.locked,
            lots=tuple(lots.get(found.account.id, ())),
            pauses=tuple(pauses.get(found.account.id, ())),
        )
        for unit, found in accounts.items()
    }


def _tier_total(
    work: UnitOfWork, terms: ProgrammeTerms, member_id: int, *, at: datetime, zone: ZoneInfo
) -> int:
    tiers = terms.tiers
    if tiers is None:
        return 0
    start = window_start(tiers, at, zone)
    since = None if start is None else local_day(start, zone)
    by_units = tiers.basis is TierBasis.UNITS
    money, units = work.rules.window(member_id, tiers.unit if by_units else "", since=since)
    return units if by_units else money


def _average(work: UnitOfWork, member_id: int, *, day: date) -> int | None:
    since = day - timedelta(days=MEMBER_AVERAGE_DAYS)
    sales, net_minor = work.rules.average(member_id, since=since)
    return net_minor // sales if sales >= MEMBER_AVERAGE_SALES else None


def _has_welcome(terms: ProgrammeTerms) -> bool:
    return any(isinstance(rule, WelcomeRule) for rule in terms.rules)
