"""The numbers behind the statement: what is out by age, and what moved in a time.

Read in one reading transaction and streamed, so that a year of a busy shop needs no memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, select

from storage import tables
from storage.scope import Scope

AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An operation as a statement counts it; a reversal bears the kind of what it undoes."""

    at: datetime
    kind: str
    reverses: str
    unit: str
    units: int
    debt_change: int
    value_minor: int
    cost_minor: int


class Statements:
    """The numbers of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def moved(self, programme_id: int, *, since: datetime, until: datetime) -> Iterator[Moved]:
        """What moved from `since` until before `until`, in time."""
        one, past = tables.operation, tables.operation.alias("past")
        query = (
            self._scope.select(
                one,
                one.c.created_at,
                one.c.kind,
                past.c.kind.label("reverses"),
                one.c.unit,
                one.c.units,
                one.c.debt_change,
                func.coalesce(one.c.value_minor, -past.c.value_minor, 0).label("value_minor"),
                func.coalesce(one.c.cost_minor, -past.c.cost_minor, 0).label("cost_minor"),
            )
            .outerjoin(
                past,
                and_(past.c.merchant_id == one.c.merchant_id, past.c.id == one.c.reverses_id),
            )
            .where(
                one.c.programme_id == programme_id,
                one.c.created_at >= since,
                one.c.created_at < until,
            )
            .order_by(one.c.created_at, one.c.id)
        )
        options = {"stream_results": True, "yield_per": AT_ONCE}
        rows = self._scope.connection.execute(query, execution_options=options)
        for row in rows:
            yield Moved(
                at=row.created_at,
                kind=row.kind,
                reverses=row.reverses or "",
                unit=row.unit,
                units=row.units,
                debt_change=row.debt_change,
                value_minor=row.value_minor,
                cost_minor=row.cost_minor,
            )

    def out(
        self, programme_id: int, *, until: datetime, zone: ZoneInfo
    ) -> dict[str, dict[int, int]]:
        """What was out just before `until`: units by unit and age in days of the shop."""
        lot, account, maker = tables.lot, tables.account, tables.operation.alias("maker")
        spent, spender = tables.allocation, tables.operation.alias("spender")
        taken = (
            select(func.coalesce(func.sum(spent.c.amount), 0))
            .join(
                spender,
                and_(
                    spender.c.merchant_id == spent.c.merchant_id,
                    spender.c.id == spent.c.operation_id,
                ),
            )
            .where(
                spent.c.merchant_id == lot.c.merchant_id,
                spent.c.lot_id == lot.c.id,
                spender.c.created_at < until,
            )
            .scalar_subquery()
        )
        is_past = until <= self._scope.clock.now()
        left = (lot.c.amount - taken) if is_past else lot.c.remaining
        query = (
            self._scope.select(lot, account.c.unit, maker.c.created_at, left.label("left"))
            .join(
                account,
                and_(account.c.merchant_id == lot.c.merchant_id, account.c.id == lot.c.account_id),
            )
            .join(
                maker,
                and_(maker.c.merchant_id == lot.c.merchant_id, maker.c.id == lot.c.operation_id),
            )
            .where(account.c.programme_id == programme_id, maker.c.created_at < until)
        )
        if not is_past:
            query = query.where(lot.c.remaining > 0)
        options = {"stream_results": True, "yield_per": AT_ONCE}
        found: dict[str, dict[int, int]] = {}
        today = min(until, self._scope.clock.now()).astimezone(zone).date()
        for row in self._scope.connection.execute(query, execution_options=options):
            if row.left > 0:
                days = (today - row.created_at.astimezone(zone).date()).days
                by_age = found.setdefault(row.unit, defaultdict(int))
                by_age[days] += row.left
        return found

    def over(self, programme_id: int, *, until: datetime) -> dict[str, tuple[int, int]]:
        """What was ever redeemed and what ever ran out before `until`, by unit."""
        one, past = tables.operation, tables.operation.alias("past")
        kind = func.coalesce(past.c.kind, one.c.kind)
        query = (
            self._scope.select(one, one.c.unit, kind.label("what"), func.sum(one.c.units))
            .outerjoin(
                past,
                and_(past.c.merchant_id == one.c.merchant_id, past.c.id == one.c.reverses_id),
            )
            .where(one.c.programme_id == programme_id, one.c.created_at < until)
            .where(kind.in_(("redeem", "expire")))
            .group_by(one.c.unit, kind)
        )
        found: dict[str, tuple[int, int]] = {}
        for unit, what, units in self._scope.execute(query):
            redeemed, expired = found.get(unit, (0, 0))
            found[unit] = (
                (redeemed - int(units), expired)
                if what == "redeem"
                else (redeemed, expired - int(units))
            )
        return found

    def debts(self, programme_id: int) -> dict[str, int]:
        """What members owe now, by unit."""
        table = tables.account
        query = (
            self._scope.select(table, table.c.unit, func.sum(table.c.debt))
            .where(table.c.programme_id == programme_id, table.c.debt > 0)
            .group_by(table.c.unit)
        )
        return {unit: int(total) for unit, total in self._scope.execute(query)}

    def gift_cards(self, *, since: datetime, until: datetime, zone: ZoneInfo) -> dict[date, int]:
        """What gift cards were sold for, by the shop's day."""
        table = tables.sale
        query = self._scope.select(table, table.c.sold_at, table.c.gift_minor).where(
            table.c.gift_minor > 0, table.c.sold_at >= since, table.c.sold_at < until
        )
        found: dict[date, int] = defaultdict(int)
        for row in self._scope.execute(query):
            found[row.sold_at.astimezone(zone).date()] += row.gift_minor
        return dict(found)
