"""A friend is brought from link to both rewards; reviews, check-ins and paper through the doors."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.activities import ActivityForm, ActivityKind, add_activity
from loyalty.balance import card_state
from loyalty.context import Loyalty
from loyalty.gift_programme import read_gifts
from loyalty.referrals import ReferralRule, Thanks, save_referral_rule
from tests.support.builders import CAFE
from tests.support.console import an_owner
from tests.support.gifts import a_gift, sell_gifts
from tests.support.house import PHONE, Browser, House, a_house, an_app, at_the_till, balance, scan

SCRIPT = "<script>alert('x')</script>"


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def app(ctx: Loyalty, house: House) -> Flask:
    return an_app(ctx)


@pytest.fixture
def till(app: Flask, house: House) -> Browser:
    return at_the_till(app, house)


def join_by(app: Flask, house: House, clock: ManualClock, path: str, name: str) -> Browser:
    phone = Browser(app, PHONE)
    phone.get(path)
    clock.advance(seconds=5)
    phone.send(f"/j/{house.join_code}", name=name)
    assert phone.status == 200, phone.page
    return phone


def token_in(page: str) -> str:
    found = re.search(r"/m/([0-9A-HJKMNP-TV-Z]{26})", page)
    assert found, page[:2000]
    return found[1]


def friends_link(phone: Browser, token: str) -> str:
    phone.get(f"/m/{token}/friends")
    phone.send(f"/m/{token}/friends")
    found = re.search(r'value="[^"]*(/j/[^"?]+\?friend=[^"]+)"', phone.page)
    assert found, phone.page
    return found[1].replace("&amp;", "&")


def offer(house: House, **values: object) -> int:
    form = ActivityForm(**{"kind": ActivityKind.REVIEW, "name": "Review", "units": 100, **values})  # type: ignore[arg-type]
    return add_activity(house.ctx, CAFE.id, house.programme_id, form, actor=SYSTEM)


def test_a_referral_from_link_to_both_rewards(
    app: Flask, house: House, till: Browser, clock: ManualClock
) -> None:
    rule = ReferralRule(active=True, thanks=Thanks.UNITS, referrer=20, friend=10)
    save_referral_rule(house.ctx, CAFE.id, house.programme_id, rule, actor=SYSTEM)
    ada = house.enrol(name="Ada Lovelace")
    link = friends_link(Browser(app, PHONE), ada.card_token)

    ben = join_by(app, house, clock, link, "Ben")
    ben_token = token_in(ben.page)
    ben.get(f"/m/{ben_token}")
    assert "Ada brought you here" in ben.page
    till.get("/till")
    till.send("/till/find", code=number_in(ben.page))
    till.send("/till/earn", amount="15.00")

    assert balance(house, ada) == 20
    ben.get(f"/m/{ben_token}")
    assert "+10 points" in ben.page
    owner = an_owner(app, house.ctx, CAFE.id)
    owner.get(f"/console/cards/{house.programme_id}/referrals")
    assert "Rewarded" in owner.page


def number_in(page: str) -> str:
    found = re.search(r'card-number">([0-9A-Z]{5}) ([0-9A-Z]{5})<', page)
    assert found
    return found[1] + found[2]


def test_who_joins_by_their_own_link_in_their_own_browser_gets_nothing(
    app: Flask, house: House, till: Browser, clock: ManualClock
) -> None:
    rule = ReferralRule(active=True, thanks=Thanks.UNITS, referrer=20, friend=10)
    save_referral_rule(house.ctx, CAFE.id, house.programme_id, rule, actor=SYSTEM)
    ada = house.enrol(name="Ada Lovelace")
    phone = Browser(app, PHONE)
    link = friends_link(phone, ada.card_token)
    phone.get(link)
    clock.advance(seconds=5)
    phone.send(f"/j/{house.join_code}", name="Ada again")
    token = token_in(phone.page)
    phone.get(f"/m/{token}")
    till.get("/till")
    till.send("/till/find", code=number_in(phone.page))
    till.send("/till/earn", amount="15.00")

    assert balance(house, ada) == 0
    phone.get(f"/m/{ada.card_token}/friends")
    assert "does not count" in phone.page


def test_a_review_with_a_script_in_it_is_text_everywhere(app: Flask, house: House) -> None:
    review = offer(house, embed="https://www.cafe.example")
    ada = house.enrol(name="Ada Lovelace")
    phone = Browser(app, PHONE)
    path = f"/m/{ada.card_token}/activities"
    phone.get(path)
    phone.send(f"{path}/{review}", text=f"Good {SCRIPT}", stars="5")
    assert "looks at it soon" in phone.page

    owner = an_owner(app, house.ctx, CAFE.id)
    owner.get("/console/activities")
    assert SCRIPT not in owner.page
    assert "Good &lt;script&gt;" in owner.page
    action = re.search(r'action="(/console/activities/claims/\d+/approve)"', owner.page)
    assert action
    owner.send(action[1], shown="1")
    assert balance(house, ada) == 100

    owner.get(f"/console/cards/{house.programme_id}/activities")
    frame = re.search(r"(/a/[0-9A-Z]+/shown)", owner.page)
    assert frame
    site = Browser(app)
    answer = site.get(frame[1])
    assert SCRIPT not in site.page
    assert "Good &lt;script&gt;" in site.page
    assert "Lovelace" not in site.page
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors https://www.cafe.example" in policy
    assert "script-src" not in policy


def test_sent_in_twice_counts_once(app: Flask, house: House) -> None:
    review = offer(house, approval=False)
    ada = house.enrol(name="Ada Lovelace")
    phone = Browser(app, PHONE)
    path = f"/m/{ada.card_token}/activities"
    phone.get(path)
    form = phone.hidden(f"{path}/{review}")
    for _time in range(2):
        phone.client.post(
            f"{path}/{review}",
            data={**form, "text": "Good", "stars": "5"},
            base_url="http://127.0.0.1:8080",
        )

    assert balance(house, ada) == 100


def test_the_tills_screen_counts_a_visit_for_the_card_this_phone_showed(
    app: Flask, house: House, till: Browser, clock: ManualClock
) -> None:
    offer(house, kind=ActivityKind.CHECK_IN, name="Visit", units=3, approval=False, days=1)
    ada = house.enrol(name="Ada Lovelace")
    phone = Browser(app, PHONE)
    phone.get(f"/m/{ada.card_token}")
    till.get("/till/check-in")
    address = re.search(r'data-address="[^"]*(/c/[0-9A-Z]+)"', till.page)
    assert address

    phone.get(address[1])
    for _time in range(2):
        phone.get(address[1])
        phone.send(address[1])
    assert "Thank you" in phone.page
    assert balance(house, ada) == 3

    clock.advance(seconds=61)
    phone.get(address[1])
    assert phone.status == 404


def test_a_link_of_the_news_answers_the_same_for_any_number(app: Flask, house: House) -> None:
    offer(house, kind=ActivityKind.NEWSLETTER, name="News", units=2, approval=False)
    ada = house.enrol(name="Ada Lovelace")
    owner = an_owner(app, house.ctx, CAFE.id)
    owner.get(f"/console/cards/{house.programme_id}/activities")
    link = re.search(r"(/a/[0-9A-Z]{8})<", owner.page)
    assert link
    pages = []
    for number in (ada.number, "0000000000", "'; drop"):
        stranger = Browser(app)
        stranger.get(link[1])
        stranger.send(link[1], number=number)
        pages.append((stranger.status, stranger.page))

    assert len(set(pages)) == 1
    assert balance(house, ada) == 2


def test_a_reward_on_paper_is_used_once_and_the_card_decides(
    app: Flask, house: House, till: Browser
) -> None:
    ada = house.enrol(name="Ada Lovelace")
    owner = an_owner(app, house.ctx, CAFE.id)
    owner.get("/console/paper")
    chosen = re.search(r'value="(reward-\d+)"', owner.page)
    assert chosen
    owner.send("/console/paper", what=chosen[1], member=ada.number, size="receipt")
    assert "paper-receipt" in owner.page
    code = re.search(r"data-paper-code>([0-9A-Z ]+)<", owner.page)
    assert code

    till.get("/till/paper")
    till.send("/till/paper", paper=code[1])
    assert "Coffee" in till.page
    till.send("/till/paper/use")
    assert till.status == 409  # nothing on the card yet, and the paper stays good

    scan(till, house, ada)
    till.send("/till/earn", amount="15.00")
    till.get("/till/paper")
    till.send("/till/paper", paper=code[1].lower())
    till.send("/till/paper/use")
    assert till.status == 200
    assert balance(house, ada) == 5

    till.get("/till/paper")
    till.send("/till/paper", paper=code[1])
    assert till.status == 409
    assert card_state(house.ctx, CAFE.id, ada.member_id).balance == 5


def test_a_gift_card_on_paper_opens_on_one_phone_and_its_number_pays(
    app: Flask, house: House, till: Browser
) -> None:
    sell_gifts(house.ctx)
    gift = a_gift(house.ctx)
    owner = an_owner(app, house.ctx, CAFE.id)
    owner.get(f"/console/gifts/{gift.gift_id}")
    owner.send("/console/paper")
    assert "paper-a4" in owner.page
    code = re.search(r"data-paper-code>([0-9A-Z ]+)<", owner.page)
    assert code
    assert gift.number in owner.page.replace(" ", "")

    path = f"/gift/{read_gifts(house.ctx, CAFE.id).code}/paper/{code[1].replace(' ', '')}"
    phone = Browser(app, PHONE)
    phone.get(path)
    phone.send(path)
    assert "€25.00" in phone.page
    other = Browser(app, PHONE)
    other.get(path)
    other.send(path)
    assert other.status == 409
    till.get("/till")
    till.send("/till/find", code=gift.number)
    till.send("/till/gift/pay", amount="25.00")
    assert "Paid in full" in till.page
