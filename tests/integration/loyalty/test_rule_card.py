"""What a card of many rules shows: at the till, on the page and on the passes, in the same words."""

from __future__ import annotations

from datetime import timedelta

from common.actor import SYSTEM
from common.clock import ManualClock
from ledger.offers import RewardKind
from loyalty.balance import card_state
from loyalty.context import Loyalty
from loyalty.enrol import EnrolRequest, enrol
from loyalty.erase_member import erase_member
from loyalty.rewards import RewardForm, add_reward
from loyalty.rule_card import rule_card
from loyalty.shared_totals import tell_totals
from loyalty.sold import SaleAtHand
from passes.content import Content
from passes.design import Design
from storage.engine import Database
from storage.faces import load_face
from storage.tables import mass_change
from storage.unit_of_work import open_work
from tests.support.builders import CAFE, PUBLIC_URL
from tests.support.counter import Shop, a_shop, count, do_redeem
from tests.support.rules import SPEND, a_rule_shop, buy, terms_of

UNITS = [
    {"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 30}},
    {"code": "coffee", "kind": "stamps", "goal": 9, "name_one": "coffee", "name_many": "coffees"},
]
RULES = (
    {**SPEND, "spend_minor": 100},
    {"kind": "item", "code": "cups", "unit": "coffee"},
    {
        "kind": "challenge",
        "code": "five",
        "span": "month",
        "levels": [{"goal": 5, "grant": {"kind": "units", "unit": "points", "amount": 5}}],
    },
    {
        "kind": "bonus",
        "code": "back",
        "grant": {"kind": "percent_off_next", "amount": 10, "days": 14},
        "once": True,
    },
)
TIERS = {
    "levels": [
        {"code": "silver", "name": "Silver", "threshold": 1000, "benefit_percent": 5},
        {"code": "gold", "name": "Gold", "threshold": 5000, "benefit_percent": 10},
    ]
}


def a_full_shop(database: Database, clock: ManualClock) -> Shop:
    terms = terms_of(*RULES, units=UNITS, tiers=TIERS)
    shop = a_rule_shop(database, clock, terms)
    with open_work(database, CAFE.id, clock=clock) as work:
        design = Design(programme_name="Club", organization_name="Café", balance_label="Points")
        version = work.programmes.save_draft(shop.programme_id, design)
        work.programmes.publish(shop.programme_id, version)
        work.commit()
    return shop


def face(ctx: Loyalty, shop: Shop) -> Content:
    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        card = work.passes.current_of_member(shop.member)
        return load_face(work, card.id, keyring=ctx.keyring, public_url=PUBLIC_URL).content


def test_the_till_and_the_pass_show_units_tier_ways_and_promises(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_full_shop(database, clock)
    buy(ctx, shop, 1250, taps={"coffee": 2})

    card = rule_card(ctx, CAFE.id, shop.member, sale=SaleAtHand(amount_minor=1000))

    assert card is not None
    assert [(unit.code, unit.words) for unit in card.view.units] == [
        ("points", "12 points"),
        ("coffee", "2 coffees"),
    ]
    assert card.view.tier is not None
    assert (card.view.tier.name, card.view.tier.way) == ("Silver", "€37.50 more to Gold")
    assert card.tier_discount_minor == 50
    assert [(one.done, one.goal) for one in card.view.challenges] == [(1, 5)]
    assert [one.sentence[:12] for one in card.view.promises] == ["10% off the "]
    shown = face(ctx, shop)
    assert shown.rule_lines is not None
    assert shown.rule_lines.tier == "Silver"
    assert shown.rule_lines.expiring == ("12 points until Dec 22, 2026",)
    assert [line.words for line in shown.rule_lines.units] == ["12 points", "2 coffees"]
    assert shown.balance == 12
    assert shown.history
    assert "+12 points" in card_state(ctx, CAFE.id, shop.member).history[0].sentences[0]


def test_a_donation_counts_on_every_card(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_full_shop(database, clock)
    river = add_reward(
        ctx,
        CAFE.id,
        shop.programme_id,
        name="River clean-up",
        cost=5,
        actor=SYSTEM,
        offer=RewardForm(kind=RewardKind.DONATION, value_minor=200),
    )
    buy(ctx, shop, 1500)
    for _time in range(2):
        do_redeem(ctx, shop, reward_id=river)

    shown = face(ctx, shop)

    assert shown.rule_lines is not None
    assert shown.rule_lines.donated == ("Together €4.00: River clean-up",)


def test_donations_move_the_other_cards_once_in_a_while_and_not_once_each(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_full_shop(database, clock)
    river = add_reward(
        ctx,
        CAFE.id,
        shop.programme_id,
        name="River clean-up",
        cost=5,
        actor=SYSTEM,
        offer=RewardForm(kind=RewardKind.DONATION, value_minor=200),
    )
    buy(ctx, shop, 5000)

    def told(gifts: int, *, minutes: int) -> int:
        for _time in range(gifts):
            do_redeem(ctx, shop, reward_id=river)
        clock.advance(minutes=minutes)
        found = tell_totals(ctx, CAFE.id)
        with open_work(database, CAFE.id, clock=clock) as work:
            work.scope.execute(
                work.scope.update(mass_change)
                .where(mass_change.c.done_at.is_(None))
                .values(done_at=clock.now())
            )
            work.commit()
        return found

    assert told(0, minutes=1) == 0
    assert told(2, minutes=1) == 1
    assert told(1, minutes=5) == 0  # too soon
    assert told(1, minutes=10) == 1  # both gifts in one round
    assert told(0, minutes=60) == 0  # nothing new


def test_who_joins_is_welcomed_once_and_never_again(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    grant = {"kind": "units", "unit": "points", "amount": 25}
    welcome = {"kind": "welcome", "code": "hello", "grant": grant}
    shop = a_rule_shop(database, clock, terms_of(RULES[0], welcome))
    with open_work(database, CAFE.id, clock=clock) as work:
        design = Design(programme_name="Club", organization_name="Café", balance_label="Points")
        version = work.programmes.save_draft(shop.programme_id, design)
        work.programmes.publish(shop.programme_id, version)
        work.programmes.set_questions(
            shop.programme_id, name="optional", email="optional", phone="off"
        )
        code = work.programmes.get(shop.programme_id).join_code
        work.commit()
    request = EnrolRequest(
        programme_id=shop.programme_id,
        name="Ada",
        email="ada@example.com",
        phone="",
        language="en",
        source="join",
        offers=False,
        actor=SYSTEM,
        form_key="form-1",
    )

    joined = enrol(ctx, CAFE.id, request).member_id

    assert code
    card = rule_card(ctx, CAFE.id, joined)
    assert card is not None
    assert len(card.view.promises) == 1
    assert buy(ctx, shop, 100, member_id=joined).units == 26
    assert buy(ctx, shop, 100, member_id=joined).units == 1
    assert count(database, "welcome") == 1
    erase_member(ctx, CAFE.id, joined, actor=SYSTEM)
    assert count(database, "welcome") == 0


def test_a_card_of_one_rate_has_no_rule_card(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_shop(database, clock)
    clock.advance(seconds=timedelta(minutes=1).total_seconds())

    assert rule_card(ctx, CAFE.id, shop.member) is None


def test_a_reward_that_a_member_had_as_often_as_they_may_is_not_on_the_phone(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_full_shop(database, clock)
    once = add_reward(
        ctx,
        CAFE.id,
        shop.programme_id,
        name="Tour of the roastery",
        cost=5,
        actor=SYSTEM,
        offer=RewardForm(kind=RewardKind.EXPERIENCE, per_member=1),
    )
    buy(ctx, shop, 5000)

    def told() -> list[str]:
        return [one.name for one in face(ctx, shop).rewards if one.due]

    def limit() -> str:
        card = rule_card(ctx, CAFE.id, shop.member)
        assert card is not None
        return next(one.limit for one in card.rewards if one.id == once)

    assert "Tour of the roastery" in told()
    assert limit() == "1 of 1 left for this member"
    do_redeem(ctx, shop, reward_id=once)
    assert "Tour of the roastery" not in told()
    assert limit() == "0 of 1 left for this member"
