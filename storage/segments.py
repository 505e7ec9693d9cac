"""Which members a message is for, as one condition over living cards; who said no is never meant."""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, select

from storage import tables
from storage.scope import Scope

LAPSED_DAYS: Final = 90
WEEK_DAYS: Final = 7
_MONTH: Final = 100
_LEAP_DAY: Final = 229


class SegmentKind(StrEnum):
    """To whom."""

    ALL = "all"
    LAPSED = "lapsed"  # no visit for 90 days
    ALMOST = "almost"  # one stamp left
    BRANCH = "branch"  # ever seen at a branch
    TIER = "tier"
    BIRTHDAY = "birthday"  # within the week that begins with the day of sending


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Members of a programme. `location_id` for a branch; `unit` and `goal` for one stamp left.

    `birthdays` are the days of the week that is meant, each as month * 100 + day.
    """

    kind: SegmentKind
    location_id: int | None = None
    unit: str = ""
    goal: int = 0
    tier: str = ""
    birthdays: tuple[int, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "kind": str(self.kind),
            "location_id": self.location_id,
            "unit": self.unit,
            "goal": self.goal,
            "tier": self.tier,
            "birthdays": list(self.birthdays),
        }


def segment_of(document: dict[str, Any]) -> Segment:
    """The segment of a stored document."""
    birthdays = tuple(document.get("birthdays", ()))
    kind = SegmentKind(document["kind"])
    return Segment(**{**document, "kind": kind, "birthdays": birthdays})


def birthday_week(first: date) -> tuple[int, ...]:
    """The seven days from `first` on; who was born on a leap day has a birthday every year."""
    days = [first + timedelta(days=number) for number in range(WEEK_DAYS)]
    found = [day.month * _MONTH + day.day for day in days]
    if _LEAP_DAY - 1 in found and not isleap(first.year):
        found.append(_LEAP_DAY)
    return tuple(found)


def knows_birthdays(scope: Scope, programme_id: int) -> bool:
    """Whether any member of the programme has told a birthday."""
    member = tables.member
    query = scope.select(member, member.c.id).where(
        member.c.programme_id == programme_id, member.c.birthday.is_not(None)
    )
    return scope.execute(query.limit(1)).first() is not None


def cards_of(scope: Scope, programme_id: int, segment: Segment) -> Select[Any]:
    """The members and living cards of a segment, as (member_id, pass_id)."""
    member, card = tables.member, tables.wallet_pass
    return (
        scope.select(card, member.c.id.label("member_id"), card.c.id.label("pass_id"))
        .join(
            member,
            and_(member.c.merchant_id == card.c.merchant_id, member.c.id == card.c.member_id),
        )
        .where(
            card.c.programme_id == programme_id,
            card.c.voided_at.is_(None),
            member.c.state == "active",
            member.c.messages_off_at.is_(None),
            *_condition(scope, segment),
        )
    )


def count_cards(scope: Scope, programme_id: int, segment: Segment) -> int:
    """How many cards that is."""
    found = cards_of(scope, programme_id, segment).subquery()
    return int(scope.execute(select(func.count()).select_from(found)).scalar_one())


def _condition(scope: Scope, segment: Segment) -> list[ColumnElement[bool]]:
    match segment.kind:
        case SegmentKind.LAPSED:
            return _lapsed(scope)
        case SegmentKind.ALMOST:
            return _almost(segment)
        case SegmentKind.BRANCH:
            return [_operation(tables.operation.c.location_id == segment.location_id)]
        case SegmentKind.TIER:
            return [_tier(segment)]
        case SegmentKind.BIRTHDAY:
            return [tables.member.c.birthday.in_(segment.birthdays)]
        case _:
            return []


def _lapsed(scope: Scope) -> list[ColumnElement[bool]]:
    since = scope.clock.now() - timedelta(days=LAPSED_DAYS)
    seen = _operation(
        and_(
            tables.operation.c.kind.in_(("earn", "redeem")), tables.operation.c.created_at >= since
        )
    )
    return [tables.member.c.joined_at < since, ~seen]


def _almost(segment: Segment) -> list[ColumnElement[bool]]:
    account, member = tables.account, tables.member
    return [
        exists().where(
            account.c.merchant_id == member.c.merchant_id,
            account.c.member_id == member.c.id,
            account.c.unit == segment.unit,
            account.c.balance % segment.goal == segment.goal - 1,
        )
    ]


def _tier(segment: Segment) -> ColumnElement[bool]:
    tier, member = tables.member_standing, tables.member
    return exists().where(
        tier.c.merchant_id == member.c.merchant_id,
        tier.c.member_id == member.c.id,
        tier.c.tier == segment.tier,
    )


def _operation(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    operation, member = tables.operation, tables.member
    return exists().where(
        operation.c.merchant_id == member.c.merchant_id,
        operation.c.member_id == member.c.id,
        condition,
    )
