"""The console's page for cards that are in phones: a look first, one way, lines to mend, the export."""

from __future__ import annotations

import base64
import io
import re

import pyotp
import pytest
from flask import Flask
from sqlalchemy import text

from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.export_passes import HEADER, open_export
from signing.passphrase import seal_under
from storage.unit_of_work import open_work
from tests.support.console import PASSWORD, a_manager, an_owner
from tests.support.house import Browser, House, a_house, an_app

PAGE = "/console/set-up/kept-cards"
EXPORT = f"{PAGE}/export"
PASSPHRASE = "violet tram harbour"
LIST = (
    "serial_number,authentication_token,device_id,push_token,member,balance,name,code\n"
    "S-1,vxwxd7J8AlNNFPS8k0a0FfUFtq0ewzFdc,dev1,ab12,M-1,7,Ada,4006381333931\n"
    "S-2,qqwxd7J8AlNNFPS8k0a0FfUFtq0ewzFdc,,,M-2,3,Bob,4006381333948\n"
)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def app(ctx: Loyalty, house: House) -> Flask:
    return an_app(ctx)


@pytest.fixture
def owner(app: Flask, ctx: Loyalty, house: House) -> Browser:
    return an_owner(app, ctx, house.merchant_id)


def send(owner: Browser, house: House, listed: str, **values: str) -> str:
    owner.get(PAGE)
    file = (io.BytesIO(listed.encode()), "cards.csv")
    owner.send(PAGE, list=file, programme_id=str(house.programme_id), **values)  # type: ignore[arg-type]
    return re.sub(r"\s+", " ", owner.page)


def saved(page: str, name: str) -> str:
    """What the browser saves by a link whose file is in its own address."""
    found = re.search(rf'href="data:text/csv;base64,([^"]+)" download="{name}"', page)
    assert found, page
    return base64.b64decode(found[1]).decode()


def column(house: House, query: str) -> list[str]:
    with open_work(house.ctx.database, None, clock=house.clock, writing=False) as work:
        return [str(value) for value in work.scope.execute(text(query)).scalars()]


def members(house: House) -> int:
    return len(column(house, "select id from member"))


def test_a_look_says_which_way_holds_and_changes_nothing(house: House, owner: Browser) -> None:
    page = send(owner, house, LIST)

    assert owner.status == 200
    assert "The best way: Old codes count at the till" in page
    assert "Nothing was changed" in page
    assert "The Pass Type ID of the old cards is not told." in page
    assert members(house) == 0


def test_new_cards_are_offered_by_links_and_the_same_list_again_changes_nothing(
    house: House, owner: Browser
) -> None:
    page = send(owner, house, LIST, **{"as": "new-card"})

    assert owner.status == 200
    assert "2 customers are offered a new card" in page
    links = saved(page, "new-card-links.csv").splitlines()
    assert links[0] == "line,link"
    assert len(links) == 3
    assert owner.client.get(links[1].partition(",")[2]).status_code == 200
    assert members(house) == 2

    again = send(owner, house, LIST, **{"as": "new-card"})

    assert re.search(r"Here already</span><span class=\"figure-value\">2<", again)
    assert members(house) == 2


def test_a_way_that_does_not_hold_is_refused_with_what_to_do(house: House, owner: Browser) -> None:
    page = send(owner, house, LIST, **{"as": "moved"})

    assert owner.status == 422
    assert "The Pass Type ID of the old cards is not told." in page
    assert "take them over as new-card" in page
    assert members(house) == 0


def test_lines_to_mend_come_as_a_table_and_as_a_file(house: House, owner: Browser) -> None:
    page = send(owner, house, LIST + "S-3,short,,,M-3,-4,Cid,\n", **{"as": "new-card"})

    assert owner.status == 422
    told = saved(page, "lines-to-mend.csv").splitlines()
    assert told[0] == "line,why"
    assert told[1].startswith("4,")
    assert "short" not in told[1]
    assert members(house) == 0


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ("", "Choose the list"),
        ("a,b\n1,2\n", "The first line must name the columns"),
        ("code\n" + "".join(f"C{n}\n" for n in range(1001)), "takes 1000 cards at once"),
        ("\x00\x01", "The first line must name the columns"),
    ],
    ids=["none", "no-head", "many", "no-csv"],
)
def test_a_file_that_is_no_list_is_told_beside_the_field(
    house: House, owner: Browser, listed: str, told: str
) -> None:
    page = send(owner, house, listed)

    assert owner.status == 422
    assert told in page


def test_a_file_past_the_limit_is_not_read_to_its_end(
    house: House, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A really large one would leave the test client's own temporary file open.
    monkeypatch.setattr("web.console.kept_cards.LIST_BYTES_MAX", len(LIST) - 1)

    assert "takes 1000 cards at once" in send(owner, house, LIST)
    assert owner.status == 422


def test_a_programme_of_nobody_and_a_foreign_address_are_told(house: House, owner: Browser) -> None:
    owner.get(PAGE)
    file = (io.BytesIO(LIST.encode()), "cards.csv")
    owner.send(PAGE, list=file, programme_id="x", **{"as": "new-card"})  # type: ignore[arg-type]
    assert "Choose a programme." in owner.page

    page = send(owner, house, LIST, old_url="ftp://nowhere")
    assert "Give the webServiceURL of an old pass" in page


def test_a_manager_neither_brings_nor_takes(app: Flask, ctx: Loyalty, house: House) -> None:
    manager = a_manager(app, ctx, house.merchant_id)

    assert manager.get(PAGE).status_code == 403
    assert PAGE not in manager.get("/console/set-up").text


def with_second_factor(owner: Browser, clock: ManualClock) -> pyotp.TOTP:
    owner.send("/console/password", new_password=PASSWORD)
    owner.get("/console/second-factor")
    found = re.search(r'class="mono">([A-Z2-7 ]+)<', owner.page)
    assert found
    secret = pyotp.TOTP(found[1].replace(" ", ""))
    owner.send("/console/second-factor", code=secret.at(clock.now()))
    clock.advance(seconds=30)
    return secret


def test_without_a_second_factor_the_list_does_not_leave(owner: Browser) -> None:
    assert "not turned on yet" in owner.get(PAGE).text

    owner.send(EXPORT, new_passphrase=PASSPHRASE, again=PASSPHRASE, code="123456")

    assert "Turn your second factor on in the console first" in owner.page
    assert 'action="/console/second-factor"' in owner.page


def test_the_list_leaves_sealed_by_second_factor_and_is_audited(
    house: House, owner: Browser, clock: ManualClock
) -> None:
    secret = with_second_factor(owner, clock)
    owner.get(PAGE)
    owner.send(EXPORT, new_passphrase=PASSPHRASE, again="another one", code="")
    assert "The two passphrases differ." in owner.page
    owner.send(EXPORT, new_passphrase="short", again="short", code="")
    assert "Use a passphrase of 12" in owner.page
    owner.send(EXPORT, new_passphrase=PASSPHRASE, again=PASSPHRASE, code="000000")
    assert owner.status == 422

    owner.get(PAGE)
    form = owner.hidden(EXPORT)
    answer = owner.client.post(
        EXPORT,
        data={
            **form,
            "new_passphrase": PASSPHRASE,
            "again": PASSPHRASE,
            "code": secret.at(clock.now()),
        },
        base_url="http://127.0.0.1:8080",
    )

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "no-store"
    assert open_export(answer.data, PASSPHRASE).startswith(b"serial_number,")
    assert "passes.export" in column(house, "select action from audit_entry")


def test_a_sealed_list_of_another_regulars_is_opened_with_its_passphrase(
    house: House, owner: Browser
) -> None:
    sealed = seal_under(PASSPHRASE, LIST.encode(), header=HEADER)

    for passphrase, status in (("wrong wrong wrong", 422), (PASSPHRASE, 200)):
        owner.get(PAGE)
        file = (io.BytesIO(sealed), "cards.sealed")
        owner.send(PAGE, list=file, passphrase=passphrase)  # type: ignore[arg-type]
        assert owner.status == status
