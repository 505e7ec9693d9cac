from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from common.clock import ManualClock
from storage.engine import Database
from storage.sessions import OneTimeLink, Session
from storage.signs_of_life import beat
from storage.sweeping import sweep
from storage.unit_of_work import open_work, run_work
from tests.support.builders import START, Merchants


def a_session(**values: Any) -> Session:
    defaults: dict[str, Any] = {
        "token_hash": b"1" * 32,
        "kind": "console",
        "person_id": 1,
        "created_at": START,
        "seen_at": START,
        "expires_at": START + timedelta(hours=12),
    }
    return Session(**(defaults | values))


def a_link(merchant_id: int, **values: Any) -> OneTimeLink:
    defaults: dict[str, Any] = {
        "token_hash": b"l" * 32,
        "purpose": "staff_pin",
        "merchant_id": merchant_id,
        "subject_id": 5,
        "created_at": START,
        "expires_at": START + timedelta(minutes=10),
    }
    return OneTimeLink(**(defaults | values))


def test_session_comes_back_as_it_was_stored_and_changed(
    database: Database, clock: ManualClock
) -> None:
    stored = a_session(facts={"step": "totp"}, staff_until=START)
    with open_work(database, None, clock=clock) as work:
        work.sessions.add(stored)
        assert work.sessions.by_hash(stored.token_hash) == stored

        work.sessions.update(stored.token_hash, staff_id=3, facts={})
        changed = work.sessions.by_hash(stored.token_hash)
    assert changed == a_session(staff_id=3, staff_until=START)


def test_ending_a_person_leaves_others_signed_in(database: Database, clock: ManualClock) -> None:
    with open_work(database, None, clock=clock) as work:
        for token_hash, person_id in ((b"a", 1), (b"b", 1), (b"c", 2)):
            work.sessions.add(a_session(token_hash=token_hash, person_id=person_id))
        assert len(work.sessions.of_person(1)) == 2

        work.sessions.end_of_person(1)

        assert work.sessions.of_person(1) == []
        assert work.sessions.by_hash(b"c") is not None
        work.sessions.end(b"c")
        assert work.sessions.by_hash(b"c") is None


def test_ending_a_till_is_the_merchants_own_business(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    with open_work(database, merchants.cafe.id, clock=clock) as work:
        for token_hash, merchant in ((b"a", merchants.cafe), (b"b", merchants.gym)):
            work.sessions.add(
                a_session(token_hash=token_hash, kind="till", merchant_id=merchant.id, till_id=9)
            )

        work.sessions.end_of_till(9)

        assert work.sessions.by_hash(b"a") is None
        assert work.sessions.by_hash(b"b") is not None


def test_link_is_spent_once(database: Database, clock: ManualClock, merchants: Merchants) -> None:
    with open_work(database, None, clock=clock) as work:
        work.sessions.add_link(a_link(merchants.cafe.id))

        assert work.sessions.spend_link(b"l" * 32)
        assert not work.sessions.spend_link(b"l" * 32)
        assert not work.sessions.spend_link(b"unknown")
        spent = work.sessions.link(b"l" * 32)
    assert spent == a_link(merchants.cafe.id, spent_at=START)


@pytest.mark.parametrize(("minutes", "works"), [(9, True), (10, False), (11, False)])
def test_link_is_dead_from_the_moment_it_expires(
    database: Database, clock: ManualClock, merchants: Merchants, minutes: int, works: bool
) -> None:
    with open_work(database, None, clock=clock) as work:
        work.sessions.add_link(a_link(merchants.cafe.id))
        clock.advance(minutes=minutes)

        assert work.sessions.spend_link(b"l" * 32) is works


def test_eight_threads_spend_a_link_once(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    with open_work(database, None, clock=clock) as work:
        work.sessions.add_link(a_link(merchants.cafe.id))
        work.commit()
    start = threading.Barrier(8)
    answers: list[bool] = []

    def click() -> None:
        start.wait()
        answers.append(
            run_work(database, None, lambda work: work.sessions.spend_link(b"l" * 32), clock=clock)
        )

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [False] * 7 + [True]


def test_dropped_links_are_dead_and_others_live(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    cafe = merchants.cafe.id
    with open_work(database, cafe, clock=clock) as work:
        work.sessions.add_link(a_link(cafe, token_hash=b"a"))
        work.sessions.add_link(a_link(cafe, token_hash=b"b", subject_id=6))
        work.sessions.add_link(a_link(merchants.gym.id, token_hash=b"c"))

        work.sessions.drop_links("staff_pin", 5)

        assert not work.sessions.spend_link(b"a")
        assert work.sessions.spend_link(b"b")
        assert work.sessions.spend_link(b"c")


def test_what_ran_out_is_forgotten_after_a_day(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    with open_work(database, None, clock=clock) as work:
        work.sessions.add(a_session(expires_at=START + timedelta(days=2)))
        work.sessions.add_link(a_link(merchants.cafe.id))
        work.buckets.take("pin|1", capacity=1, refill_per_s=1)
        beat(work.scope, "worker-1", {})

        clock.advance(hours=25)
        assert sweep(work.scope) == 1
        assert work.sessions.link(b"l" * 32) is None
        assert work.sessions.by_hash(b"1" * 32) is not None

        clock.advance(days=7)
        assert sweep(work.scope) == 3
        assert sweep(work.scope) == 0
