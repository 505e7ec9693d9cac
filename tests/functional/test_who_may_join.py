"""Who may join: everyone, by invitation, by interest, after purchases; announced, pilot, live."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import InvalidInput
from loyalty.admission import NotOpen, PilotFull, PilotOnly
from loyalty.candidates import CandidateCard
from loyalty.context import Loyalty
from loyalty.doors import door_page, set_join_rules, set_state
from loyalty.earn import EarnRequest, earn
from loyalty.enrol import Enrolment
from loyalty.join_links import add_pilots, add_source, invite, sources, withdraw_invitation
from loyalty.redeem import RedeemRequest, redeem
from loyalty.waiting import tell_waiting, wait_for
from storage.join_rules import JoinRules, Question, Who
from storage.unit_of_work import open_work
from tests.support.house import PHONE, Browser, House, a_house, an_app


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def mailing(ctx: Loyalty, clock: ManualClock) -> House:
    with_mail = replace(ctx, settings=replace(ctx.settings, sends_mail=True))
    return a_house(with_mail, clock)


def open_for(house: House, rules: JoinRules, *, state: str = "live") -> None:
    set_join_rules(house.ctx, house.merchant_id, house.programme_id, rules, actor=SYSTEM)
    set_state(
        house.ctx,
        house.merchant_id,
        house.programme_id,
        state,
        opens_at=house.clock.now() + timedelta(days=3),
        actor=SYSTEM,
    )


def joins(house: House, **values: object) -> Enrolment:
    return house.enrol(**{"source": "join", **values})


def buys(house: House, member_id: int, key: str, amount_minor: int = 1000) -> None:
    request = EarnRequest(
        member_id=member_id,
        actor=SYSTEM,
        idempotency_key=key,
        amount_minor=amount_minor,
        visits=None,
    )
    earn(house.ctx, house.merchant_id, request)


def takes_coffee(house: House, member_id: int, key: str) -> None:
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        (reward,) = work.programmes.rewards(house.programme_id)
    request = RedeemRequest(
        member_id=member_id, reward_id=reward.id, actor=SYSTEM, idempotency_key=key
    )
    redeem(house.ctx, house.merchant_id, request)


def test_members_who_bought_n_times(house: House) -> None:
    open_for(house, JoinRules(who=Who.PURCHASES, purchases=3))
    candidate = joins(house, name="Ada").member_id

    for number in range(2):
        buys(house, candidate, f"sale-{number}")
        with pytest.raises(CandidateCard, match="more purchase"):
            takes_coffee(house, candidate, f"early-{number}")
    buys(house, candidate, "sale-3")

    takes_coffee(house, candidate, "coffee")


def test_counts_from_elsewhere_make_a_candidate_a_member(house: House) -> None:
    open_for(house, JoinRules(who=Who.PURCHASES, purchases=3))
    member = joins(house, name="Ada", purchases_before=3).member_id
    buys(house, member, "first")

    takes_coffee(house, member, "coffee")


def test_invitation_only(house: House) -> None:
    open_for(house, JoinRules(who=Who.INVITED))
    (once,) = invite(house.ctx, house.merchant_id, house.programme_id, label="Ann", actor=SYSTEM)
    wrong = ["", "NOSUCHCODE", "x" * 500]

    for code in wrong:
        with pytest.raises(InvalidInput) as refused:
            joins(house, name="Ada", invitation=code)
        assert refused.value.field == "invite"
    joined = joins(house, name="Ada", email="ada@example.com", invitation=once.code.lower())
    with pytest.raises(InvalidInput, match="by invitation"):
        joins(house, name="Bob", email="bob@example.com", invitation=once.code)

    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        assert work.members.get(joined.member_id).invitation_id == once.id
        assert len(work.members.recent()) == 1


def test_an_invitation_may_be_good_for_several_and_be_withdrawn_or_end(house: House) -> None:
    ctx, shop, programme = house.ctx, house.merchant_id, house.programme_id
    open_for(house, JoinRules(who=Who.INVITED))
    (many,) = invite(ctx, shop, programme, label="Staff", uses=None, actor=SYSTEM)
    ends = house.clock.now() + timedelta(days=1)
    (short,) = invite(ctx, shop, programme, label="", ends_at=ends, actor=SYSTEM)

    for number in range(3):
        joins(house, email=f"p{number}@example.com", invitation=many.code)
    withdraw_invitation(ctx, shop, many.id, actor=SYSTEM)
    house.clock.advance(days=2)

    for code in (many.code, short.code):
        with pytest.raises(InvalidInput):
            joins(house, email="late@example.com", invitation=code)


def test_a_known_contact_uses_up_no_invitation(house: House) -> None:
    house.enrol(email="ada@example.com")
    open_for(house, JoinRules(who=Who.INVITED))
    (once,) = invite(house.ctx, house.merchant_id, house.programme_id, label="", actor=SYSTEM)

    assert joins(house, email="ada@example.com", invitation=once.code).known
    assert not joins(house, email="bob@example.com", invitation=once.code).known


def test_staff_enrol_without_an_invitation(house: House) -> None:
    open_for(house, JoinRules(who=Who.INVITED))

    assert joins(house, source="till", name="Ada").card_token


def test_by_interest_only_who_says_yes_joins(house: House) -> None:
    open_for(house, JoinRules(who=Who.INTEREST, interest="Do you have a dog?"))

    with pytest.raises(InvalidInput) as refused:
        joins(house, name="Ada")

    assert refused.value.field == "interest"
    assert joins(house, name="Ada", interested=True).card_token


def test_a_pilot_with_the_best_customers(house: House) -> None:
    ctx, shop, programme = house.ctx, house.merchant_id, house.programme_id
    open_for(house, JoinRules(pilot_max=2), state="pilot")
    table = (
        "name;contact\nAda;ada@example.com\nBob;+49 30 901820\nCid;cid@example.com\nDot;no contact"
    )
    done = add_pilots(ctx, shop, programme, table, actor=SYSTEM)
    assert (done.added, done.known, done.refused) == (3, 0, (5,))
    assert add_pilots(ctx, shop, programme, table, actor=SYSTEM).known == 3

    with pytest.raises(PilotOnly):
        joins(house, email="stranger@example.com")
    with pytest.raises(PilotOnly):
        joins(house, name="Nobody")
    assert joins(house, email="ADA@example.com").card_token
    assert joins(house, phone="030 901820").card_token
    with pytest.raises(PilotFull):
        joins(house, email="cid@example.com")
    set_state(ctx, shop, programme, "live", actor=SYSTEM)

    assert joins(house, email="stranger@example.com").card_token
    assert door_page(ctx, shop, programme).members == 3


def test_a_closed_card_takes_nobody_not_even_at_the_till(house: House) -> None:
    open_for(house, JoinRules(), state="closed")

    for source in ("join", "till"):
        with pytest.raises(NotOpen):
            joins(house, name="Ada", source=source)


def test_an_announced_card_says_its_day_and_tells_who_asked_once(mailing: House) -> None:
    open_for(mailing, JoinRules(), state="announced")
    phone = Browser(an_app(mailing.ctx), PHONE)
    path = f"/j/{mailing.join_code}"

    phone.get(path)
    assert phone.status == 200
    assert "opens on" in phone.page
    for _twice in range(2):
        phone.send(f"{path}/tell-me", email="ada@example.com")
        assert "We will mail you once" in phone.page
        phone.get(path)
    phone.send(f"{path}/tell-me", email="not an address")
    assert phone.status == 422
    shop, programme = mailing.merchant_id, mailing.programme_id
    assert door_page(mailing.ctx, shop, programme).waiting == 1

    assert set_state(mailing.ctx, shop, programme, "live", actor=SYSTEM) == 1
    assert tell_waiting(mailing.ctx, shop, programme) == 0
    with open_work(mailing.ctx.database, shop, clock=mailing.clock, writing=False) as work:
        assert [line.kind for line in work.outbox.lines()] == ["opened"]
        assert work.joining.waiting(programme) == 0
    phone.get(path)
    assert "Get your Bean Club card" in phone.page


def test_nobody_waits_for_a_card_that_is_open(mailing: House) -> None:
    phone = Browser(an_app(mailing.ctx), PHONE)

    with pytest.raises(Exception, match="Nobody can be told"):
        wait_for(mailing.ctx, mailing.merchant_id, mailing.programme_id, "ada@example.com")
    phone.get(f"/j/{mailing.join_code}")
    assert "Get your Bean Club card" in phone.page


def test_where_a_link_hangs_stays_with_the_member(house: House) -> None:
    parcel = add_source(
        house.ctx, house.merchant_id, house.programme_id, name="Parcel", actor=SYSTEM
    )
    phone = Browser(an_app(house.ctx), PHONE)
    path = f"/j/{house.join_code}"
    phone.get(f"{path}?from={parcel.code.lower()}")
    house.clock.advance(seconds=5)
    phone.send(path, name="Ada")
    joins(house, name="Bob", came_from="NOSUCH")

    (line,) = sources(house.ctx, house.merchant_id, house.programme_id)

    assert (line.source.name, line.came, line.stayed) == ("Parcel", 1, 1)


def test_the_owners_fields_are_asked_with_the_reason(house: House) -> None:
    rules = JoinRules(
        ask={"address": "optional", "birthday": "required", "brand": "off"},
        why={"birthday": "A cake waits for you."},
        questions=(Question(key="q1", text="Your dog’s name?", ask="optional"),),
    )
    open_for(house, rules)
    phone = Browser(an_app(house.ctx), PHONE)
    path = f"/j/{house.join_code}"

    phone.get(path)
    assert "A cake waits for you." in phone.page
    assert "Your dog’s name?" in phone.page
    house.clock.advance(seconds=5)
    phone.send(path, name="Ada")
    assert phone.status == 422
    assert "Choose the day and the month" in phone.page
    house.clock.advance(seconds=5)
    phone.send(path, name="Ada", birthday_day="31", birthday_month="02")
    assert phone.status == 422
    house.clock.advance(seconds=5)
    answers = {"answer_q1": "Rex", "address": "1 High Street\nBerlin", "brand": "not asked"}
    phone.send(path, name="Ada", birthday_day="29", birthday_month="02", **answers)
    assert "Welcome to Bean Club" in phone.page

    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        (member,) = work.members.recent()
    assert member.birthday == 229
    assert b"High Street" not in (member.details_sealed or b"")
