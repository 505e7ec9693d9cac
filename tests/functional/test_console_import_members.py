"""The console's page that brings members: a look, steps with progress, lines to mend, good rows."""

from __future__ import annotations

import base64
import io
import re

import pytest
from flask import Flask

from common.clock import ManualClock
from loyalty.context import Loyalty
from tests.support.console import a_manager, an_owner
from tests.support.counter import count
from tests.support.house import Browser, House, a_house, an_app, at_the_till

PAGE = "/console/members/import"
TAKE = f"{PAGE}/take"
LIST = "old_code;name;contact;points\nC-1;Jörg;joerg@example.com;7\nC-2;Bo;;3\n"
BAD = LIST + "C-3;Cid;;-4\nC-2;Dan;;1\n"


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def app(ctx: Loyalty, house: House) -> Flask:
    return an_app(ctx)


@pytest.fixture
def owner(app: Flask, ctx: Loyalty, house: House) -> Browser:
    return an_owner(app, ctx, house.merchant_id)


def look(owner: Browser, house: House, listed: str, **values: str) -> str:
    owner.get(PAGE)
    file = (io.BytesIO(listed.encode("cp1252")), "members.csv")
    sent = {"programme_id": str(house.programme_id), **values}
    owner.send(PAGE, list=file, **sent)  # type: ignore[arg-type]
    return re.sub(r"\s+", " ", owner.page)


def take(owner: Browser, **values: str) -> str:
    owner.send(TAKE, **values)
    return re.sub(r"\s+", " ", owner.page)


def members(house: House) -> int:
    return count(house.ctx.database, "member")


def figure(page: str, label: str) -> str:
    found = re.search(rf'{label}</span><span class="figure-value">([^<]+)<', page)
    assert found, page
    return found[1]


def saved(page: str) -> list[str]:
    found = re.search(r'href="data:text/csv;base64,([^"]+)" download="lines-to-mend.csv"', page)
    assert found, page
    return base64.b64decode(found[1]).decode().splitlines()


def test_a_look_says_what_would_happen_and_changes_nothing(house: House, owner: Browser) -> None:
    page = look(owner, house, LIST)

    assert owner.status == 200
    assert "Nothing was changed" in page
    assert "Read as Windows-1252, with semicolons." in page
    assert (figure(page, "New members"), figure(page, "To be credited")) == ("2", "10")
    assert members(house) == 0


def test_the_list_is_taken_over_without_being_chosen_again(
    app: Flask, house: House, owner: Browser
) -> None:
    look(owner, house, LIST)

    page = take(owner)

    assert figure(page, "Here now") == "2"
    assert members(house) == 2
    till = at_the_till(app, house)
    till.send("/till/find", code="C-1")
    assert "<strong data-balance>7</strong>" in till.page
    assert "Old card? Hand over the new one." in till.page


def test_many_rows_go_in_steps_that_tell_how_far_they_are(
    house: House, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.console.import_members.STEP", 2)
    look(owner, house, LIST + "C-4;Dan;;1\n")

    first = take(owner)
    assert "Line 3 of 5" in first
    assert "data-goes-on" in first
    assert members(house) == 2
    last = take(owner)

    assert figure(last, "Here now") == "3"


def test_bad_rows_are_told_and_the_good_ones_go_in_only_when_told_to(
    house: House, owner: Browser
) -> None:
    page = look(owner, house, BAD)
    assert figure(page, "To mend") == "3"
    lines = saved(page)
    assert [line.partition(",")[0] for line in lines] == ["line", "3", "4", "5"]

    refused = take(owner)
    assert owner.status == 422
    assert "without the others" in refused
    assert members(house) == 0
    done = take(owner, good_only="1")

    assert (figure(done, "Here now"), figure(done, "To mend")) == ("1", "3")
    assert members(house) == 1


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ("", "Choose the list"),
        ("name;points\nAda;1\n", "The column old_code is missing."),
        ("old_code\n" + "C\n" * 5_002, "takes 5000 rows at once"),
    ],
    ids=["none", "no-code", "many"],
)
def test_a_file_that_is_no_list_is_told_beside_the_field(
    house: House, owner: Browser, listed: str, told: str
) -> None:
    page = look(owner, house, listed)

    assert owner.status == 422
    assert told in page


@pytest.mark.parametrize(
    "kept",
    ["", "%%%", "eJw", base64.b64encode(b"no list").decode()],
    ids=["none", "no-base64", "cut", "not-packed"],
)
def test_a_list_that_was_changed_on_its_way_is_asked_for_again(
    house: House, owner: Browser, kept: str
) -> None:
    look(owner, house, LIST)

    assert "Choose the list again." in take(owner, kept=kept)
    assert owner.status == 422
    assert members(house) == 0


def test_a_programme_of_nobody_is_told(house: House, owner: Browser) -> None:
    assert "Choose a programme." in look(owner, house, LIST, programme_id="x")


def test_a_manager_brings_nobody(app: Flask, ctx: Loyalty, house: House) -> None:
    manager = a_manager(app, ctx, house.merchant_id)

    assert manager.get(PAGE).status_code == 403
    assert PAGE not in manager.get("/console/members").text
