"""A programme with members, made by the repositories: what a ledger test stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common import crockford
from common.actor import SYSTEM, Actor, ActorKind
from common.clock import Clock
from common.ids import new_id
from ledger.terms import PointsTerms, StampTerms, Terms, unit_of
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from loyalty.redeem import RedeemRequest, redeem
from loyalty.results import OperationResult
from loyalty.reverse import ReverseRequest, reverse
from storage.engine import Database
from storage.members import Member
from storage.places import Location, Staff, Till
from storage.programmes import Programme, Reward
from storage.unit_of_work import UnitOfWork, open_work
from storage.wallet_passes import WalletPass
from tests.support.builders import CAFE

ONE_A_EURO = PointsTerms(version=1, currency="EUR", spend_minor=100, points=1)
NINE_STAMPS = StampTerms(version=1, goal=9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A merchant's programme with one reward (10 points, or the stamps' goal) and its members."""

    merchant_id: int
    programme_id: int
    reward_id: int
    members: tuple[int, ...]
    anna: Actor
    bert: Actor

    @property
    def member(self) -> int:
        return self.members[0]


def a_shop(
    database: Database,
    clock: Clock,
    *,
    terms: Terms = ONE_A_EURO,
    merchant_id: int = CAFE.id,
    members: int = 1,
    cost: int | None = None,
) -> Shop:
    """A shop with `members` members, staff Anna and Bert, and Till 1 and 2."""
    programme = Programme(
        id=new_id(),
        slug=f"p{new_id()}",
        name="Bean Club",
        unit=unit_of(terms),
        join_code=f"J{new_id()}",
        created_at=clock.now(),
    )
    goal = terms.goal if isinstance(terms, StampTerms) else 10
    reward = Reward(
        id=new_id(),
        programme_id=programme.id,
        slug="coffee",
        name="Coffee",
        cost=cost or goal,
        created_at=clock.now(),
    )
    with open_work(database, merchant_id, clock=clock) as work:
        work.programmes.add(programme)
        work.directory.add_name("join", programme.join_code, programme.id)
        work.programmes.add_terms(programme.id, terms)
        work.books.open_programme(programme.id, programme.unit)
        work.programmes.add_reward(reward)
        anna, bert = _people(work)
        ids = tuple(_a_member(work, programme) for _ in range(members))
        work.commit()
    return Shop(
        merchant_id=merchant_id,
        programme_id=programme.id,
        reward_id=reward.id,
        members=ids,
        anna=anna,
        bert=bert,
    )


def _people(work: UnitOfWork) -> tuple[Actor, Actor]:
    now = work.clock.now()
    location = Location(
        id=new_id(),
        name="High Street",
        address="",
        time_zone="Europe/Berlin",
        created_at=now,
    )
    work.places.add_location(location)
    actors = []
    for number, name in enumerate(("Anna", "Bert"), start=1):
        staff = Staff(id=new_id(), name=name, role="staff", created_at=now)
        till = Till(id=new_id(), location_id=location.id, name=f"Till {number}", created_at=now)
        work.places.add_staff(staff)
        work.places.add_till(till)
        actors.append(
            Actor(kind=ActorKind.STAFF, id=staff.id, till_id=till.id, location_id=location.id)
        )
    return actors[0], actors[1]


def _a_member(work: UnitOfWork, programme: Programme) -> int:
    now = work.clock.now()
    member = Member(
        id=new_id(),
        programme_id=programme.id,
        number=crockford.encode(new_id() % 32**9, length=9),
        name="Ada",
        name_folded="ada",
        language="en",
        source="till",
        joined_at=now,
    )
    work.members.add(member)
    work.books.open_member(member.id, programme.id, programme.unit)
    work.passes.add(
        WalletPass(
            id=new_id(),
            programme_id=programme.id,
            member_id=member.id,
            generation=1,
            serial_number=crockford.encode(new_id(), length=26),
            last_modified_s=int(now.timestamp()),
            created_at=now,
        )
    )
    return member.id


def do_earn(ctx: Loyalty, shop: Shop, amount: int | None = None, **changes: Any) -> OperationResult:
    """Earn for the shop's first member under a fresh key, unless `changes` say otherwise."""
    values: dict[str, Any] = {
        "member_id": shop.member,
        "amount_minor": amount,
        "visits": None,
        "actor": SYSTEM,
        "idempotency_key": f"k{new_id()}",
    }
    return earn(ctx, shop.merchant_id, EarnRequest(**values | changes))


def do_redeem(ctx: Loyalty, shop: Shop, **changes: Any) -> OperationResult:
    """Redeem the shop's reward."""
    values: dict[str, Any] = {
        "member_id": shop.member,
        "reward_id": shop.reward_id,
        "actor": SYSTEM,
        "idempotency_key": f"k{new_id()}",
    }
    return redeem(ctx, shop.merchant_id, RedeemRequest(**values | changes))


def do_reverse(ctx: Loyalty, shop: Shop, operation_id: int, **changes: Any) -> OperationResult:
    """Undo an operation."""
    values: dict[str, Any] = {
        "operation_id": operation_id,
        "actor": SYSTEM,
        "idempotency_key": f"k{new_id()}",
        "own_recent_only": False,
    }
    return reverse(ctx, shop.merchant_id, ReverseRequest(**values | changes))


def count(database: Database, table: str, where: Sequence[str] = ()) -> int:
    """How many rows of every merchant a table holds."""
    condition = (
        " and ".join(["true", *where]) if not database.is_sqlite else " and ".join(["1", *where])
    )
    with database.connection(writing=False) as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("select set_config('regulars.merchant', '*', true)")
        return int(
            connection.exec_driver_sql(
                f"select count(*) from {table} where {condition}"
            ).scalar_one()
        )
