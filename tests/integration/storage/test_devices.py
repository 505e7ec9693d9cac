"""Registrations under races, and mass changes in slices."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from common.clock import ManualClock
from loyalty.context import Loyalty
from storage import tables
from storage.devices import Devices
from storage.mass_changes import MassChanges
from storage.unit_of_work import UnitOfWork, open_work, run_work
from storage.wallet_passes import WalletPass
from tests.support import builders
from tests.support.builders import CAFE


@pytest.fixture
def card(ctx: Loyalty) -> WalletPass:
    def action(work: UnitOfWork) -> WalletPass:
        builders.a_pass_type(work)
        member = builders.a_member(work, builders.a_programme(work))
        return work.passes.current_of_member(member.id)

    return run_work(ctx.database, CAFE.id, action, clock=ctx.clock)


def register(ctx: Loyalty, card: WalletPass, *, library: str = "lib", token: str = "aa") -> bool:
    assert card.pass_type_id is not None
    pass_type_id = card.pass_type_id
    return run_work(
        ctx.database,
        CAFE.id,
        lambda work: Devices(work.scope).register(
            card,
            pass_type_id=pass_type_id,
            library_identifier=library,
            push_token=token,
            due_at=ctx.clock.now(),
        ),
        clock=ctx.clock,
    )


def counts(ctx: Loyalty) -> tuple[int, int, int]:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        return (
            len(work.scope.execute(tables.device.select()).all()),
            len(work.scope.execute(tables.registration.select()).all()),
            len(work.scope.execute(tables.delivery.select()).all()),
        )


def test_one_phone_registering_eight_times_at_once_is_one_registration(
    ctx: Loyalty, card: WalletPass
) -> None:
    start = threading.Barrier(8)

    def again(number: int) -> bool:
        start.wait()
        return register(ctx, card, token=f"a{number}")

    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(again, range(8)))

    assert sorted(new) == [False] * 7 + [True]
    assert counts(ctx) == (1, 1, 1)


def test_a_phone_and_its_watch_register_at_once(ctx: Loyalty, card: WalletPass) -> None:
    start = threading.Barrier(2)

    def one(library: str) -> bool:
        start.wait()
        return register(ctx, card, library=library)

    with ThreadPoolExecutor(2) as pool:
        new = list(pool.map(one, ["phone", "watch"]))

    assert new == [True, True]
    assert counts(ctx) == (2, 2, 2)


def test_a_registration_is_wanted_now_and_told_nothing_yet(ctx: Loyalty, card: WalletPass) -> None:
    register(ctx, card)

    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        (row,) = work.scope.execute(tables.delivery.select()).all()
        stored = work.passes.get(card.id)
    assert (row.wanted_revision, row.delivered_revision) == (card.revision, 0)
    assert stored.stamp == 1
    assert stored.stamped_revision == stored.revision


def test_a_new_token_starts_again_from_nothing_delivered(ctx: Loyalty, card: WalletPass) -> None:
    register(ctx, card, token="aa")
    with open_work(ctx.database, CAFE.id, clock=ctx.clock) as work:
        work.scope.execute(tables.delivery.update().values(delivered_revision=1, state="parked"))
        work.commit()

    register(ctx, card, token="bb")

    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        (row,) = work.scope.execute(tables.delivery.select()).all()
    assert (row.delivered_revision, row.state) == (0, "open")


def test_a_death_seen_before_the_phone_came_back_ends_nothing(
    ctx: Loyalty, card: WalletPass
) -> None:
    register(ctx, card)
    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        (device,) = work.passes.devices_of_pass(card.id)
    before = device.push_token_at - timedelta(seconds=1)

    def end(work: UnitOfWork) -> tuple[bool, bool]:
        devices = Devices(work.scope)
        early = devices.end_device(device.id, push_token="aa", token_before=before)
        late = devices.end_device(device.id, push_token="aa", token_before=device.push_token_at)
        return early, late

    assert run_work(ctx.database, CAFE.id, end, clock=ctx.clock) == (False, True)
    assert counts(ctx) == (1, 0, 0)
    assert register(ctx, card)


def end_with(ctx: Loyalty, card: WalletPass, token: str, died_at: datetime) -> bool:
    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        (device,) = work.passes.devices_of_pass(card.id)
    return run_work(
        ctx.database,
        CAFE.id,
        lambda work: Devices(work.scope).end_device(
            device.id, push_token=token, token_before=died_at
        ),
        clock=ctx.clock,
    )


def test_a_new_token_outlives_the_old_one_though_our_clock_went_back(
    ctx: Loyalty, card: WalletPass, clock: ManualClock
) -> None:
    register(ctx, card, token="old")
    died_at = clock.now() + timedelta(minutes=1)  # by the push service's clock
    clock.advance(hours=-2)
    register(ctx, card, token="new")

    assert not end_with(ctx, card, "old", died_at)
    assert counts(ctx)[1] == 1


def test_a_dead_token_that_was_stored_by_a_clock_ahead_ends_all_the_same(
    ctx: Loyalty, card: WalletPass, clock: ManualClock
) -> None:
    clock.advance(days=2)
    register(ctx, card, token="old")
    clock.advance(days=-2)

    assert end_with(ctx, card, "old", clock.now())
    assert counts(ctx)[1] == 0


def test_a_mass_change_moves_every_card_in_slices(ctx: Loyalty) -> None:
    def action(work: UnitOfWork) -> int:
        builders.a_pass_type(work)
        programme = builders.a_programme(work)
        for _card in range(7):
            member = builders.a_member(work, programme)
            builders.a_registration(work, work.passes.current_of_member(member.id))
        work.deliveries.bump_programme(programme.id, reason="design")
        work.deliveries.bump_programme(programme.id, reason="design")
        return programme.id

    run_work(ctx.database, CAFE.id, action, clock=ctx.clock)

    def slice_of(work: UnitOfWork) -> int | None:
        changes = MassChanges(work.scope)
        change = changes.take()
        return None if change is None else changes.move(change, limit=3)

    moved = [run_work(ctx.database, None, slice_of, clock=ctx.clock) for _slice in range(4)]

    assert moved == [3, 3, 1, None]
    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        cards = work.scope.execute(tables.wallet_pass.select()).all()
        wanted = work.scope.execute(tables.delivery.select()).all()
    assert {card.revision for card in cards} == {2}
    assert {row.wanted_revision for row in wanted} == {2}


def test_log_lines_are_pruned(ctx: Loyalty) -> None:
    def write(work: UnitOfWork) -> list[str]:
        devices = Devices(work.scope)
        devices.add_log_lines([f"line {n}" for n in range(1005)])
        return [text for _at, text in devices.log_lines(limit=2000)]

    kept = run_work(ctx.database, CAFE.id, write, clock=ctx.clock)

    assert len(kept) == 1000
    assert kept[0] == "line 1004"
