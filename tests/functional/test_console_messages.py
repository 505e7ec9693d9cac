"""Messages from the console: seen before they go, sent, stopped, withdrawn; and a member's no."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from common.clock import ManualClock
from delivery.desk import Desk
from delivery.messages import step_messages
from delivery.settings import DeliverySettings
from delivery.slices import move_slice
from ledger.terms import StampTerms
from loyalty.context import Loyalty
from storage.messages import MessageState
from storage.outbox import NewRow, OutboxKind
from storage.unit_of_work import open_work, run_work
from tests.support.console import an_owner
from tests.support.house import PHONE, PUBLIC_URL, Browser, House, a_house, an_app

WORDS = "Double points on Sunday"


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def console(ctx: Loyalty, house: House) -> Browser:
    return an_owner(an_app(ctx), ctx, house.merchant_id)


def work_on(house: House) -> None:
    """What the worker does, until nothing is left."""
    ctx = house.ctx
    desk = Desk(
        settings=DeliverySettings(public_url=PUBLIC_URL, slice_cards=2),
        database=ctx.database,
        clock=ctx.clock,
        keyring=ctx.keyring,
    )
    for _round in range(30):
        if not step_messages(desk) + move_slice(desk):
            return


def write(console: Browser, house: House, **values: str) -> None:
    """Fill the form and look at what it does."""
    path = f"/console/messages/new/{house.programme_id}"
    console.get(path)
    given = {"text_en": WORDS, "segment": "all", "when": "now", "days": "7", "loud": "1"}
    console.send(path, **(given | values))


def send(console: Browser, house: House, **values: str) -> int:
    """Write and send; the message's id."""
    write(console, house, **values)
    console.send(f"/console/messages/send/{house.programme_id}")
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        return work.messages.all()[0].id


def state(house: House, message_id: int) -> str:
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        found = work.messages.find(message_id)
    assert found is not None
    return found.state


def card_page(phone: Browser, token: str) -> str:
    phone.get(f"/m/{token}")
    return phone.page


def test_it_is_seen_before_it_goes_and_stands_on_the_card_afterwards(
    console: Browser, house: House
) -> None:
    tokens = [house.enrol(name=f"M{number}").card_token for number in range(5)]
    phone = Browser(an_app(house.ctx), PHONE)

    write(console, house)
    assert "Nothing is sent yet" in console.page
    assert WORDS in console.page
    assert re.search(r"Cards</span><span[^>]*>5<", console.page)
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        assert work.messages.all() == []

    message_id = send(console, house)
    work_on(house)

    assert state(house, message_id) == MessageState.SENT
    assert all(WORDS in card_page(phone, token) for token in tokens)
    console.get(f"/console/messages/{message_id}")
    assert "Visits after" in console.page
    console.get("/console/messages")
    assert WORDS in console.page


def test_it_goes_at_its_time_by_the_shops_clock(console: Browser, house: House) -> None:
    house.enrol(name="Ada")
    message_id = send(console, house, when="later", send_at="2026-11-23T09:00")

    work_on(house)
    assert state(house, message_id) == MessageState.WAITS
    house.clock.advance(hours=20, minutes=1)  # 09:01 in Berlin
    work_on(house)
    assert state(house, message_id) == MessageState.SENT


def test_a_stopped_one_never_goes_and_a_withdrawn_one_leaves_the_cards(
    console: Browser, house: House
) -> None:
    token = house.enrol(name="Ada").card_token
    phone = Browser(an_app(house.ctx), PHONE)
    stopped = send(console, house, when="later", send_at="2026-11-22T14:00")
    console.get(f"/console/messages/{stopped}")
    console.send(f"/console/messages/{stopped}/stop")
    house.clock.advance(hours=2)
    work_on(house)
    assert WORDS not in card_page(phone, token)

    sent = send(console, house)
    work_on(house)
    assert WORDS in card_page(phone, token)
    console.get(f"/console/messages/{sent}")
    console.send(f"/console/messages/{sent}/withdraw")
    work_on(house)

    assert state(house, sent) == MessageState.WITHDRAWN
    assert WORDS not in card_page(phone, token)


def test_a_member_says_no_on_the_card_and_yes_again(console: Browser, house: House) -> None:
    ada, ben = house.enrol(name="Ada"), house.enrol(name="Ben")
    phone = Browser(an_app(house.ctx), PHONE)
    card_page(phone, ada.card_token)
    phone.send(f"/m/{ada.card_token}/messages")
    assert "You get no messages" in phone.page

    send(console, house)
    work_on(house)

    assert WORDS not in card_page(phone, ada.card_token)
    assert WORDS in card_page(phone, ben.card_token)
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        answers = [one for one in work.members.consents(ada.member_id) if one.purpose == "messages"]
    assert [one.given for one in answers] == [False]
    card_page(phone, ada.card_token)
    phone.send(f"/m/{ada.card_token}/messages")
    assert "You get no messages" not in phone.page


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"text_en": ""}, "Write the message"),
        ({"text_en": "x" * 201}, "at most 200 characters"),
        ({"segment": "nobody"}, "Choose who gets"),
        ({"segment": "branch", "location_id": "7"}, "Choose a branch"),
        ({"segment": "tier", "tier": "gold"}, "Choose a tier"),
        ({"segment": "almost"}, "counts no stamps"),
        ({"segment": "birthday"}, "No member of this card has told a birthday"),
        ({"days": "0"}, "Choose 1 to 60 days"),
        ({"days": "many"}, "whole number"),
        ({"when": "later", "send_at": "soon"}, "Choose a day and a time"),
        ({"when": "later", "send_at": "2020-01-01T09:00"}, "from now on"),
        ({"when": "later", "send_at": "9999-12-31T09:00"}, "within a year"),
    ],
)
def test_what_cannot_be_sent_is_said_beside_its_field(
    console: Browser, house: House, values: dict[str, str], complaint: str
) -> None:
    write(console, house, **values)

    assert console.status == 422
    assert complaint in console.page


def test_hostile_words_are_words(console: Browser, house: House) -> None:
    token = house.enrol(name="Ada").card_token
    words = "<script>alert(1)</script>\r\n\u202e {{ 7*7 }} %s"
    write(console, house, text_en=words)
    assert "<script>alert" not in console.page
    console.send(f"/console/messages/send/{house.programme_id}", text_en=words)
    work_on(house)

    page = card_page(Browser(an_app(house.ctx), PHONE), token)

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_messages_on_their_way_are_few(console: Browser, house: House) -> None:
    house.enrol(name="Ada")
    for _time in range(5):
        send(console, house, when="later", send_at="2026-11-23T09:00")

    write(console, house)
    console.send(f"/console/messages/send/{house.programme_id}")

    assert "messages are on their way" in console.page


def test_one_stamp_left_is_a_choice_where_the_card_counts_stamps(
    ctx: Loyalty, clock: ManualClock
) -> None:
    house = a_house(ctx, clock, terms=StampTerms(version=0, goal=9))
    console = an_owner(an_app(ctx), ctx, house.merchant_id)
    house.enrol(name="Ada")

    write(console, house, segment="almost")

    assert "Nobody has such a card" in console.page


def test_a_birthday_message_goes_to_those_whose_week_it_is(console: Browser, house: House) -> None:
    near = house.enrol(name="Ada", birthday="11-25")
    far = house.enrol(name="Ben", birthday="05-25")
    console.get(f"/console/messages/new/{house.programme_id}")
    assert "Who has a birthday" in console.page

    message_id = send(console, house, segment="birthday")
    work_on(house)

    phone = Browser(an_app(house.ctx), PHONE)
    assert WORDS in card_page(phone, near.card_token)
    assert WORDS not in card_page(phone, far.card_token)
    console.get(f"/console/messages/{message_id}")
    assert "birthday in that week" in console.page


def test_the_mail_page_tells_what_was_refused_and_tries_again(
    console: Browser, house: House
) -> None:
    console.get("/console/mails")
    assert "No mail server is set up" in console.page

    def refuse(work):
        row = work.outbox.add(
            NewRow(kind=OutboxKind.WELCOME, receiver=b"a", sealed=b"x", life=timedelta(days=1))
        )
        work.scope.run_sql(
            "update outbox set state = 'dead', last_error = 'receiver 550 5.1.1' where id = ?",
            (row,),
        )
        return row

    run_work(house.ctx.database, house.merchant_id, refuse, clock=house.clock)
    console.get("/console/mails?state=dead")
    assert "receiver 550 5.1.1" in console.page
    console.send("/console/mails/replay")
    assert "Trying again: 1" in console.page
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        assert work.outbox.counts() == {"open": 1, "sent": 0, "dead": 0}
