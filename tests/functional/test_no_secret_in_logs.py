"""A day at the café with secrets that can be recognised; none of them is found in any log.

Web, worker and sandbox are processes of their own and log at `debug`. Things go wrong on purpose:
a complaint is where a secret slips out.
"""

from __future__ import annotations

import json
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from common.actor import SYSTEM
from common.ids import new_id
from loyalty.earn import EarnRequest, earn
from loyalty.merchants import find_merchant
from loyalty.sign_in import make_owner_link
from loyalty.staff import set_pin
from loyalty.tills import use_this_device
from signing.tokens import barcode_token
from storage.unit_of_work import open_work
from tests.support.processes import Running, running

NAME, EMAIL = "Ada Canarybird", "canary.bird@example.com"
PASSWORD, WRONG_PASSWORD = "canary sings at dawn 71", "canary falls silent 93"
PIN, WRONG_PIN = "741950", "603182"
MADE_UP = "CANARY0CANARY0CANARY0CANAR"


@pytest.fixture(scope="module")
def cafe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("canary"), log_level="debug") as house:
        yield house


class Visitor:
    """A browser without scripts, over a real socket."""

    def __init__(self, house: Running) -> None:
        self.house = house
        self.http = requests.Session()
        self.http.trust_env = False
        self.page = ""

    def get(self, path: str) -> requests.Response:
        answer = self.http.get(self.house.url + path, timeout=20)
        self.page = answer.text
        return answer

    def send(self, path: str, **values: str) -> requests.Response:
        form = re.search(
            rf'<form[^>]*action="{re.escape(path)}"[^>]*>(.*?)</form>', self.page, re.DOTALL
        )
        assert form, f"no form for {path}: {self.page[:2000]}"
        hidden = {}
        for tag in re.findall(r"<input[^>]*>", form[1]):
            name = re.search(r'name="([^"]*)"', tag)
            value = re.search(r'value="([^"]*)"', tag)
            if 'type="hidden"' in tag and name:
                hidden[name[1]] = value[1] if value else ""
        answer = self.http.post(self.house.url + path, data=hidden | values, timeout=20)
        self.page = answer.text
        return answer


def test_no_secret_and_no_contact_is_ever_logged(cafe: Running) -> None:
    secrets = {
        "name": NAME,
        "e-mail": EMAIL,
        **owner_comes_in(cafe),
        **customer_joins(cafe),
        **keys_of(cafe),
    }
    strangers_try(cafe)
    providers_fail(cafe, secrets)
    database_fails(cafe, secrets)

    log = cafe.log()
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert {"request_crashed", "delivery.lane_failed"} <= set(events)
    assert [what for what, secret in secrets.items() if stands_in(log, secret)] == []


def stands_in(log: str, secret: str) -> bool:
    """As a word of its own: six digits of a PIN may well be part of an id."""
    return re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", log) is not None


def owner_comes_in(cafe: Running) -> dict[str, str]:
    """By the one-time link, then by password, wrong and right; and a till is opened."""
    ctx = cafe.installation.loyalty
    merchant = find_merchant(ctx, None)
    token = make_owner_link(ctx, merchant.id, "owner@demo.example")
    owner = Visitor(cafe)
    owner.get(f"/console/link/{token}")
    owner.send(f"/console/link/{token}")
    owner.get("/console/password")
    owner.send("/console/password", new_password=PASSWORD)
    other = Visitor(cafe)
    other.get("/console/sign-in")
    other.send("/console/sign-in", email="owner@demo.example", password=WRONG_PASSWORD)
    other.get("/console/sign-in")
    other.send("/console/sign-in", email="owner@demo.example", password=PASSWORD)
    assert other.get("/console").url.endswith("/console/") or "regulars" in other.http.cookies
    return {
        "owner's link": token,
        "password": PASSWORD,
        "wrong password": WRONG_PASSWORD,
        "session": owner.http.cookies["regulars"],
        **till_is_opened(cafe, merchant.id),
    }


def till_is_opened(cafe: Running, merchant_id: int) -> dict[str, str]:
    ctx = cafe.installation.loyalty
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        (staff,), (till,) = work.places.all_staff(), work.places.tills()
    set_pin(ctx, merchant_id, staff.id, PIN, actor=SYSTEM)
    token = use_this_device(ctx, merchant_id, till.id, actor=SYSTEM)
    counter = Visitor(cafe)
    counter.http.cookies.set("regulars-till", token)
    for pin in (WRONG_PIN, PIN):
        counter.get("/till")
        counter.send("/till/pin", pin=pin)
    counter.get("/till")
    counter.send("/till/find", code=MADE_UP)
    return {"till": token, "PIN": PIN, "wrong PIN": WRONG_PIN, "unknown code": MADE_UP}


def customer_joins(cafe: Running) -> dict[str, str]:
    """With name, e-mail and phone; the card goes into both wallets."""
    ctx = cafe.installation.loyalty
    done = cafe.command(
        "issue", "--programme", "demo", "--name", NAME, "--email", EMAIL, "--json",
        "--apple", str(cafe.folder / "card.pkpass"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    phone = cafe.sandbox.create_phone("iphone")
    merchant = find_merchant(ctx, None)
    with zipfile.ZipFile(cafe.folder / "card.pkpass") as archive:
        document = json.loads(archive.read("pass.json"))
    link = next(
        field["value"]
        for field in document["storeCard"]["backFields"]
        if field["key"] == "card_link"
    )
    before = cafe.sandbox.last_event()
    cafe.sandbox.do(phone, "add", url=f"{link}/apple.pkpass")
    cafe.sandbox.wait_for_kind("registered", phone=phone, after=before)
    with open_work(ctx.database, merchant.id, clock=ctx.clock, writing=False) as work:
        card = work.passes.by_serial(document["serialNumber"])
        assert card is not None
    push_tokens = cafe.sandbox.iphone(phone)["push_tokens"]
    return {
        "authentication token": document["authenticationToken"],
        "card link": link.rsplit("/", 1)[1],
        "barcode": document["barcodes"][0]["message"],
        "barcode, derived": barcode_token(
            cafe.installation.keyring,
            merchant_id=merchant.id,
            pass_id=card.id,
            generation=card.generation,
        ),
        "push token": next(iter(push_tokens.values())),
        "save link": told["save_link"].rsplit("/", 1)[1],
        "save link, signature": told["save_link"].rsplit(".", 1)[1],
        "the pass itself": str(card.id),
    }


def keys_of(cafe: Running) -> dict[str, str]:
    folder = Path(f"{cafe.data}.keys")
    found = {}
    for path in folder.iterdir():
        for line in path.read_text("utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                found[f"{path.name}: {line[:2]}"] = line.rsplit(":", 1)[-1].strip()
    assert len(found) >= 2
    return found


def strangers_try(cafe: Running) -> None:
    """Every door with something made up."""
    stranger = Visitor(cafe)
    for path in (f"/m/{MADE_UP}", f"/console/link/{MADE_UP}", f"/j/{MADE_UP}"):
        stranger.get(path)
    stranger.http.get(
        f"{cafe.url}/apple/v1/passes/pass.sandbox.regulars/{MADE_UP}",
        headers={"Authorization": f"ApplePass {MADE_UP}"},
        timeout=20,
    )
    stranger.http.post(f"{cafe.url}/apple/v1/log", json={"logs": [f"said {MADE_UP}"]}, timeout=20)


def providers_fail(cafe: Running, secrets: dict[str, str]) -> None:
    """Both providers refuse, answer nonsense and hang up while the card changes."""
    ctx = cafe.installation.loyalty
    merchant = find_merchant(ctx, None)
    with open_work(ctx.database, merchant.id, clock=ctx.clock, writing=False) as work:
        member_id = work.passes.get(int(secrets["the pass itself"])).member_id
    for status in (500, 403):
        cafe.sandbox.faults(
            apns={"status": status, "count": 5}, google={"status": status, "count": 5}
        )
        before = cafe.sandbox.last_event()
        request = EarnRequest(
            member_id=member_id,
            amount_minor=500,
            visits=None,
            actor=SYSTEM,
            idempotency_key=f"canary-{new_id()}",
        )
        earn(ctx, merchant.id, request)
        cafe.sandbox.wait_for(lambda event: "fault" in event["kind"], after=before)
    cafe.sandbox.faults(apns=None, google=None)
    del secrets["the pass itself"]


def database_fails(cafe: Running, secrets: dict[str, str]) -> None:
    """Tables are gone in the middle of the day: every statement's complaint is logged."""
    database = cafe.installation.database
    link = f"/m/{secrets['card link']}"
    visitor = Visitor(cafe)
    visitor.get("/console/sign-in")
    serial = cafe.sandbox.phones()["iphones"][-1]["cards"][0]["serial_number"]
    for table in ("person", "directory_token", "wallet_pass", "delivery"):
        with database.connection(writing=True) as connection:
            connection.exec_driver_sql(f"alter table {table} rename to gone_{table}")
            connection.commit()
    answers = [
        visitor.send("/console/sign-in", email="owner@demo.example", password=PASSWORD),
        visitor.get(link),
        visitor.http.get(
            f"{cafe.url}/apple/v1/passes/pass.sandbox.regulars/{serial}",
            headers={"Authorization": f"ApplePass {secrets['authentication token']}"},
            timeout=20,
        ),
    ]
    assert {answer.status_code for answer in answers} <= {500, 503}
    deadline_s = time.monotonic() + 20
    while "delivery.lane_failed" not in cafe.log():
        assert time.monotonic() < deadline_s, cafe.log()
        time.sleep(0.1)
