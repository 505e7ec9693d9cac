from __future__ import annotations

from common.actor import SYSTEM, Actor, ActorKind
from common.clock import ManualClock
from storage.engine import Database
from storage.unit_of_work import open_work
from tests.support.builders import START, Merchants


def test_entries_come_newest_first_and_page_by_page(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    owner = Actor(kind=ActorKind.OWNER, id=4)
    with open_work(database, merchants.cafe.id, clock=clock) as work:
        for number in range(5):
            work.audit.add(
                actor=owner if number else SYSTEM,
                action="design.publish",
                subject_kind="design",
                subject_id=number,
                detail={"version": number},
            )
        first = work.audit.latest(3)
        second = work.audit.latest(3, before_id=first[-1].id)

    assert [entry.subject_id for entry in first + second] == [4, 3, 2, 1, 0]
    newest, oldest = first[0], second[-1]
    assert (newest.actor_kind, newest.actor_id) == ("owner", 4)
    assert newest.detail == {"version": 4}
    assert newest.created_at == START
    assert (oldest.actor_kind, oldest.actor_id) == ("system", None)


def test_trail_is_each_merchants_own(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    with open_work(database, merchants.cafe.id, clock=clock) as work:
        work.audit.add(actor=SYSTEM, action="till.add", subject_kind="till")
        work.commit()

    with open_work(database, merchants.gym.id, clock=clock, writing=False) as work:
        assert work.audit.latest(10) == []
