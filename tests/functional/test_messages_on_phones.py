"""A message on real sockets: an iPhone says it, Android rings within its three a day, both forget it."""

from __future__ import annotations

from typing import Any

from common.actor import SYSTEM
from loyalty.messages import NewMessage, message_page, send_message, withdraw_message
from loyalty.save_to_google import google_save_link
from storage.deliveries import Channel
from storage.messages import MessageState
from storage.segments import Segment, SegmentKind
from storage.unit_of_work import UnitOfWork, run_work
from tests.support.world import Card, World

EVERYONE = Segment(kind=SegmentKind.ALL)


def save(world: World, card: Card) -> None:
    link = google_save_link(world.ctx, world.merchant_id, card.member_id)
    assert world.sandbox.save_to_google(link, phone=world.android).status_code == 303


def say(world: World, words: str, *, loud: bool = True) -> int:
    new = NewMessage(
        programme_id=world.programme_id, segment=EVERYONE, texts={"en": words}, loud=loud
    )
    return send_message(world.ctx, world.merchant_id, new, actor=SYSTEM)


def is_sent(world: World, message_id: int) -> bool:
    page = message_page(world.ctx, world.merchant_id, message_id)
    return page.message.state == MessageState.SENT


def iphone_notices(world: World) -> list[str]:
    return [one["text"] for one in world.sandbox.iphone(world.iphone)["notices"]]


def android_notices(world: World) -> list[Any]:
    return list(world.sandbox.android(world.android)["notices"])


def outbox_rows(world: World) -> list[dict[str, Any]]:
    return world._rows("select * from outbox order by id")


def no_rows_wait(world: World) -> bool:
    return all(row["state"] == "sent" for row in outbox_rows(world))


def test_both_phones_get_it_and_its_page_counts_them(world: World) -> None:
    card, other = world.join(), world.join("Ben")
    world.put_on_iphone(card)
    save(world, other)
    world.start_worker(slice_every_s=0.05)
    world.publishing_done()
    world.settled()

    message_id = say(world, "Double points today")
    world.wait_until(lambda: is_sent(world, message_id))
    world.wait_until(lambda: any("Double points today" in one for one in iphone_notices(world)))
    world.wait_until(lambda: android_notices(world))
    world.settled()
    world.wait_until(lambda: no_rows_wait(world))

    result = message_page(world.ctx, world.merchant_id, message_id).result
    assert (result.cards, result.told, result.delivered, result.fetched) == (2, 2, 2, 1)
    assert result.visited == 0
    world.spend(other, 500)
    assert message_page(world.ctx, world.merchant_id, message_id).result.visited == 1


def test_android_rings_three_times_a_day_and_then_shows_it_silently(world: World) -> None:
    save(world, world.join())
    world.start_worker(slice_every_s=0.05)
    world.publishing_done()
    world.settled()

    for number in range(4):
        message_id = say(world, f"Number {number}")
        world.wait_until(lambda message_id=message_id: is_sent(world, message_id))
        world.wait_until(lambda: no_rows_wait(world))

    assert len(android_notices(world)) == 3
    loud = [
        one["loud"]
        for one in world.sandbox.events()
        if one["kind"] == "google.message" and one["header"] == "Bean Club"
    ]
    assert loud[-4:] == [True, True, True, False]


def test_a_card_that_holds_ten_messages_makes_room_for_the_next(world: World) -> None:
    card = world.join()
    save(world, card)
    world.start_worker(slice_every_s=0.05)
    world.publishing_done()
    world.settled()

    def count_them(work: UnitOfWork) -> tuple[int, str]:
        facts = work.deliveries.facts_of(Channel.GOOGLE_OBJECT, card.pass_id)
        work.deliveries.set_facts(Channel.GOOGLE_OBJECT, card.pass_id, {**facts, "messages": 10})
        key = work.passes.get(card.pass_id).google_object_id or ""
        return work.merchants.get().google_account_id or 0, key

    where = run_work(world.database, world.merchant_id, count_them, clock=world.clock)
    for number in range(10):
        body = f"Number {number}"
        world.google.add_message(*where, header="Old", body=body, loud=False, timeout_s=5.0)
    world.spend(card, 500)
    world.settled()

    say(world, "Number 11")
    world.wait_until(lambda: android_notices(world))
    world.wait_until(lambda: no_rows_wait(world))

    (shown,) = world.sandbox.android(world.android)["cards"]
    assert [one["body"] for one in shown["messages"]] == ["Number 11"]


def test_a_quiet_one_rings_nowhere_on_android(world: World) -> None:
    save(world, world.join())
    world.start_worker(slice_every_s=0.05)
    world.publishing_done()
    world.settled()

    message_id = say(world, "Open on Sunday", loud=False)
    world.wait_until(lambda: is_sent(world, message_id))
    world.settled()

    assert outbox_rows(world) == []
    assert android_notices(world) == []
    assert "Open on Sunday" in str(world.sandbox.android(world.android)["cards"])


def test_a_withdrawn_one_leaves_both_phones_without_a_sound(world: World) -> None:
    card = world.join()
    world.put_on_iphone(card)
    save(world, card)
    world.start_worker(slice_every_s=0.05)
    world.publishing_done()
    world.settled()
    message_id = say(world, "Free cake at noon")
    world.wait_until(lambda: any("Free cake" in one for one in iphone_notices(world)))
    world.wait_until(lambda: android_notices(world))
    world.settled()
    before = (len(iphone_notices(world)), len(android_notices(world)))

    withdraw_message(world.ctx, world.merchant_id, message_id, actor=SYSTEM)

    world.wait_until(lambda: "Free cake" not in str(world.sandbox.android(world.android)["cards"]))
    world.wait_until(lambda: "Free cake" not in str(world.sandbox.iphone(world.iphone)["cards"]))
    world.settled()
    assert (len(iphone_notices(world)), len(android_notices(world))) == before
