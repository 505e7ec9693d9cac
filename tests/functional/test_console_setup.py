"""The set-up pages: what phones complain of, on both engines."""

from __future__ import annotations

import pytest
from flask import Flask

from common.clock import ManualClock
from loyalty.context import Loyalty
from storage.devices import Devices
from storage.unit_of_work import run_work
from tests.support.console import an_owner
from tests.support.house import Browser, a_house, an_app

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
