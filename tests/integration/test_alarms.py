"""Alarms by e-mail: once for each cause, to every owner, again only after it was over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from delivery.alarms import raise_alarms
from delivery.desk import Desk
from delivery.mail_settings import read_mail_settings
from delivery.settings import DeliverySettings
from loyalty.context import Loyalty
from loyalty.owners import add_owner
from storage import tables
from storage.breakers import Breakers
from storage.outbox import NewRow, OutboxKind
from storage.unit_of_work import UnitOfWork, run_work
from tests.support import builders
from tests.support.builders import CAFE, GYM, PUBLIC_URL
from tests.support.letters import waiting


@pytest.fixture
def desk(ctx: Loyalty) -> Desk:
    for merchant_id in (CAFE.id, GYM.id):
        add_owner(ctx, merchant_id, email=f"o{merchant_id}@example.com", name="O", actor=SYSTEM)
    add_owner(ctx, CAFE.id, email="second@example.com", name="S", actor=SYSTEM)
    mail = read_mail_settings("smtp://127.0.0.1:1", "cards@shop.example")
    return Desk(
        settings=DeliverySettings(public_url=PUBLIC_URL, mail=mail),
        database=ctx.database,
        clock=ctx.clock,
        keyring=ctx.keyring,
    )


def stop(ctx: Loyalty, channel: str = "apple") -> None:
    run_work(
        ctx.database,
        CAFE.id,
        lambda work: Breakers(work.scope).open(channel, reason="BadCertificate"),
        clock=ctx.clock,
    )


def subjects(ctx: Loyalty, merchant_id: int = CAFE.id) -> list[str]:
    return [letter.subject for _kind, _mail, letter in waiting(ctx, merchant_id)]


def test_a_channel_that_stands_still_is_told_once_to_every_owner(
    ctx: Loyalty, clock: ManualClock, desk: Desk
) -> None:
    stop(ctx)
    assert raise_alarms(desk) == 0
    clock.advance(minutes=5)

    assert raise_alarms(desk) == 1
    clock.advance(minutes=5)
    assert raise_alarms(desk) == 0

    assert subjects(ctx) == ["Café Corner: Apple Wallet stands still"] * 2
    assert subjects(ctx, GYM.id) == []


def test_what_was_mended_may_be_told_again(ctx: Loyalty, clock: ManualClock, desk: Desk) -> None:
    for _time in range(2):
        stop(ctx)
        clock.advance(minutes=6)
        assert raise_alarms(desk) == 1
        run_work(
            ctx.database,
            CAFE.id,
            lambda work: Breakers(work.scope).close("apple"),
            clock=clock,
        )
        clock.advance(minutes=2)
        raise_alarms(desk)


def test_two_workers_tell_it_once(ctx: Loyalty, clock: ManualClock, desk: Desk) -> None:
    stop(ctx)
    clock.advance(minutes=6)

    assert raise_alarms(desk) + raise_alarms(desk) == 1


def test_rows_that_were_given_up_are_told_with_their_reason(
    ctx: Loyalty, clock: ManualClock, desk: Desk
) -> None:
    def park(work: UnitOfWork) -> None:
        programme = builders.a_programme(work)
        member = builders.a_member(work, programme)
        work.deliveries.want_google_object(work.passes.current_of_member(member.id).id)
        work.scope.execute(
            work.scope.update(tables.delivery).values(state="parked", last_error="invalidResource")
        )

    run_work(ctx.database, CAFE.id, park, clock=clock)

    assert raise_alarms(desk) == 1
    letter = waiting(ctx, CAFE.id)[0][2]
    assert letter.title == "Updates were given up"
    assert "invalidResource" in letter.paragraphs[0]


def test_a_change_that_waits_long_is_told(ctx: Loyalty, clock: ManualClock, desk: Desk) -> None:
    def want(work: UnitOfWork) -> None:
        programme = builders.a_programme(work)
        member = builders.a_member(work, programme)
        work.deliveries.want_google_object(work.passes.current_of_member(member.id).id)

    run_work(ctx.database, CAFE.id, want, clock=clock)
    clock.advance(minutes=31)

    assert raise_alarms(desk) == 1
    assert subjects(ctx)[0] == "Café Corner: Updates wait: Google Wallet"


def test_a_certificate_is_told_at_each_of_its_days(
    ctx: Loyalty, clock: ManualClock, desk: Desk
) -> None:
    def certify(work: UnitOfWork) -> None:
        pass_type = builders.a_pass_type(work, sandbox=False)
        work.scope.execute(
            work.scope.insert(
                tables.apple_certificate,
                id=1,
                pass_type_id=pass_type.id,
                certificate_pem="",
                intermediate_pem="",
                key_sealed=b"",
                serial_hex="01",
                not_before=clock.now(),
                not_after=clock.now() + timedelta(days=61),
                created_at=clock.now(),
            )
        )

    run_work(ctx.database, CAFE.id, certify, clock=clock)

    told = []
    for _day in range(63):
        told.append(raise_alarms(desk))
        clock.advance(days=1)

    assert sum(told) == 5
    assert [number for number, one in enumerate(told) if one] == [1, 31, 54, 60, 61]


def test_mails_that_were_refused_are_told_but_never_alarms_about_alarms(
    ctx: Loyalty, clock: ManualClock, desk: Desk
) -> None:
    def die(work: UnitOfWork) -> None:
        for kind in (OutboxKind.WELCOME, OutboxKind.ALARM):
            work.outbox.add(NewRow(kind=kind, receiver=b"x", life=timedelta(days=1)))
        work.scope.execute(
            work.scope.update(tables.outbox).values(state="dead", last_error="receiver 550")
        )

    run_work(ctx.database, CAFE.id, die, clock=clock)

    assert raise_alarms(desk) == 1
    table = tables.outbox

    def count(work: UnitOfWork) -> int:
        rows = work.scope.execute(work.scope.select(table).where(table.c.state == "open"))
        return len(rows.all())

    assert run_work(ctx.database, CAFE.id, count, clock=clock) == 2


def test_without_a_mail_server_nothing_is_told(ctx: Loyalty, clock: ManualClock) -> None:
    stop(ctx)
    clock.advance(minutes=6)
    silent = Desk(
        settings=DeliverySettings(public_url=PUBLIC_URL),
        database=ctx.database,
        clock=clock,
        keyring=ctx.keyring,
    )

    assert raise_alarms(silent) == 0
