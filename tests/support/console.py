"""People of the console in tests: they sign in as people do, by a link and with a password."""

from __future__ import annotations

from flask import Flask

from common.actor import SYSTEM
from loyalty.context import Loyalty
from loyalty.owners import add_owner
from loyalty.people import add_manager
from loyalty.sign_in import make_owner_link
from tests.support.house import Browser

PASSWORD = "violet tram harbour"


def by_link(app: Flask, ctx: Loyalty, merchant_id: int, email: str) -> Browser:
    """A browser that spent a one-time link and stands before the password form."""
    browser = Browser(app)
    link = f"/console/link/{make_owner_link(ctx, merchant_id, email)}"
    browser.get(link)
    browser.send(link)
    return browser


def an_owner(
    app: Flask, ctx: Loyalty, merchant_id: int, email: str = "olga@example.com"
) -> Browser:
    """An owner, signed in."""
    add_owner(ctx, merchant_id, email=email, name="Olga", actor=SYSTEM)
    return by_link(app, ctx, merchant_id, email)


def a_manager(
    app: Flask, ctx: Loyalty, merchant_id: int, email: str = "max@example.com"
) -> Browser:
    """A manager, signed in."""
    add_manager(ctx, merchant_id, email=email, name="Max", actor=SYSTEM)
    return by_link(app, ctx, merchant_id, email)
