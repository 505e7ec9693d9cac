"""What `RuleStates` takes and gives, and how rows and documents become it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from common.clock import from_micros, to_micros
from ledger.accounts import Account
from ledger.lots import Lot
from ledger.member_state import Progress, Promise
from ledger.programme_terms import GrantKind
from storage.book_rows import moment

EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAccount:
    """A member's account with what stands beside its balance."""

    account: Account
    debt: int = 0
    locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """A member's sums; a member of no sale has them all empty."""

    purchases: int = 0
    net_minor: int = 0
    active_at: datetime | None = None
    earned_at: datetime | None = None
    tier: str = ""
    tier_since: datetime | None = None
    grace_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySum:
    """What one movement adds to a day (below zero when it takes); `unit` empty is the money."""

    unit: str
    day: date
    earns: int = 0
    sales: int = 0
    net_minor: int = 0
    counted_minor: int = 0
    units: int = 0


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - EPOCH


def day_of(number: int) -> date:
    """The day of such a number."""
    return date.fromordinal(number + EPOCH)


def by_account(rows: Iterable[Any]) -> dict[int, list[Lot]]:
    found: dict[int, list[Lot]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(
            Lot(
                id=row[1],
                amount=row[2],
                remaining=row[3],
                available_from=from_micros(row[4]),
                expires_at=moment(row[5]),
                idle_days=row[6],
                operation_id=row[7],
                terms_version=row[8],
            )
        )
    return found


def promise_of(
    document: Mapping[str, Any],
    *,
    promise_id: int,
    rule: str,
    granted_at: datetime,
    expires_at: datetime | None,
) -> Promise:
    """A promise from its row."""
    return Promise(
        id=promise_id,
        rule=rule,
        kind=GrantKind(document["kind"]),
        amount=document["amount"],
        unit=document["unit"],
        min_sale_minor=document["min_sale_minor"],
        terms_version=document["terms_version"],
        welcome=document["welcome"],
        granted_at=granted_at,
        expires_at=expires_at,
    )


def progress_of(document: Mapping[str, Any]) -> Progress:
    """How far a member is, from its row's document."""
    return Progress(
        count=document["count"],
        since=_day(document["since"]),
        last=_day(document["last"]),
        given=document["given"],
        times=document["times"],
        parts=document["parts"],
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def micros(value: datetime | None) -> int | None:
    return None if value is None else to_micros(value)
