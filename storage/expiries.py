"""What ran out: found by the index of ends, written in slices, told where the job stands.

Not done here: which lots are over (ledger.expiry); the job itself (loyalty/expire.py).
Rules:
- A slice is one transaction over a few hundred accounts, so tills never wait long and memory
  holds no more than a slice.
- A lot with nothing left is in no index: a job that runs late, again, or twice at once finds what
  is left to do, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, and_, case, cast, func, literal, or_, select, type_coerce

from common.actor import SYSTEM
from common.clock import from_micros, to_micros
from common.ids import new_id
from ledger.accounts import Account, OperationKind
from ledger.evaluation import Lapse
from ledger.lots import Lot
from ledger.member_state import Pause
from storage import book_statements as books
from storage import rule_statements as sql
from storage import tables
from storage.deliveries import MASS
from storage.rule_records import day_of
from storage.scope import Scope
from storage.types import UtcTime

SOURCE: Final = "expiry"
DAY_MICROS: Final = 86_400_000_000
_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLot:
    """A lot whose written end is past; `place` is where the next slice begins."""

    account_id: int
    member_id: int
    place: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A member's account under its lock, with its open lots and what moves their ends."""

    account: Account
    debt: int
    lots: tuple[Lot, ...]
    pauses: tuple[Pause, ...]
    active_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """An account's lapse, ready to be written."""

    held: Held
    lapse: Lapse
    contra_id: int
    terms_version: int
    reason: Mapping[str, Any]


class Expiries:
    """The ends of one merchant's lots."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def due(self, now: datetime, *, after: tuple[int, int], limit: int) -> list[DueLot]:
        """The next lots by end whose end is past, after a place."""
        lot, account = tables.lot, tables.account
        end, number = after
        query = (
            self._scope.select(lot, lot.c.id, lot.c.account_id, lot.c.expires_at)
            .add_columns(account.c.member_id)
            .join(
                account,
                and_(account.c.merchant_id == lot.c.merchant_id, account.c.id == lot.c.account_id),
            )
            .where(
                lot.c.remaining > 0,
                lot.c.expires_at.is_not(None),
                lot.c.expires_at <= now,
                or_(
                    lot.c.expires_at > from_micros(end),
                    and_(lot.c.expires_at == from_micros(end), lot.c.id > number),
                ),
            )
            .order_by(lot.c.expires_at, lot.c.id)
            .limit(limit)
        )
        return [
            DueLot(
                account_id=row.account_id,
                member_id=row.member_id,
                place=(to_micros(row.expires_at), row.id),
            )
            for row in self._scope.execute(query)
        ]

    def idle(self, now: datetime, *, after: int, limit: int) -> list[DueLot]:
        """The next accounts with lots that end without activity, where it may be long ago."""
        lot, account, sums = tables.lot, tables.account, tables.member_standing
        rested = cast(lot.c.idle_days, BigInteger) * DAY_MICROS
        query = (
            self._scope.select(lot, lot.c.account_id, account.c.member_id)
            .join(
                account,
                and_(account.c.merchant_id == lot.c.merchant_id, account.c.id == lot.c.account_id),
            )
            .outerjoin(
                sums,
                and_(
                    sums.c.merchant_id == account.c.merchant_id,
                    sums.c.member_id == account.c.member_id,
                ),
            )
            .where(
                lot.c.remaining > 0,
                lot.c.idle_days.is_not(None),
                lot.c.account_id > after,
                or_(
                    sums.c.active_at.is_(None),
                    type_coerce(sums.c.active_at, BigInteger) + rested <= to_micros(now),
                ),
            )
            .group_by(lot.c.account_id, account.c.member_id)
            .order_by(lot.c.account_id)
            .limit(limit)
        )
        return [
            DueLot(account_id=row.account_id, member_id=row.member_id, place=(0, row.account_id))
            for row in self._scope.execute(query)
        ]

    def count_due(self, now: datetime) -> int:
        """How many lots have an end that is past."""
        lot = tables.lot
        query = self._scope.select(lot, func.count()).where(
            lot.c.remaining > 0, lot.c.expires_at.is_not(None), lot.c.expires_at <= now
        )
        return int(self._scope.execute(query).scalar_one())

    def held(self, account_ids: Sequence[int]) -> list[Held]:
        """The accounts with their open lots; the members are locked."""
        wanted = sorted(set(account_ids))
        lots = self._lots(wanted)
        pauses = self._pauses(wanted)
        account, sums = tables.account, tables.member_standing
        query = (
            self._scope.select(account)
            .add_columns(sums.c.active_at)
            .outerjoin(
                sums,
                and_(
                    sums.c.merchant_id == account.c.merchant_id,
                    sums.c.member_id == account.c.member_id,
                ),
            )
            .where(account.c.id.in_(wanted))
            .order_by(account.c.id)
        )
        return [
            Held(
                account=Account(
                    id=row.id,
                    programme_id=row.programme_id,
                    member_id=row.member_id,
                    unit=row.unit,
                    balance=row.balance,
                    carry=row.carry,
                    revision=row.revision,
                ),
                debt=row.debt,
                lots=tuple(lots.get(row.id, ())),
                pauses=tuple(pauses.get(row.id, ())),
                active_at=row.active_at,
            )
            for row in self._scope.execute(query)
        ]

    def write(self, expired: Sequence[Expired]) -> None:
        """Write the lapses of a slice, and let the cards show it."""
        if not expired:
            return
        merchant, now = self._scope.merchant, to_micros(self._scope.clock.now())
        ids = [new_id() for _one in expired]
        pairs = list(zip(ids, expired, strict=True))
        run = self._scope.run_sql_many
        run(sql.INSERT_OPERATION, [self._operation(number, one, now) for number, one in pairs])
        run(
            books.INSERT_TRANSFER,
            [
                (
                    merchant,
                    new_id(),
                    number,
                    one.held.account.id,
                    one.contra_id,
                    one.held.account.unit,
                    one.lapse.units,
                )
                for number, one in pairs
            ],
        )
        parts = [(number, part) for number, one in pairs for part in one.lapse.allocations]
        run(
            books.INSERT_ALLOCATION,
            [(merchant, new_id(), part.lot_id, number, part.amount) for number, part in parts],
        )
        run(
            books.TAKE_FROM_LOT,
            [(part.amount, merchant, part.lot_id) for _number, part in parts],
        )
        run(sql.MOVE_ACCOUNT, [self._account(one) for one in expired])
        self.bump({one.held.account.member_id for one in expired})

    def bump(self, member_ids: Iterable[int]) -> None:
        """Let the cards of many members show a change, behind the scans at the counter."""
        wanted = sorted(set(member_ids))
        if not wanted:
            return
        card, delivery = tables.wallet_pass, tables.delivery
        mine = and_(card.c.member_id.in_(wanted), card.c.voided_at.is_(None))
        self._scope.execute(
            self._scope.update(card).where(mine).values(revision=card.c.revision + 1)
        )
        now = literal(self._scope.clock.now(), UtcTime)
        behind = delivery.c.wanted_revision > delivery.c.delivered_revision
        present = (
            select(card.c.revision)
            .where(card.c.merchant_id == delivery.c.merchant_id, card.c.id == delivery.c.pass_id)
            .scalar_subquery()
        )
        self._scope.execute(
            self._scope.update(delivery)
            .where(delivery.c.pass_id.in_(self._scope.select(card, card.c.id).where(mine)))
            .values(
                wanted_revision=present,
                wanted_at=case((behind, delivery.c.wanted_at), else_=now),
                due_at=case((behind, delivery.c.due_at), else_=now),
                priority=case((behind, delivery.c.priority), else_=MASS),
            )
        )

    def ending(self, since: datetime, until: datetime, *, after: int, limit: int) -> list[int]:
        """Members with lots whose written end lies in between, by id."""
        lot, account = tables.lot, tables.account
        query = (
            self._scope.select(lot, account.c.member_id)
            .join(
                account,
                and_(account.c.merchant_id == lot.c.merchant_id, account.c.id == lot.c.account_id),
            )
            .where(
                lot.c.remaining > 0,
                lot.c.expires_at > since,
                lot.c.expires_at <= until,
                account.c.member_id > after,
            )
            .group_by(account.c.member_id)
            .order_by(account.c.member_id)
            .limit(limit)
        )
        return [int(row.member_id) for row in self._scope.execute(query)]

    def available(
        self, since: datetime, until: datetime, *, made_after: datetime, after: int, limit: int
    ) -> list[int]:
        """Members with lots that began to be spendable in between, by id.

        `made_after` bounds how long such a lot may have waited: there is no index of beginnings.
        """
        lot, made = tables.lot, tables.operation
        query = (
            self._scope.select(made, made.c.member_id)
            .join(
                lot,
                and_(lot.c.merchant_id == made.c.merchant_id, lot.c.operation_id == made.c.id),
            )
            .where(
                made.c.created_at > made_after,
                made.c.member_id > after,
                lot.c.remaining > 0,
                lot.c.available_from > since,
                lot.c.available_from <= until,
            )
            .group_by(made.c.member_id)
            .order_by(made.c.member_id)
            .limit(limit)
        )
        return [int(row.member_id) for row in self._scope.execute(query)]

    def with_tier(self, programme_id: int, *, after: int, limit: int) -> list[int]:
        """Members with a tier to be looked at again, by id."""
        sums = tables.member_standing
        query = self._scope.select(sums, sums.c.member_id).where(
            sums.c.programme_id == programme_id,
            sums.c.tier != "",
            sums.c.member_id > after,
            or_(sums.c.grace_until.is_(None), sums.c.grace_until <= self._scope.clock.now()),
        )
        rows = self._scope.execute(query.order_by(sums.c.member_id).limit(limit))
        return [int(row.member_id) for row in rows]

    def _operation(self, operation_id: int, one: Expired, now: int) -> tuple[Any, ...]:
        account = one.held.account
        reference = f"{account.id}-{account.revision + 1}"
        return (
            self._scope.merchant,
            operation_id,
            account.programme_id,
            account.member_id,
            str(OperationKind.EXPIRE),
            None,
            None,
            None,
            None,
            str(SYSTEM.kind),
            None,
            SOURCE,
            reference,
            f"{SOURCE} {reference}",
            b"",
            one.terms_version,
            _JSON.encode(one.reason),
            -one.lapse.units,
            account.unit,
            0,
            account.balance - one.lapse.units,
            account.revision + 1,
            None,
            now,
            None,
            0,
            None,
            None,
        )

    def _account(self, one: Expired) -> tuple[Any, ...]:
        account = one.held.account
        return (
            account.balance - one.lapse.units,
            account.carry,
            account.revision + 1,
            one.held.debt,
            self._scope.merchant,
            account.id,
            account.revision,
        )

    def _lots(self, account_ids: Sequence[int]) -> dict[int, list[Lot]]:
        lot = tables.lot
        query = self._scope.select(lot).where(
            lot.c.account_id.in_(account_ids), lot.c.remaining > 0
        )
        found: dict[int, list[Lot]] = {}
        for row in self._scope.execute(query.order_by(lot.c.id)):
            found.setdefault(row.account_id, []).append(
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

    def _pauses(self, account_ids: Sequence[int]) -> dict[int, list[Pause]]:
        pause = tables.pause
        query = self._scope.select(pause).where(
            pause.c.account_id.in_(account_ids), pause.c.withdrawn_at.is_(None)
        )
        found: dict[int, list[Pause]] = {}
        for row in self._scope.execute(query.order_by(pause.c.first_day)):
            found.setdefault(row.account_id, []).append(
                Pause(first_day=day_of(row.first_day), last_day=day_of(row.last_day))
            )
        return found
