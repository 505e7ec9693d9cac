"""A member's page: who holds the card at Google, and forgetting a person; on both engines."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from flask import Flask

from common.clock import ManualClock
from loyalty.context import Loyalty
from storage.members import MemberState
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.support.console import a_manager, an_owner
from tests.support.house import Browser, House, a_house, an_app


@pytest.fixture
def app(ctx: Loyalty) -> Flask:
    return an_app(ctx)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def owner(app: Flask, ctx: Loyalty, house: House) -> Browser:
    return an_owner(app, ctx, house.merchant_id)


def at_google(house: House, member_id: int) -> int:
    def action(work: UnitOfWork) -> int:
        card = work.passes.current_of_member(member_id)
        work.passes.set_google_object(card.id, f"3388000000000000001.{card.serial_number}")
        return card.id

    return run_work(house.ctx.database, house.merchant_id, action, clock=house.clock)


def told(house: House, pass_id: int, event: str, *, hours: int) -> None:
    until = house.clock.now() + timedelta(hours=hours)
    run_work(
        house.ctx.database,
        house.merchant_id,
        lambda work: work.google_callbacks.note(pass_id, event, until),
        clock=house.clock,
    )


def test_the_page_says_whether_the_card_is_saved_at_google(owner: Browser, house: House) -> None:
    member_id = house.enrol(name="Ada").member_id
    path = f"/console/members/{member_id}"

    def shown() -> str:
        return html.unescape(owner.get(path).text)

    assert "Google Wallet" not in shown()
    card = at_google(house, member_id)
    assert "nobody has told yet" in shown()
    told(house, card, "save", hours=1)
    assert "Saved in Google Wallet" in shown()
    told(house, card, "del", hours=2)
    assert "Not in Google Wallet any more" in shown()


def test_the_owner_erases_a_member(owner: Browser, house: House) -> None:
    member_id = house.enrol(name="Adaline Lovelace", email="ada@example.com").member_id
    path = f"/console/members/{member_id}"
    assert "This cannot be undone" in owner.get(path).text

    owner.send(f"{path}/erase")
    again = owner.get(path).text

    assert "Adaline" not in again
    assert "Erase for ever" not in again
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        assert work.members.get(member_id).state == MemberState.ERASED
        assert work.audit.latest(1)[0].action == "member.erase"


def test_a_manager_is_not_offered_to_erase(app: Flask, ctx: Loyalty, house: House) -> None:
    manager = a_manager(app, ctx, house.merchant_id)
    member_id = house.enrol(name="Ada").member_id

    assert "Erase for ever" not in manager.get(f"/console/members/{member_id}").text
