"""A member is erased: in the books, in both wallets, and after a restore of an older backup."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from common.actor import SYSTEM
from loyalty.enrol import EnrolRequest, enrol
from loyalty.erase_member import erase_member
from loyalty.find_member import UnknownCard, find_by_code, find_members
from loyalty.lost_card import replace_lost_card
from storage.members import MemberState
from storage.unit_of_work import open_work
from tests.functional.test_command import data, run, told
from tests.functional.test_google_loop import save
from tests.support.world import Card, World

__all__ = ["data", "run"]


def erase(world: World, card: Card) -> Any:
    return erase_member(world.ctx, world.merchant_id, card.member_id, actor=SYSTEM)


def google_object(world: World, serial_number: str) -> dict[str, Any]:
    shown = world.sandbox.android(world.android)["cards"]
    return next(dict(one) for one in shown if serial_number in one["id"])


def test_the_card_at_google_is_blanked_expired_and_unlinked(world: World) -> None:
    card = world.join("Adaline Lovelace")
    world.spend(card, 1200)
    save(world, card)
    world.start_worker()
    world.settled()

    erase(world, card)

    world.wait_until(lambda: google_object(world, card.serial_number)["state"] == "EXPIRED")
    world.settled()
    left = google_object(world, card.serial_number)
    left.pop("classReference", None)
    kept = {name for name, value in left.items() if value not in (None, [], {})}
    assert kept <= {"id", "classId", "state", "kind", "version", "hasUsers", "passConstraints"}
    assert "Adaline" not in json.dumps(left)


def test_a_card_that_was_given_up_at_google_forgets_too(world: World) -> None:
    card = world.join("Adaline Lovelace")
    save(world, card)
    world.start_worker()
    world.settled()
    world.sandbox.faults(google={"status": 400, "reason": "badRequest", "count": 50})
    world.spend(card, 700)
    parked = "select 1 from delivery where state = 'parked' and channel = 'google_object'"
    world.wait_until(lambda: world._rows(parked))
    world.sandbox.faults(google=None)

    erase(world, card)

    world.wait_until(lambda: google_object(world, card.serial_number)["state"] == "EXPIRED")
    assert "Adaline" not in json.dumps(google_object(world, card.serial_number))


def test_the_card_of_an_earlier_generation_forgets_too(world: World) -> None:
    card = world.join("Adaline Lovelace")
    save(world, card)
    world.start_worker()
    replace_lost_card(world.ctx, world.merchant_id, card.member_id, actor=SYSTEM)
    world.wait_until(lambda: google_object(world, card.serial_number)["state"] == "INACTIVE")
    assert "Adaline" in json.dumps(google_object(world, card.serial_number))

    assert erase(world, card).cards == 2

    world.wait_until(lambda: google_object(world, card.serial_number)["state"] == "EXPIRED")
    assert "Adaline" not in json.dumps(google_object(world, card.serial_number))


def test_the_pass_on_an_iphone_forgets_too(world: World) -> None:
    card = world.join("Adaline Lovelace")
    world.put_on_iphone(card)
    world.start_worker()
    world.settled()

    def shown() -> dict[str, Any]:
        cards = world.sandbox.iphone(world.iphone)["cards"]
        return next(dict(one) for one in cards if card.serial_number in json.dumps(one))

    assert "Adaline" in json.dumps(shown())
    erase(world, card)

    world.wait_until(lambda: "Adaline" not in json.dumps(shown()))
    world.settled()


def test_nothing_of_the_person_is_left_and_no_code_leads_anywhere(world: World) -> None:
    request = EnrolRequest(
        programme_id=world.programme_id,
        name="Adaline Lovelace",
        email="ada@example.com",
        offers=True,
        actor=SYSTEM,
        source="command",
    )
    member = enrol(world.ctx, world.merchant_id, request)

    erase_member(world.ctx, world.merchant_id, member.member_id, actor=SYSTEM)

    for typed in (member.number, "ada@example.com", "Adaline"):
        with pytest.raises(UnknownCard):
            find_members(world.ctx, world.merchant_id, typed)
    with pytest.raises(UnknownCard):
        find_by_code(world.ctx, world.merchant_id, member.number)
    with open_work(world.database, world.merchant_id, clock=world.clock, writing=False) as work:
        left = work.members.get(member.member_id)
        assert work.members.consents(member.member_id)
        assert work.members.erased() == [member.member_id]
    assert left.state == MemberState.ERASED
    assert (left.name, left.name_folded) == ("", "")
    assert left.email_sealed is left.email_index is left.phone_sealed is left.phone_index is None


def test_erasing_twice_is_erasing_once_and_the_contact_may_join_anew(world: World) -> None:
    def ada() -> EnrolRequest:
        return EnrolRequest(
            programme_id=world.programme_id,
            email="ada@example.com",
            actor=SYSTEM,
            source="command",
        )

    first = enrol(world.ctx, world.merchant_id, ada())
    for again in (False, True):
        done = erase_member(world.ctx, world.merchant_id, first.member_id, actor=SYSTEM)
        assert done.again is again

    second = enrol(world.ctx, world.merchant_id, ada())

    assert not second.known
    assert second.member_id != first.member_id


def test_the_command_erases_and_an_older_backup_brings_nobody_back(
    run: Callable[..., Any], data: Any, tmp_path: Any
) -> None:
    told(run("init", "--demo", "--json"))
    issued = told(run("issue", "--programme", "demo", "--name", "Adaline", "--json"))
    told(run("backup", str(tmp_path / "old.zip"), "--json"))

    erased = told(run("member", "erase", issued["member_number"], "--json"))

    assert not erased["again"]
    told(run("balance", issued["member_number"], "--json"), code=1)
    data.rename(tmp_path / "gone")
    back = told(run("restore", str(tmp_path / "old.zip"), "--json"))
    assert back["erased_again"] == 1
    told(run("balance", issued["member_number"], "--json"), code=1)
    told(run("verify", "--json"))


def test_an_unknown_number_erases_nobody(run: Callable[..., Any]) -> None:
    told(run("init", "--demo", "--json"))

    told(run("member", "erase", "not a number", "--json"), code=1)
