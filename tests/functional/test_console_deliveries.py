"""The page of what is on its way: percentiles, stopped channels, and changes that can be held."""

from __future__ import annotations

from datetime import timedelta

import pytest

from loyalty.context import Loyalty
from storage.breakers import Breakers
from storage.deliveries import COUNTER
from storage.lag_counts import Lag, LagStep, add_lags
from storage.lagging import Channel
from storage.mass_changes import MassChanges, MassState
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.support.builders import CAFE
from tests.support.console import an_owner
from tests.support.house import House, a_house, an_app

PAGE = "/console/deliveries"


@pytest.fixture
def house(ctx: Loyalty, clock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def owner(ctx: Loyalty, house: House):
    return an_owner(an_app(ctx), ctx, CAFE.id)


def a_change(ctx: Loyalty) -> int:
    def action(work: UnitOfWork) -> int:
        (programme,) = work.programmes.all()
        work.deliveries.bump_programme(programme.id, reason="design")
        return MassChanges(work.scope).lines()[0].id

    return run_work(ctx.database, CAFE.id, action, clock=ctx.clock)


def state(ctx: Loyalty) -> MassState:
    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        return MassChanges(work.scope).lines()[0].state


def test_a_change_is_held_let_go_on_and_ended_from_the_page(ctx, owner):
    change_id = a_change(ctx)

    base = f"{PAGE}/changes/{change_id}"

    assert "New design" in owner.get(PAGE).text
    held = owner.send(f"{base}/pause")
    assert "Held." in held.text
    assert state(ctx) is MassState.PAUSED
    stale = owner.page
    owner.send(f"{base}/resume")
    assert state(ctx) is MassState.WAITING
    owner.send(f"{base}/cancel")
    assert state(ctx) is MassState.CANCELLED
    owner.page = stale
    assert "over already" in owner.send(f"{base}/resume").text
    assert state(ctx) is MassState.CANCELLED


def test_percentiles_and_a_stopped_channel_are_told_in_words(ctx, owner):
    def action(work: UnitOfWork) -> None:
        Breakers(work.scope).open("apple", reason="BadDeviceToken")
        lag = Lag(
            merchant_id=CAFE.id,
            channel=Channel.APPLE,
            step=LagStep.TOLD,
            priority=COUNTER,
            took=timedelta(milliseconds=40),
        )
        add_lags(work.scope, [lag])

    run_work(ctx.database, CAFE.id, action, clock=ctx.clock)

    text = owner.get(PAGE).text

    assert "Apple Wallet stands still" in text
    assert "no phone was dropped" in text
    assert "until the phone was told" in text
    assert "ms" in text


def test_an_empty_shop_has_a_calm_page(owner):
    text = owner.get(PAGE).text

    assert "Nothing measured yet" in text
    assert "Every phone is up to date" in text
    assert "The first night is still to come" in text
