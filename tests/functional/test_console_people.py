"""The console's pages about members: details, notes, copies, two cards made one, and the door."""

from __future__ import annotations

import pytest

from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.doors import door_page
from loyalty.member_notes import read_notes
from loyalty.member_profile import read_profile
from storage.unit_of_work import open_work
from tests.support.console import an_owner
from tests.support.house import Browser, House, a_house, an_app
from tests.support.rules import SPEND, terms_of


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def owner(house: House) -> Browser:
    return an_owner(an_app(house.ctx), house.ctx, house.merchant_id)


def test_the_owner_changes_what_is_kept(owner: Browser, house: House) -> None:
    ada = house.enrol(name="Ada", email="ada@example.com").member_id
    path = f"/console/members/{ada}/details"
    owner.get(path)

    owner.send(
        path, name="Ada Byron", email="ada@example.com", birthday_day="05", birthday_month="02"
    )

    assert "Saved." in owner.page
    assert read_profile(house.ctx, house.merchant_id, ada).birthday == "02-05"
    assert "5 of month 2" in owner.page


def test_a_note_is_kept_shown_as_text_and_removed(owner: Browser, house: House) -> None:
    ada = house.enrol(name="Ada").member_id
    page = f"/console/members/{ada}"
    owner.get(page)

    owner.send(f"{page}/notes", note="Likes <script>alert(1)</script> oat milk")
    assert "&lt;script&gt;" in owner.page
    assert "<script>alert" not in owner.page
    (note,) = read_notes(house.ctx, house.merchant_id, ada)
    owner.send(f"{page}/notes/{note.id}/remove")

    assert "oat milk" not in owner.page
    assert read_notes(house.ctx, house.merchant_id, ada) == []


def test_two_cards_are_looked_at_made_one_and_parted(owner: Browser, house: House) -> None:
    kept = house.enrol(name="Ada Byron", email="ada@example.com").member_id
    merged = house.enrol(name="Ada Byron", phone="+4930901820").member_id
    owner.get(f"/console/members/{kept}")
    assert f"/console/members/{kept}/merge?other={merged}" in owner.page

    owner.get(f"/console/members/{kept}/merge?other={merged}")
    assert "This card stays" in owner.page
    owner.send(f"/console/members/{kept}/merge")
    assert "became a part of this card" in owner.page
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        (merge,) = work.merges.of_member(kept)
    owner.send(f"/console/merges/{merge.id}/undo")

    assert "two again" in owner.page
    owner.get(f"/console/members/{kept}/merge?other=nobody")
    assert "No member has this number" in owner.page


@pytest.mark.parametrize(
    "query", ["byron", "ADA", "ada@example.com", "030 901820", "ada b"], ids=str
)
def test_members_are_found_by_name_contact_or_number(
    owner: Browser, house: House, query: str
) -> None:
    house.enrol(name="Ada Byron", email="ada@example.com", phone="+4930901820")
    house.enrol(name="Bob Other")

    owner.get("/console/members", query_string={"q": query})

    assert "Ada Byron" in owner.page
    assert "Bob Other" not in owner.page


def test_the_owner_sets_the_door_of_a_card(owner: Browser, house: House) -> None:
    path = f"/console/cards/{house.programme_id}/door"
    owner.get(path)

    owner.send(f"{path}/rules", who="invited", ask_birthday="optional", why_birthday="A cake.")
    owner.send(f"{path}/invitations", label="Ann", count="3", uses="1")
    owner.send(f"{path}/sources", source_name="Parcel")
    owner.send(f"{path}/pilots", contacts="ada@example.com\n030 901820\n")

    assert "2 contacts are new" in owner.page
    found = door_page(house.ctx, house.merchant_id, house.programme_id)
    assert (str(found.door.rules.who), found.pilots) == ("invited", 2)
    owner.get(path)
    assert owner.page.count("?invite=") == 3
    assert "?from=" in owner.page


def test_a_door_that_cannot_be_is_refused_field_by_field(owner: Browser, house: House) -> None:
    path = f"/console/cards/{house.programme_id}/door"
    owner.get(path)

    for form, field in (
        ({"who": "interest"}, "interest"),
        ({"who": "purchases", "purchases": "0"}, "purchases"),
        ({"who": "nobody"}, "who"),
        ({"who": "everyone", "ask_address": "maybe"}, "ask_address"),
    ):
        owner.send(f"{path}/rules", **form)
        assert owner.status == 422
        assert f'href="#{field}"' in owner.page
        owner.get(path)
    owner.send(f"{path}/state", state="announced")
    assert owner.status == 422
    assert door_page(house.ctx, house.merchant_id, house.programme_id).door.state == "live"


def test_where_dates_are_set_the_law_is_named(ctx: Loyalty, clock: ManualClock) -> None:
    house = a_house(ctx, clock, terms=terms_of(SPEND))  # type: ignore[arg-type]
    owner = an_owner(an_app(ctx), ctx, house.merchant_id)

    owner.get(f"/console/cards/{house.programme_id}/rules/units/add/points")

    assert "What the law says about dates" in owner.page
    assert "eur-lex.europa.eu" in owner.page
