"""The states of many members at once, as cards of many rules show them.

Read in the caller's transaction. Not done here: the words (ledger.card_view), one member under a
lock (rule_states.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, func

from common.clock import to_micros
from ledger.expiry import local_day
from ledger.lots import Lot
from ledger.member_state import Holding, MemberState, Pause, Progress, Promise
from ledger.programme_terms import ProgrammeTerms, TierBasis
from ledger.tiers import window_start
from storage import tables
from storage.rule_records import day_number, day_of, progress_of, promise_of
from storage.scope import Scope


def load_states(
    scope: Scope, programmes: Mapping[int, ProgrammeTerms], members: Mapping[int, int]
) -> dict[int, MemberState]:
    """The state of each member; `members` gives each one's programme."""
    ids = sorted(members)
    if not ids:
        return {}
    now = scope.clock.now()
    lots, pauses = _lots(scope, ids), _pauses(scope, ids)
    holdings = _holdings(scope, ids, lots, pauses)
    promises, progress = _promises(scope, ids, now), _progress(scope, ids)
    standing = _standing(scope, ids)
    totals = _tier_totals(scope, programmes, members, now=now)
    return {
        member_id: MemberState(
            holdings=holdings.get(member_id, {}),
            promises=tuple(promises.get(member_id, ())),
            progress=progress.get(member_id, {}),
            tier=standing[member_id].tier if member_id in standing else "",
            purchases=standing[member_id].purchases if member_id in standing else 0,
            last_active_at=standing[member_id].active_at if member_id in standing else None,
            tier_total=totals.get(member_id, 0),
        )
        for member_id in ids
    }


def _holdings(
    scope: Scope,
    ids: Sequence[int],
    lots: Mapping[int, list[Lot]],
    pauses: Mapping[int, list[Pause]],
) -> dict[int, dict[str, Holding]]:
    table = tables.account
    query = scope.select(table).where(table.c.member_id.in_(ids))
    found: defaultdict[int, dict[str, Holding]] = defaultdict(dict)
    for row in scope.execute(query):
        found[row.member_id][row.unit] = Holding(
            unit=row.unit,
            balance=row.balance,
            carry=row.carry,
            debt=row.debt,
            lots=tuple(lots.get(row.id, ())),
            locked=row.locked_at is not None,
            pauses=tuple(pauses.get(row.id, ())),
        )
    return found


def _lots(scope: Scope, ids: Sequence[int]) -> dict[int, list[Lot]]:
    table = tables.lot
    query = _of_members(scope, table, ids).where(table.c.remaining > 0).order_by(table.c.id)
    found: defaultdict[int, list[Lot]] = defaultdict(list)
    for row in scope.execute(query):
        found[row.account_id].append(
            Lot(
                id=row.id,
                amount=row.amount,
                remaining=row.remaining,
                available_from=row.available_from,
                expires_at=row.expires_at,
                idle_days=row.idle_days,
                operation_id=row.operation_id,
                terms_version=row.terms_version,
            )
        )
    return found


def _pauses(scope: Scope, ids: Sequence[int]) -> dict[int, list[Pause]]:
    table = tables.pause
    query = _of_members(scope, table, ids).where(table.c.withdrawn_at.is_(None))
    found: defaultdict[int, list[Pause]] = defaultdict(list)
    for row in scope.execute(query.order_by(table.c.first_day)):
        found[row.account_id].append(
            Pause(first_day=day_of(row.first_day), last_day=day_of(row.last_day))
        )
    return found


def _of_members(scope: Scope, table: Any, ids: Sequence[int]) -> Any:
    account = tables.account
    return (
        scope.select(table)
        .join(
            account,
            and_(account.c.merchant_id == table.c.merchant_id, account.c.id == table.c.account_id),
        )
        .where(account.c.member_id.in_(ids))
    )


def _promises(scope: Scope, ids: Sequence[int], now: datetime) -> dict[int, list[Promise]]:
    table = tables.promise
    query = scope.select(table).where(
        table.c.member_id.in_(ids), table.c.kept_by_id.is_(None), table.c.withdrawn_at.is_(None)
    )
    found: defaultdict[int, list[Promise]] = defaultdict(list)
    for row in scope.execute(query.order_by(table.c.id)):
        if row.expires_at is None or to_micros(row.expires_at) > to_micros(now):
            found[row.member_id].append(
                promise_of(
                    row.document,
                    promise_id=row.id,
                    rule=row.rule,
                    granted_at=row.created_at,
                    expires_at=row.expires_at,
                )
            )
    return found


def _progress(scope: Scope, ids: Sequence[int]) -> dict[int, dict[str, Progress]]:
    table = tables.challenge_progress
    found: defaultdict[int, dict[str, Progress]] = defaultdict(dict)
    for row in scope.execute(scope.select(table).where(table.c.member_id.in_(ids))):
        found[row.member_id][row.rule] = progress_of(row.document)
    return found


def times_redeemed(
    scope: Scope, reward_ids: Sequence[int], member_ids: Sequence[int]
) -> dict[int, dict[int, int]]:
    """How many redemptions of these rewards stand, by member and reward."""
    done, later = tables.operation, tables.operation.alias("later")
    undone = exists().where(
        later.c.merchant_id == done.c.merchant_id, later.c.reverses_id == done.c.id
    )
    query = (
        scope.select(done, done.c.member_id, done.c.reward_id, func.count().label("times"))
        .where(
            done.c.member_id.in_(member_ids),
            done.c.reward_id.in_(reward_ids),
            done.c.kind == "redeem",
            ~undone,
        )
        .group_by(done.c.member_id, done.c.reward_id)
    )
    found: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for row in scope.execute(query):
        found[row.member_id][row.reward_id] = int(row.times)
    return found


def _standing(scope: Scope, ids: Sequence[int]) -> dict[int, Any]:
    table = tables.member_standing
    rows = scope.execute(scope.select(table).where(table.c.member_id.in_(ids)))
    return {row.member_id: row for row in rows}


def _tier_totals(
    scope: Scope,
    programmes: Mapping[int, ProgrammeTerms],
    members: Mapping[int, int],
    *,
    now: datetime,
) -> dict[int, int]:
    found: dict[int, int] = {}
    for programme_id, terms in programmes.items():
        mine = sorted(one for one, its in members.items() if its == programme_id)
        if terms.tiers is not None and mine:
            found |= _tier_total(scope, terms, mine, now=now)
    return found


def _tier_total(
    scope: Scope, terms: ProgrammeTerms, ids: Iterable[int], *, now: datetime
) -> dict[int, int]:
    tiers, table = terms.tiers, tables.member_day
    if tiers is None:
        return {}
    zone = ZoneInfo(terms.time_zone)
    by_units = tiers.basis is TierBasis.UNITS
    column = table.c.units if by_units else table.c.counted_minor
    query = scope.select(table, table.c.member_id, func.sum(column).label("total")).where(
        table.c.member_id.in_(list(ids)), table.c.unit == (tiers.unit if by_units else "")
    )
    start = window_start(tiers, now, zone)
    if start is not None:
        query = query.where(table.c.day >= day_number(local_day(start, zone)))
    rows = scope.execute(query.group_by(table.c.member_id))
    return {row.member_id: int(row.total or 0) for row in rows}
