"""Somebody joins at the counter, over HTTP, on both engines."""

from __future__ import annotations

import re

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.programmes import set_join_fields
from storage.unit_of_work import open_work
from tests.support.house import PHONE, Browser, House, a_house, an_app


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def phone(ctx: Loyalty) -> Browser:
    return Browser(an_app(ctx), PHONE)


def fill(phone: Browser, house: House, /, **values: str) -> str:
    """Open the page, take a human's time, send it; the page afterwards."""
    path = f"/j/{house.join_code}"
    phone.get(path)
    house.clock.advance(seconds=5)
    phone.send(path, **values)
    return phone.page


def card_link(page: str) -> str:
    found = re.search(r'href="(/m/[0-9A-Z]{26})"', page)
    assert found
    return found[1]


def member_count(house: House) -> int:
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        return len(work.members.recent())


def test_a_stranger_joins_and_opens_the_card(phone: Browser, house: House) -> None:
    page = fill(phone, house, name="Ada Lovelace", email="ada@example.com")

    assert phone.status == 200
    assert "Welcome to Bean Club" in page
    phone.get(card_link(page))
    assert phone.status == 200
    assert "Show this code at the till" in phone.page
    assert member_count(house) == 1


def test_the_page_says_who_keeps_what_and_ticks_no_box(phone: Browser, house: House) -> None:
    phone.get(f"/j/{house.join_code}")

    assert "By joining, Café Corner keeps" in phone.page
    assert "You can leave at any time" in phone.page
    assert 'name="offers"' in phone.page
    assert "checked" not in phone.page


def test_consent_is_kept_with_wording_language_and_time(phone: Browser, house: House) -> None:
    fill(phone, house, name="Ada", offers="1")

    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        member = work.members.recent()[0]
        answers = {one.purpose: one for one in work.members.consents(member.id)}
    assert answers["membership"].given
    assert answers["offers"].given
    assert answers["offers"].language == "en"
    assert answers["offers"].created_at == house.clock.now()


def test_contacts_are_kept_sealed_and_never_in_the_clear(phone: Browser, house: House) -> None:
    fill(phone, house, email="Ada@Example.COM", phone="030 901820")

    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        member = work.members.recent()[0]
    for value in (member.email_sealed, member.email_index, member.phone_sealed, member.phone_index):
        assert value
        assert b"ada" not in value.lower()
        assert b"901820" not in value


@pytest.mark.parametrize(
    "again",
    [{"email": " ADA@example.com "}, {"phone": "+49 30 901820"}, {"phone": "030/90 18 20"}],
    ids=["the same address", "the same number", "the number without its country"],
)
def test_a_known_contact_gets_the_same_page_and_no_second_card(
    phone: Browser, house: House, again: dict[str, str]
) -> None:
    first = fill(phone, house, email="ada@example.com", phone="030 901820")

    second = fill(phone, house, **again)

    hide = re.compile(r'/m/[0-9A-Z]{26}|value="[^"]*"|<svg class="qr".*?</svg>', re.DOTALL)
    assert hide.sub("", first) == hide.sub("", second)
    assert member_count(house) == 1
    phone.get(card_link(second))
    assert phone.status == 404
    assert "This link opens no card" in phone.page
    assert "ask at the till" in phone.page


def test_the_same_form_sent_twice_is_one_member_with_one_card(phone: Browser, house: House) -> None:
    path = f"/j/{house.join_code}"
    phone.get(path)
    house.clock.advance(seconds=5)
    form = phone.hidden(path)

    links = []
    for _tap in range(2):
        answer = phone.client.post(
            path, data={**form, "name": "Ada"}, base_url="http://127.0.0.1:8080"
        )
        links.append(answer.headers["Location"])

    assert links[0] == links[1]
    assert member_count(house) == 1


def test_two_people_on_one_open_page_get_two_cards(phone: Browser, house: House) -> None:
    path = f"/j/{house.join_code}"
    phone.get(path)
    house.clock.advance(seconds=5)
    form = phone.hidden(path)

    for name in ("Ada", "Grace"):
        phone.client.post(path, data={**form, "name": name}, base_url="http://127.0.0.1:8080")

    assert member_count(house) == 2


def test_a_form_filled_quicker_than_a_hand_can_is_asked_again(phone: Browser, house: House) -> None:
    path = f"/j/{house.join_code}"
    phone.get(path)

    phone.send(path, name="Bot")

    assert phone.status == 422
    assert "press the button once more" in phone.page
    assert member_count(house) == 0


def test_who_fills_the_field_for_robots_is_thanked_and_not_enrolled(
    phone: Browser, house: House
) -> None:
    page = fill(phone, house, name="Bot", company="Spam Ltd")

    assert "Welcome to Bean Club" in page
    assert member_count(house) == 0


def test_a_forged_seal_joins_nobody(phone: Browser, house: House) -> None:
    fill(phone, house, name="Eve", seal="WzEsIngiLDFd.AAAA")

    assert phone.status == 422
    assert member_count(house) == 0


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": "", "email": "ada@example.com"}, "Type your name."),
        ({"name": "Ada", "email": ""}, "Type your e-mail address."),
        ({"name": "Ada", "email": "ada"}, "Write an address like"),
        ({"name": "Ada", "email": "a@b"}, "Write an address like"),
        ({"name": "A" * 61, "email": "ada@example.com"}, "at most 60 characters"),
        ({"name": "Ada", "email": "ada@example.com", "phone": "12"}, "Write a phone number like"),
        ({"name": "Ada", "email": "a" * 5000}, "Write an address like"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_field_and_nothing_is_kept(
    phone: Browser, house: House, values: dict[str, str], sentence: str
) -> None:
    set_join_fields(
        house.ctx,
        house.merchant_id,
        house.programme_id,
        name="required",
        email="required",
        phone="optional",
        actor=SYSTEM,
    )

    page = fill(phone, house, **values)

    assert phone.status == 422
    assert sentence in page
    assert 'aria-invalid="true"' in page
    assert member_count(house) == 0


def test_what_is_not_asked_is_not_kept(phone: Browser, house: House) -> None:
    set_join_fields(
        house.ctx,
        house.merchant_id,
        house.programme_id,
        name="off",
        email="off",
        phone="off",
        actor=SYSTEM,
    )

    fill(phone, house, name="Ada", email="ada@example.com")

    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        member = work.members.recent()[0]
    assert (member.name, member.email_sealed) == ("", None)


def test_markup_in_a_name_stays_text(phone: Browser, house: House) -> None:
    page = fill(phone, house, name="<script>alert(1)</script>{{7*7}}")
    phone.get(card_link(page))

    assert "<script>alert" not in phone.page
    assert "49" not in re.findall(r"Member.*?</text>", phone.page)


def test_an_unknown_code_says_what_to_do(phone: Browser, house: House) -> None:
    phone.get("/j/ZZZZZZZZ")

    assert phone.status == 404
    assert "Scan the code at the counter again" in phone.page


def test_a_card_that_was_never_published_takes_nobody(ctx: Loyalty, clock: ManualClock) -> None:
    house = a_house(ctx, clock, merchant_id=102, published=False)
    phone = Browser(an_app(ctx))

    phone.get(f"/j/{house.join_code}")

    assert phone.status == 409
    assert "not open yet" in phone.page


def test_a_suspended_shop_takes_nobody(phone: Browser, house: House) -> None:
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock) as work:
        work.merchants.set_status("suspended")
        work.commit()

    phone.get(f"/j/{house.join_code}")

    assert phone.status == 403
    assert "paused" in phone.page


def test_a_flood_from_one_address_is_told_to_wait(phone: Browser, house: House) -> None:
    path = f"/j/{house.join_code}"
    phone.get(path)
    form = phone.hidden(path)

    answers = [
        phone.client.post(path, data=form, base_url="http://127.0.0.1:8080") for _ in range(31)
    ]

    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_a_code_is_read_in_lower_case_too(phone: Browser, house: House) -> None:
    phone.get(f"/j/{house.join_code.lower()}")

    assert phone.status == 200
