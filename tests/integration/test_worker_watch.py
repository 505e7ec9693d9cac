"""A web process misses the worker, and tells the owners itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from delivery.alarms import raise_alarms
from delivery.desk import Desk
from delivery.mail_settings import read_mail_settings
from delivery.settings import DeliverySettings
from delivery.worker_watch import SILENT_AFTER, watch_workers
from loyalty.context import Loyalty
from loyalty.owners import add_owner
from storage.signs_of_life import WEB, beat
from storage.unit_of_work import UnitOfWork, run_work
from storage.wakeups import take_leave
from tests.support import builders
from tests.support.builders import CAFE, GYM, PUBLIC_URL
from tests.support.mailbox import Mailbox


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as box:
        yield box


@pytest.fixture
def desk(ctx: Loyalty, mailbox: Mailbox) -> Desk:
    for merchant_id in (CAFE.id, GYM.id):
        add_owner(ctx, merchant_id, email=f"o{merchant_id}@example.com", name="O", actor=SYSTEM)
    mail = read_mail_settings(f"smtp://127.0.0.1:{mailbox.port}", "cards@shop.example")
    return Desk(
        settings=DeliverySettings(public_url=PUBLIC_URL, mail=mail),
        database=ctx.database,
        clock=ctx.clock,
        keyring=ctx.keyring,
    )


def lives(ctx: Loyalty, name: str = "host-1") -> None:
    run_work(ctx.database, None, lambda work: beat(work.scope, name, {}), clock=ctx.clock)


def something_waits(ctx: Loyalty) -> None:
    def action(work: UnitOfWork) -> None:
        member = builders.a_member(work, builders.a_programme(work))
        work.deliveries.want_google_object(work.passes.current_of_member(member.id).id)

    run_work(ctx.database, CAFE.id, action, clock=ctx.clock)


def pass_by(clock: ManualClock, more: timedelta = timedelta(seconds=1)) -> None:
    clock.advance(seconds=(SILENT_AFTER + more).total_seconds())


def test_a_worker_that_fell_silent_is_told_once_to_every_shop(
    ctx: Loyalty, clock: ManualClock, desk: Desk, mailbox: Mailbox
) -> None:
    lives(ctx)
    lives(ctx, f"{WEB}host-2")
    assert watch_workers(desk) == 0
    pass_by(clock)
    lives(ctx, f"{WEB}host-2")  # a web process is no worker

    assert watch_workers(desk) == 2
    pass_by(clock)
    assert watch_workers(desk) == 0

    assert [mail["Subject"] for mail in mailbox.mails] == [
        "Café Corner: The worker does not run",
        "Gym North: The worker does not run",
    ]
    assert "5 minutes" in str(mailbox.mails[0].get_body(("plain",)))


def test_the_next_silence_is_told_again(
    ctx: Loyalty, clock: ManualClock, desk: Desk, mailbox: Mailbox
) -> None:
    for _time in range(2):
        lives(ctx)
        raise_alarms(desk)  # a worker lives, and forgets what was told
        pass_by(clock)
        assert watch_workers(desk) == 2

    assert len(mailbox.mails) == 4


def test_a_worker_that_was_told_to_end_is_missed_when_something_waits(
    ctx: Loyalty, clock: ManualClock, desk: Desk
) -> None:
    lives(ctx)
    take_leave(ctx.database, "host-1", clock=ctx.clock)
    pass_by(clock)
    assert watch_workers(desk) == 0

    something_waits(ctx)
    clock.advance(seconds=61)
    assert watch_workers(desk) == 0
    pass_by(clock)
    assert watch_workers(desk) == 2


def test_a_mail_server_that_is_away_is_asked_again(
    ctx: Loyalty, clock: ManualClock, desk: Desk, mailbox: Mailbox
) -> None:
    lives(ctx)
    pass_by(clock)
    mailbox.refuse_data = "451 later"
    assert watch_workers(desk) == 0
    mailbox.refuse_data = ""
    clock.advance(seconds=61)

    assert watch_workers(desk) == 2


def test_of_many_web_processes_one_looks(ctx: Loyalty, clock: ManualClock, desk: Desk) -> None:
    lives(ctx)
    pass_by(clock)

    assert [watch_workers(desk), watch_workers(desk)] == [2, 0]


def test_a_moment_that_a_wrong_clock_wrote_is_no_silence(
    ctx: Loyalty, clock: ManualClock, desk: Desk
) -> None:
    lives(ctx)
    clock.advance(days=-2)

    assert watch_workers(desk) == 0
