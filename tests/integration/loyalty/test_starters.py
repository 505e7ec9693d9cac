"""A starter is a whole programme in one transaction, or nothing."""

from __future__ import annotations

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import Conflict, InvalidInput, NotFound
from ledger.programme_terms import ProgrammeTerms
from loyalty import items
from loyalty.context import Loyalty
from loyalty.items import ItemForm, add_item, list_items
from loyalty.programmes import read_programme
from loyalty.starters import begin_from_starter, starters
from storage.engine import Database
from tests.support.builders import CAFE
from tests.support.counter import a_shop, count

TABLES = ("programme", "terms", "reward", "item", "account", "design", "audit_entry")


@pytest.fixture(autouse=True)
def shop(database: Database, clock: ManualClock) -> None:
    a_shop(database, clock)


@pytest.mark.parametrize("code", [one.code for one in starters("EUR")])
def test_every_trade_begins_whole(ctx: Loyalty, code: str) -> None:
    programme_id = begin_from_starter(ctx, CAFE.id, code, actor=SYSTEM)

    kit = next(one for one in starters(CAFE.currency) if one.code == code)
    found = read_programme(ctx, CAFE.id, programme_id)
    assert isinstance(found.terms, ProgrammeTerms)
    names = {reward.name for reward in found.rewards}
    assert {reward.name for reward in kit.rewards} <= names
    assert {item.code for item in kit.items} <= {one.code for one in list_items(ctx, CAFE.id)}


def test_what_stops_it_half_way_leaves_no_half_shop(
    ctx: Loyalty, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: count(database, name) for name in TABLES}
    monkeypatch.setattr(items, "ITEMS_MAX", 1)

    with pytest.raises(Conflict):
        begin_from_starter(ctx, CAFE.id, "pet-shop", actor=SYSTEM)

    assert {name: count(database, name) for name in TABLES} == before


def test_an_item_the_owner_has_already_stays_as_it_is(ctx: Loyalty) -> None:
    own = ItemForm(code="dog-food", name="Our kibble", category="food", price_minor=990)
    add_item(ctx, CAFE.id, item=own, actor=SYSTEM)

    begin_from_starter(ctx, CAFE.id, "pet-shop", actor=SYSTEM)

    found = {one.code: one.name for one in list_items(ctx, CAFE.id)}
    assert found["dog-food"] == "Our kibble"
    assert "cat-food" in found


def test_an_unknown_trade_and_a_bad_name_are_refused(ctx: Loyalty, database: Database) -> None:
    before = count(database, "programme")
    with pytest.raises(NotFound):
        begin_from_starter(ctx, CAFE.id, "astronaut", actor=SYSTEM)
    with pytest.raises(InvalidInput):
        begin_from_starter(ctx, CAFE.id, "cafe", name="x" * 400, actor=SYSTEM)
    assert count(database, "programme") == before
