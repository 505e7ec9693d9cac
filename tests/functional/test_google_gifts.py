"""A gift card in Google Wallet is Google's own gift card, and goes the way of every card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.actor import SYSTEM
from delivery.google_reconcile import reconcile
from loyalty.erase_member import erase_member
from loyalty.gift_alive import AliveGift
from loyalty.gift_cards import replace_gift
from loyalty.google_holdings import Held, held_cards
from loyalty.publish import publish
from loyalty.save_to_google import google_save_link
from regulars.doctor import Health
from storage.unit_of_work import open_work
from tests.functional.test_google_callbacks import desk_of
from tests.functional.test_google_doctor import every_check
from tests.support.gifts import a_gift, pay_with, sell_gifts
from tests.support.world import World


def sold(world: World, amount_minor: int = 2500) -> AliveGift:
    shop = sell_gifts(world.ctx)
    publish(world.ctx, world.merchant_id, shop.programme_id, actor=SYSTEM)
    return a_gift(world.ctx, amount_minor)


def save(world: World, gift: AliveGift) -> str:
    link = google_save_link(world.ctx, world.merchant_id, gift.member_id)
    assert world.sandbox.save_to_google(link, phone=world.android).status_code == 303
    return link


def serial_of(world: World, gift: AliveGift) -> str:
    with open_work(world.database, world.merchant_id, clock=world.clock, writing=False) as work:
        return work.passes.current_of_member(gift.member_id).serial_number


def shown(world: World, serial: str) -> Mapping[str, Any]:
    held = world.sandbox.android(world.android)["cards"]
    return next((one for one in held if str(one["id"]).endswith(f".{serial}")), {})


def euros(world: World, serial: str) -> str:
    return str(shown(world, serial).get("balance", {}).get("micros"))


def test_a_gift_card_is_saved_spent_and_follows(world: World) -> None:
    gift = sold(world)
    serial = serial_of(world, gift)

    link = save(world, gift)
    card = shown(world, serial)
    assert len(link) < 1800 + len(world.sandbox.urls["google_save_url"])
    assert card["kind"] == "walletobjects#giftCardObject"
    assert card["balance"] == {"currencyCode": "EUR", "micros": "25000000"}
    assert card["classReference"]["allowBarcodeRedemption"] is True
    world.start_worker()
    world.settled()

    pay_with(world.ctx, gift, 1000)

    world.wait_until(lambda: euros(world, serial) == "15000000")
    world.settled()


def test_the_nightly_look_covers_gift_cards(world: World) -> None:
    gift = sold(world)
    save(world, gift)

    assert reconcile(desk_of(world), world.google) == 1

    held = held_cards(world.ctx, world.merchant_id, gift.member_id)
    assert set(held.values()) == {Held.YES}


def test_a_lost_gift_card_is_dead_and_the_next_one_alive(world: World) -> None:
    gift = sold(world)
    first = serial_of(world, gift)
    save(world, gift)
    world.start_worker()
    world.settled()

    replace_gift(world.ctx, world.merchant_id, gift.gift_id, actor=SYSTEM)

    world.wait_until(lambda: shown(world, first)["state"] == "INACTIVE")
    assert "barcode" not in shown(world, first)
    save(world, gift)
    assert euros(world, serial_of(world, gift)) == "25000000"


def test_a_forgotten_gift_card_says_nothing_of_anybody(world: World) -> None:
    gift = sold(world)
    serial = serial_of(world, gift)
    save(world, gift)
    pay_with(world.ctx, gift, 2500)
    world.start_worker()
    world.settled()

    erase_member(world.ctx, world.merchant_id, gift.member_id, actor=SYSTEM)

    world.wait_until(lambda: shown(world, serial)["state"] == "EXPIRED")
    card = shown(world, serial)
    assert card["cardNumber"] == "-"
    assert not {"balance", "barcode", "textModulesData"} & {n for n in card if card[n]}


def test_the_doctor_looks_at_the_gift_cards_class(world: World) -> None:
    gift = sold(world)
    save(world, gift)
    world.start_worker()
    world.settled()

    checks = every_check(world)

    assert not [one for one in checks if one.health is Health.FAULT]
    assert len([one for one in checks if one.name == "google dry run"]) == 2
