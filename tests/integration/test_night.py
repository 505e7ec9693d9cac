"""What nobody asks for: phones that never fetched are pushed again, the books are compared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from common.clock import ManualClock
from delivery.desk import Desk
from delivery.night import reconcile, reconcile_nightly, remind_next
from delivery.settings import DeliverySettings
from loyalty.context import Loyalty
from passes.content import face_digest
from passes.design import Design
from storage import claims as settle
from storage import tables
from storage.claims import Claims
from storage.deliveries import MASS, Channel
from storage.devices import Devices
from storage.faces import load_faces
from storage.mass_changes import MassChanges
from storage.reconciled import last_reconciled
from storage.reminders import START, WAITS, unfetched
from storage.stamps import Stamps
from storage.unit_of_work import UnitOfWork, open_work, run_work
from storage.wallet_passes import WalletPass
from tests.support import builders
from tests.support.builders import CAFE
from tests.support.rules import SPEND, terms_of


@pytest.fixture
def desk(ctx: Loyalty) -> Desk:
    return Desk(
        settings=DeliverySettings(public_url="http://127.0.0.1:1"),
        database=ctx.database,
        clock=ctx.clock,
        keyring=ctx.keyring,
    )


@pytest.fixture
def card(ctx: Loyalty) -> WalletPass:
    """A card on one phone, which fetched it."""

    def action(work: UnitOfWork) -> WalletPass:
        builders.a_pass_type(work)
        programme = builders.a_programme(work)
        version = work.programmes.save_draft(
            programme.id, Design(programme_name="Club", organization_name="Shop")
        )
        work.programmes.publish(programme.id, version)
        member = builders.a_member(work, programme)
        found = work.passes.current_of_member(member.id)
        Stamps(work.scope).hand_out(found.id)
        Devices(work.scope).register(
            found,
            pass_type_id=found.pass_type_id or 0,
            library_identifier="lib",
            push_token="aa",
            due_at=ctx.clock.now(),
        )
        return found

    card = run_work(ctx.database, CAFE.id, action, clock=ctx.clock)
    push(ctx)
    return card


def push(ctx: Loyalty) -> None:
    """What the worker does: stamp, push, record."""

    def action(work: UnitOfWork) -> None:
        claims = Claims(work.scope)
        for claim in claims.claim([Channel.APPLE], lease="push", limit=10):
            stamps = Stamps(work.scope)
            for pass_type_id, ids in stamps.pass_types_of([claim.pass_id or 0]).items():
                for number, changed in enumerate(stamps.changed(ids), stamps.lock(pass_type_id)):
                    stamps.stamp(changed, number + 1, face=None)
            claims.settle([settle.delivered(claim, claim.wanted_revision)])

    run_work(ctx.database, CAFE.id, action, clock=ctx.clock)


def change(ctx: Loyalty, card: WalletPass) -> None:
    run_work(ctx.database, CAFE.id, lambda w: w.deliveries.bump_pass(card.id), clock=ctx.clock)


def fetch(ctx: Loyalty, card: WalletPass) -> None:
    run_work(ctx.database, CAFE.id, lambda w: Stamps(w.scope).hand_out(card.id), clock=ctx.clock)


def row(ctx: Loyalty) -> Any:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        return work.scope.execute(tables.delivery.select()).one()


def counted(ctx: Loyalty) -> tuple[int, int]:
    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        found = unfetched(work.scope)
    return found.phones, found.given_up


def test_a_phone_that_never_fetched_is_pushed_again_later_and_later_and_then_no_more(
    ctx: Loyalty, desk: Desk, card: WalletPass, clock: ManualClock
) -> None:
    change(ctx, card)
    push(ctx)

    for wait in WAITS:
        clock.advance(seconds=wait.total_seconds() - 1)
        assert remind_next(desk, START) == (0, START)
        clock.advance(seconds=2)
        assert remind_next(desk, START) == (1, START)
        assert (row(ctx).priority, row(ctx).delivered_revision) == (MASS, 0)
        push(ctx)

    clock.advance(days=30)
    assert remind_next(desk, START) == (0, START)
    assert counted(ctx) == (1, 1)


def test_a_phone_that_fetched_is_left_alone(
    ctx: Loyalty, desk: Desk, card: WalletPass, clock: ManualClock
) -> None:
    change(ctx, card)
    push(ctx)
    fetch(ctx, card)
    clock.advance(days=2)

    assert remind_next(desk, START) == (0, START)
    assert counted(ctx) == (0, 0)


def test_a_new_change_begins_anew(
    ctx: Loyalty, desk: Desk, card: WalletPass, clock: ManualClock
) -> None:
    change(ctx, card)
    push(ctx)
    for wait in WAITS:
        clock.advance(seconds=wait.total_seconds() + 1)
        remind_next(desk, START)
        push(ctx)

    change(ctx, card)
    push(ctx)
    clock.advance(seconds=WAITS[0].total_seconds() + 1)

    assert remind_next(desk, START) == (1, START)


def test_what_waits_already_is_not_reminded(
    ctx: Loyalty, desk: Desk, card: WalletPass, clock: ManualClock
) -> None:
    change(ctx, card)
    clock.advance(days=2)

    assert remind_next(desk, START) == (0, START)


def test_a_quiet_night_finds_no_difference(ctx: Loyalty, desk: Desk, card: WalletPass) -> None:
    change(ctx, card)

    found = reconcile(desk)

    assert (found.targets, found.difference) == (1, 0)
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        assert last_reconciled(work.scope) == found


def test_a_target_that_wants_something_else_is_told_and_mended(
    ctx: Loyalty, desk: Desk, card: WalletPass, caplog: pytest.LogCaptureFixture
) -> None:
    change(ctx, card)
    with open_work(ctx.database, None, clock=ctx.clock) as work:
        work.scope.execute(tables.delivery.update().values(wanted_revision=1))
        work.commit()

    found = reconcile(desk)

    assert found.wrong == 1
    assert "delivery.reconcile_found" in caplog.text
    assert row(ctx).wanted_revision > 1
    assert reconcile(desk).difference == 0


def test_a_registration_that_nobody_would_tell_is_found(
    ctx: Loyalty, desk: Desk, card: WalletPass
) -> None:
    with open_work(ctx.database, None, clock=ctx.clock) as work:
        work.scope.execute(tables.delivery.delete())
        work.commit()

    assert reconcile(desk).unwatched == 1
    assert row(ctx).pass_id == card.id
    assert reconcile(desk).difference == 0


def test_a_card_that_says_something_else_than_the_books_is_wanted_again(
    ctx: Loyalty, desk: Desk, card: WalletPass
) -> None:
    table = tables.wallet_pass
    with open_work(ctx.database, None, clock=ctx.clock) as work:
        work.scope.execute(
            table.update().values(stamped_face=b"x" * 32, stamped_revision=table.c.revision)
        )
        work.commit()

    found = reconcile(desk)

    assert (found.cards, found.stale) == (1, 1)
    assert row(ctx).wanted_revision > row(ctx).delivered_revision


def told(ctx: Loyalty, desk: Desk, card: WalletPass) -> None:
    """The worker stamped what the card says now."""

    def action(work: UnitOfWork) -> None:
        faces = load_faces(
            work, [card.id], keyring=ctx.keyring, public_url=desk.settings.public_url
        )
        face = face_digest(faces[card.id].design, faces[card.id].content)
        stamps = Stamps(work.scope)
        (changed,) = stamps.changed([card.id])
        stamps.stamp(changed, stamps.lock(card.pass_type_id or 0) + 1, face=face)

    change(ctx, card)
    run_work(ctx.database, CAFE.id, action, clock=ctx.clock)


def publish_another_look(ctx: Loyalty, card: WalletPass) -> int:
    """Nothing is moved yet; returns the change of many cards."""

    def action(work: UnitOfWork) -> int:
        design = Design(programme_name="Circle", organization_name="Shop")
        version = work.programmes.save_draft(card.programme_id, design)
        work.programmes.publish(card.programme_id, version)
        work.deliveries.bump_programme(card.programme_id, reason="design")
        return MassChanges(work.scope).lines()[0].id

    return run_work(ctx.database, CAFE.id, action, clock=ctx.clock)


@pytest.mark.parametrize("turn", ["", "pause", "cancel"])
def test_a_card_that_a_change_has_not_come_to_is_no_difference(
    ctx: Loyalty, desk: Desk, card: WalletPass, turn: str
) -> None:
    told(ctx, desk, card)
    change_id = publish_another_look(ctx, card)
    if turn:
        run_work(
            ctx.database,
            CAFE.id,
            lambda work: getattr(MassChanges(work.scope), turn)(change_id),
            clock=ctx.clock,
        )

    assert reconcile(desk).difference == 0


def test_a_later_change_that_came_through_is_looked_at_again(
    ctx: Loyalty, desk: Desk, card: WalletPass, clock: ManualClock
) -> None:
    told(ctx, desk, card)
    ended = publish_another_look(ctx, card)
    run_work(ctx.database, CAFE.id, lambda w: MassChanges(w.scope).cancel(ended), clock=clock)
    publish_another_look(ctx, card)
    with open_work(ctx.database, None, clock=clock) as work:
        table = tables.mass_change
        done = table.update().where(table.c.done_at.is_(None))
        work.scope.execute(done.values(done_at=clock.now(), cursor_id=card.id))
        work.commit()

    assert reconcile(desk).stale == 1


def test_a_void_card_is_no_difference(ctx: Loyalty, desk: Desk, card: WalletPass) -> None:
    told(ctx, desk, card)
    table = tables.wallet_pass
    with open_work(ctx.database, None, clock=ctx.clock) as work:
        work.scope.execute(table.update().values(voided_at=ctx.clock.now()))
        work.commit()

    assert reconcile(desk).difference == 0


def test_what_only_the_day_changed_is_wanted_and_is_no_difference(
    ctx: Loyalty, desk: Desk, card: WalletPass, clock: ManualClock
) -> None:
    moment = clock.now() + timedelta(hours=1)

    def new_rules(work: UnitOfWork) -> None:
        work.programmes.add_terms(card.programme_id, terms_of(SPEND))
        work.programmes.add_terms(card.programme_id, terms_of(SPEND), effective_at=moment)

    run_work(ctx.database, CAFE.id, new_rules, clock=clock)
    told(ctx, desk, card)  # it says from when on there are new rules
    wanted = row(ctx).wanted_revision
    clock.advance(hours=2)

    found = reconcile(desk)

    assert (found.turned, found.difference) == (1, 0)
    assert row(ctx).wanted_revision > wanted


def test_the_night_is_one_workers(desk: Desk, card: WalletPass, clock: ManualClock) -> None:
    assert reconcile_nightly(desk) is None
    clock.advance(days=1)

    assert reconcile_nightly(desk) is not None
    assert reconcile_nightly(desk) is None


def test_the_lag_of_a_fetch_is_measured_from_the_commit(
    ctx: Loyalty, card: WalletPass, clock: ManualClock
) -> None:
    change(ctx, card)
    clock.advance(seconds=3)
    push(ctx)
    clock.advance(seconds=4)
    fetch(ctx, card)
    fetch(ctx, card)

    table = tables.lag_count
    with open_work(ctx.database, None, clock=clock, writing=False) as work:
        rows = work.scope.execute(table.select().order_by(table.c.step)).all()
    assert [(one.step, one.bound_ms, one.count) for one in rows] == [
        ("fetched", 10_000, 1),
        ("told", 5_000, 1),
    ]
