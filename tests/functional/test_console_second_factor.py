"""The console's second factor: on, asked for, used once, off."""

from __future__ import annotations

import re

import pyotp
import pytest
from flask import Flask

from common.clock import ManualClock
from loyalty.context import Loyalty
from tests.support.console import PASSWORD, an_owner, by_link
from tests.support.house import Browser, an_app

CAFE = 101
EMAIL = "olga@example.com"


@pytest.fixture
def app(ctx: Loyalty) -> Flask:
    return an_app(ctx)


@pytest.fixture
def secret(app: Flask, ctx: Loyalty, clock: ManualClock) -> str:
    """What the app on the owner's phone holds, the second factor turned on."""
    owner = an_owner(app, ctx, CAFE)
    owner.send("/console/password", new_password=PASSWORD)
    owner.get("/console/second-factor")
    shown = re.search(r'class="mono">([A-Z2-7 ]+)<', owner.page)[1].replace(" ", "")
    owner.send("/console/second-factor", code="000000")
    assert owner.status == 422
    owner.send("/console/second-factor", code=code_of(shown, clock))
    assert "asked for a code" in owner.page
    clock.advance(seconds=30)
    return shown


def code_of(secret: str, clock: ManualClock) -> str:
    return pyotp.TOTP(secret).at(clock.now())


def half_way(app: Flask) -> Browser:
    """A browser whose password was right."""
    browser = Browser(app)
    browser.get("/console/sign-in")
    browser.send("/console/sign-in", email=EMAIL, password=PASSWORD)
    assert "One more step" in browser.page
    return browser


def test_a_right_password_alone_opens_nothing(app, secret):
    browser = half_way(app)

    for path in ("/console/", "/console/settings", "/console/second-factor"):
        assert "One more step" in browser.get(path).text


def test_the_code_opens_and_works_once(app, secret, clock):
    first, second = half_way(app), half_way(app)

    first.send("/console/code", code=code_of(secret, clock))
    second.send("/console/code", code=code_of(secret, clock))

    assert "<h1>Today</h1>" in first.page
    assert second.status == 422
    assert "used already" in second.page


@pytest.mark.parametrize("code", ["", "123", "abcdef", "٣٣٣٣٣٣", "9" * 500])
def test_what_is_no_code_is_refused(app, secret, code):
    browser = half_way(app)

    browser.send("/console/code", code=code)

    assert browser.status == 422


def test_guessing_codes_is_stopped(app, secret, clock):
    browser = half_way(app)
    for _ in range(10):
        browser.send("/console/code", code="000000")

    last = browser.send("/console/code", code=code_of(secret, clock))

    assert last.status_code == 429
    assert int(last.headers["Retry-After"]) > 0


def test_the_waiting_sign_in_runs_out(app, secret, clock):
    browser = half_way(app)
    clock.advance(minutes=11)

    browser.send("/console/code", code=code_of(secret, clock))

    assert "<h1>Sign in</h1>" in browser.page


def test_whoever_lost_the_phone_comes_in_by_a_link_and_turns_it_off(app, ctx, secret):
    browser = by_link(app, ctx, CAFE, EMAIL)
    browser.get("/console/second-factor")

    browser.send("/console/second-factor/off")

    assert "not asked for a code any more" in browser.page


def test_turning_it_off_takes_a_code(app, secret, clock):
    browser = half_way(app)
    browser.send("/console/code", code=code_of(secret, clock))
    browser.get("/console/second-factor")

    browser.send("/console/second-factor/off", code="000000")

    assert browser.status == 422
