"""The first users of the outbox: joining, a new card, signing in. Sending is tried elsewhere."""

from __future__ import annotations

import re

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.erase_member import erase_member
from loyalty.owners import add_owner
from loyalty.programmes import read_programme, set_join_fields
from loyalty.sign_in import MAILED_LIFE
from storage.outbox import OutboxKind
from storage.unit_of_work import open_work
from tests.support.console import an_owner
from tests.support.house import PHONE, Browser, House, a_house, an_app
from tests.support.letters import path_in, waiting, with_mail

OWNER = "olga@example.com"


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    found = a_house(with_mail(ctx), clock)
    ask(found, by_mail=True)
    return found


def ask(house: House, *, answer: str = "optional", by_mail: bool) -> None:
    """What the join page asks for, and whether the card comes by mail alone."""
    set_join_fields(
        house.ctx,
        house.merchant_id,
        house.programme_id,
        name=answer,
        email=answer,
        phone=answer,
        by_mail=by_mail,
        actor=SYSTEM,
    )


@pytest.fixture
def phone(house: House) -> Browser:
    return Browser(an_app(house.ctx), PHONE)


def join(phone: Browser, house: House, /, **values: str) -> str:
    """Join as a person does; the page afterwards without what differs between two looks at it."""
    path = f"/j/{house.join_code}"
    phone.get(path)
    house.clock.advance(seconds=5)
    phone.send(path, **values)
    return re.sub(r'value="[^"]*"', "", phone.page)


def letters(house: House) -> list:
    return waiting(house.ctx, house.merchant_id)


def member_count(house: House) -> int:
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        return len(work.members.recent())


def test_who_joins_with_an_address_gets_the_card_by_mail(phone: Browser, house: House) -> None:
    page = join(phone, house, name="Ada", email="ada@example.com")

    assert "Look into your mail" in page
    ((kind, mail, letter),) = letters(house)
    assert (kind, mail.to) == (OutboxKind.WELCOME, "ada@example.com")
    phone.get(path_in(letter))
    assert "Show this code at the till" in phone.page


def test_nothing_on_the_page_tells_a_known_contact_from_a_new_one(
    phone: Browser, house: House
) -> None:
    new = join(phone, house, email="ada@example.com")
    known = join(phone, house, email=" ADA@example.com ")

    assert new == known
    assert "/m/" not in new
    assert member_count(house) == 1


def test_a_known_contact_gets_the_link_of_the_card_that_is_kept(
    phone: Browser, house: House
) -> None:
    join(phone, house, email="ada@example.com", phone="030 901820")
    join(phone, house, email="stranger@example.com", phone="030 901820")

    (_welcome, first, _letter), (kind, mail, letter) = letters(house)
    assert (kind, mail.to) == (OutboxKind.KNOWN, "ada@example.com")
    assert mail.facts["url"] == first.facts["url"]
    phone.get(path_in(letter))
    assert phone.status == 200


def test_who_gives_no_address_gets_the_card_at_once(phone: Browser, house: House) -> None:
    page = join(phone, house, name="Ada")

    assert "Welcome to Bean Club" in page
    assert letters(house) == []


def test_a_new_card_opens_at_once_and_its_link_is_mailed_too(phone: Browser, house: House) -> None:
    ask(house, by_mail=False)

    page = join(phone, house, email="ada@example.com")

    assert "Welcome to Bean Club" in page
    assert "in your mail" in page
    ((kind, mail, letter),) = letters(house)
    assert (kind, mail.to) == (OutboxKind.WELCOME, "ada@example.com")
    assert path_in(letter) in page


def test_a_known_contact_at_the_counter_finds_the_card_in_the_mail(
    phone: Browser, house: House
) -> None:
    ask(house, by_mail=False)
    new = join(phone, house, email="ada@example.com")

    known = join(phone, house, email="ada@example.com")

    (_welcome, _mail, _letter), (kind, _known_mail, letter) = letters(house)
    assert kind == OutboxKind.KNOWN
    assert path_in(letter) in new
    assert path_in(letter) not in known
    assert re.sub(r"[0-9A-HJKMNP-TV-Z]{26}", "", new) == re.sub(
        r"[0-9A-HJKMNP-TV-Z]{26}", "", known
    )


def test_a_programme_that_asks_for_no_address_mails_nobody(phone: Browser, house: House) -> None:
    ask(house, answer="off", by_mail=True)

    assert "Welcome to Bean Club" in join(phone, house, email="ada@example.com")
    assert letters(house) == []


def test_a_form_sent_twice_is_one_mail(phone: Browser, house: House) -> None:
    path = f"/j/{house.join_code}"
    phone.get(path)
    house.clock.advance(seconds=5)
    form = phone.hidden(path)
    for _tap in range(2):
        phone.client.post(
            path, data={**form, "email": "ada@example.com"}, base_url="http://127.0.0.1:8080"
        )

    assert len(letters(house)) == 1


def test_nobodys_mailbox_is_flooded_by_a_stranger(phone: Browser, house: House) -> None:
    pages = {join(phone, house, email="ada@example.com") for _time in range(6)}

    assert len(pages) == 1
    assert len(letters(house)) == 3


def test_nothing_a_stranger_typed_stands_in_the_mail(phone: Browser, house: House) -> None:
    join(phone, house, name="You won! evil.example", email="ada@example.com")

    (_kind, mail, letter) = letters(house)[0]
    assert "evil" not in f"{mail.facts} {letter}"


def test_a_code_by_mail_moves_the_balance_to_a_new_card(phone: Browser, house: House) -> None:
    member = house.enrol(email="ada@example.com")
    path = f"/m/{member.card_token}"
    phone.get(f"{path}/code")
    assert "a•••@example.com" in phone.page
    phone.send(f"{path}/code")
    (kind, _mail, letter) = letters(house)[0]

    phone.send(f"{path}/new-card", code=letter.code)

    assert kind == OutboxKind.NEW_CARD_CODE
    assert phone.status == 200
    assert "Show this code at the till" in phone.page
    phone.get(path)
    assert phone.status == 404


def test_a_wrong_code_moves_nothing_and_few_are_tried(phone: Browser, house: House) -> None:
    member = house.enrol(email="ada@example.com")
    path = f"/m/{member.card_token}"
    phone.get(f"{path}/code")
    phone.send(f"{path}/code")
    right = letters(house)[0][2].code
    wrong = "000 000" if right != "000 000" else "000 001"

    statuses = []
    for _try in range(6):
        phone.send(f"{path}/new-card", code=wrong)
        statuses.append(phone.status)
    phone.send(f"{path}/new-card", code=right)

    assert statuses == [422] * 5 + [429]
    assert phone.status == 429
    phone.get(path)
    assert phone.status == 200


def test_a_newer_code_ends_the_one_before(phone: Browser, house: House) -> None:
    member = house.enrol(email="ada@example.com")
    path = f"/m/{member.card_token}"
    phone.get(f"{path}/code")
    phone.send(f"{path}/code")
    first = letters(house)[0][2].code
    phone.send(f"{path}/code")
    ((_kind, _mail, second),) = letters(house)

    if first != second.code:
        phone.send(f"{path}/new-card", code=first)
        assert phone.status == 422
    phone.send(f"{path}/new-card", code=second.code)
    assert phone.status == 200


def test_a_code_is_worth_nothing_after_its_time_or_for_another_card(
    phone: Browser, house: House
) -> None:
    ada, ben = house.enrol(email="ada@example.com"), house.enrol(email="ben@example.com")
    path, other = f"/m/{ada.card_token}", f"/m/{ben.card_token}"
    phone.get(f"{path}/code")
    phone.send(f"{path}/code")
    code = letters(house)[0][2].code
    form = phone.hidden(f"{path}/new-card")

    phone.client.post(
        f"{other}/new-card", data={**form, "code": code}, base_url="http://127.0.0.1:8080"
    )
    phone.get(other)
    assert phone.status == 200
    house.clock.advance(minutes=15)
    phone.get(f"{path}/code?sent=1")
    phone.send(f"{path}/new-card", code=code)
    assert phone.status == 422


def test_who_is_erased_leaves_no_mail_behind(phone: Browser, house: House) -> None:
    join(phone, house, email="ada@example.com")
    member = house.enrol(email="ben@example.com")
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        ada = next(one.id for one in work.members.recent() if one.id != member.member_id)

    erase_member(house.ctx, house.merchant_id, ada, actor=SYSTEM)

    assert letters(house) == []


def test_without_an_address_the_page_says_who_helps(phone: Browser, house: House) -> None:
    member = house.enrol(name="Ada")

    phone.get(f"/m/{member.card_token}/code")

    assert "Ask at the till" in phone.page
    assert "Mail me a code" not in phone.page


def ask_for_link(browser: Browser, email: str) -> str:
    browser.get("/console/mail-link")
    browser.send("/console/mail-link", email=email)
    return re.sub(r'value="[^"]*"', "", browser.page)


def test_a_link_by_mail_signs_in_once(phone: Browser, house: House) -> None:
    add_owner(house.ctx, house.merchant_id, email=OWNER, name="Olga", actor=SYSTEM)
    ask_for_link(phone, OWNER.upper())
    ((kind, mail, letter),) = letters(house)
    assert (kind, mail.to) == (OutboxKind.SIGN_IN, OWNER)

    link = path_in(letter)
    phone.get(link)
    phone.send(link)
    assert "Choose" in phone.page or "password" in phone.page
    phone.get(link)
    assert phone.status == 404


def test_the_answer_is_the_same_for_an_address_nobody_has(phone: Browser, house: House) -> None:
    add_owner(house.ctx, house.merchant_id, email=OWNER, name="Olga", actor=SYSTEM)

    assert ask_for_link(phone, OWNER) == ask_for_link(phone, "nobody@example.com")
    assert len(letters(house)) == 1


def test_a_mailed_link_runs_out_and_never_ends_another(phone: Browser, house: House) -> None:
    add_owner(house.ctx, house.merchant_id, email=OWNER, name="Olga", actor=SYSTEM)
    ask_for_link(phone, OWNER)
    ask_for_link(phone, OWNER)
    first, second = (path_in(letter) for _kind, _mail, letter in letters(house))

    phone.get(first)
    assert phone.status == 200
    house.clock.advance(seconds=MAILED_LIFE.total_seconds())
    phone.get(second)
    assert phone.status == 404


def test_links_by_mail_are_few(phone: Browser, house: House) -> None:
    add_owner(house.ctx, house.merchant_id, email=OWNER, name="Olga", actor=SYSTEM)

    for _time in range(5):
        ask_for_link(phone, OWNER)

    assert phone.status == 429
    assert len(letters(house)) == 3


def test_the_owner_is_told_what_an_address_means_for_joining(house: House) -> None:
    path = f"/console/cards/{house.programme_id}/questions"
    with_server = an_owner(an_app(house.ctx), house.ctx, house.merchant_id)
    with_server.get(path)
    assert "Send the card by mail alone" in with_server.page

    answers = dict.fromkeys(("ask_name", "ask_email", "ask_phone"), "optional")
    for by_mail in (False, True):
        with_server.send(path, **answers, **({"by_mail": "1"} if by_mail else {}))
        view = read_programme(house.ctx, house.merchant_id, house.programme_id)
        assert view.join_by_mail is by_mail


def test_without_a_mail_server_every_page_says_what_is_missing(
    ctx: Loyalty, clock: ManualClock
) -> None:
    house = a_house(ctx, clock)
    browser = Browser(an_app(ctx), PHONE)

    browser.get("/console/sign-in")
    assert "regulars owner-link" in browser.page
    browser.get("/console/mail-link")
    assert "No mail server is set up" in browser.page
    member = house.enrol(email="ada@example.com")
    browser.get(f"/m/{member.card_token}/code")
    assert "Ask at the till" in browser.page
    assert "Welcome to Bean Club" in join(browser, house, email="ben@example.com")
    assert letters(house) == []
