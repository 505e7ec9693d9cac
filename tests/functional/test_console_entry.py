"""Signing in to the console, staying, and being signed out, on both engines."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.console_session import SESSION_IDLE, SESSION_LIFE
from loyalty.context import Loyalty
from loyalty.owners import add_owner
from loyalty.sign_in import LINK_LIFE, make_owner_link
from tests.support.console import PASSWORD, an_owner, by_link
from tests.support.house import Browser, House, a_house, an_app

CAFE = 101
LAN = {"REMOTE_ADDR": "192.168.1.20"}


@pytest.fixture
def app(ctx: Loyalty) -> Flask:
    return an_app(ctx)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def owner(app: Flask, ctx: Loyalty, house: House) -> Browser:
    return an_owner(app, ctx, CAFE)


def test_looking_at_a_link_spends_nothing_and_one_post_spends_it(app, ctx):
    add_owner(ctx, CAFE, email="olga@example.com", name="Olga", actor=SYSTEM)
    link = f"/console/link/{make_owner_link(ctx, CAFE, 'olga@example.com')}"
    first, second = Browser(app), Browser(app)
    first.get(link)
    second.get(link)

    first.send(link)
    second.send(link)

    assert "Choose a password" in first.page
    assert second.status == 404
    assert "used or has run out" in second.page


def test_a_link_dies_after_a_day_and_by_the_next_link(app, ctx, clock):
    add_owner(ctx, CAFE, email="olga@example.com", name="Olga", actor=SYSTEM)
    old = make_owner_link(ctx, CAFE, "olga@example.com")
    new = make_owner_link(ctx, CAFE, "olga@example.com")
    browser = Browser(app)

    assert browser.get(f"/console/link/{old}").status_code == 404
    assert browser.get(f"/console/link/{new}").status_code == 200
    clock.advance(seconds=LINK_LIFE.total_seconds() + 1)
    assert browser.get(f"/console/link/{new}").status_code == 404


def test_owner_sets_a_password_and_comes_back_with_it(owner, app):
    owner.send("/console/password", new_password=PASSWORD)
    assert "Your password is set" in owner.page

    later = Browser(app)
    later.get("/console/members")
    assert "Sign in" in later.page
    later.send("/console/sign-in", email=" OLGA@example.com ", password=PASSWORD)

    assert "<h1>Members</h1>" in later.page  # led to where they wanted to go


@pytest.mark.parametrize("password", ["short", "password1", "olga@example.com", "x" * 129])
def test_a_weak_password_is_refused_with_the_reason(owner, password):
    owner.send("/console/password", new_password=password)

    assert owner.status == 422
    assert 'id="new_password-error"' in owner.page
    assert not re.search(r'type="password"[^>]*value=', owner.page)


def test_unknown_address_and_wrong_password_get_the_same_answer(owner, app):
    owner.send("/console/password", new_password=PASSWORD)
    answers = []
    for email in ("olga@example.com", "nobody@example.com"):
        browser = Browser(app)
        browser.get("/console/sign-in")
        browser.send("/console/sign-in", email=email, password="wrong wrong")
        answers.append((browser.status, browser.page.replace(email, "")))

    assert answers[0][0] == answers[1][0] == 422
    assert _without_tokens(answers[0][1]) == _without_tokens(answers[1][1])


def test_guessing_is_stopped_and_told_when_to_come_back(owner, app):
    owner.send("/console/password", new_password=PASSWORD)
    browser = Browser(app)
    browser.get("/console/sign-in")
    for _ in range(10):
        browser.send("/console/sign-in", email="olga@example.com", password="wrong")

    last = browser.send("/console/sign-in", email="olga@example.com", password=PASSWORD)

    assert last.status_code == 429
    assert int(last.headers["Retry-After"]) > 0


def test_sign_in_draws_a_new_token_and_a_planted_one_stays_worthless(owner, app):
    owner.send("/console/password", new_password=PASSWORD)
    browser = Browser(app)
    browser.client.set_cookie("regulars", "P" * 52, domain="127.0.0.1")
    browser.get("/console/sign-in")

    browser.send("/console/sign-in", email="olga@example.com", password=PASSWORD)

    assert browser.client.get_cookie("regulars", domain="127.0.0.1").value != "P" * 52


def test_the_cookie_is_out_of_reach_for_scripts_and_host_bound_on_https(ctx, house):
    app = an_app(ctx, public_url="https://cards.example")
    add_owner(ctx, CAFE, email="olga@example.com", name="Olga", actor=SYSTEM)
    link = f"/console/link/{make_owner_link(ctx, CAFE, 'olga@example.com')}"
    client = app.test_client()
    page = client.get(link, base_url="https://cards.example").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]

    answer = client.post(link, data={"csrf_token": token}, base_url="https://cards.example")

    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if "__Host-regulars=" in c)
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))


def test_signing_out_ends_the_session_itself_not_only_the_cookie(owner):
    token = owner.client.get_cookie("regulars", domain="127.0.0.1").value
    owner.get("/console/settings")

    owner.send("/console/sign-out")
    owner.client.set_cookie("regulars", token, domain="127.0.0.1")

    assert "Sign in" in owner.get("/console/").text


def test_a_session_ends_when_idle_and_in_any_case(owner, clock):
    clock.advance(seconds=SESSION_IDLE.total_seconds() - 60)
    assert "<h1>Today</h1>" in owner.get("/console/").text
    clock.advance(seconds=SESSION_IDLE.total_seconds() - 60)
    assert "<h1>Today</h1>" in owner.get("/console/").text
    steps = int(SESSION_LIFE / SESSION_IDLE)
    for _ in range(steps):
        clock.advance(seconds=SESSION_IDLE.total_seconds() - 60)
        owner.get("/console/")
    clock.advance(seconds=SESSION_IDLE.total_seconds() - 60)

    assert "<h1>Today</h1>" not in owner.get("/console/").text


def test_a_new_password_ends_every_other_session(owner, app, ctx):
    other = by_link(app, ctx, CAFE, "olga@example.com")
    owner.get("/console/password")

    owner.send("/console/password", new_password=PASSWORD)

    assert "Sign in" in other.get("/console/").text
    assert "<h1>Today</h1>" in owner.get("/console/").text


def test_changing_a_password_asks_for_the_present_one(owner):
    owner.send("/console/password", new_password=PASSWORD)
    owner.get("/console/password")

    owner.send("/console/password", new_password="another odd sentence", current_password="no")

    assert owner.status == 422
    assert "This is not your password" in owner.page


def test_sessions_are_listed_and_ended(owner, app, ctx):
    other = by_link(app, ctx, CAFE, "olga@example.com")
    owner.get("/console/settings")

    owner.send("/console/sessions/end")

    assert "That device is signed out" in owner.page
    assert "Sign in" in other.get("/console/").text


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example/console", "/j/X", "/console\\@e"]
)
def test_nobody_is_led_elsewhere_after_signing_in(owner, app, wanted):
    owner.send("/console/password", new_password=PASSWORD)
    browser = Browser(app)
    browser.client.get("/console/sign-in", query_string={"next": wanted})
    browser.get("/console/sign-in")

    answer = browser.send(
        "/console/sign-in", follow=False, email="olga@example.com", password=PASSWORD, next=wanted
    )

    assert answer.headers["Location"] == "/console/"


def test_without_https_the_console_answers_only_on_this_machine(ctx, house):
    closed = (
        an_app(ctx)
        .test_client()
        .get("/console/sign-in", base_url="http://127.0.0.1:8080", environ_base=LAN)
    )
    opened = (
        an_app(ctx, insecure_lan=True)
        .test_client()
        .get("/console/sign-in", base_url="http://192.168.1.5:8080", environ_base=LAN)
    )
    join = (
        an_app(ctx)
        .test_client()
        .get(f"/j/{house.join_code}", base_url="http://127.0.0.1:8080", environ_base=LAN)
    )

    assert closed.status_code == 403
    assert "need https" in closed.text
    assert opened.status_code == 200
    assert "bar-red" in opened.text
    assert join.status_code == 200


def _without_tokens(page: str) -> str:
    page = re.sub(r'name="csrf_token" value="[^"]*"', "", page)
    return re.sub(r"[0-9A-Z]{13}", "", page)
