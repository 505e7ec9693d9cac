"""A friend is brought: both are rewarded at the first purchase, once, and nobody brings themselves."""

from __future__ import annotations

from typing import Any

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import InvalidInputs
from common.ids import new_id
from loyalty.balance import card_state
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from loyalty.enrol import EnrolRequest
from loyalty.join import join
from loyalty.open_card import CardId, find_card
from loyalty.referrals import (
    ReferralRule,
    Thanks,
    friends_page,
    keep_referrals,
    make_friend_link,
    save_referral_rule,
    settle_referral,
)
from loyalty.reverse import ReverseRequest, reverse
from loyalty.rule_card import rule_card
from storage.engine import Database
from storage.unit_of_work import open_work
from storage.verify import verify
from tests.support.builders import CAFE
from tests.support.house import House, a_house
from tests.support.rules import SPEND, terms_of

TEN = ReferralRule(active=True, thanks=Thanks.UNITS, referrer=20, friend=10, least_minor=1000)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


def rule(house: House, **changes: Any) -> None:
    values = {name: getattr(TEN, name) for name in TEN.__slots__} | changes
    save_referral_rule(house.ctx, CAFE.id, house.programme_id, ReferralRule(**values), actor=SYSTEM)


def newcomer(house: House, email: str = "", *, link: str = "", device: str = "") -> CardId | None:
    """Somebody who joins on the page, by a friend's link or not; None for a known contact."""
    request = EnrolRequest(
        programme_id=house.programme_id,
        name=email.partition("@")[0].title(),
        email=email,
        actor=SYSTEM,
    )
    done = join(house.ctx, CAFE.id, request, friend_of=link.partition("friend=")[2], device=device)
    return find_card(house.ctx, done.card_token) if done.card_token else None


def link_of(house: House, card: CardId, *, device: str = "") -> str:
    make_friend_link(house.ctx, card, device=device)
    return friends_page(house.ctx, card).link


def buy(house: House, card: CardId, amount_minor: int = 1500) -> int:
    """A purchase at the till, with what the till does after it."""
    request = EarnRequest(
        member_id=card.member_id,
        amount_minor=amount_minor,
        visits=None,
        actor=SYSTEM,
        idempotency_key=f"k{new_id()}",
    )
    done = earn(house.ctx, CAFE.id, request)
    settle_referral(house.ctx, CAFE.id, card.member_id)
    return done.operation_id


def points(house: House, card: CardId) -> int:
    return card_state(house.ctx, CAFE.id, card.member_id).balance


def revision(house: House, card: CardId) -> int:
    with open_work(house.ctx.database, CAFE.id, clock=house.clock, writing=False) as work:
        return work.passes.current_of_member(card.member_id).revision


def states(house: House, card: CardId) -> list[tuple[str, str]]:
    return [(one.state, one.why) for one in friends_page(house.ctx, card).friends]


def brought(house: House, **more: str) -> tuple[CardId, CardId]:
    ada = newcomer(house, "ada@example.com")
    assert ada is not None
    ben = newcomer(house, "ben@example.com", link=link_of(house, ada), **more)
    assert ben is not None
    return ada, ben


def test_both_are_rewarded_at_the_friends_first_purchase_and_never_at_joining(
    house: House, database: Database
) -> None:
    rule(house)
    ada, ben = brought(house)
    assert (points(house, ada), points(house, ben)) == (0, 0)
    assert friends_page(house.ctx, ben).brought_by == "Ada"
    before = revision(house, ada)

    buy(house, ben)

    assert (points(house, ada), points(house, ben)) == (20, 15 + 10)
    assert revision(house, ada) > before
    said = card_state(house.ctx, CAFE.id, ada.member_id).history[0].sentences
    assert said == ("+20 points", "Thank you for bringing a friend")
    buy(house, ben)
    keep_referrals(house.ctx, CAFE.id)
    assert (points(house, ada), points(house, ben)) == (20, 40)
    assert states(house, ada) == [("rewarded", "")]
    assert verify(database) == []


def test_both_sides_10_percent_at_the_friends_first_purchase(
    ctx: Loyalty, clock: ManualClock, database: Database
) -> None:
    house = a_house(ctx, clock, terms=terms_of(SPEND))  # type: ignore[arg-type]
    rule(house, thanks=Thanks.PERCENT, referrer=10, friend=10, least_minor=0)
    ada, ben = brought(house)

    buy(house, ben)

    for card in (ada, ben):
        found = rule_card(ctx, CAFE.id, card.member_id)
        assert found is not None
        (promise,) = found.view.promises
        assert "10% off" in promise.sentence
    assert verify(database) == []


def test_a_small_purchase_waits_for_one_that_counts(house: House) -> None:
    rule(house)
    ada, ben = brought(house)

    buy(house, ben, 999)
    assert states(house, ada) == [("waiting", "")]
    buy(house, ben, 1000)

    assert states(house, ada) == [("rewarded", "")]


def test_a_purchase_that_was_undone_rewards_nobody(house: House) -> None:
    rule(house)
    ada, ben = brought(house)
    request = EarnRequest(
        member_id=ben.member_id,
        amount_minor=1500,
        visits=None,
        actor=SYSTEM,
        idempotency_key="one",
    )
    done = earn(house.ctx, CAFE.id, request)
    undo = ReverseRequest(
        operation_id=done.operation_id,
        actor=SYSTEM,
        idempotency_key="undo",
        own_recent_only=False,
    )
    reverse(house.ctx, CAFE.id, undo)

    assert keep_referrals(house.ctx, CAFE.id) == 0

    assert states(house, ada) == [("waiting", "")]


def test_it_lapses_after_the_owners_days(house: House, clock: ManualClock) -> None:
    rule(house, days=30)
    ada, ben = brought(house)
    clock.advance(days=31)

    buy(house, ben)

    assert states(house, ada) == [("lapsed", "")]
    assert points(house, ada) == 0


def test_past_the_cap_the_friend_is_rewarded_and_the_member_is_not(house: House) -> None:
    rule(house, cap=1)
    ada, ben = brought(house)
    cleo = newcomer(house, "cleo@example.com", link=friends_page(house.ctx, ada).link)
    assert cleo is not None
    for friend in (ben, cleo):
        buy(house, friend)

    assert points(house, ada) == 20
    assert points(house, cleo) == 15 + 10
    assert states(house, ada) == [("rewarded", "cap"), ("rewarded", "")]


def test_the_same_contact_brings_nothing(house: House) -> None:
    rule(house)
    ada = newcomer(house, "ada@example.com")
    assert ada is not None

    newcomer(house, "ada@example.com", link=link_of(house, ada))

    assert states(house, ada) == []


def test_the_same_browser_is_no_friend(house: House) -> None:
    rule(house)
    ada = newcomer(house, "ada@example.com")
    assert ada is not None
    link = link_of(house, ada, device="browser-1")
    second = newcomer(house, "ada.second@example.com", link=link, device="browser-1")
    assert second is not None

    buy(house, second)

    assert states(house, ada) == [("refused", "same_device")]
    assert points(house, ada) == 0


def test_a_loop_of_three_friends_gives_nothing_twice(house: House, database: Database) -> None:
    rule(house)
    ada, ben = brought(house)
    cleo = newcomer(house, "cleo@example.com", link=link_of(house, ben))
    assert cleo is not None
    newcomer(house, "ada@example.com", link=link_of(house, cleo))

    for _time in range(2):
        for card in (ada, ben, cleo):
            buy(house, card)
    keep_referrals(house.ctx, CAFE.id)

    assert points(house, ada) == 30 + 20
    assert points(house, ben) == 30 + 10 + 20
    assert points(house, cleo) == 30 + 10
    assert states(house, cleo) == []
    assert verify(database) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"referrer": -1}, "referrer"),
        ({"friend": 10**9}, "friend"),
        ({"referrer": 0, "friend": 0}, "friend"),
        ({"days": 0}, "days"),
        ({"cap": 0}, "cap"),
        ({"unit": "miles"}, "unit"),
        ({"thanks": Thanks.PERCENT}, "thanks"),
        ({"least_minor": 1.5}, "least"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(
    house: House, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInputs) as refused:
        rule(house, **changes)

    assert field in {one["field"] for one in refused.value.errors}
