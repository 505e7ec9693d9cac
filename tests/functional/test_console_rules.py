"""The rules in the console: begin from a trade, change by forms, publish, and what is refused."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask

from common.clock import ManualClock
from ledger.programme_terms import Floor
from loyalty.context import Loyalty
from loyalty.rule_drafts import read_rules
from storage.unit_of_work import open_work
from tests.support.console import a_manager, an_owner
from tests.support.house import Browser, House, a_house, an_app

CAFE = 101


@pytest.fixture
def app(ctx: Loyalty) -> Flask:
    return an_app(ctx)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def owner(app: Flask, ctx: Loyalty, house: House) -> Browser:
    return an_owner(app, ctx, CAFE)


def rules_path(house: House) -> str:
    return f"/console/cards/{house.programme_id}/rules"


def test_owner_begins_with_a_trade_and_every_page_of_its_rules_opens(owner, ctx, house):
    owner.get("/console/cards/new")
    owner.send("/console/cards/new", starter="boutique", name="")

    assert "Style club" in owner.page
    with open_work(ctx.database, CAFE, clock=house.clock, writing=False) as work:
        programme = next(one for one in work.programmes.all() if one.name == "Style club")
        assert [one.name for one in work.programmes.rewards(programme.id)] == ["Free alterations"]
    path = f"/console/cards/{programme.id}/rules"
    pages = (
        *("", "/add", "/publish", "/units/points", "/rules/base", "/rules/a_little_more"),
        *("/tiers/all", "/payments/points", "/promises/all", "/rules/add/challenge"),
    )
    for page in pages:
        owner.get(path + page)
        assert owner.status == 200, page
    owner.get(path)
    assert "Silver from €300.00 within 365 days" in owner.page


def test_a_change_waits_in_the_draft_until_it_is_published(owner, ctx, house):
    path = rules_path(house)
    owner.get(f"{path}/rules/add/multiplier")
    owner.send(
        f"{path}/rules/add/multiplier",
        percent="2",
        unit="points",
        weekdays="2",
        **{"from": "14:00", "until": "17:00"},
    )

    assert "Saved in the draft" in owner.page
    assert "1 change is not published" in owner.page
    assert len(read_rules(ctx, CAFE, house.programme_id).terms.rules) == 1

    owner.get(f"{path}/publish")
    assert "Counts at once." in owner.page
    owner.send(f"{path}/publish")

    assert "count from now on" in owner.page
    terms = read_rules(ctx, CAFE, house.programme_id).terms
    assert len(terms.rules) == 2
    assert terms.rules[1].when.weekdays == (2,)
    assert (terms.rules[1].when.from_minute, terms.rules[1].when.until_minute) == (840, 1020)


def test_a_reward_for_a_next_purchase_a_little_above_the_average_has_a_form(owner, ctx, house):
    path = rules_path(house)
    owner.get(f"{path}/rules/add/bonus")
    assert "The next purchase must be at least" in owner.page
    owner.send(
        f"{path}/rules/add/bonus",
        gives="fixed_off_next",
        less="3.00",
        good="30",
        next_floor="5.00",
        next_average="member",
        next_average_percent="110",
    )
    owner.get(f"{path}/publish")
    owner.send(f"{path}/publish")

    floor = read_rules(ctx, CAFE, house.programme_id).terms.rules[1].grant.floor
    assert (floor.minor, floor.average, floor.percent) == (500, "member", 110)
    owner.get(path)
    assert "110%" in owner.page or "110 %" in owner.page


def test_what_is_given_at_once_asks_nothing_of_a_next_purchase(owner, ctx, house):
    path = rules_path(house)
    owner.get(f"{path}/rules/add/bonus")
    owner.send(
        f"{path}/rules/add/bonus",
        gives="units",
        count="5",
        unit="points",
        next_floor="5.00",
        next_average="member",
        next_average_percent="110",
    )
    owner.get(f"{path}/publish")
    owner.send(f"{path}/publish")

    assert read_rules(ctx, CAFE, house.programme_id).terms.rules[1].grant.floor == Floor()


def test_a_change_for_the_worse_is_told_with_its_day_and_can_be_taken_back(owner, ctx, house):
    house.enrol(name="Ada")
    path = rules_path(house)
    owner.get(f"{path}/rules/spend")
    owner.send(f"{path}/rules/spend", spend="5.00", units="1", unit="points")
    owner.get(f"{path}/publish")

    assert "Worse for members" in owner.page
    assert "Counts from Dec 22, 2026." in owner.page
    owner.send(f"{path}/publish")

    rules = read_rules(ctx, CAFE, house.programme_id)
    assert rules.terms.rules[0].spend_minor == 100
    assert rules.next_at is not None
    owner.get(path)
    owner.send(f"{path}/withdraw")
    assert read_rules(ctx, CAFE, house.programme_id).next_at is None


@pytest.mark.parametrize(
    ("place", "typed", "field"),
    [
        ("rules/spend", {"spend": "0", "units": "1", "unit": "points"}, "spend"),
        ("rules/spend", {"spend": "a lot", "units": "x", "unit": "points"}, "units"),
        ("rules/add/multiplier", {"percent": "1", "unit": "points"}, "percent"),
        ("rules/add/multiplier", {"percent": "2", "unit": "nothing"}, "unit"),
        (
            "rules/add/multiplier",
            {"percent": "2", "unit": "points", "first_day": "2026-12-24", "last_day": "2026-12-01"},
            "last_day",
        ),
        ("rules/add/bonus", {"gives": "percent_off_next", "off": "900", "good": "9"}, "off"),
        ("rules/add/challenge", {"level0_goal": "5"}, "level0_gives"),
        ("units/add/stamps", {"name": "coffee", "goal": "1"}, "goal"),
        ("tiers/add/tiers", {"basis": "spend", "window": "days"}, "tier0_name"),
        (
            "tiers/add/tiers",
            {
                "basis": "spend",
                "window": "ever",
                "tier0_name": "Silver",
                "tier0_money": "500",
                "tier1_name": "Gold",
                "tier1_money": "100",
            },
            "tier1_money",
        ),
        ("limits/add/units_per_day", {"unit": "points", "most": "0"}, "most"),
        ("limits/add/sale_max", {"most": "99999999999999"}, "most"),
        ("payments/add/payment", {"unit": "points", "units": "1", "minor": "5.00"}, "minor"),
        ("promises/all", {"tax": "1", "notice_days": "9999"}, "notice_days"),
        ("promises/all", {"tax": "1", "warn_days": "soon"}, "warn_days"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(owner, house, place, typed, field):
    path = f"{rules_path(house)}/{place}"
    owner.get(path)
    owner.send(path, **typed)

    assert owner.status == 422
    assert f'id="{field}-error"' in owner.page
    assert read_rules(house.ctx, CAFE, house.programme_id).draft is None


def test_the_sentence_is_told_while_the_form_is_filled(owner, house):
    path = rules_path(house)
    owner.get(f"{path}/rules/spend")

    said = owner.ask(
        f"{path}/rules/say/spend",
        form=f"{path}/rules/spend",
        spend="2.00",
        units="3",
        unit="points",
        key="spend",
    )
    unclear = owner.ask(f"{path}/rules/say/spend", form=f"{path}/rules/spend", spend="?")

    assert said.json["sentences"] == ["3 points for every €2.00 spent."]
    assert unclear.json["sentences"] == []


def test_the_last_rule_cannot_be_taken_out(owner, house):
    path = rules_path(house)
    owner.get(f"{path}/rules/spend")
    owner.send(f"{path}/rules/spend/remove")

    assert owner.status == 422
    assert "something else needs it" in owner.page


@pytest.mark.parametrize("place", ["rules/gone", "nothing/spend", "rules/add/nothing"])
def test_what_is_not_there_is_no_page(owner, house, place):
    assert owner.get(f"{rules_path(house)}/{place}").status_code == 404


def test_a_manager_reads_the_rules_and_changes_none(app, ctx, house):
    manager = a_manager(app, ctx, CAFE)
    path = rules_path(house)

    manager.get(f"{path}/rules/spend")
    assert "Only an owner may change the rules." in manager.page
    manager.send(f"{path}/rules/spend", form=f"{path}/add", spend="1", units="9", unit="points")
    assert manager.status in {403, 404}
    assert read_rules(ctx, CAFE, house.programme_id).draft is None


def test_a_prize_for_a_full_set_keeps_all_it_costs(owner, ctx, house):
    owner.get("/console/cards/new")
    owner.send("/console/cards/new", starter="pet-shop", name="Paws")
    with open_work(ctx.database, CAFE, clock=house.clock, writing=False) as work:
        programme = next(one for one in work.programmes.all() if one.name == "Paws")
    path = f"/console/cards/{programme.id}/rewards"
    wanted = {"name": "Hamper", "unit": "points", "cost": "30", "kind": "product", "also_bags": "2"}

    owner.get(path)
    owner.send(path, **wanted)
    owner.send(path, **{**wanted, "name": "Odd", "also_bags": "two"})
    assert owner.status == 422
    assert 'id="also_bags-error"' in owner.page

    with open_work(ctx.database, CAFE, clock=house.clock, writing=False) as work:
        reward = next(one for one in work.programmes.rewards(programme.id) if one.name == "Hamper")
    assert reward.conditions == {"costs": [["bags", 2]]}
    owner.get(f"{path}/{reward.id}")
    assert re.search(r'name="also_bags"[^>]* value="2"', owner.page)
    owner.send(f"{path}/{reward.id}", **{**wanted, "name": "Large hamper", "active": "1"})
    with open_work(ctx.database, CAFE, clock=house.clock, writing=False) as work:
        assert work.programmes.reward(reward.id).conditions == {"costs": [["bags", 2]]}


def test_items_rewards_and_coupons_are_kept_and_shown_again(owner, house):
    path = f"/console/cards/{house.programme_id}"
    owner.get("/console/items")
    owner.send("/console/items", name="Flat white", category="Hot drinks", price="3.20", counts="1")
    assert "hot-drinks" in owner.page
    assert "flat-white" in owner.page

    owner.get(f"{path}/rewards")
    owner.send(f"{path}/rewards", name="A fifth off", cost="20", kind="percent", percent="20")
    assert "A fifth off" in owner.page

    owner.get(f"{path}/coupons")
    owner.send(
        f"{path}/coupons",
        name="Quiet week",
        code="quiet-10",
        kind="fixed",
        value="2.00",
        valid_until="2026-12-24",
        per_member="1",
        stock="50",
    )
    assert "QUIET-10" in owner.page
    assert "Dec 24, 2026" in owner.page or "Dec 25, 2026" in owner.page
    owner.send(f"{path}/coupons", name="", code="!", kind="percent", percent="900")
    assert owner.status == 422
    for field in ("name", "code", "percent"):
        assert f'id="{field}-error"' in owner.page


def test_rules_are_rehearsed_on_past_sales_and_nothing_is_kept(owner, house):
    path = f"/console/cards/{house.programme_id}/rehearsal"
    table = "date,amount\n2026-10-01 10:00,12.50\n2026-10-02 11:00,20.00\nbad,row\n"
    owner.get(path)
    fields = {**owner.hidden(path), "file": (io.BytesIO(table.encode()), "sales.csv")}

    answer = owner.client.post(path, data=fields, base_url="http://127.0.0.1:8080")

    assert answer.status_code == 200
    assert "two patterns were assumed" in answer.text
    assert "1 row was passed over" in answer.text
    for wrong in (b"", b"no,table", b"\xff\xfe\x00", b"date,amount\n"):
        owner.get(path)
        fields = {**owner.hidden(path), "file": (io.BytesIO(wrong), "sales.csv")}
        answer = owner.client.post(path, data=fields, base_url="http://127.0.0.1:8080")
        assert answer.status_code == 422
        assert 'id="file-error"' in answer.text


def test_the_statement_tells_what_is_owed_and_comes_as_a_table(owner, house):
    path = f"/console/cards/{house.programme_id}/statement"

    owner.get(path)
    assert owner.status == 200
    assert "Estimate" in owner.page
    table = owner.client.get(f"{path}.csv?by=month", base_url="http://127.0.0.1:8080")
    assert table.mimetype == "text/csv"
    assert table.text.startswith("month,unit,issued")
    for wrong in ("since=x", "breakage=101", "breakage=x", "since=2027-01-01&until=2026-01-01"):
        owner.get(f"{path}?{wrong}")
        assert owner.status == 422
    assert owner.get(f"{path}.csv?by=year").status_code == 422
