"""Gift cards: sold, used bit by bit, reloaded, frozen, replaced, and never guessed."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import (
    AlreadySpent,
    Conflict,
    IdempotencyMismatch,
    InsufficientBalance,
    InvalidInput,
    InvalidInputs,
    NotFound,
    TooMany,
)
from ledger.gifts import GiftExpiry
from loyalty.balance import card_state
from loyalty.context import Loyalty
from loyalty.erase_member import erase_member
from loyalty.expire import expire
from loyalty.find_member import FoundBy, find_by_code
from loyalty.gift_alive import AliveGift
from loyalty.gift_cards import (
    SellRequest,
    freeze_gift,
    reload_gift,
    replace_gift,
    sell_gift,
    send_due_gifts,
)
from loyalty.gift_people import clean_people
from loyalty.gift_programme import change_gifts, open_gifts, read_gifts
from loyalty.gift_views import NoSuchGift, gift_balance, gift_of_holder, owed_on_gifts, read_gift
from loyalty.open_card import open_card
from loyalty.reverse import ReverseRequest, reverse
from loyalty.rotating_code import UnknownCard
from loyalty.spending import NotDue
from storage.engine import Database
from storage.verify import verify
from tests.support.builders import CAFE, GYM
from tests.support.gifts import a_gift, pay_with, sell_gifts


def balance(ctx: Loyalty, gift: AliveGift) -> int:
    return read_gift(ctx, CAFE.id, gift.gift_id).balance_minor


def test_a_gift_card_is_alive_at_once_and_spent_bit_by_bit(
    ctx: Loyalty, database: Database
) -> None:
    sell_gifts(ctx)

    gift = a_gift(ctx, 2500, recipient="Ben")

    assert open_card(ctx, gift.card_token).state.balance == 2500
    assert pay_with(ctx, gift, 1900).discount_minor == 1900
    assert balance(ctx, gift) == 600
    assert pay_with(ctx, gift, 1000).discount_minor == 600
    assert owed_on_gifts(ctx, CAFE.id) == (0, 0)
    with pytest.raises((InsufficientBalance, NotDue)):
        pay_with(ctx, gift, 100)
    assert verify(database) == []


def test_the_same_form_twice_sells_one_card(ctx: Loyalty, database: Database) -> None:
    sell_gifts(ctx)

    first, again = a_gift(ctx, key="tap"), a_gift(ctx, key="tap")

    assert (again.gift_id, again.again, again.pin) == (first.gift_id, True, "")
    assert owed_on_gifts(ctx, CAFE.id) == (1, 2500)
    with pytest.raises(IdempotencyMismatch):
        a_gift(ctx, 5000, key="tap")
    assert verify(database) == []


def test_two_taps_at_once_sell_one_card(ctx: Loyalty, database: Database) -> None:
    sell_gifts(ctx)
    sold: list[AliveGift] = []
    gate = threading.Barrier(2)

    def tap() -> None:
        gate.wait()
        sold.append(a_gift(ctx, key="tap"))

    taps = [threading.Thread(target=tap) for _ in range(2)]
    for one in taps:
        one.start()
    for one in taps:
        one.join()

    assert len({one.gift_id for one in sold}) == 1
    assert owed_on_gifts(ctx, CAFE.id) == (1, 2500)
    assert verify(database) == []


def test_money_is_added_and_a_frozen_card_pays_nothing(ctx: Loyalty, database: Database) -> None:
    sell_gifts(ctx)
    gift = a_gift(ctx)
    for _twice in range(2):
        reload_gift(
            ctx, CAFE.id, gift.gift_id, amount_minor=1000, actor=SYSTEM, idempotency_key="r1"
        )
    assert balance(ctx, gift) == 3500

    freeze_gift(ctx, CAFE.id, gift.gift_id, frozen=True, actor=SYSTEM)

    with pytest.raises(NotDue):
        pay_with(ctx, gift, 100)
    with pytest.raises(Conflict):
        reload_gift(
            ctx, CAFE.id, gift.gift_id, amount_minor=1000, actor=SYSTEM, idempotency_key="r2"
        )
    freeze_gift(ctx, CAFE.id, gift.gift_id, frozen=False, actor=SYSTEM)
    assert pay_with(ctx, gift, 100).discount_minor == 100
    assert verify(database) == []


def test_replacing_a_lost_card_keeps_the_money_and_kills_number_code_and_link(
    ctx: Loyalty, database: Database
) -> None:
    sell_gifts(ctx)
    gift = a_gift(ctx)
    freeze_gift(ctx, CAFE.id, gift.gift_id, frozen=True, actor=SYSTEM)

    fresh = replace_gift(ctx, CAFE.id, gift.gift_id, actor=SYSTEM)

    assert find_by_code(ctx, CAFE.id, fresh.number).member_id == gift.member_id
    with pytest.raises(UnknownCard):
        find_by_code(ctx, CAFE.id, gift.number)
    with pytest.raises(NotFound):
        open_card(ctx, gift.card_token)
    assert pay_with(ctx, fresh, 2500).discount_minor == 2500
    assert verify(database) == []


def test_a_long_number_proves_the_card_and_a_short_one_needs_its_pin(ctx: Loyalty) -> None:
    shop = sell_gifts(ctx)
    long = a_gift(ctx)
    change_gifts(ctx, CAFE.id, replace(shop.settings, pins=True), actor=SYSTEM)
    short = a_gift(ctx)

    spaced = " ".join(long.number[start : start + 4] for start in range(0, 20, 4))
    assert (len(long.number), long.pin) == (20, "")
    assert find_by_code(ctx, CAFE.id, spaced).by is FoundBy.CODE
    assert (len(short.number), len(short.pin)) == (12, 6)
    assert not find_by_code(ctx, CAFE.id, short.number).may_redeem
    assert gift_balance(ctx, CAFE.id, short.number, short.pin).balance_minor == 2500


def test_guessing_a_number_or_a_pin_gets_one_answer_and_then_none(ctx: Loyalty) -> None:
    sell_gifts(ctx, pins=True)
    gift = a_gift(ctx)
    said = set()
    for number, pin in (("1" * 12, "000000"), (gift.number, "000000"), ("'; drop", ""), ("", "")):
        with pytest.raises(NoSuchGift) as refused:
            gift_balance(ctx, CAFE.id, number, pin)
        said.add(refused.value.message)
    assert len(said) == 1

    for _try in range(4):
        with pytest.raises(NoSuchGift):
            gift_balance(ctx, CAFE.id, gift.number, "111111")
    with pytest.raises(TooMany):
        gift_balance(ctx, CAFE.id, gift.number, gift.pin)


def test_another_shops_number_is_unknown(ctx: Loyalty) -> None:
    sell_gifts(ctx)
    gift = a_gift(ctx)

    with pytest.raises(NoSuchGift):
        gift_balance(ctx, GYM.id, gift.number, "")
    with pytest.raises(UnknownCard):
        find_by_code(ctx, GYM.id, gift.number)


@pytest.mark.parametrize("amount", [0, -500, 499, 25_001, 10**12, 12.5, "2500", True])
def test_an_amount_outside_the_limits_sells_nothing(ctx: Loyalty, amount: object) -> None:
    sell_gifts(ctx)
    request = SellRequest(
        amount_minor=amount,  # type: ignore[arg-type]
        people=clean_people(),
        language="en",
        actor=SYSTEM,
        idempotency_key="k",
    )

    with pytest.raises(InvalidInput) as refused:
        sell_gift(ctx, CAFE.id, request)

    assert refused.value.errors[0]["field"] == "amount"
    assert owed_on_gifts(ctx, CAFE.id) == (0, 0)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("message", "see https://evil.example"),
        ("message", "win at evil.com now"),
        ("buyer", "www.evil.example"),
        ("recipient", "me@evil.example"),
        ("email", "nobody"),
        ("message", "x" * 301),
    ],
)
def test_what_would_be_an_advertisement_is_refused(field: str, text: str) -> None:
    with pytest.raises(InvalidInputs) as refused:
        clean_people(**{field: text})

    assert [one["field"] for one in refused.value.errors] == [field]


def test_money_ends_when_its_terms_say_so_and_never_earlier(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = sell_gifts(ctx)
    forever = a_gift(ctx)
    change_gifts(ctx, CAFE.id, replace(shop.settings, expiry=GiftExpiry.FIVE_YEARS), actor=SYSTEM)
    five = a_gift(ctx)

    clock.advance(days=1826)
    expire(ctx, CAFE.id)
    assert (balance(ctx, forever), balance(ctx, five)) == (2500, 2500)
    clock.advance(days=3)
    expire(ctx, CAFE.id)

    assert (balance(ctx, forever), balance(ctx, five)) == (2500, 0)
    assert verify(database) == []


def test_gift_cards_are_opened_once_for_a_currency(ctx: Loyalty) -> None:
    open_gifts(ctx, CAFE.id, actor=SYSTEM)

    with pytest.raises(Conflict):
        open_gifts(ctx, CAFE.id, actor=SYSTEM)
    assert read_gifts(ctx, CAFE.id).currency == "EUR"


def test_a_person_is_no_gift_card(ctx: Loyalty) -> None:
    sell_gifts(ctx)
    gift = a_gift(ctx)

    found = gift_of_holder(ctx, CAFE.id, gift.member_id)

    assert found is not None
    assert found.id == gift.gift_id
    assert gift_of_holder(ctx, CAFE.id, 12345) is None
    assert send_due_gifts(ctx, CAFE.id) == 0


def test_an_erased_gift_card_answers_to_nothing(ctx: Loyalty, database: Database) -> None:
    sell_gifts(ctx)
    gift = a_gift(ctx, recipient="Ben", email="ben@example.com")

    erase_member(ctx, CAFE.id, gift.member_id, actor=SYSTEM)

    with pytest.raises(NoSuchGift):
        gift_balance(ctx, CAFE.id, gift.number, "")
    with pytest.raises(UnknownCard):
        find_by_code(ctx, CAFE.id, gift.number)
    assert read_gift(ctx, CAFE.id, gift.gift_id).people.email == ""
    assert verify(database) == []


def test_a_gift_card_sold_by_mistake_is_undone_while_nothing_was_spent(
    ctx: Loyalty, database: Database
) -> None:
    sell_gifts(ctx)
    gift, used = a_gift(ctx), a_gift(ctx)
    pay_with(ctx, used, 100)

    for one in (gift, used):
        (*_later, sold) = card_state(ctx, CAFE.id, one.member_id).history
        undo = ReverseRequest(
            operation_id=sold.operation_id,
            actor=SYSTEM,
            idempotency_key=f"undo-{one.gift_id}",
            own_recent_only=False,
        )
        if one is used:
            with pytest.raises(AlreadySpent):
                reverse(ctx, CAFE.id, undo)
        else:
            reverse(ctx, CAFE.id, undo)

    assert (balance(ctx, gift), balance(ctx, used)) == (0, 2400)
    assert verify(database) == []
