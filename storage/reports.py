"""What the console reads to answer "who joined, what happened today, who is where".

Only reads, only the merchant's own rows, never a contact. Lists are bounded and turned by the last
id seen, because an offset grows slower with every page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, and_, case, func, or_, select

from common.clock import to_micros
from storage.member_words import having_words, words_of
from storage.records import record_of
from storage.scope import Scope
from storage.signs_of_life import WEB
from storage.tables import (
    account,
    delivery,
    device,
    location,
    member,
    operation,
    person,
    programme,
    registration,
    reward,
    role,
    sale,
    staff,
    wallet_pass,
    worker_heartbeat,
)

PAGE_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLine:
    """What one place or one person did in a span; `id` None is what happened at no till.

    `earned` and `redeemed` count units, reversals taken off; `sales_minor` counts earning sales.
    """

    id: int | None
    name: str
    visits: int
    earned: int
    redeemed: int
    undone: int
    sales_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementLine:
    """One movement in the merchant's order of time."""

    id: int
    kind: str
    units: int
    unit: str
    balance_after: int
    reason: Mapping[str, Any]
    created_at: datetime
    programme_id: int
    member_id: int
    member_name: str
    member_number: str
    staff_name: str | None
    location_name: str | None
    reward_name: str | None
    actor_kind: str
    gross_minor: int | None
    currency: str | None
    reversed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """A member with the balance, for lists."""

    id: int
    name: str
    number: str
    state: str
    balance: int
    unit: str
    joined_at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassLine:
    """One card of a member and what it is in; `phones` counts registered iPhones."""

    id: int
    generation: int
    serial_number: str
    voided_at: datetime | None
    revision: int
    fetched_revision: int
    fetched_at: datetime | None
    google_object_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneLine:
    """An iPhone that keeps a card."""

    pass_id: int
    device_id: int
    since: datetime
    pushed_at: datetime | None
    listed_at: datetime | None
    gone_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsolePerson:
    """Someone who may sign in for the scope's merchant."""

    id: int
    name: str
    email: str
    role: str
    has_password: bool
    disabled_at: datetime | None


class Reports:
    """Questions over many tables of the scope's merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def member_count(self, programme_id: int | None = None) -> int:
        """Members that were not erased; of one programme, or of all that are not gift cards."""
        query = self._scope.select(member, func.count()).where(member.c.state != "erased")
        of_one = member.c.programme_id == programme_id
        query = query.where(self._is_person() if programme_id is None else of_one)
        return int(self._scope.execute(query).scalar_one())

    def joined(self, since: datetime, until: datetime) -> int:
        """How many joined in a span."""
        query = self._scope.select(member, func.count()).where(
            member.c.joined_at >= since, member.c.joined_at < until, self._is_person()
        )
        return int(self._scope.execute(query).scalar_one())

    def places_of_day(self, since: datetime, until: datetime) -> list[DayLine]:
        """What each branch did in a span, the busiest first."""
        return self._day(location, operation.c.location_id, since, until)

    def people_of_day(self, since: datetime, until: datetime) -> list[DayLine]:
        """What each person at the counter did in a span, the busiest first."""
        by_staff = case((operation.c.actor_kind == "staff", operation.c.actor_id))
        return self._day(staff, by_staff, since, until)

    def movements(
        self, *, limit: int, before_id: int | None = None, member_id: int | None = None
    ) -> list[MovementLine]:
        """The newest movements first, of everyone or of one member."""
        query = self._movements().order_by(operation.c.id.desc()).limit(min(limit, PAGE_MAX))
        if before_id is not None:
            query = query.where(operation.c.id < before_id)
        if member_id is not None:
            query = query.where(operation.c.member_id == member_id)
        return [record_of(MovementLine, row) for row in self._scope.execute(query)]

    def members(
        self,
        *,
        limit: int,
        before_id: int | None = None,
        folded: str = "",
        number: str = "",
        ids: Sequence[int] | None = None,
    ) -> list[MemberLine]:
        """Members, the newest first: all, or those of words of a folded name, a number, or ids."""
        query = self._members().order_by(member.c.id.desc()).limit(min(limit, PAGE_MAX))
        if before_id is not None:
            query = query.where(member.c.id < before_id)
        if ids is not None:
            query = query.where(member.c.id.in_(list(ids)))
        elif number:
            query = query.where(member.c.number == number)
        elif folded:
            query = query.where(*having_words(self._scope, words_of(folded)))
        return [record_of(MemberLine, row) for row in self._scope.execute(query)]

    def passes_of(self, member_id: int) -> list[PassLine]:
        """A member's cards, the present one first."""
        wanted = [wallet_pass.c[name] for name in PassLine.__dataclass_fields__]
        query = self._scope.select(wallet_pass, *wanted).where(wallet_pass.c.member_id == member_id)
        rows = self._scope.execute(query.order_by(wallet_pass.c.generation.desc()))
        return [record_of(PassLine, row) for row in rows]

    def google_notices_of(self, member_id: int, since: datetime) -> int:
        """How often Google was asked since then to tell the phone that the card changed."""
        query = (
            self._scope.select(delivery, delivery.c.facts)
            .join(wallet_pass, _same(delivery.c.pass_id, wallet_pass))
            .where(wallet_pass.c.member_id == member_id, delivery.c.channel == "google_object")
        )
        stamps = [row.facts.get("notified") for row in self._scope.execute(query)]
        since_us = to_micros(since)
        return sum(
            isinstance(one, int) and one > since_us
            for kept in stamps
            if isinstance(kept, list)
            for one in kept
        )

    def phones_of(self, member_id: int) -> list[PhoneLine]:
        """The iPhones that keep a member's cards, the newest first."""
        query = (
            self._scope.select(
                registration,
                registration.c.pass_id,
                registration.c.device_id,
                registration.c.created_at.label("since"),
                device.c.pushed_at,
                device.c.listed_at,
                device.c.gone_at,
            )
            .join(device, _same(registration.c.device_id, device))
            .join(wallet_pass, _same(registration.c.pass_id, wallet_pass))
            .where(wallet_pass.c.member_id == member_id)
            .order_by(registration.c.id.desc())
            .limit(PAGE_MAX)
        )
        return [record_of(PhoneLine, row) for row in self._scope.execute(query)]

    def member_names(self, member_ids: set[int]) -> dict[int, str]:
        """Names by id, for lists that carry ids only."""
        wanted = sorted(member_ids)[:PAGE_MAX]
        query = self._scope.select(member, member.c.id, member.c.name).where(
            member.c.id.in_(wanted)
        )
        return {row.id: row.name for row in self._scope.execute(query)}

    def console_people(self) -> list[ConsolePerson]:
        """Who may sign in for this merchant, owners first."""
        query = (
            self._scope.select(
                role,
                person.c.id,
                person.c.name,
                person.c.email,
                role.c.role,
                person.c.password_hash.is_not(None).label("has_password"),
                person.c.disabled_at,
            )
            .join(person, person.c.id == role.c.person_id)
            .order_by(role.c.role.desc(), person.c.id)
        )
        return [record_of(ConsolePerson, row) for row in self._scope.execute(query)]

    def has_google_cards(self) -> bool:
        """Whether a card was ever saved at Google."""
        query = self._scope.select(wallet_pass, wallet_pass.c.id).where(
            wallet_pass.c.google_object_id.is_not(None)
        )
        return self._scope.execute(query.limit(1)).first() is not None

    def has_phones(self) -> bool:
        """Whether an iPhone ever registered a card."""
        query = self._scope.select(registration, registration.c.id).limit(1)
        return self._scope.execute(query).first() is not None

    def newest_moment(self) -> datetime | None:
        """The latest moment any movement was written at, of the whole installation."""
        newest: datetime | None = self._scope.execute(
            select(func.max(operation.c.created_at))
        ).scalar_one()
        return newest

    def worker_seen_at(self) -> datetime | None:
        """When a worker last said that it lives."""
        seen: datetime | None = self._scope.execute(
            select(func.max(worker_heartbeat.c.seen_at)).where(
                ~worker_heartbeat.c.name.startswith(WEB)
            )
        ).scalar_one()
        return seen

    def _day(self, table: Any, who: Any, since: datetime, until: datetime) -> list[DayLine]:
        undone = operation.alias("undone")
        units = func.coalesce(operation.c.units, 0)
        # A reversal counts against the kind it takes back, at the time it was made.
        kind = func.coalesce(undone.c.kind, operation.c.kind)
        query = (
            self._scope.select(
                operation,
                who.label("id"),
                func.max(table.c.name).label("name"),
                _sum(case((operation.c.kind == "earn", 1), else_=0)).label("visits"),
                _sum(case((kind == "earn", units), else_=0)).label("earned"),
                _sum(case((kind == "redeem", -units), else_=0)).label("redeemed"),
                _sum(case((operation.c.kind == "reverse", 1), else_=0)).label("undone"),
                _sum(case((operation.c.kind == "earn", sale.c.gross_minor), else_=0)).label(
                    "sales_minor"
                ),
            )
            .outerjoin(
                table, and_(table.c.merchant_id == operation.c.merchant_id, table.c.id == who)
            )
            .outerjoin(undone, _same(operation.c.reverses_id, undone))
            .outerjoin(sale, _same(operation.c.sale_id, sale))
            .where(operation.c.created_at >= since, operation.c.created_at < until)
            # An event of several units is one visit; its first operation is the card's own unit.
            .where(operation.c.part_of_id.is_(None))
            .group_by(who)
            .order_by(func.count().desc())
            .limit(PAGE_MAX)
        )
        return [_day_line(row) for row in self._scope.execute(query)]

    def _movements(self) -> Select[Any]:
        later = operation.alias("later")
        by_staff = and_(
            operation.c.actor_kind == "staff",
            staff.c.merchant_id == operation.c.merchant_id,
            staff.c.id == operation.c.actor_id,
        )
        own = (
            "id", "kind", "units", "unit", "balance_after", "reason", "created_at", "member_id",
            "actor_kind", "programme_id",
        )  # fmt: skip
        return (
            self._scope.select(
                operation,
                *(operation.c[name] for name in own),
                member.c.name.label("member_name"),
                member.c.number.label("member_number"),
                staff.c.name.label("staff_name"),
                location.c.name.label("location_name"),
                reward.c.name.label("reward_name"),
                case((operation.c.kind == "earn", sale.c.gross_minor)).label("gross_minor"),
                sale.c.currency,
                later.c.id.is_not(None).label("reversed"),
            )
            .join(member, _same(operation.c.member_id, member))
            .outerjoin(staff, by_staff)
            .outerjoin(location, _same(operation.c.location_id, location))
            .outerjoin(reward, _same(operation.c.reward_id, reward))
            .outerjoin(sale, _same(operation.c.sale_id, sale))
            .outerjoin(
                later,
                and_(
                    later.c.merchant_id == operation.c.merchant_id,
                    later.c.reverses_id == operation.c.id,
                ),
            )
            # The first of an event tells the whole; what ran out before it is told apart.
            .where(or_(operation.c.part_of_id.is_(None), operation.c.kind == "expire"))
        )

    def _members(self) -> Select[Any]:
        mine = and_(
            account.c.merchant_id == member.c.merchant_id, account.c.member_id == member.c.id
        )
        own = ("id", "name", "number", "state", "joined_at", "source")
        return (
            self._scope.select(
                member,
                *(member.c[name] for name in own),
                func.coalesce(account.c.balance, 0).label("balance"),
                func.coalesce(account.c.unit, "points").label("unit"),
            )
            .join(programme, _same(member.c.programme_id, programme))
            .outerjoin(account, and_(mine, account.c.unit == programme.c.unit))
            .where(member.c.state != "erased", programme.c.kind == "card")
        )

    def _is_person(self) -> Any:
        gifts = self._scope.select(programme, programme.c.id).where(programme.c.kind != "card")
        return member.c.programme_id.not_in(gifts)


def _same(column: Any, other: Any) -> Any:
    """The merchant's row of `other` that `column` names."""
    return and_(other.c.merchant_id == column.table.c.merchant_id, other.c.id == column)


def _sum(expression: Any) -> Any:
    return func.coalesce(func.sum(expression), 0)


def _day_line(row: Any) -> DayLine:
    # PostgreSQL sums bigints as numeric, which Python reads as Decimal.
    counted = ("visits", "earned", "redeemed", "undone", "sales_minor")
    numbers = {name: int(row._mapping[name]) for name in counted}  # noqa: SLF001
    return DayLine(id=row.id, name=row.name or "", **numbers)
