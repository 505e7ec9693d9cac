"""Two at the same moment: join, replace, hand over. On both engines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from common.actor import SYSTEM, Actor, ActorKind
from common.clock import ManualClock
from common.errors import Conflict, NotFound, TooMany, WalletError
from loyalty.admission import PilotFull
from loyalty.context import Loyalty
from loyalty.doors import set_join_rules, set_state
from loyalty.enrol import Enrolment
from loyalty.join_links import invite
from loyalty.lost_card import replace_lost_card
from loyalty.merge_members import CannotMerge, merge_members
from loyalty.new_phone import make_new_phone_link, spend_new_phone_link
from loyalty.staff_session import WrongPin, enter_pin
from storage.join_rules import JoinRules, Who
from storage.unit_of_work import open_work
from storage.verify import verify
from tests.support.house import House, a_house

AT_ONCE = 6


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


def together(action: Callable[[int], Any]) -> list[Any]:
    """Run `action` in several threads from one start; results, or the errors of ours."""
    results: list[Any] = [None] * AT_ONCE
    gate = threading.Barrier(AT_ONCE)

    def run(number: int) -> None:
        gate.wait()
        try:
            results[number] = action(number)
        except WalletError as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_one_contact_is_one_member_however_many_join_at_once(house: House) -> None:
    results = together(lambda _n: house.enrol(email="ada@example.com", phone="030 901820"))

    assert all(isinstance(one, Enrolment) for one in results)
    assert len({one.member_id for one in results}) == 1
    assert sum(not one.known for one in results) == 1


def test_one_form_is_one_member_however_often_it_is_sent(house: House) -> None:
    results = together(
        lambda _n: house.enrol(name="Ada", form_key="K" * 26, actor=Actor(kind=ActorKind.MEMBER))
    )

    members = [one for one in results if isinstance(one, Enrolment)]
    assert len({one.member_id for one in members}) == 1
    assert len({one.card_token for one in members}) == 1
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        assert len(work.members.recent()) == 1


def test_a_lost_card_is_replaced_once(house: House) -> None:
    member = house.enrol()

    results = together(
        lambda _n: replace_lost_card(
            house.ctx, house.merchant_id, member.member_id, actor=SYSTEM, generation=1
        )
    )

    assert sum(isinstance(one, Conflict) for one in results) == AT_ONCE - 1
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        assert work.members.get(member.member_id).generation == 2
        assert work.passes.current_of_member(member.member_id).generation == 2


def test_a_code_for_a_new_phone_serves_one_phone(house: House) -> None:
    member = house.enrol()
    link = make_new_phone_link(house.ctx, house.merchant_id, member.member_id, actor=SYSTEM)

    results = together(lambda _n: spend_new_phone_link(house.ctx, link.token))

    assert sum(one == member.card_token for one in results) == 1
    assert sum(isinstance(one, NotFound) for one in results) == AT_ONCE - 1


def test_wrong_pins_sent_at_once_are_counted_each(house: House) -> None:
    results = together(lambda _n: enter_pin(house.ctx, house.till_token, "0101"))

    assert sum(isinstance(one, WrongPin) for one in results) == 5
    assert sum(isinstance(one, TooMany) for one in results) == 1


def test_a_contact_of_one_shop_says_nothing_to_another(
    house: House, ctx: Loyalty, clock: ManualClock
) -> None:
    gym = a_house(ctx, clock, merchant_id=102)
    first = house.enrol(email="ada@example.com")

    second = gym.enrol(email="ada@example.com")

    assert not second.known
    with open_work(ctx.database, 101, clock=clock, writing=False) as work:
        ours = work.members.get(first.member_id)
    with open_work(ctx.database, 102, clock=clock, writing=False) as work:
        theirs = work.members.get(second.member_id)
        with pytest.raises(NotFound):
            work.members.get(first.member_id)
    assert ours.email_index != theirs.email_index


def test_the_last_place_of_a_pilot_goes_to_one(house: House) -> None:
    set_join_rules(
        house.ctx, house.merchant_id, house.programme_id, JoinRules(pilot_max=2), actor=SYSTEM
    )
    set_state(house.ctx, house.merchant_id, house.programme_id, "pilot", actor=SYSTEM)
    house.enrol(name="First", source="join")

    results = together(lambda number: house.enrol(name=f"Ada {number}", source="join"))

    assert sum(isinstance(one, Enrolment) for one in results) == 1
    assert sum(isinstance(one, PilotFull) for one in results) == AT_ONCE - 1


def test_an_invitation_for_one_lets_one_in(house: House) -> None:
    rules = JoinRules(who=Who.INVITED)
    set_join_rules(house.ctx, house.merchant_id, house.programme_id, rules, actor=SYSTEM)
    (once,) = invite(house.ctx, house.merchant_id, house.programme_id, label="", actor=SYSTEM)

    results = together(
        lambda number: house.enrol(name=f"Ada {number}", source="join", invitation=once.code)
    )

    assert sum(isinstance(one, Enrolment) for one in results) == 1


def test_two_owners_merge_the_same_cards_once(house: House) -> None:
    kept, merged = (house.enrol(name="Ada").member_id for _each in range(2))

    results = together(
        lambda number: merge_members(
            house.ctx,
            house.merchant_id,
            *((kept, merged) if number % 2 else (merged, kept)),
            actor=SYSTEM,
        )
    )

    assert sum(isinstance(one, int) for one in results) == 1
    assert sum(isinstance(one, CannotMerge) for one in results) == AT_ONCE - 1
    assert verify(house.ctx.database) == []
