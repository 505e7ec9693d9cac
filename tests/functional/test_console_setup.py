"""The set-up pages: the Apple certificate and what phones complain of, on both engines."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import pytest
from cryptography import x509
from flask import Flask

from common.clock import ManualClock
from loyalty.context import Loyalty
from storage.devices import Devices
from storage.unit_of_work import run_work
from tests.support.builders import START
from tests.support.console import a_manager, an_owner
from tests.support.house import PUBLIC_URL, Browser, a_house, an_app
from tests.unit.signing.chains import Authority, cert_pem

CAFE = 101
GYM = 102
LINE = (
    "[2026-11-22 6:45:03 PM +0100] Get pass task (pass type pass.com.example.club, serial number "
    "S1, if-modified-since (null); with web service url https://x.example/apple) encountered "
    "error: Received invalid pass data"
)


@pytest.fixture
def app(ctx: Loyalty) -> Flask:
    return an_app(ctx)


@pytest.fixture
def owner(app: Flask, ctx: Loyalty, clock: ManualClock) -> Browser:
    a_house(ctx, clock)
    return an_owner(app, ctx, CAFE)


def complain(ctx: Loyalty, merchant_id: int, *lines: str) -> None:
    run_work(
        ctx.database,
        merchant_id,
        lambda work: Devices(work.scope).add_log_lines(list(lines)),
        clock=ctx.clock,
    )


def test_complaints_are_counted_and_explained(owner, ctx):
    complain(ctx, CAFE, LINE, LINE.replace("S1", "S2"), LINE)

    owner.get("/console/set-up/phones")

    assert "The phone refused a card we sent while fetching a card" in owner.page
    assert ">3</td>" in owner.page
    assert ">2</td>" in owner.page
    assert "regulars doctor" in owner.page


def test_hostile_lines_are_shown_as_text_and_other_shops_not_at_all(owner, ctx):
    complain(ctx, CAFE, "pass.x <script>alert(1)</script>\u202e\x07")
    complain(ctx, GYM, LINE)

    owner.get("/console/set-up/phones")

    assert "<script>alert" not in owner.page
    assert "&lt;script&gt;" in owner.page
    assert "\u202e" not in owner.page
    assert "refused a card" not in owner.page


def test_without_a_complaint_the_page_says_so(owner):
    owner.get("/console/set-up/phones")

    assert "No phone has complained of anything." in owner.page


@pytest.fixture
def authority() -> Authority:
    return Authority(START, cn="Test Root")


def trusting(ctx: Loyalty, authority: Authority) -> Loyalty:
    return replace(ctx, settings=replace(ctx.settings, apple_root_pem=authority.pem))


def test_the_owner_goes_from_request_to_certificate(ctx, clock, authority):
    ctx = trusting(ctx, authority)
    a_house(ctx, clock)
    owner = an_owner(an_app(ctx), ctx, CAFE)
    owner.get("/console/set-up/apple")
    owner.send("/console/set-up/apple/requests")
    link = re.search(r'href="(/console/set-up/apple/requests/\d+)"', owner.page)[1]
    asked = owner.client.get(link, base_url=PUBLIC_URL)
    assert asked.headers["Content-Disposition"].endswith('.certSigningRequest"')
    request = x509.load_pem_x509_csr(asked.data)
    leaf = authority.pass_leaf(SimpleNamespace(public_key=request.public_key), days=20)

    owner.send("/console/set-up/apple", certificate=(BytesIO(cert_pem(leaf)), "pass.cer"))

    assert "pass.test.card signs from now on" in owner.page
    assert "ends in 20 days" in owner.page
    assert "Signs now" in owner.page
    owner.get("/console/")
    assert "The Apple certificate of pass.test.card ends on " in owner.page


def test_a_wrong_file_is_told_beside_its_field_and_changes_nothing(owner):
    owner.get("/console/set-up/apple")

    owner.send("/console/set-up/apple", certificate=(BytesIO(b"no certificate"), "pass.cer"))

    assert owner.status == 422
    assert "This is not a certificate." in owner.page
    assert "Signs now" not in owner.page


def test_a_manager_looks_and_does_not_change(app, ctx, owner):
    manager = a_manager(app, ctx, CAFE)

    manager.get("/console/set-up/apple")

    assert manager.status == 200
    assert "Check and install" not in manager.page
